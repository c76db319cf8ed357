package broadcast

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"github.com/yummyzoom/herald/internal/event"
	"github.com/yummyzoom/herald/internal/eventlog"
	"github.com/yummyzoom/herald/internal/signalr"
)

type user string

func (u user) ID() string         { return string(u) }
func (user) ExpiresAt() time.Time { return time.Time{} }

// messages remembers the content of each message.
type messages struct {
	built sync.Map // *signalr.Message → content
	count atomic.Int64
}

type content struct {
	event.Logged
	shape event.Shape
}

func (ms *messages) build(l event.Logged, shape event.Shape) (*signalr.Message, error) {
	m, err := buildMessage(l, shape)
	if err == nil {
		ms.count.Add(1)
		ms.built.Store(m, content{l, shape})
	}
	return m, err
}

func (ms *messages) of(m *signalr.Message) content {
	c, _ := ms.built.Load(m)
	return c.(content)
}

// client is a connection whose queue the test empties.
type client struct {
	id   string
	user user
	ctx  context.Context
	end  context.CancelFunc

	messages *messages
	received func(content) // under the sender's locks
	waiting  func()        // called by WaitQueue without a lock
	limit    int

	mu     sync.Mutex
	stuck  bool // the client reads nothing
	queued int
	room   chan struct{}
	closed string
	got    []content
}

func newClient(ms *messages, id string, u user) *client {
	c := &client{id: id, user: u, messages: ms, limit: 1 << 20, room: make(chan struct{})}
	c.ctx, c.end = context.WithCancel(context.Background())
	return c
}

var errClosed = errors.New("closed")

func (c *client) ID() string               { return c.id }
func (c *client) User() signalr.User       { return c.user }
func (c *client) Context() context.Context { return c.ctx }

func (c *client) Send(m *signalr.Message) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed != "" {
		return errClosed
	}
	if c.queued > 0 && c.queued+m.Size() > c.limit {
		c.closed = "queue is full"
		c.end()
		return signalr.ErrQueueFull
	}
	if c.stuck {
		c.queued += m.Size()
	}
	content := c.messages.of(m)
	c.got = append(c.got, content)
	if c.received != nil {
		c.received(content)
	}
	return nil
}

// Queue is Send: the client receives all that is in its queue. Other tests count the calls of Flush.
func (c *client) Queue(m *signalr.Message) (flush bool, err error) { return true, c.Send(m) }

func (c *client) Flush() {}

func (c *client) WaitQueue(ctx context.Context, below int) error {
	if c.waiting != nil {
		c.waiting()
	}
	for {
		c.mu.Lock()
		room, queued, closed := c.room, c.queued, c.closed
		c.mu.Unlock()
		switch {
		case closed != "":
			return errClosed
		case queued == 0 || queued < below:
			return nil
		}
		select {
		case <-room:
		case <-c.ctx.Done():
			return errClosed
		case <-ctx.Done():
			return fmt.Errorf("waiting: %w", context.Cause(ctx))
		}
	}
}

func (c *client) setStuck(stuck bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stuck = stuck; !stuck {
		c.queued = 0
		close(c.room)
		c.room = make(chan struct{})
	}
}

func (c *client) CloseFor(_ signalr.CloseReason, reason string, _ bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed == "" {
		c.closed = reason
		c.end()
	}
}

func (c *client) closeReason() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.closed
}

func (c *client) sequences(g event.Group) []int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := []int64{}
	for _, m := range c.got {
		if m.Group == g {
			s = append(s, m.Sequence)
		}
	}
	return s
}

// eventLog is a log in memory, of which the broadcaster has seen a part.
type eventLog struct {
	mu      sync.Mutex
	entries []event.Logged
	groups  map[event.Group][]event.Logged // without revocations
	cut     map[event.Group]int64          // sequences up to which the retention has dropped the group's entries
	between func(call string) error        // before each read, without a lock
	reads   int
}

func newEventLog() *eventLog {
	return &eventLog{groups: map[event.Group][]event.Logged{}, cut: map[event.Group]int64{}}
}

