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

// detailTimeout is how long readiness waits for a mere detail. The question waits in line with a scrape's, so that
// it never takes the connection that readiness itself needs.
const detailTimeout = time.Second

// undeliveredDetail says what readiness reports of events that could not be delivered; "" for nothing. Neither such
// events nor a missing answer make a node unready: another node could not deliver them either.
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
		told = append(told,
			fmt.Sprintf("%d events are tried again, the oldest for %s", u.Retrying, u.OldestRetrying.Round(time.Second)))
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

// registerUndelivered registers the metrics of undelivered events and of ageing statistics.
func (a *App) registerUndelivered() {
	jobs.Register(a.metrics.registry, func() (jobs.Overdue, error) {
		return scraped(a, "overdue jobs",
			func(ctx context.Context) (jobs.Overdue, error) { return jobs.ReadOverdue(ctx, a.pools.ops) })
	}, func() (jobs.Undelivered, error) { return a.undelivered.get(context.Background()) })
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
