package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/yummyzoom/herald/internal/selfcheck"
)

const (
	auditOverdue  = time.Minute    // a server looks every ten seconds
	auditRecent   = 24 * time.Hour // older findings of the continuous audit are history
	auditListed   = 20             // discrepancies that get a line each
	progressEvery = 2 * time.Second
)

// checkAudit reports the findings of the servers' audit, and audits everything that is retained.
func (c *checkCmd) checkAudit(
	ctx context.Context, pool *pgxpool.Pool, f *findings, logger *slog.Logger, progress io.Writer,
) {
	status, err := selfcheck.ReadStatus(ctx, pool)
	if err == nil && status.Position < status.RelayPosition && status.Idle.Abs() > auditOverdue &&
		status.Behind.Abs() > auditOverdue {
		err = errors.New("nobody goes on with it")
	}
	f.add(err, "audit: servers have looked up to position %d of %d", status.Position, status.RelayPosition)
	found, err := selfcheck.Discrepancies(ctx, pool, auditRecent, auditListed+1)
	f.add(err, "audit: what servers have found within a day")
	f.discrepancies(found, 0)
	if c.SkipAudit {
		return
	}
	full, err := selfcheck.New(pool, logger).Full(ctx, shown(progress))
	if err != nil {
		f.add(err, "audit of all that is retained")
		return
	}
	f.discrepancies(full.Found, full.More)
	if len(full.Found) > 0 {
		err = fmt.Errorf("%d discrepancies", len(full.Found)+full.More)
	}
	f.add(err, "audit of all that is retained: %d positions, %d rows of the outbox, %d events, the journals of %d nodes",
		max(full.Newest-full.Oldest+1, 0), full.Rows, full.Events, full.Nodes)
}

// discrepancies lists some discrepancies.
func (f *findings) discrepancies(found []selfcheck.Discrepancy, more int) {
	listed := min(len(found), auditListed)
	for _, d := range found[:listed] {
		what := "audit: " + string(d.Kind)
		if !d.SeenAt.IsZero() {
			what += ", seen " + moment(d.SeenAt)
		}
		f.add(fmt.Errorf("%s: %s", d.Detail, d.Kind.Advice()), "%s", what)
	}
	if more += len(found) - listed; more > 0 {
		f.add(errors.New("see the servers' logs"), "audit: more than these %d", listed)
	}
}

// shown reports the progress of a long audit now and then.
func shown(out io.Writer) selfcheck.Progress {
	last := time.Now()
	return func(part string, done, total int64) {
		if time.Since(last) > progressEvery && total > 0 {
			last = time.Now()
			_, _ = fmt.Fprintf(out, "audit: %s, %d %%\n", part, 100*done/total) //nolint:mnd // per cent
		}
	}
}
