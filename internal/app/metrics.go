package app

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/yummyzoom/herald/internal/auth"
	"github.com/yummyzoom/herald/internal/signalr"
)

// metrics is what the packages' observers tell, as Prometheus metrics. Each package sees its own small interface.
type metrics struct {
	registry *registry

	relayedEvents, relayedEntries, relayFailures prometheus.Counter
	otherCustomers                               prometheus.Counter
	batchSize, batchSeconds                      prometheus.Histogram

	broadcastEntries, broadcastMessages, undeliverable prometheus.Counter
	remembered, asked                                  prometheus.Counter
	resumes                                            *prometheus.CounterVec
	resumedEvents                                      prometheus.Counter
	resumeSeconds                                      *prometheus.HistogramVec
	dropped                                            *prometheus.CounterVec

	signalr *signalr.Metrics

	forwarded, entranceRefused *prometheus.CounterVec

	socketsRefused *prometheus.CounterVec
	acceptErrors   prometheus.Counter

	refusedTokens             *prometheus.CounterVec
	keys, keysIgnored, keysAt prometheus.Gauge
	keysNotFetched            prometheus.Counter
}

// registry puts the program's name before those of its metrics, and knows all that were registered, for the reference: those of a vector show
// themselves only when they have counted.
type registry struct {
	*prometheus.Registry

	all []prometheus.Collector
}

// Register is the registry's.
func (r *registry) Register(c prometheus.Collector) error {
	r.all = append(r.all, c)
	return prometheus.WrapRegistererWithPrefix(namespace+"_", r.Registry).Register(c) //nolint:wrapcheck // it is the registry's own
}

// MustRegister is the registry's.
func (r *registry) MustRegister(all ...prometheus.Collector) {
	for _, c := range all {
		if err := r.Register(c); err != nil {
			panic(err)
		}
	}
}

func newMetrics() *metrics {
	m := &metrics{registry: &registry{Registry: prometheus.NewRegistry()}}
	m.registry.Registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))

	m.relayedEvents = m.counter("relay_rows_total", "Outbox rows that this node has taken out of the outbox.")
	m.relayedEntries = m.counter("relay_entries_total", "Log entries that this node has appended, one an event and group.")
	m.relayFailures = m.counter("relay_failures_total", "Looks and batches of this node's relay that failed.")
	m.otherCustomers = m.counter("relay_other_customers_total",
		"Events that this node has relayed which name another customer than their order's first one. They grant nothing.")
	m.batchSize = m.histogram("relay_batch_rows", "Outbox rows a batch.", prometheus.ExponentialBuckets(1, 4, 7))
	m.batchSeconds = m.histogram("relay_batch_duration_seconds", "Time from the start of a batch's transaction to its commit.",
		prometheus.ExponentialBuckets(0.0005, 2, 12))

	m.broadcastEntries = m.counter("broadcast_entries_total", "Log entries that this node has broadcast.")
	m.broadcastMessages = m.counter("broadcast_messages_total", "Messages queued for connections by broadcasting.")
	m.undeliverable = m.counter("broadcast_undeliverable_total", "Log entries that could not be encoded.")
	m.remembered = m.counter("authorize_cache_hits_total", "Permissions that were known from a question of the last moments.")
	m.asked = m.counter("authorize_cache_misses_total", "Permissions that the database was asked for.")
	m.resumes = m.counterVec("resumes_total", "Resumes by status (resumed, gap) and by what answered them (ring, log).", "status", "source")
	m.resumedEvents = m.counter("resume_replayed_events_total", "Events that resumes have sent.")
	m.resumeSeconds = m.histogramVec("resume_duration_seconds", "Time that a resume took.",
		prometheus.ExponentialBuckets(0.0001, 4, 9), "source")
	m.dropped = m.counterVec("subscriptions_dropped_total", "Subscriptions that ended otherwise than by the client's wish.", "reason")

	m.signalr = signalr.NewMetrics(m.registry)

	m.forwarded = m.counterVec("forwarded_requests_total", "Requests for connections that other nodes hold, by outcome.", "outcome")
	m.entranceRefused = m.counterVec("node_requests_refused_total", "Requests to the entrance for other nodes that were refused, by reason.", "reason")

	m.socketsRefused = m.counterVec("sockets_refused_total",
		"Sockets without a valid token that were closed, by what was full (server, address) or to make room for new ones (stale).", "reason")
	m.acceptErrors = m.counter("accept_errors_total", "Connections that could not be accepted, for want of open files above all.")
	m.refusedTokens = m.counterVec("tokens_refused_total", "Tokens that were refused, at a hub or by the API, by reason.", "reason")
	m.keys = prometheus.NewGauge(prometheus.GaugeOpts{Name: "jwks_keys", Help: "Keys of the issuer's JWK Set that are in use."})
	m.keysIgnored = prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "jwks_keys_ignored", Help: "Keys of the issuer's JWK Set that are left out; the log says which and why.",
	})
	m.keysAt = prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "jwks_last_fetch_timestamp_seconds", Help: "When the JWK Set was fetched last; 0: never.",
	})
	m.keysNotFetched = prometheus.NewCounter(prometheus.CounterOpts{
		Name: "jwks_fetch_failures_total", Help: "Fetches of the JWK Set that failed. The last keys stay in use.",
	})
	return m
}

