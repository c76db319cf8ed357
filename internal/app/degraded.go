package app

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/yummyzoom/herald/internal/jobs"
	"github.com/yummyzoom/herald/internal/postgres/dbclock"
)

// periodicOverdue is how late a periodic job may be without anybody being told: the sweep comes every second.
const periodicOverdue = 30 * time.Second

// degraded says what this node, which does its work, does less well than it should; "" for nothing.
func (a *App) degraded(ctx context.Context) string {
	var all []string
	if !a.listener.Listening() {
		all = append(all, "not listening for notifications; events are found by looking, ten times a second")
	}
	if ahead := dbclock.Ahead(a.clock.Skew()); ahead != "" {
		all = append(all, fmt.Sprintf("this machine's clock is %s; events keep the database's time, tokens expire by this machine's", ahead))
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

// lookForOverdue remembers which periodic jobs nobody does, for readiness to tell, and warns when that begins.
func (a *App) lookForOverdue(ctx context.Context) {
	late, err := jobs.ReadOverdue(ctx, a.pool)
	if err != nil {
		return // the database's absence is told by others
	}
	if late.Periodic < periodicOverdue {
		a.overdue.Store(nil)
		return
	}
	text := fmt.Sprintf("no node has done the periodic job %s, which has been due for %s", late.Kind, late.Periodic.Round(time.Second))
	if a.overdue.Swap(&text) == nil {
		a.logger.WarnContext(ctx, text) //nolint:sloglint // as readiness tells it
	}
}
