package app

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/yummyzoom/herald/internal/peers"
)

// mostPeersShown bounds the series of a scrape.
const mostPeersShown = 64

// Forwarded and EntranceRefused make metrics a peers.Observer.
func (m *metrics) Forwarded(outcome peers.Outcome) {
	m.forwarded.WithLabelValues(string(outcome)).Inc()
}

func (m *metrics) EntranceRefused(reason peers.Refusal) {
	m.entranceRefused.WithLabelValues(string(reason)).Inc()
}

func (a *App) registerPeers() {
	a.metrics.gaugeFunc("forwarded_requests", "Requests to other nodes that are under way, event streams and polls that wait included.",
		func() float64 { return float64(a.peers.Forwarding()) })
	a.metrics.registry.MustRegister(newPeersCollector(a.nodeID.String(), a.peers.States))
}

// peersCollector says which other nodes this one reaches. It shows those that are alive, so that the series of nodes that are gone end.
type peersCollector struct {
	node                   string
	states                 func() []peers.State
	reachable, unreachable *prometheus.Desc
}

func newPeersCollector(node string, states func() []peers.State) *peersCollector {
	return &peersCollector{
		node: node, states: states,
		reachable: prometheus.NewDesc(prometheus.BuildFQName("", "peer", "reachable"),
			"1 where this node reaches the other one at that address, else 0; of at most 64 nodes.", []string{"node", "peer", "peer_host", "address"}, nil),
		unreachable: prometheus.NewDesc(prometheus.BuildFQName("", "peers", "unreachable"),
			"Other nodes that are alive and that this one cannot reach.", nil, nil),
	}
}

// Describe implements prometheus.Collector.
func (c *peersCollector) Describe(ch chan<- *prometheus.Desc) {
	ch <- c.reachable
	ch <- c.unreachable
}

// Collect implements prometheus.Collector. Those that cannot be reached come first.
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
				ch <- prometheus.MustNewConstMetric(c.reachable, prometheus.GaugeValue, reaches, c.node, s.Node.String(), s.Host, s.URL)
			}
		}
	}
	ch <- prometheus.MustNewConstMetric(c.unreachable, prometheus.GaugeValue, float64(failing))
}
