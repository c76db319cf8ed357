package peers

import (
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// mostPeersShown bounds the series of a scrape.
const mostPeersShown = 64

// Metrics count the traffic between nodes.
type Metrics struct {
	forwarded, refused *prometheus.CounterVec

	registerer prometheus.Registerer
	shown      atomic.Pointer[Peers]
}

// NewMetrics returns metrics registered with r; with nil they are registered nowhere.
func NewMetrics(r prometheus.Registerer) *Metrics {
	counters := func(name, help string, labels ...string) *prometheus.CounterVec {
		return promauto.With(r).NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
	}
	return &Metrics{
		registerer: r,
		forwarded: counters("forwarded_requests_total", "Requests for connections that other nodes hold, by outcome.",
			"outcome"),
		refused: counters("node_requests_refused_total",
			"Requests to the entrance for other nodes that were refused, by reason.", "reason"),
	}
}

// show adds gauges that read p at the moment of a scrape.
func (m *Metrics) show(p *Peers) {
	if m.shown.Swap(p) != nil || m.registerer == nil {
		return
	}
	promauto.With(m.registerer).NewGaugeFunc(prometheus.GaugeOpts{
		Name: "forwarded_requests",
		Help: "Requests to other nodes that are under way, event streams and polls that wait included.",
	}, func() float64 { return float64(m.shown.Load().Forwarding()) })
	m.registerer.MustRegister(newPeersCollector(p.cfg.Node.String(), func() []State { return m.shown.Load().States() }))
}

// peersCollector shows which other nodes this one reaches. It shows nodes that are alive only, so that the series
// of nodes that are gone end.
type peersCollector struct {
	node                   string
	states                 func() []State
	reachable, unreachable *prometheus.Desc
}

func newPeersCollector(node string, states func() []State) *peersCollector {
	return &peersCollector{
		node: node, states: states,
		reachable: prometheus.NewDesc("peer_reachable",
			"1 where this node reaches the other one at that address, else 0; of at most 64 nodes.",
			[]string{"node", "peer", "peer_host", "address"}, nil),
		unreachable: prometheus.NewDesc("peers_unreachable",
			"Other nodes that are alive and that this one cannot reach.", nil, nil),
	}
}

// Describe implements prometheus.Collector.
func (c *peersCollector) Describe(ch chan<- *prometheus.Desc) {
	ch <- c.reachable
	ch <- c.unreachable
}

// Collect implements prometheus.Collector. Nodes that cannot be reached come first.
func (c *peersCollector) Collect(ch chan<- prometheus.Metric) {
	states, failing, shown := c.states(), 0, 0
	for _, wanted := range []bool{true, false} {
		for _, s := range states {
			if (s.Err != nil) != wanted {
				continue
			}
			reaches := 1.0
			if s.Err != nil {
				failing++
				reaches = 0
			}
			if shown++; shown <= mostPeersShown {
				ch <- prometheus.MustNewConstMetric(c.reachable, prometheus.GaugeValue, reaches, c.node,
					s.Node.String(), s.Host, s.URL)
			}
		}
	}
	ch <- prometheus.MustNewConstMetric(c.unreachable, prometheus.GaugeValue, float64(failing))
}
