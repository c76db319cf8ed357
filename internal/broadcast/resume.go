package broadcast

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/yummyzoom/herald/internal/event"
	"github.com/yummyzoom/herald/internal/eventlog"
	"github.com/yummyzoom/herald/internal/signalr"
)

// Resume joins c to g behind the cursor cur, and calls joined in between: every event up to the result's has then
// been queued, and no later one. It returns when that is done; a long replay takes as long as the client takes to
// read. The package documentation says what a connection that is already a member is sent.
//
// joined runs under the group's lock: it queues the answer and must neither block nor call the Broadcaster. It is
// called at most once. If it was not called, the error says why: [ErrRevoked], [ErrUnsubscribed], [ErrDisconnected],
// [ErrResuming], [ErrTooManySubscriptions], or the error of the log or ctx. After such an error c is a member only
// if it was before.
func (b *Broadcaster) Resume(
	ctx context.Context, c Conn, g event.Group, cur eventlog.Cursor, shape event.Shape, joined func(Result),
) error {
	for {
		if err := b.Admit(g).Resume(ctx, c, cur, shape, joined); err != ErrStale { //nolint:errorlint // never wrapped
			return err
		}
	}
}

// Resume is [Broadcaster.Resume], or [ErrStale].
func (a Admission) Resume(
	ctx context.Context, c Conn, cur eventlog.Cursor, shape event.Shape, joined func(Result),
) error {
	started := time.Now()
	r := &resume{Broadcaster: a.b, conn: c, name: a.group, cursor: cur, shape: shape, joined: joined, source: SourceRing}
	err := r.run(ctx, a)
	if err == nil {
		a.b.cfg.Metrics.resumed(r.result.Status, r.source, r.result.Replayed, time.Since(started))
	}
	return a.b.settle(c, err)
}

// resume is one call of Resume.
type resume struct {
	*Broadcaster
	conn   Conn
	name   event.Group
	cursor eventlog.Cursor
	shape  event.Shape // once begin has run, the member's
	joined func(Result)

	// begin sets these under the group's lock.
	member  *member
	fresh   bool        // the connection was not a member before
	was     event.Shape // the member's shape before, if not fresh
	at      int64       // P
	head    head        // at P, where known; at the end, the newest event that the client knows of
	headAtP head
	earlier since // the member's since before, if not fresh

	source string
	result Result
}

func (r *resume) run(ctx context.Context, a Admission) error {
	if r.cursor.Kind != eventlog.Live {
		// Events queued by earlier resumes of this connection must not add up to an overflow.
		if err := r.awaitRoom(ctx); err != nil {
			return err
		}
	}
	done, err := r.begin(ctx, a)
	if done || err != nil {
		return err
	}
	r.source = SourceLog
	status, err := r.catchUp(ctx)
	return r.end(ctx, status, err)
}

// begin joins the connection. If memory holds every event that the client needs, the resume is done; else the member
// is left catching up at P.
func (r *resume) begin(ctx context.Context, a Admission) (done bool, err error) {
	l := r.link(r.conn)
	s := r.shard(r.name)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.revocations != a.revocations {
		return false, ErrStale
	}
	g := r.group(s, r.name)
	r.member = l.find(g)
	switch {
	case r.member == nil:
		if r.member, err = r.add(l, g, r.shape); err != nil {
			return false, err
		}
		r.fresh = true
	case r.member.catchingUp:
		return false, ErrResuming
	default:
		r.earlier, r.was = r.member.since, r.member.shape
		r.member.shape = r.shape
	}
	r.at, r.head, r.headAtP = r.joinPosition(g), g.head, g.head
	entries, status, ok := r.fromRing(ctx, g)
	if !ok {
		r.member.catchingUp = true
		return false, nil
	}
	for _, e := range entries {
		if err := r.send(r.message(ctx, e, r.shape)); err != nil {
			r.remove(r.member, leftQueue)
			return false, err
		}
	}
	return true, r.finish(ctx, status)
}

// fromRing returns the events to send if the group's recent entries show them all and they fit into the queue.
func (r *resume) fromRing(ctx context.Context, g *group) (entries []*entry, status string, ok bool) {
	if !r.head.known {
		return nil, "", false
	}
	if r.cursor.Kind == eventlog.Live {
		return nil, Resumed, true
	}
	cursor, ok := r.findInRing(g)
	if !ok {
		return nil, "", false
	}
	p := r.span(cursor)
	if p.Events() > int64(r.cfg.ReplayLimit) {
		return nil, Gap, true
	}
	if p.Events() > 0 {
		first := g.recent[0].Sequence
		entries = g.recent[p.After+1-first : p.Through+1-first]
	}
	bytes := 0
	for _, e := range entries {
		if m := r.message(ctx, e, r.shape); m != nil {
			bytes += m.Size()
		}
		if bytes > r.cfg.ReplayBytes {
			return nil, "", false
		}
	}
	r.settled(p)
	return entries, Resumed, true
}

