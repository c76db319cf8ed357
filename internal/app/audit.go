package app

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/yummyzoom/herald/internal/selfcheck"
)

// auditCollector asks the database when it is scraped: all nodes report the same values, whichever node runs the
// audit, right after a restart too.
type auditCollector struct {
	read                     func() (selfcheck.Status, error)
	position, found, lastRun *prometheus.Desc
}

func newAuditCollector(read func() (selfcheck.Status, error)) *auditCollector {
	describe := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc(prometheus.BuildFQName("", "audit", name), help, labels, nil)
	}
	return &auditCollector{
		read:     read,
		position: describe("position", "The log position up to which the audit has looked, by any node."),
		found: describe("discrepancies",
			"Discrepancies that the audit has found, by any node, since the database was set up.", "kind"),
		lastRun: describe("last_run_timestamp_seconds",
			"When the audit last looked, by any node, as a Unix time; 0 before the first time."),
	}
}

// Describe implements prometheus.Collector.
func (c *auditCollector) Describe(ch chan<- *prometheus.Desc) {
	ch <- c.position
	ch <- c.found
	ch <- c.lastRun
}

// Collect implements prometheus.Collector. A database that does not answer leaves the metrics out.
func (c *auditCollector) Collect(ch chan<- prometheus.Metric) {
	status, err := c.read()
	if err != nil {
		return
	}
	ch <- prometheus.MustNewConstMetric(c.position, prometheus.GaugeValue, float64(status.Position))
	// kinds never found are shown too, so that an alert can tell 0 from no data
	for _, kind := range selfcheck.DiscrepancyKinds() {
		ch <- prometheus.MustNewConstMetric(c.found, prometheus.GaugeValue, float64(status.Found[kind]), string(kind))
	}
	lastRun := 0.0
	if !status.RunAt.IsZero() {
		lastRun = float64(status.RunAt.UnixMilli()) / 1000 //nolint:mnd // milliseconds
	}
	ch <- prometheus.MustNewConstMetric(c.lastRun, prometheus.GaugeValue, lastRun)
}
