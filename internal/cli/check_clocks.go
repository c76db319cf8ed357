package cli

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/yummyzoom/herald/internal/jobs"
	"github.com/yummyzoom/herald/internal/nodes"
	"github.com/yummyzoom/herald/internal/postgres/dbclock"
)

const (
	checkOverdue  = 10 * time.Second // of a scheduled event: delivery takes up to a second
	checkPeriodic = time.Minute      // of the sweep and other periodic jobs
)

// checkClocks reports which nodes run, whether their clocks agree with the database's, which decides when events
// are due, and which work is overdue by it.
func (c *checkCmd) checkClocks(ctx context.Context, pool *pgxpool.Pool, f *findings) {
	late, lateErr := jobs.ReadOverdue(ctx, pool)
	nodes, err := nodes.Clocks(ctx, pool)
	switch {
	case err == nil && len(nodes) == 0 && lateErr == nil && late.LastEnqueued.IsZero():
		f.add(nil, "nodes: none has run yet")
	case err == nil && len(nodes) == 0:
		f.add(fmt.Errorf("none is running: events wait until one does (the last did something at %s)",
			moment(late.LastEnqueued)), "nodes")
	case err == nil && len(nodes) > 1:
		f.add(nil, "nodes: %d, any of which takes any request: a balancer needs no sticky sessions", len(nodes))
	default:
		f.add(err, "nodes: %d", len(nodes))
	}
	clock := dbclock.New(slog.New(slog.DiscardHandler))
	err = clock.Read(ctx, pool)
	f.add(rightClock(err, clock.Skew()), "clock of this machine")
	for _, n := range nodes {
		f.add(rightClock(nil, n.Skew), "clock of node %s on %s", n.Node, oneLine(n.Host))
	}
	f.add(overdueEvents(late, lateErr), "scheduled events and retries: %d overdue", late.Events)
	if len(nodes) == 0 {
		return // no node could run periodic jobs
	}
	if lateErr == nil && late.Periodic > checkPeriodic {
		lateErr = fmt.Errorf("no node has done the job %s, which has been due for %s", late.Kind,
			late.Periodic.Round(time.Second))
	}
	f.add(lateErr, "periodic jobs")
}

// rightClock returns an error where the clock is wrong.
func rightClock(err error, skew time.Duration) error {
	if ahead := dbclock.Ahead(skew); err == nil && ahead != "" {
		return errors.New(ahead + ": set it by NTP; events keep the database's time, tokens expire by the node's")
	}
	return err
}

func overdueEvents(late jobs.Overdue, err error) error {
	if err == nil && late.OldestEvent > checkOverdue {
		return fmt.Errorf("the oldest should have been delivered %s ago", late.OldestEvent.Round(time.Second))
	}
	return err
}
