package broadcast

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/yummyzoom/herald/internal/event"
	"github.com/yummyzoom/herald/internal/eventlog"
	"github.com/yummyzoom/herald/internal/signalr"
)

// TestNoGapNoDuplicate drives one broadcaster through random interleavings. Each read from the log and each wait of
// a resume is a point at which anything else may happen. Each connection's messages are checked one by one against
// the promises of the package documentation.
//
// Acceptance.
func TestNoGapNoDuplicate(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t)
		for range rapid.IntRange(1, 80).Draw(t, "steps") {
			w.act()
			w.checkQuiet()
		}
		w.broadcast(len(w.log.entries))
		w.checkQuiet()
		for _, p := range w.peers {
			w.disconnect(p)
		}
		require.Zero(t, w.b.Stats().Members)
	})
}

type world struct {
	t     *rapid.T
	log   *eventLog
	b     *Broadcaster
	limit int64
	ring  int64
	peers []*peer
	heads map[event.Group]int64 // broadcast so far
	fault error                 // the next read from the log fails
	depth int

	resuming []*place // the innermost call last
}

// peer is one connection and, by the model, its groups.
type peer struct {
	*client
	places map[event.Group]*place
}

type place struct {
	member bool
	next   int64 // the sequence of the next live event
	since  since
	shape  event.Shape
	call   *call
}

type call struct {
	group    event.Group
	cursor   eventlog.Cursor
	head     int64 // broadcast when the member joined
	began    bool
	joined   bool
	replayed []int64
	cut      int64
	stale    bool
	left     error // why the resume ended early
	shape    event.Shape
	was      event.Shape // the member's shape before
}

func (pl *place) catchingUp() bool { return pl.call != nil && pl.call.began && !pl.call.joined }

func (pl *place) leave(why error) {
	pl.member = false
	if pl.catchingUp() && pl.call.left == nil {
		pl.call.left = why
	}
}

// begin is the moment at which the broadcaster joins the member.
func (pl *place) begin(head int64) {
	c := pl.call
	c.began, c.head, c.was = true, head, pl.shape
	pl.shape = c.shape
}

var modelGroups = []event.Group{cartGroup, orderGroup, event.Alerts}

func newWorld(t *rapid.T) *world {
	w := &world{t: t, log: newEventLog(), heads: map[event.Group]int64{}}
	w.limit = rapid.SampledFrom([]int64{3, 1000}).Draw(t, "replay limit")
	w.ring = rapid.SampledFrom([]int64{1, 4000, 64 << 20}).Draw(t, "ring bytes")
	cfg := Config{
		Settings:     Settings{ReplayLimit: int(w.limit), RingBytes: w.ring},
		ReplayBytes:  rapid.SampledFrom([]int{1, 2000, 512 << 10}).Draw(t, "replay bytes"),
		PendingBytes: rapid.SampledFrom([]int{600, 256 << 10}).Draw(t, "pending bytes"),
		DrainTimeout: time.Millisecond,
		Logger:       discard(),
	}
	for { // until no two of the groups share a lock, and with it their revocations: a failure must be reproducible
		var err error
		w.b, err = New(cfg, w.log)
		require.NoError(t, err)
		if one, two, three := w.b.shard(modelGroups[0]), w.b.shard(modelGroups[1]), w.b.shard(modelGroups[2]); one != two &&
			two != three && one != three {
			break
		}
	}
	ms := &messages{}
	w.b.build = ms.build
	w.log.between = func(string) error {
		w.interleave()
		err := w.fault
		w.fault = nil
		return err
	}
	for i := range 3 {
		w.peers = append(w.peers, w.connect(ms, fmt.Sprintf("c%d", i), user(fmt.Sprintf("u%d", i%2))))
	}
	return w
}

func (w *world) connect(ms *messages, id string, u user) *peer {
	p := &peer{client: newClient(ms, id, u), places: map[event.Group]*place{}}
	p.limit = 2000
	for _, g := range modelGroups {
		p.places[g] = &place{}
	}
	p.received = func(c content) { w.receive(p, c) }
	p.waiting = func() {
		w.interleave()
		if pl := w.resuming[len(w.resuming)-1]; !pl.call.began {
			pl.begin(w.heads[pl.call.group])
		}
	}
	return p
}

func (w *world) interleave() {
	if w.depth++; w.depth <= 2 {
		for range rapid.IntRange(0, 2).Draw(w.t, "interleaved") {
			w.act()
		}
	}
	w.depth--
}

