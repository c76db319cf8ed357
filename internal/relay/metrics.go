package relay

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// Metrics count what a [Relay] does.
type Metrics struct {
	rows, entries, failures prometheus.Counter
	batchRows, batchSeconds prometheus.Histogram

	// OtherCustomers counts the events that Config.Contested is called with, whether a relay or a job relays them.
	OtherCustomers prometheus.Counter
}

// NewMetrics returns metrics that are registered with r. With nil they are registered nowhere.
func NewMetrics(r prometheus.Registerer) *Metrics {
	counter := func(name, help string) prometheus.Counter {
		return promauto.With(r).NewCounter(prometheus.CounterOpts{Name: name, Help: help})
	}
	histogram := func(name, help string, buckets []float64) prometheus.Histogram {
		return promauto.With(r).NewHistogram(prometheus.HistogramOpts{Name: name, Help: help, Buckets: buckets})
	}
	return &Metrics{
		rows:      counter("relay_rows_total", "Outbox rows that this node has taken out of the outbox."),
		entries:   counter("relay_entries_total", "Log entries that this node has appended, one an event and group."),
		failures:  counter("relay_failures_total", "Looks and batches of this node's relay that failed."),
		batchRows: histogram("relay_batch_rows", "Outbox rows a batch.", prometheus.ExponentialBuckets(1, 4, 7)), //nolint:mnd // 1 to 4096
		batchSeconds: histogram("relay_batch_duration_seconds",
			"Time from the start of a batch's transaction to its commit.",
			prometheus.ExponentialBuckets(0.0005, 2, 12)), //nolint:mnd // 500 µs to 1 s
		OtherCustomers: counter("relay_other_customers_total",
			"Events that this node has relayed which name another customer than their order's first one. They grant nothing."),
	}
}

// relayed counts one committed batch.
func (m *Metrics) relayed(rows, entries int, took time.Duration) {
	m.rows.Add(float64(rows))
	m.entries.Add(float64(entries))
	m.batchRows.Observe(float64(rows))
	m.batchSeconds.Observe(took.Seconds())
}
