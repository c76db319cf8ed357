package broadcast

import (
	"context"
	"slices"

	"github.com/yummyzoom/herald/internal/event"
)

// Admission is taken before a permission is checked and spent when the connection joins. If access has been revoked
// between the two, joining returns [ErrStale]: the answer of the check may be older than the revocation, which found
// no member to remove. A revocation after the join finds the member.
type Admission struct {
	b           *Broadcaster
	group       event.Group
	revocations uint64
}

// Admit returns an Admission to g. It is cheap and checks no permission: the caller does that next.
func (b *Broadcaster) Admit(g event.Group) Admission {
	s := b.shard(g)
	s.mu.Lock()
	defer s.mu.Unlock()
	return Admission{b: b, group: g, revocations: s.revocations}
}

// Subscribe joins c to g, live from now on. Joining a second time only changes the shape to the new one. It fails
// with [ErrTooManySubscriptions] or [ErrDisconnected].
func (b *Broadcaster) Subscribe(c Conn, g event.Group, shape event.Shape) error {
	for {
		if err := b.Admit(g).Subscribe(c, shape); err != ErrStale { //nolint:errorlint // never wrapped
			return err
		}
	}
}

// Subscribe is [Broadcaster.Subscribe], or [ErrStale].
func (a Admission) Subscribe(c Conn, shape event.Shape) error {
	return a.b.settle(c, a.subscribe(a.b.link(c), shape))
}

func (a Admission) subscribe(l *link, shape event.Shape) error {
	s := a.b.shard(a.group)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.revocations != a.revocations {
		return ErrStale
	}
	g := a.b.group(s, a.group)
	if m := l.find(g); m != nil {
		m.shape = shape
		return nil
	}
	_, err := a.b.add(l, g, shape)
	return err
}

// Unsubscribe removes c from g, if it is a member.
func (b *Broadcaster) Unsubscribe(c Conn, g event.Group) {
	l := b.known(c)
	if l == nil {
		return
	}
	s := b.shard(g)
	s.mu.Lock()
	defer s.mu.Unlock()
	if g := s.groups[g]; g != nil {
		if m := l.find(g); m != nil {
			b.remove(m, leftByItself)
		}
	}
}

// revoke removes the user's connections from the group, and makes Admissions that are being checked stale.
func (b *Broadcaster) revoke(ctx context.Context, l event.Logged, out *outcome) {
	s := b.shard(l.Group)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.revocations++
	g := s.groups[l.Group]
	if g == nil {
		return
	}
	g.handled = l.Position
	r, err := l.Revocation()
	why := leftRevoked
	if err != nil {
		// The entry does not say whose access was revoked, so every member has to ask again.
		b.undeliverable(ctx, l, err)
		why = leftUnreadable
	}
	out.group, out.revoked = l.Group, r.UserID
	for _, m := range slices.Backward(g.members) { // each removal moves the last member into the gap
		if err != nil || m.conn.User().ID() == r.UserID {
			b.remove(m, why)
			out.dropped = append(out.dropped, drop{m.conn, why})
		}
	}
}
