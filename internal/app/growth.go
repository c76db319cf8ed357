package app

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/yummyzoom/herald/internal/retention"
)

// growthCollector asks the database when it is scraped, once for all its metrics.
type growthCollector struct {
	read                            func() ([]retention.Growth, error)
	bytes, rows, partitions, oldest *prometheus.Desc
}

func newGrowthCollector(read func() ([]retention.Growth, error)) *growthCollector {
	desc := func(name, help string) *prometheus.Desc {
		return prometheus.NewDesc(prometheus.BuildFQName("", "outbox", name), help, []string{"table"}, nil)
	}
	return &growthCollector{
		read:       read,
		bytes:      desc("size_bytes", "Size of the outbox and of the event log, with indexes."),
		rows:       desc("estimated_rows", "Rows of the outbox and of the event log, as PostgreSQL estimates them."),
		partitions: desc("partitions", "Days that have a partition, those ahead included."),
		oldest: desc("oldest_partition_seconds",
			"Age of the oldest day that has a partition: the retention and up to three days, else something keeps it."),
	}
}

// Describe implements prometheus.Collector.
func (c *growthCollector) Describe(ch chan<- *prometheus.Desc) {
	for _, desc := range []*prometheus.Desc{c.bytes, c.rows, c.partitions, c.oldest} {
		ch <- desc
	}
}

// Collect implements prometheus.Collector. A database that does not answer leaves the metrics out.
func (c *growthCollector) Collect(ch chan<- prometheus.Metric) {
	tables, err := c.read()
	if err != nil {
		return
	}
	for _, t := range tables {
		for desc, value := range map[*prometheus.Desc]float64{
			c.bytes: t.Bytes, c.rows: t.Rows, c.partitions: t.Partitions, c.oldest: t.OldestSeconds,
		} {
			ch <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, value, t.Table)
		}
	}
}
