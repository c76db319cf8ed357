package app

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/yummyzoom/herald/internal/jobs"
)

// overdueCollector asks the database when it is scraped, once for all its metrics: whichever node should have done a job, all tell.
type overdueCollector struct {
	read                     func() (jobs.Overdue, error)
	events, oldest, periodic *prometheus.Desc
}

func newOverdueCollector(read func() (jobs.Overdue, error)) *overdueCollector {
	describe := func(name, help string) *prometheus.Desc {
		return prometheus.NewDesc(prometheus.BuildFQName("", "jobs", name), help, nil, nil)
	}
	return &overdueCollector{
		read:     read,
		events:   describe("overdue", "Scheduled events and retries that should have been delivered more than a second ago, counted up to 10000."),
		oldest:   describe("oldest_overdue_seconds", "How long ago the time of the oldest of them was; 0 where there is none."),
		periodic: describe("periodic_overdue_seconds", "For how long the periodic job that is most overdue has been due: the sweep, the audit, partitions, retention or housekeeping."),
	}
}

// Describe implements prometheus.Collector.
func (c *overdueCollector) Describe(ch chan<- *prometheus.Desc) {
	for _, desc := range []*prometheus.Desc{c.events, c.oldest, c.periodic} {
		ch <- desc
	}
}

// Collect implements prometheus.Collector. A database that does not answer leaves the metrics out.
func (c *overdueCollector) Collect(ch chan<- prometheus.Metric) {
	late, err := c.read()
	if err != nil {
		return
	}
	ch <- prometheus.MustNewConstMetric(c.events, prometheus.GaugeValue, float64(late.Events))
	ch <- prometheus.MustNewConstMetric(c.oldest, prometheus.GaugeValue, late.OldestEvent.Seconds())
	ch <- prometheus.MustNewConstMetric(c.periodic, prometheus.GaugeValue, late.Periodic.Seconds())
}
