package app

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/yummyzoom/herald/internal/jobs"
	"github.com/yummyzoom/herald/internal/postgres/dbclock"
)

// periodicOverdue is how late a periodic job may be before the node reports it: the sweep runs every second.
const periodicOverdue = 30 * time.Second

// degraded says why this node works less well than it should; "" for no reason.
func (a *App) degraded(ctx context.Context) string {
	var all []string
	if !a.listener.Listening() {
		all = append(all, "not listening for notifications; events are found by looking, ten times a second")
	}
	if ahead := dbclock.Ahead(a.clock.Skew()); ahead != "" {
		all = append(all,
			fmt.Sprintf("this machine's clock is %s; events keep the database's time, tokens expire by this machine's", ahead))
	}
	all = append(all, a.peersDegraded()...)
	if late := a.overdue.Load(); late != nil {
		all = append(all, *late)
	}
	if failing := a.undeliveredDetail(ctx); failing != "" {
		all = append(all, failing)
	}
	if len(all) == 0 {
		return ""
	}
	return "degraded: " + strings.Join(all, "; ")
}

// lookForOverdue stores which periodic jobs no node runs, for readiness to report, and warns when that begins.
func (a *App) lookForOverdue(ctx context.Context) {
	late, err := jobs.ReadOverdue(ctx, a.pool)
	if err != nil {
		return // the absence of the database is reported elsewhere
	}
	if late.Periodic < periodicOverdue {
		a.overdue.Store(nil)
		return
	}
	text := fmt.Sprintf("no node has done the periodic job %s, which has been due for %s", late.Kind,
		late.Periodic.Round(time.Second))
	if a.overdue.Swap(&text) == nil {
		a.logger.WarnContext(ctx, text) //nolint:sloglint // as readiness tells it
	}
}
