package app

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/yummyzoom/herald/internal/jobs"
	"github.com/yummyzoom/herald/internal/outbox"
)

// undeliveredCollector asks the database when it is scraped, once for all its metrics: on whichever node an event failed, all tell.
type undeliveredCollector struct {
	read                                   func() (jobs.Undelivered, error)
	dead, oldest, retrying, oldestRetrying *prometheus.Desc
}

func newUndeliveredCollector(read func() (jobs.Undelivered, error)) *undeliveredCollector {
	describe := func(subsystem, name, help string) *prometheus.Desc {
		return prometheus.NewDesc(prometheus.BuildFQName("", subsystem, name), help, nil, nil)
	}
	return &undeliveredCollector{
		read:           read,
		dead:           describe("dead", "events", "Events that could not be delivered and are not tried again by themselves, counted up to 10000."),
		oldest:         describe("dead", "oldest_seconds", "For how long the oldest of them has been dead; 0 where there is none."),
		retrying:       describe("retrying", "events", "Events that could not be delivered and are tried again by themselves, counted up to 10000."),
		oldestRetrying: describe("retrying", "oldest_seconds", "For how long the oldest of them has been failing; 0 where there is none."),
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
		c.dead: float64(u.Dead), c.oldest: u.OldestDead.Seconds(), c.retrying: float64(u.Retrying), c.oldestRetrying: u.OldestRetrying.Seconds(),
	} {
		ch <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, value)
	}
}

// detailTimeout is how long readiness waits for what is only a detail of it. The question is asked in line with a scrape's, so that it never
// takes the connection that readiness itself needs.
const detailTimeout = time.Second

// undeliveredDetail says what readiness tells of events that could not be delivered; "" for nothing. Neither they nor the lack of an answer
// make a node unready: another one could not deliver them either.
func (a *App) undeliveredDetail(ctx context.Context) string {
	ctx, cancel := context.WithTimeout(ctx, detailTimeout)
	defer cancel()
	u, err := a.undelivered.get(ctx)
	if err != nil {
		return ""
	}
	var told []string
	if u.Dead > 0 {
		told = append(told, fmt.Sprintf("%d dead letters, the oldest for %s", u.Dead, u.OldestDead.Round(time.Second)))
	}
	if u.Retrying > 0 {
		told = append(told, fmt.Sprintf("%d events are tried again, the oldest for %s", u.Retrying, u.OldestRetrying.Round(time.Second)))
	}
	if len(told) == 0 {
		return ""
	}
	return strings.Join(told, ", ") + ": herald dead list says why"
}

// statsAgeCollector asks the database when it is scraped. Statistics that were never set have no age.
type statsAgeCollector struct {
	read func() (age time.Duration, set bool, err error)
	age  *prometheus.Desc
}

func newStatsAgeCollector(read func() (time.Duration, bool, error)) *statsAgeCollector {
	return &statsAgeCollector{read, prometheus.NewDesc(prometheus.BuildFQName("", "platform_stats", "age_seconds"),
		"How long ago the newest of the platform's statistics was set; left out where none ever was.", nil, nil)}
}

// Describe implements prometheus.Collector.
func (c *statsAgeCollector) Describe(ch chan<- *prometheus.Desc) { ch <- c.age }

// Collect implements prometheus.Collector. A database that does not answer leaves the metric out.
func (c *statsAgeCollector) Collect(ch chan<- prometheus.Metric) {
	if age, set, err := c.read(); err == nil && set {
		ch <- prometheus.MustNewConstMetric(c.age, prometheus.GaugeValue, age.Seconds())
	}
}

// registerUndelivered shows the metrics of what did not arrive and of what gets old.
func (a *App) registerUndelivered() {
	a.metrics.registry.MustRegister(newUndeliveredCollector(func() (jobs.Undelivered, error) { return a.undelivered.get(context.Background()) }))
	a.metrics.registry.MustRegister(newStatsAgeCollector(func() (time.Duration, bool, error) {
		type answer struct {
			age time.Duration
			set bool
		}
		read, err := scraped(a, "the platform's statistics", func(ctx context.Context) (answer, error) {
			age, set, err := outbox.ReadStatsAge(ctx, a.pools.ops)
			return answer{age, set}, err
		})
		return read.age, read.set, err
	}))
}
