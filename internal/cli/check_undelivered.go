package cli

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/yummyzoom/herald/internal/jobs"
	"github.com/yummyzoom/herald/internal/outbox"
)

// checkUndelivered finds events that could not be delivered, whether they are tried again or not: nobody has received them.
func checkUndelivered(ctx context.Context, pool *pgxpool.Pool, f *findings) {
	u, err := jobs.ReadUndelivered(ctx, pool)
	if err == nil && (u.Dead > 0 || u.Retrying > 0) {
		err = fmt.Errorf("%s: `herald dead list` says why", undelivered(&u))
	}
	f.add(err, "events that could not be delivered")
}

// checkStatistics tells how old the platform's statistics are. How old they may be, whoever sets them knows.
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
