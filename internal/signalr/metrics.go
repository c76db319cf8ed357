package signalr

import (
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// Metrics count what happens on a [Server], by hub.
type Metrics struct {
	refused           *prometheus.CounterVec
	connections       *prometheus.GaugeVec
	closed            *prometheus.CounterVec
	sentMessages      *prometheus.CounterVec
	sentBytes         *prometheus.CounterVec
	queueOverflows    *prometheus.CounterVec
	delayed           *prometheus.CounterVec
	invocations       *prometheus.CounterVec
	invocationSeconds *prometheus.HistogramVec

	hubs sync.Map // by *Hub: its *hubMetrics
}

// NewMetrics returns metrics that are registered with r; nil: with none.
func NewMetrics(r prometheus.Registerer) *Metrics {
	counters := func(name, help string, labels ...string) *prometheus.CounterVec {
		return promauto.With(r).NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
	}
	return &Metrics{
		connections: promauto.With(r).NewGaugeVec(prometheus.GaugeOpts{
			Name: "connections", Help: "Connections that have shaken hands.",
		}, []string{"hub"}),
		refused: counters("connections_refused_total",
			"Requests that were not let in, by reason: a limit, an origin, credentials, a shutdown.",
			"hub", "reason"),
		sentMessages:   counters("sent_messages_total", "Messages written to sockets.", "hub"),
		sentBytes:      counters("sent_bytes_total", "Bytes written to sockets.", "hub"),
		queueOverflows: counters("queue_overflows_total", "Connections closed because their client did not keep up.", "hub"),
		closed:         counters("connections_closed_total", "Connections that ended, by reason.", "hub", "reason"),
		invocations:    counters("invocations_total", "Hub method invocations, by outcome.", "hub", "method", "outcome"),
		delayed: counters("invocations_delayed_total",
			"Hub method invocations that waited because their user made too many.", "hub"),
		invocationSeconds: promauto.With(r).NewHistogramVec(prometheus.HistogramOpts{
			Name: "invocation_duration_seconds", Help: "Time that a hub method took.",
			Buckets: prometheus.ExponentialBuckets(0.00005, 4, 10), //nolint:mnd // 50 µs to 13 s
		}, []string{"hub"}),
	}
}

// hubMetrics holds the series that every message or invocation counts in: finding a series costs more than counting.
type hubMetrics struct {
	connections             prometheus.Gauge
	sentMessages, sentBytes prometheus.Counter
	invocationSeconds       prometheus.Observer
	byOutcome               *prometheus.CounterVec // invocations, by method and outcome

	mu sync.RWMutex
	// invocations are counters of byOutcome, each made by its first invocation, so that only those are shown.
	invocations map[invoked]prometheus.Counter
}

// invoked labels invocations. The method is the registered name, or empty where there is no such method: a client
// cannot invent label values.
type invoked struct {
	method  string
	outcome Outcome
}

func (m *Metrics) of(h *Hub) *hubMetrics {
	if known, ok := m.hubs.Load(h); ok {
		return known.(*hubMetrics) //nolint:forcetypeassert,errcheck // nothing else is stored
	}
	of := &hubMetrics{
		connections: m.connections.WithLabelValues(h.name), sentMessages: m.sentMessages.WithLabelValues(h.name),
		sentBytes: m.sentBytes.WithLabelValues(h.name), invocationSeconds: m.invocationSeconds.WithLabelValues(h.name),
		byOutcome:   m.invocations.MustCurryWith(prometheus.Labels{"hub": h.name}),
		invocations: make(map[invoked]prometheus.Counter),
	}
	known, _ := m.hubs.LoadOrStore(h, of)
	return known.(*hubMetrics) //nolint:forcetypeassert,errcheck // nothing else is stored
}

func (h *hubMetrics) invoked(method string, outcome Outcome, took time.Duration) {
	h.counter(invoked{method, outcome}).Inc()
	h.invocationSeconds.Observe(took.Seconds())
}

// counter allocates only the first time.
func (h *hubMetrics) counter(of invoked) prometheus.Counter {
	h.mu.RLock()
	known := h.invocations[of]
	h.mu.RUnlock()
	if known == nil {
		known = h.byOutcome.WithLabelValues(of.method, string(of.outcome))
		h.mu.Lock()
		h.invocations[of] = known
		h.mu.Unlock()
	}
	return known
}
