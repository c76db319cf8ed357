package app

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/yummyzoom/herald/internal/relay"
)

// lagCollector asks the database when it is scraped, once for all its metrics.
type lagCollector struct {
	read                    func() (relay.Lag, error)
	waiting, oldest, paused *prometheus.Desc
}

func newLagCollector(read func() (relay.Lag, error)) *lagCollector {
	return &lagCollector{
		read: read,
		waiting: prometheus.NewDesc(prometheus.BuildFQName("", "outbox", "waiting_rows"),
			"Outbox rows that wait to be relayed, counted up to 100000.", nil, nil),
		oldest: prometheus.NewDesc(prometheus.BuildFQName("", "outbox", "oldest_waiting_seconds"),
			"Age of the oldest outbox row that waits to be relayed; 0 where none does.", nil, nil),
		paused: prometheus.NewDesc(prometheus.BuildFQName("", "relay", "paused"),
			"1 while the relay is paused on every node (herald relay pause), else 0.", nil, nil),
	}
}

// Describe implements prometheus.Collector.
func (c *lagCollector) Describe(ch chan<- *prometheus.Desc) {
	ch <- c.waiting
	ch <- c.oldest
	ch <- c.paused
}

// Collect implements prometheus.Collector. A database that does not answer leaves the metrics out.
func (c *lagCollector) Collect(ch chan<- prometheus.Metric) {
	lag, err := c.read()
	if err != nil {
		return
	}
	ch <- prometheus.MustNewConstMetric(c.waiting, prometheus.GaugeValue, float64(lag.Waiting))
	paused := 0.0
	if lag.Paused {
		paused = 1
	}
	ch <- prometheus.MustNewConstMetric(c.paused, prometheus.GaugeValue, paused)
	ch <- prometheus.MustNewConstMetric(c.oldest, prometheus.GaugeValue, lag.OldestSeconds)
}