func (w *world) act() {
	p := w.peers[rapid.IntRange(0, len(w.peers)-1).Draw(w.t, "peer")]
	g := rapid.SampledFrom(modelGroups).Draw(w.t, "group")
	pl := p.places[g]
	actions := []string{
		"publish", "publish", "publish", "broadcast", "broadcast", "broadcast", "resume", "resume", "resume",
		"subscribe", "subscribe", "unsubscribe", "revoke", "cut", "stick", "unstick", "reconnect", "fault",
	}
	switch action := rapid.SampledFrom(actions).Draw(w.t, "action"); action {
	case "publish":
		for range rapid.IntRange(1, 4).Draw(w.t, "events") {
			w.log.publish(g)
		}
	case "broadcast":
		w.broadcast(rapid.IntRange(1, 6).Draw(w.t, "entries"))
	case "revoke":
		if g != event.Alerts {
			w.log.revoke(g, p.user)
		}
	case "cut":
		w.log.cut[g] = max(w.log.cut[g], rapid.Int64Range(0, int64(len(w.log.groups[g]))).Draw(w.t, "cut"))
	case "stick", "unstick":
		p.setStuck(action == "stick")
	case "fault":
		w.fault = errors.New("the database is away")
	case "reconnect":
		w.disconnect(p)
		fresh := w.connect(p.messages, p.id, p.user)
		w.peers[slices.Index(w.peers, p)] = fresh
	case "subscribe":
		err := w.b.Subscribe(p.client, g, event.Plain)
		if p.closed == "" {
			require.NoError(w.t, err)
			if !pl.member && (!pl.catchingUp() || pl.call.left != nil) {
				*pl = place{member: true, next: w.heads[g] + 1, since: since{sequence: w.heads[g]}, call: pl.call}
			}
			pl.shape = event.Plain
		}
	case "unsubscribe":
		w.b.Unsubscribe(p.client, g)
		pl.leave(ErrUnsubscribed)
	case "resume":
		if pl.call == nil {
			w.resume(p, g, pl)
		}
	}
}

func (w *world) broadcast(n int) {
	from := w.b.Position()
	to := min(from+int64(n), int64(len(w.log.entries)))
	for _, l := range w.log.entries[from:to] {
		if l.Type == event.AccessRevoked {
			require.NoError(w.t, w.b.Broadcast(context.Background(), []event.Logged{l}))
			for _, p := range w.peers {
				pl := p.places[l.Group]
				if pl.call != nil && !pl.call.began {
					pl.call.stale = true
				}
				if p.user == revokedUser(l) {
					pl.leave(ErrRevoked)
				}
			}
			continue
		}
		w.heads[l.Group] = l.Sequence
		require.NoError(w.t, w.b.Broadcast(context.Background(), []event.Logged{l}))
	}
	require.Equal(w.t, to, w.b.Position())
}

func revokedUser(l event.Logged) user {
	r, _ := l.Revocation()
	return user(r.UserID)
}

func (w *world) disconnect(p *peer) {
	p.CloseFor(signalr.ClosedByServer, "disconnect", true)
	w.b.Disconnect(p.client)
	require.Empty(w.t, w.b.Groups(p.client))
}

func (w *world) resume(p *peer, g event.Group, pl *place) {
	c := &call{group: g, cursor: w.drawCursor(g), cut: w.log.cut[g]}
	c.shape = rapid.SampledFrom([]event.Shape{event.Plain, event.WithCursor}).Draw(w.t, "shape")
	pl.call = c
	w.resuming = append(w.resuming, pl)
	if c.cursor.Kind == eventlog.Live {
		pl.begin(w.heads[g])
	}
	conn := p.client
	err := w.b.Admit(g).Resume(conn.ctx, conn, c.cursor, c.shape, func(r Result) { w.joined(pl, g, r) })
	pl.call = nil
	w.resuming = w.resuming[:len(w.resuming)-1]
	switch {
	case errors.Is(err, ErrStale): // a revocation came before it joined
		require.False(w.t, c.joined)
		require.True(w.t, c.stale)
		pl.shape = c.was
	case conn.closed != "": // the connection closed meanwhile
	case c.left != nil:
		require.ErrorIs(w.t, err, c.left)
	case err != nil:
		require.False(w.t, c.joined, "%v", err)
		if c.began {
			pl.shape = c.was
		}
		if !pl.member { // it was no member, or was removed before the resume began
			require.NotContains(w.t, w.b.Groups(p.client), g)
			return
		}
		// A member stays one, and gets the events that were held back.
		live := int(w.heads[g] - pl.next + 1)
		if live > 0 {
			require.GreaterOrEqual(w.t, len(c.replayed), live)
			require.Equal(w.t, span64(pl.next, w.heads[g]), c.replayed[len(c.replayed)-live:])
			pl.next = w.heads[g] + 1
		}
	default:
		require.True(w.t, c.joined)
	}
}

func (w *world) drawCursor(g event.Group) eventlog.Cursor {
	switch rapid.IntRange(0, 9).Draw(w.t, "cursor") {
	case 0:
		return eventlog.Cursor{Kind: eventlog.Live}
	case 1:
		return eventlog.Cursor{Kind: eventlog.Beginning}
	case 2:
		return eventlog.Cursor{Kind: eventlog.After, EventID: uuid.New()}
	case 3:
		g = rapid.SampledFrom(modelGroups).Draw(w.t, "of group")
	}
	all := w.log.groups[g]
	if len(all) == 0 {
		return eventlog.Cursor{Kind: eventlog.Beginning}
	}
	return eventlog.Cursor{Kind: eventlog.After, EventID: rapid.SampledFrom(all).Draw(w.t, "event").ID}
}
