package hubs

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/yummyzoom/herald/internal/event"
	"github.com/yummyzoom/herald/internal/signalr"
)

type connectionEstablished struct {
	ConnectionID string    `json:"connectionId"`
	Timestamp    time.Time `json:"timestamp"`
	Message      string    `json:"message"`
}

type errorOccurred struct {
	Type      string    `json:"type"`
	Message   string    `json:"message"`
	Timestamp time.Time `json:"timestamp"`
}

type connectionCount struct {
	ConnectionID    string         `json:"connectionId"`
	Timestamp       time.Time      `json:"timestamp"`
	ConnectionCount int            `json:"connectionCount"`
	Hubs            map[string]int `json:"hubs"`
}

type testReceived struct {
	Timestamp time.Time `json:"timestamp"`
	Message   string    `json:"message"`
	Echo      string    `json:"echo"`
}

// noStats is GetPlatformStats' answer when no statistics were ever set: Herald invents no numbers.
const noStats = "Platform statistics have never been set; herald.set_platform_stats sets them"

// administration registers the admin hub's methods that belong to no group.
func (h *hub) administration() {
	h.OnConnected(h.adminConnected)
	h.OnFailed(func(c *signalr.Conn, text string) {
		// if it cannot be sent, the completion cannot either
		_ = c.SendValues("ErrorOccurred", errorOccurred{"error", text, h.now()})
	})
	signalr.Method0(h.Hub, "GetPlatformStats", h.getPlatformStats)
	signalr.Method0(h.Hub, "GetConnectionCount", h.getConnectionCount)
	signalr.Method1(h.Hub, "SendTestMessage", func(_ context.Context, call *signalr.Call, text string) (any, error) {
		if err := call.Conn.SendValues("ReceiveMessage", text); err != nil {
			return nil, err
		}
		return testReceived{h.now(), "Test received", text}, nil
	})
}

// adminConnected greets an administrator and joins the groups that all administrators are in. The request's role has
// been checked already; it is checked again because this opens the groups.
func (h *hub) adminConnected(ctx context.Context, c *signalr.Conn) error {
	if p := principal(c); p == nil || !p.HasRole(h.cfg.AdminRole) {
		return fmt.Errorf("connecting to the admin hub: %w", signalr.ErrForbidden)
	}
	if err := c.SendValues(
		"ConnectionEstablished", connectionEstablished{c.ID(), h.now(), "Connected to admin hub"},
	); err != nil {
		return err
	}
	for _, kind := range h.row.Groups {
		if !kind.JoinedByAll {
			continue
		}
		if err := h.cfg.Broadcaster.Subscribe(c, kind.Group(uuid.Nil), event.Plain); err != nil {
			return err
		}
	}
	return h.connected(ctx, c)
}

func (h *hub) getPlatformStats(ctx context.Context, _ *signalr.Call) (any, error) {
	stats, _, ok, err := h.cfg.Stats.PlatformStats(ctx)
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, &signalr.HubError{Message: noStats}
	}
	return stats, nil
}

func (h *hub) getConnectionCount(ctx context.Context, call *signalr.Call) (any, error) {
	counts, err := h.cfg.Connections.Connections(ctx)
	if err != nil {
		return nil, err
	}
	total := 0
	for _, n := range counts {
		total += n
	}
	return connectionCount{call.Conn.ID(), h.now(), total, counts}, nil
}

func (h *hub) now() time.Time { return h.cfg.Now().UTC() }