// registerKeys shows the metrics of a JWK Set, where there is one.
func (m *metrics) registerKeys() {
	m.registry.MustRegister(m.keys, m.keysIgnored, m.keysAt, m.keysNotFetched)
}

const namespace = "herald"

func (m *metrics) counter(name, help string) prometheus.Counter {
	c := prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
	m.registry.MustRegister(c)
	return c
}

func (m *metrics) counterVec(name, help string, labels ...string) *prometheus.CounterVec {
	c := prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
	m.registry.MustRegister(c)
	return c
}

func (m *metrics) gaugeVec(name, help string, labels ...string) *prometheus.GaugeVec {
	g := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: name, Help: help}, labels)
	m.registry.MustRegister(g)
	return g
}

func (m *metrics) gaugeFunc(name, help string, read func() float64) {
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, read))
}

func (m *metrics) histogram(name, help string, buckets []float64) prometheus.Histogram {
	h := prometheus.NewHistogram(prometheus.HistogramOpts{Name: name, Help: help, Buckets: buckets})
	m.registry.MustRegister(h)
	return h
}

func (m *metrics) histogramVec(name, help string, buckets []float64, labels ...string) *prometheus.HistogramVec {
	h := prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: name, Help: help, Buckets: buckets}, labels)
	m.registry.MustRegister(h)
	return h
}

// Relayed and RelayFailed make metrics a relay.Observer.
func (m *metrics) Relayed(rows, entries int, took time.Duration) {
	m.relayedEvents.Add(float64(rows))
	m.relayedEntries.Add(float64(entries))
	m.batchSize.Observe(float64(rows))
	m.batchSeconds.Observe(took.Seconds())
}

func (m *metrics) RelayFailed() { m.relayFailures.Inc() }

// Broadcasted, Resumed, Dropped and Undeliverable make metrics a broadcast.Observer.
func (m *metrics) Broadcasted(entries, messages int) {
	m.broadcastEntries.Add(float64(entries))
	m.broadcastMessages.Add(float64(messages))
}

func (m *metrics) Resumed(status, source string, replayed int, took time.Duration) {
	m.resumes.WithLabelValues(status, source).Inc()
	m.resumedEvents.Add(float64(replayed))
	m.resumeSeconds.WithLabelValues(source).Observe(took.Seconds())
}

func (m *metrics) Dropped(reason string) { m.dropped.WithLabelValues(reason).Inc() }
func (m *metrics) Undeliverable()        { m.undeliverable.Inc() }

// Remembered makes metrics a policy.Observer.
func (m *metrics) Remembered(hit bool) {
	if hit {
		m.remembered.Inc()
	} else {
		m.asked.Inc()
	}
}

// TokenRefused and the methods about keys make metrics an auth.Observer.
func (m *metrics) TokenRefused(reason auth.Reason) {
	m.refusedTokens.WithLabelValues(string(reason)).Inc()
}

func (m *metrics) KeysFetched(keys int) {
	m.keys.Set(float64(keys))
	m.keysAt.SetToCurrentTime()
}

func (m *metrics) KeysIgnored(keys int) { m.keysIgnored.Set(float64(keys)) }

func (m *metrics) KeysNotFetched() { m.keysNotFetched.Inc() }
