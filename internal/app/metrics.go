package app

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/yummyzoom/herald/internal/auth"
	"github.com/yummyzoom/herald/internal/broadcast"
	"github.com/yummyzoom/herald/internal/peers"
	"github.com/yummyzoom/herald/internal/policy"
	"github.com/yummyzoom/herald/internal/relay"
	"github.com/yummyzoom/herald/internal/signalr"
)

// metrics are those of a node's packages, and its own.
type metrics struct {
	registry *registry

	relay     *relay.Metrics
	broadcast *broadcast.Metrics
	policy    *policy.Metrics
	signalr   *signalr.Metrics
	peers     *peers.Metrics
	auth      *auth.Metrics

	socketsRefused *prometheus.CounterVec
	acceptErrors   prometheus.Counter
}

// registry puts the program's name before the names of its metrics. It knows all registered metrics, for the
// reference: those of a vector show themselves only when they have counted.
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
	m.registry.Registry.MustRegister(collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))

	r := m.registry
	m.relay, m.broadcast, m.policy = relay.NewMetrics(r), broadcast.NewMetrics(r), policy.NewMetrics(r)
	m.signalr, m.peers, m.auth = signalr.NewMetrics(r), peers.NewMetrics(r), auth.NewMetrics(r)

	m.socketsRefused = m.counterVec("sockets_refused_total",
		"Sockets without a valid token that were closed, by what was full (server, address) or to make room for new ones (stale).", "reason")
	m.acceptErrors = m.counter("accept_errors_total",
		"Connections that could not be accepted, for want of open files above all.")
	return m
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

func (m *metrics) gaugeFunc(name, help string, read func() float64) {
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, read))
}
