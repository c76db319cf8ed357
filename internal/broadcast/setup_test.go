package broadcast

import (
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/event"
	"github.com/yummyzoom/herald/internal/eventlog"
	"github.com/yummyzoom/herald/internal/test/counted"
)

// bundle is a broadcaster, the log behind it, and its metrics.
type bundle struct {
	*Broadcaster
	t        *testing.T
	log      *eventLog
	messages *messages
	counts   *prometheus.Registry
}

func setup(t *testing.T, cfg Config) *bundle {
	t.Helper()
	bu := &bundle{t: t, log: newEventLog(), messages: &messages{}, counts: prometheus.NewRegistry()}
	cfg.Logger, cfg.Metrics = discard(), NewMetrics(bu.counts)
	var err error
	bu.Broadcaster, err = New(cfg, bu.log)
	require.NoError(t, err)
	bu.build = bu.messages.build
	return bu
}

// restarted is another broadcaster on the same log.
func restarted(bu *bundle, cfg Config) *bundle {
	bu.t.Helper()
	next := setup(bu.t, cfg)
	next.log = bu.log
	next.Broadcaster.log = bu.log
	return next
}

// counted is the value of one of the broadcaster's metrics.
func (bu *bundle) counted(name string, labels ...string) int {
	return counted.Of(bu.counts, name, labels...)
}

// dropped is how many members were dropped, provided that all were for this reason.
func (bu *bundle) dropped(reason string) int {
	bu.t.Helper()
	n := bu.counted("subscriptions_dropped_total", reason)
	require.Equal(bu.t, n, bu.counted("subscriptions_dropped_total"), "for other reasons, too")
	return n
}

func (bu *bundle) client(id string) *client {
	c := newClient(bu.messages, id, user("user of "+id))
	bu.t.Cleanup(c.end)
	return c
}

// publish appends n events of g to the log and broadcasts all that it holds.
func (bu *bundle) publish(g event.Group, n int) (last event.Logged) {
	bu.t.Helper()
	for range n {
		last = bu.log.publish(g)
	}
	bu.catchUp()
	return last
}

// catchUp broadcasts the log's entries behind the broadcaster's position.
func (bu *bundle) catchUp() {
	bu.t.Helper()
	require.NoError(bu.t, bu.Broadcast(bu.t.Context(), bu.log.entries[bu.Position():]))
}

// resume resumes, and fails the test on an error.
func (bu *bundle) resume(c *client, g event.Group, cur eventlog.Cursor) Result {
	bu.t.Helper()
	var result *Result
	require.NoError(bu.t, bu.Resume(c.ctx, c, g, cur, event.WithCursor, func(r Result) { result = &r }))
	require.NotNil(bu.t, result)
	return *result
}

func after(l event.Logged) eventlog.Cursor {
	return eventlog.Cursor{Kind: eventlog.After, EventID: l.ID}
}
