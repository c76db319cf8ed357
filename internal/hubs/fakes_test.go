package hubs_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"github.com/yummyzoom/herald/internal/auth"
	"github.com/yummyzoom/herald/internal/event"
	"github.com/yummyzoom/herald/internal/eventlog"
	"github.com/yummyzoom/herald/internal/outbox"
	"github.com/yummyzoom/herald/internal/policy"
)

// guard allows the groups that the token lists as permissions, and the admin groups to administrators.
type guard struct {
	mu    sync.Mutex
	err   error
	asked func(event.Group)
}

func (g *guard) set(err error, asked func(event.Group)) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.err, g.asked = err, asked
}

func (g *guard) Authorize(_ context.Context, p *auth.Principal, group event.Group) error {
	g.mu.Lock()
	err, asked := g.err, g.asked
	g.mu.Unlock()
	if asked != nil {
		asked(group)
	}
	switch {
	case err != nil:
		return err
	case p.HasPermission(group.String()), !strings.Contains(group.String(), ":") && p.HasRole("Admin"):
		return nil
	default:
		return policy.ErrForbidden
	}
}

// memory is the log.
type memory struct {
	mu       sync.Mutex
	position int64
	entries  []event.Logged
}

func (m *memory) append(g event.Group, e *event.Event) event.Logged {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.position++
	l := event.Logged{Event: e, Group: g, Position: m.position}
	if e.Type != event.AccessRevoked {
		l.Sequence = int64(len(m.of(g)) + 1)
		m.entries = append(m.entries, l)
	}
	return l
}

func (m *memory) of(g event.Group) (found []event.Logged) {
	for _, l := range m.entries {
		if l.Group == g {
			found = append(found, l)
		}
	}
	return found
}

func (m *memory) Locate(_ context.Context, g event.Group, id uuid.UUID) (int64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, l := range m.of(g) {
		if l.ID == id {
			return l.Sequence, nil
		}
	}
	return 0, eventlog.ErrUnknownEvent
}

func (m *memory) Head(_ context.Context, g event.Group, at int64) (id uuid.UUID, sequence int64, _ error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, l := range m.of(g) {
		if l.Position <= at {
			id, sequence = l.ID, l.Sequence
		}
	}
	return id, sequence, nil
}

func (m *memory) Read(
	_ context.Context, g event.Group, after, upTo int64, limit, _ int,
) (found []event.Logged, _ error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, l := range m.of(g) {
		if l.Sequence > after && l.Position <= upTo && len(found) < limit {
			found = append(found, l)
		}
	}
	return found, nil
}

type statistics struct {
	set atomic.Pointer[outbox.PlatformStats]
}

func (s *statistics) PlatformStats(context.Context) (outbox.PlatformStats, time.Time, bool, error) {
	set := s.set.Load()
	if set == nil {
		return outbox.PlatformStats{}, time.Time{}, false, nil
	}
	return *set, time.Now(), true, nil
}

type counts struct{ away atomic.Bool }

func (c *counts) Connections(context.Context) (map[string]int, error) {
	if c.away.Load() {
		return nil, errAway
	}
	return map[string]int{event.AdminPath: 2, event.CustomerOrdersPath: 40}, nil
}

var errAway = errors.New("the database is away")
