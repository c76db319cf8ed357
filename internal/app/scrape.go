package app

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"time"

	"github.com/prometheus/common/expfmt"

	"github.com/yummyzoom/herald/internal/relay"
	"github.com/yummyzoom/herald/internal/retention"
	"github.com/yummyzoom/herald/internal/selfcheck"
)

const (
	lagLimit      = 100_000 // the most rows that are counted
	scrapeTimeout = 2 * time.Second
)

// scraper returns the handler of the metrics. One collection runs at a time. Its answer is remembered as text,
// which every release of Prometheus reads, whatever format it prefers.
func (a *App) scraper() http.HandlerFunc {
	format := expfmt.NewFormat(expfmt.TypeTextPlain)
	collected := &remembered[[]byte]{ask: func() ([]byte, error) {
		families, err := a.metrics.registry.Gather()
		if err != nil {
			return nil, err //nolint:wrapcheck // told as it is
		}
		var b bytes.Buffer
		encoder := expfmt.NewEncoder(&b, format)
		for _, family := range families {
			if err := encoder.Encode(family); err != nil {
				return nil, err //nolint:wrapcheck // told as it is
			}
		}
		return b.Bytes(), nil
	}}
	return func(w http.ResponseWriter, r *http.Request) {
		text, err := collected.get(r.Context())
		if err != nil {
			http.Error(w, "the metrics could not be collected: "+err.Error(), http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", string(format))
		_, _ = w.Write(text) // the client may be gone
	}
}

func (a *App) registerGauges() {
	m := a.metrics
	m.gaugeFunc("listener_connected", "1 while notifications arrive, else 0: events are found by looking then.",
		func() float64 {
			if a.listener.Listening() {
				return 1
			}
			return 0
		})
	m.gaugeFunc("clock_skew_seconds",
		"By how much this machine's clock is ahead of the database's, at least; by which events are due is the database's.",
		func() float64 { return a.clock.Skew().Seconds() })
	a.registerUndelivered()
	m.registry.MustRegister(newLagCollector(func() (relay.Lag, error) {
		return scraped(a, "the outbox's lag",
			func(ctx context.Context) (relay.Lag, error) { return relay.ReadLag(ctx, a.pools.ops, lagLimit) })
	}))
	m.registry.MustRegister(newGrowthCollector(func() ([]retention.Growth, error) {
		return scraped(a, "the outbox's size",
			func(ctx context.Context) ([]retention.Growth, error) { return retention.ReadGrowth(ctx, a.pools.ops) })
	}))
	m.registry.MustRegister(newAuditCollector(func() (selfcheck.Status, error) {
		return scraped(a, "the audit", func(ctx context.Context) (selfcheck.Status, error) {
			return selfcheck.ReadStatus(ctx, a.pools.ops)
		})
	}))
}

// scraped asks the database a collector's question. The collectors of a scrape start at the same time, and are
// served one after another, over one connection.
func scraped[T any](a *App, what string, read func(ctx context.Context) (T, error)) (T, error) {
	a.scraping.Lock()
	defer a.scraping.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), scrapeTimeout)
	defer cancel()
	answer, err := read(ctx)
	if err != nil {
		a.logger.WarnContext(ctx, "metrics without an answer of the database",
			slog.String("about", what), slog.Any("error", err))
	}
	return answer, err
}
