package broadcast

import (
	"log/slog"
	"sync/atomic"

	"github.com/yummyzoom/herald/internal/event"
)

// member is a connection's place in a group. All but left is guarded by the group's lock.
type member struct {
	conn  Conn
	link  *link
	group *group

	shape event.Shape
	since since
	// skip is the sequence up to which the client already has the group's events, because its cursor was ahead of this
	// node. Else 0.
	skip int64

	catchingUp   bool
	pending      []*entry // live events that came while catching up
	pendingBytes int

	left atomic.Int32 // a departure

	groupSlot int // index in group.members
	linkSlot  int // index in link.members, guarded by the link's lock
}

// since says from which event on this connection has been sent all of a group's events.
type since struct {
	sequence int64 // of the last event that was not sent, or unknown until the first event comes
	resumed  bool  // the client named this event; naming it again asks for the same events again
}

const unknown = -1

// fills reports whether a client that names sequence x lacks only what came before it joined.
func (s since) fills(x int64) bool { return x < s.sequence || x == s.sequence && !s.resumed }

// departure says why a member has left.
type departure int32

const (
	present departure = iota
	leftByItself
	leftConnection
	leftRevoked
	leftQueue
	leftPending
	leftUnreadable
	leftReset
	leftRenumbered
)

func (d departure) String() string {
	switch d {
	case present:
		return "present"
	case leftByItself:
		return "unsubscribed"
	case leftConnection:
		return "disconnected"
	case leftRevoked, leftUnreadable:
		return DroppedRevoked
	case leftQueue:
		return DroppedQueue
	case leftPending:
		return DroppedPending
	case leftReset:
		return DroppedReset
	case leftRenumbered:
		return DroppedRenumbered
	default:
		return "unknown"
	}
}

// err is the error of a resume whose member has left for this reason.
func (d departure) err() error {
	switch d {
	case present:
		return nil
	case leftByItself:
		return ErrUnsubscribed
	case leftRevoked:
		return ErrRevoked
	default:
		return ErrDisconnected
	}
}

// gone says why m has left; present if it has not.
func (m *member) gone() departure { return departure(m.left.Load()) }

// add makes the connection of l a member of g.
func (b *Broadcaster) add(l *link, g *group, shape event.Shape) (*member, error) {
	m := &member{conn: l.conn, link: l, group: g, shape: shape, groupSlot: len(g.members)}
	m.since.sequence = unknown
	if g.head.known {
		m.since.sequence = g.head.sequence
	}
	if err := l.add(m, b.cfg.MaxGroups); err != nil {
		b.discard(g)
		return nil, err
	}
	g.members = append(g.members, m)
	b.members.Add(1)
	return m, nil
}

// remove takes m out of its group. The caller holds the group's lock and knows that m is still a member.
func (b *Broadcaster) remove(m *member, why departure) {
	g := m.group
	last := len(g.members) - 1
	moved := g.members[last]
	moved.groupSlot = m.groupSlot
	g.members[m.groupSlot] = moved
	g.members[last] = nil
	g.members = g.members[:last]
	b.members.Add(-1)
	m.left.Store(int32(why))
	m.pending = nil
	m.link.remove(m)
	b.discard(g)
}

func attrConnection(c Conn) slog.Attr { return slog.String("connection_id", c.ID()) }

func attrReason(d departure) slog.Attr { return slog.String("reason", d.String()) }
