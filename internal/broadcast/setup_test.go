package broadcast

import (
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/event"
	"github.com/yummyzoom/herald/internal/eventlog"
)

// bundle is a broadcaster, the log behind it, and what it counted.
type bundle struct {
	*Broadcaster
	t        *testing.T
	log      *eventLog
	messages *messages
	observed *observed
}

func setup(t *testing.T, cfg Config) *bundle {
	t.Helper()
	bu := &bundle{t: t, log: newEventLog(), messages: &messages{}, observed: &observed{dropped: map[string]int{}}}
	cfg.Logger, cfg.Observer = discard(), bu.observed
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

// catchUp broadcasts what the log holds behind the broadcaster's position.
func (bu *bundle) catchUp() {
	bu.t.Helper()
	require.NoError(bu.t, bu.Broadcast(bu.t.Context(), bu.log.entries[bu.Position():]))
}

// resume must succeed.
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

type observed struct {
	mu            sync.Mutex
	entries, sent int
	sources       []string
	dropped       map[string]int
	undeliverable int
}

func (o *observed) Broadcasted(entries, messages int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.entries += entries
	o.sent += messages
}

func (o *observed) Resumed(_, source string, _ int, _ time.Duration) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.sources = append(o.sources, source)
}

func (o *observed) Dropped(reason string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.dropped[reason]++
}

func (o *observed) Undeliverable() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.undeliverable++
}
