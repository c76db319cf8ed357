package cli

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/yummyzoom/herald/internal/jobs"
	"github.com/yummyzoom/herald/internal/outbox"
)

// checkUndelivered reports events that could not be delivered, whether they are tried again or not: no client has
// received them.
func checkUndelivered(ctx context.Context, pool *pgxpool.Pool, f *findings) {
	u, err := jobs.ReadUndelivered(ctx, pool)
	if err == nil && (u.Dead > 0 || u.Retrying > 0) {
		err = fmt.Errorf("%s: `herald dead list` says why", undelivered(&u))
	}
	f.add(err, "events that could not be delivered")
}

// checkStatistics reports the age of the platform's statistics. The service that sets them knows how old they may
// be.
func checkStatistics(ctx context.Context, pool *pgxpool.Pool, f *findings) {
	age, set, err := outbox.ReadStatsAge(ctx, pool)
	switch {
	case err != nil:
		f.add(err, "platform statistics")
	case !set:
		f.add(nil, "platform statistics: never set")
	default:
		f.add(nil, "platform statistics: set %s ago", age.Round(time.Second))
	}
}
