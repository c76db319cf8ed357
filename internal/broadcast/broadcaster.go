package broadcast

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"sync"
	"sync/atomic"

	"github.com/yummyzoom/herald/internal/event"
	"github.com/yummyzoom/herald/internal/eventlog"
	"github.com/yummyzoom/herald/internal/signalr"
)

// Conn is a client's connection, such as [*signalr.Conn]. Its context is done before it is handed to
// [Broadcaster.Disconnect]. Once Send has returned an error, every later Send returns one.
type Conn interface {
	ID() string
	User() signalr.User
	Context() context.Context
	// Send queues m and never blocks. It is called under a group's lock and must not call back.
	Send(m *signalr.Message) error
	// Queue is Send, but where flush is true, the message is written only by Flush. The caller then calls Flush once.
	Queue(m *signalr.Message) (flush bool, err error)
	// Flush writes what is queued. It does not block, but may take as long as a system call.
	Flush()
	// WaitQueue waits until fewer than below bytes are queued.
	WaitQueue(ctx context.Context, below int) error
	// CloseFor ends the connection: why goes to the log, text to the client.
	CloseFor(why signalr.CloseReason, text string, allowReconnect bool)
}

// Broadcaster hands the entries of the log to the members of their groups.
type Broadcaster struct {
	cfg  Config
	log  eventlog.Log
	seed maphash.Seed

	shards [shardCount]shard
	links  [shardCount]linkShard

	// broadcasting serialises Broadcast. A second caller waits, and then fails as not contiguous.
	broadcasting sync.Mutex
	position     atomic.Int64 // of the newest entry that every group has handled; written under broadcasting
	ring         ring
	unflushed    unflushed
	handed       []int32 // for each entry of the batch: the connections that got it

	groups, members atomic.Int64

	build func(event.Logged, event.Shape) (*signalr.Message, error) // buildMessage, unless a test replaces it
}

// New returns a Broadcaster at position 0.
func New(cfg Config, log eventlog.Log) (*Broadcaster, error) {
	cfg.setDefaults()
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	if log == nil {
		return nil, errors.New("broadcast: a log is required")
	}
	b := &Broadcaster{cfg: cfg, log: log, seed: maphash.MakeSeed(), build: buildMessage}
	b.unflushed.limit = min(flushBytes, cfg.ReplayBytes/2)
	for i := range b.shards {
		b.shards[i].groups = make(map[event.Group]*group)
		b.links[i].links = make(map[Conn]*link)
	}
	cfg.Metrics.show(b)
	return b, nil
}

// Start sets the position behind which broadcasting begins. Call it once, before the first connection is accepted.
func (b *Broadcaster) Start(position int64) {
	b.broadcasting.Lock()
	defer b.broadcasting.Unlock()
	b.position.Store(position)
	b.cfg.Journal.Begin(position)
}

// Position is the position of the newest entry that has been broadcast.
func (b *Broadcaster) Position() int64 { return b.position.Load() }

// Stats returns what b holds at this moment.
func (b *Broadcaster) Stats() Stats {
	return Stats{
		RingEntries: b.ring.entries.Load(),
		RingBytes:   b.ring.bytes.Load(),
		Groups:      b.groups.Load(),
		Members:     b.members.Load(),
	}
}

// Broadcast hands the entries of batch, which continue at Position, to the members of their groups. It never waits
// for a client. Its one caller follows the log. A batch that starts too early or too late, or has a hole, is refused
// whole with [ErrNotContiguous]; the caller then reads the log again from Position.
func (b *Broadcaster) Broadcast(ctx context.Context, batch []event.Logged) error {
	b.broadcasting.Lock()
	defer b.broadcasting.Unlock()
	next := b.position.Load() + 1
	for i := range batch {
		if want := next + int64(i); batch[i].Position != want {
			return fmt.Errorf("%w: expected position %d, got %d", ErrNotContiguous, want, batch[i].Position)
		}
	}
	messages := 0
	b.handed = b.handed[:0]
	for i := range batch {
		if !b.unflushed.roomFor(batch[i]) {
			b.flush()
		}
		out := b.handle(ctx, batch[i])
		messages += out.messages
		b.handed = append(b.handed, int32(out.messages+out.pending)) //nolint:gosec // connections of one node
	}
	b.flush()
	b.cfg.Metrics.entries.Add(float64(len(batch)))
	b.cfg.Metrics.messages.Add(float64(messages))
	b.cfg.Journal.Record(next, b.handed)
	return nil
}