// findInRing returns the cursor's sequence if the ring shows it. It runs under the lock, so it looks no further back
// than a replay may reach; an older cursor is found in the log.
func (r *resume) findInRing(g *group) (sequence int64, ok bool) {
	if r.cursor.Kind == eventlog.Beginning {
		return 0, len(g.recent) > 0 && g.recent[0].Sequence == 1
	}
	if r.cursor.EventID == g.head.eventID {
		return g.head.sequence, true // the client lacks nothing, whether ring and log still hold the event or not
	}
	for i := len(g.recent) - 1; i >= 0 && i >= len(g.recent)-1-r.cfg.ReplayLimit; i-- {
		if g.recent[i].ID == r.cursor.EventID {
			return g.recent[i].Sequence, !g.recent[i].Doubtful // the log decides
		}
	}
	return 0, false
}

// span returns the events that a client lacks if it has the group's events up to sequence x.
func (r *resume) span(x int64) eventlog.Span {
	upTo := r.head.sequence
	if r.earlier.sequence == unknown { // no event has come since it joined
		r.earlier.sequence = upTo
	}
	if !r.fresh && r.earlier.fills(x) {
		upTo = min(upTo, r.earlier.sequence)
	}
	return eventlog.Span{After: x, Through: max(upTo, x)}
}

// settled notes what the client has once p has been sent, for this resume's result and for the next resume.
func (r *resume) settled(p eventlog.Span) {
	if r.fresh || r.earlier.fills(p.After) {
		r.earlier = since{sequence: p.After, resumed: true}
	}
	if p.After > r.head.sequence { // the client comes from a node that is ahead of this one
		r.head = head{eventID: r.cursor.EventID, sequence: p.After, known: true}
	}
}

// send queues one replayed message; nil is an event that cannot be encoded.
func (r *resume) send(m *signalr.Message) error {
	if m == nil {
		return nil
	}
	if err := r.conn.Send(m); err != nil {
		return fmt.Errorf("%w: %w", ErrDisconnected, err)
	}
	r.result.Replayed++
	return nil
}

// finish completes the call and lets live events through. The caller holds the group's lock.
func (r *resume) finish(ctx context.Context, status string) error {
	m := r.member
	m.skip = 0
	if r.cursor.Kind != eventlog.Live && status == Resumed {
		m.since = r.earlier
		m.skip = r.head.sequence
	}
	r.result.Status, r.result.LastEventID, r.result.Sequence = status, r.head.eventID, r.head.sequence
	r.joined(r.result)
	return r.release(ctx)
}

// release sends the live events that came meanwhile, and makes the member live. The caller holds the group's lock.
func (r *resume) release(ctx context.Context) error {
	m := r.member
	pending := m.pending
	m.catchingUp, m.pending, m.pendingBytes = false, nil, 0
	for _, e := range pending {
		if e.Sequence <= m.skip {
			continue
		}
		message := r.message(ctx, e, m.shape)
		if message == nil {
			continue
		}
		if err := m.conn.Send(message); err != nil {
			r.remove(m, leftQueue)
			return fmt.Errorf("%w: %w", ErrDisconnected, err)
		}
	}
	return nil
}

// errNotDrained is the cause of a wait that DrainTimeout ended.
var errNotDrained = errors.New("client did not read the replayed events in time")

// awaitRoom waits until there is room for more replayed events in the connection's queue.
func (r *resume) awaitRoom(ctx context.Context) error {
	waiting, cancel := context.WithTimeoutCause(ctx, r.cfg.DrainTimeout, errNotDrained)
	defer cancel()
	err := r.conn.WaitQueue(waiting, r.cfg.ReplayBytes/2)
	switch {
	case err == nil:
		return nil
	case errors.Is(context.Cause(waiting), errNotDrained):
		r.conn.CloseFor(signalr.ClosedByServer, errNotDrained.Error(), true)
		r.cfg.Metrics.dropped.WithLabelValues(DroppedDrain).Inc()
		return fmt.Errorf("%w: %w", ErrDisconnected, errNotDrained)
	default:
		return fmt.Errorf("%w: waiting for room in the queue: %w", ErrDisconnected, err)
	}
}
