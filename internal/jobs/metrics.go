package jobs

import "github.com/prometheus/client_golang/prometheus"

// Register registers the metrics of overdue jobs and of events that were not delivered. Each scrape on every node
// asks the database.
func Register(r prometheus.Registerer, overdue func() (Overdue, error), undelivered func() (Undelivered, error)) {
	r.MustRegister(newOverdueCollector(overdue), newUndeliveredCollector(undelivered))
}

// overdueCollector asks the database once a scrape for all its metrics. All nodes report a job that is late,
// whichever should have done it.
type overdueCollector struct {
	read                     func() (Overdue, error)
	events, oldest, periodic *prometheus.Desc
}

func newOverdueCollector(read func() (Overdue, error)) *overdueCollector {
	describe := func(name, help string) *prometheus.Desc {
		return prometheus.NewDesc("jobs_"+name, help, nil, nil)
	}
	return &overdueCollector{
		read: read,
		events: describe("overdue",
			"Scheduled events and retries that should have been delivered more than a second ago, counted up to 10000."),
		oldest: describe("oldest_overdue_seconds",
			"How long ago the time of the oldest of them was; 0 where there is none."),
		periodic: describe("periodic_overdue_seconds",
			"For how long the periodic job that is most overdue has been due: the sweep, the audit, partitions, retention or housekeeping."),
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

// undeliveredCollector asks the database once a scrape for all its metrics. All nodes report an event that failed,
// on whichever node it failed.
type undeliveredCollector struct {
	read                                   func() (Undelivered, error)
	dead, oldest, retrying, oldestRetrying *prometheus.Desc
}

func newUndeliveredCollector(read func() (Undelivered, error)) *undeliveredCollector {
	describe := func(subsystem, name, help string) *prometheus.Desc {
		return prometheus.NewDesc(subsystem+"_"+name, help, nil, nil)
	}
	return &undeliveredCollector{
		read: read,
		dead: describe("dead", "events",
			"Events that could not be delivered and are not tried again by themselves, counted up to 10000."),
		oldest: describe("dead", "oldest_seconds",
			"For how long the oldest of them has been dead; 0 where there is none."),
		retrying: describe("retrying", "events",
			"Events that could not be delivered and are tried again by themselves, counted up to 10000."),
		oldestRetrying: describe("retrying", "oldest_seconds",
			"For how long the oldest of them has been failing; 0 where there is none."),
	}
}

// Describe implements prometheus.Collector.
func (c *undeliveredCollector) Describe(ch chan<- *prometheus.Desc) {
	for _, desc := range []*prometheus.Desc{c.dead, c.oldest, c.retrying, c.oldestRetrying} {
		ch <- desc
	}
}

// Collect implements prometheus.Collector. A database that does not answer leaves the metrics out.
func (c *undeliveredCollector) Collect(ch chan<- prometheus.Metric) {
	u, err := c.read()
	if err != nil {
		return
	}
	for desc, value := range map[*prometheus.Desc]float64{
		c.dead: float64(u.Dead), c.oldest: u.OldestDead.Seconds(), c.retrying: float64(u.Retrying),
		c.oldestRetrying: u.OldestRetrying.Seconds(),
	} {
		ch <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, value)
	}
}