// flush writes the queued messages, and only then evicts from the ring, so that no client waits for the eviction.
func (b *Broadcaster) flush() {
	b.unflushed.flush()
	b.evict()
}

// handle delivers one entry and returns the outcome. Position advances after the delivery, and the ring evicts later
// still (flush): the proof in the package documentation depends on this order.
func (b *Broadcaster) handle(ctx context.Context, l event.Logged) outcome {
	var out outcome
	if l.Type.Family() == event.Control {
		b.revoke(ctx, l, &out)
	} else {
		b.deliver(ctx, l, &out)
	}
	b.position.Store(l.Position)
	b.report(ctx, &out)
	b.unflushed.count(l, &out)
	return out
}

// deliver adds l to the ring and queues it for every member of its group.
func (b *Broadcaster) deliver(ctx context.Context, l event.Logged, out *outcome) {
	s := b.shard(l.Group)
	s.mu.Lock()
	defer s.mu.Unlock()
	g := b.group(s, l.Group)
	if g.head.known && l.Sequence <= g.head.sequence {
		b.renumber(g, out)
	}
	e := b.push(ctx, g, l)
	for i := 0; i < len(g.members); {
		m := g.members[i]
		switch why := b.offer(ctx, m, e, out); why {
		case present:
			i++
		default: // the last member has taken m's slot
			b.remove(m, why)
			out.dropped = append(out.dropped, drop{m.conn, why})
		}
	}
}

// offer gives e to m, at once or when m's replay has ended. It returns present, or why m has to leave.
func (b *Broadcaster) offer(ctx context.Context, m *member, e *entry, out *outcome) departure {
	if m.since.sequence == unknown {
		m.since.sequence = e.Sequence - 1
	}
	if e.Sequence <= m.skip && !m.catchingUp { // a resume knows only at its end what to skip
		return present
	}
	message := b.message(ctx, e, m.shape)
	if message == nil {
		return present
	}
	if m.catchingUp {
		if m.pendingBytes += message.Size(); m.pendingBytes > b.cfg.PendingBytes {
			return leftPending
		}
		m.pending = append(m.pending, e)
		out.pending++
		return present
	}
	flush, err := m.conn.Queue(message)
	if err != nil {
		return leftQueue
	}
	if flush {
		b.unflushed.add(m.conn)
	}
	out.messages++
	out.largest = max(out.largest, message.Size())
	return present
}

// outcome is the effect of one entry. It is acted on after the locks are released.
type outcome struct {
	messages int
	pending  int // members that get the entry when their replay has ended
	largest  int // size of the largest message, in bytes
	dropped  []drop

	// Of a revocation: the group and the user.
	group   event.Group
	revoked string
}

type drop struct {
	conn Conn
	why  departure
}

func (b *Broadcaster) report(ctx context.Context, out *outcome) {
	var revoked []Conn
	for _, d := range out.dropped {
		switch d.why {
		case leftRevoked:
			revoked = append(revoked, d.conn)
		case leftPending:
			d.conn.CloseFor(signalr.ClosedByServer, "more events arrived than can wait for the end of a replay", true)
		case leftUnreadable:
			d.conn.CloseFor(signalr.AccessRevoked, "permissions have changed", true)
		case leftReset:
			d.conn.CloseFor(signalr.ClosedByServer, "the event log was restored", true)
		case leftRenumbered:
			d.conn.CloseFor(signalr.ClosedByServer, "the group's events are numbered anew", true)
		default:
		}
		b.cfg.Metrics.dropped.WithLabelValues(d.why.String()).Inc()
		b.cfg.Logger.DebugContext(ctx, "member dropped", attrConnection(d.conn), attrReason(d.why))
	}
	if len(revoked) > 0 && b.cfg.Revoked != nil {
		b.cfg.Revoked(out.revoked, out.group, revoked)
	}
}