var (
	cartID     = uuid.MustParse("11111111-1111-4111-8111-111111111111")
	orderID    = uuid.MustParse("22222222-2222-4222-8222-222222222222")
	cartGroup  = event.TeamCartGroup(cartID)
	orderGroup = event.OrderGroup(orderID)
)

// publish appends an event for g and returns it.
func (h *eventLog) publish(g event.Group) event.Logged { return h.publishPadded(g, 0) }

func (h *eventLog) publishPadded(g event.Group, padding int) event.Logged {
	e := &event.Event{ID: uuid.New(), OccurredOn: time.Unix(1700000000, 0), Payload: json.RawMessage(`{}`)}
	switch g.Kind() {
	case "teamcart":
		e.Type, e.ResourceID = event.CartUpdated, cartID
		if padding > 0 {
			e.Type = event.CartPaymentEvent
			e.Payload = fmt.Appendf(nil, `{"userId":"u","status":"%0*d"}`, padding, 0)
		}
	case "order":
		e.Type, e.ResourceID, e.Audience = event.OrderStatusChanged, orderID, event.Customer
		e.Payload = fmt.Appendf(nil, `{"orderNumber":"YZ-%0*d","status":"Preparing"}`, padding, 0)
	default:
		e.Type = event.SystemAlert
		e.Payload = fmt.Appendf(nil, `{"type":"info","message":"%0*d"}`, padding, 0)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	l := event.Logged{
		Event: e, Group: g, Position: int64(len(h.entries) + 1), Sequence: int64(len(h.groups[g]) + 1),
	}
	h.entries = append(h.entries, l)
	h.groups[g] = append(h.groups[g], l)
	return l
}

// revoke appends a revocation of u's access to g, which must be an order's or a cart's.
func (h *eventLog) revoke(g event.Group, u user) event.Logged {
	policy, id := event.MustBeOrderOwner, orderID
	if g.Kind() == "teamcart" {
		policy, id = event.MustBeTeamCartMember, cartID
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	l := event.Logged{Event: &event.Event{
		ID: uuid.New(), Type: event.AccessRevoked, ResourceID: id,
		Payload: fmt.Appendf(nil, `{"policy":%q,"userId":%q}`, policy, u),
	}, Group: g, Position: int64(len(h.entries) + 1)}
	h.entries = append(h.entries, l)
	return l
}

// truncate loses the entries behind position.
func (h *eventLog) truncate(position int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.entries = h.entries[:position:position]
	for g, entries := range h.groups {
		h.groups[g] = slices.DeleteFunc(
			slices.Clone(entries), func(l event.Logged) bool { return l.Position > int64(position) },
		)
	}
}

func (h *eventLog) step(call string) error {
	if h.between != nil {
		return h.between(call)
	}
	return nil
}

func (h *eventLog) Locate(_ context.Context, g event.Group, id uuid.UUID) (int64, error) {
	if err := h.step("locate"); err != nil {
		return 0, err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.reads++
	for _, l := range h.groups[g] {
		if l.ID == id && l.Sequence > h.cut[g] && !l.Doubtful {
			return l.Sequence, nil
		}
	}
	return 0, eventlog.ErrUnknownEvent
}

func (h *eventLog) Head(_ context.Context, g event.Group, at int64) (id uuid.UUID, sequence int64, err error) {
	if err := h.step("head"); err != nil {
		return uuid.Nil, 0, err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.reads++
	for _, l := range h.groups[g] {
		if l.Position > at {
			break
		}
		if sequence = l.Sequence; sequence > h.cut[g] {
			id = l.ID
		}
	}
	return id, sequence, nil
}

func (h *eventLog) Read(
	_ context.Context, g event.Group, after, upTo int64, limit, maxBytes int,
) ([]event.Logged, error) {
	if err := h.step("read"); err != nil {
		return nil, err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.reads++
	var out []event.Logged
	for _, l := range h.groups[g] {
		if l.Sequence <= max(after, h.cut[g]) || l.Position > upTo {
			continue
		}
		if maxBytes -= len(l.Payload); len(out) == limit || maxBytes < 0 && len(out) > 0 {
			break
		}
		out = append(out, l)
	}
	return out, nil
}

func discard() *slog.Logger { return slog.New(slog.DiscardHandler) }
