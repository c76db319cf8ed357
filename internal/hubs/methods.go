package hubs

import (
	"context"

	"github.com/google/uuid"

	"github.com/yummyzoom/herald/internal/event"
	"github.com/yummyzoom/herald/internal/signalr"
)

// joinable registers the methods of a kind of groups.
func (h *hub) joinable(kind *event.GroupKind) {
	switch {
	case kind.Resource == "":
		h.only(kind)
	case kind.Cursor:
		h.subscribable(kind)
		h.resumableWithCursor(kind)
	default:
		h.subscribable(kind)
		h.resumable(kind)
	}
}

// only registers the methods of a kind that has one group.
func (h *hub) only(kind *event.GroupKind) {
	g := kind.Group(uuid.Nil)
	signalr.Method1(h.Hub, kind.ResumeMethod(), func(ctx context.Context, call *signalr.Call, last *ID) (any, error) {
		return nil, h.resume(ctx, call, g, cursor(last), event.Plain)
	})
	if kind.JoinedByAll {
		return
	}
	signalr.Method0(h.Hub, kind.SubscribeMethod(), func(ctx context.Context, call *signalr.Call) (any, error) {
		return nil, h.subscribe(ctx, call, g)
	})
	signalr.Method0(h.Hub, kind.UnsubscribeMethod(), func(_ context.Context, call *signalr.Call) (any, error) {
		h.cfg.Broadcaster.Unsubscribe(call.Conn, g)
		return nil, nil
	})
}

func (h *hub) subscribable(kind *event.GroupKind) {
	signalr.Method1(h.Hub, kind.SubscribeMethod(), func(ctx context.Context, call *signalr.Call, id ID) (any, error) {
		return nil, h.subscribe(ctx, call, kind.Group(uuid.UUID(id)))
	})
	signalr.Method1(h.Hub, kind.UnsubscribeMethod(), func(_ context.Context, call *signalr.Call, id ID) (any, error) {
		h.cfg.Broadcaster.Unsubscribe(call.Conn, kind.Group(uuid.UUID(id)))
		return nil, nil
	})
}

func (h *hub) resumable(kind *event.GroupKind) {
	signalr.Method2(
		h.Hub,
		kind.ResumeMethod(),
		func(ctx context.Context, call *signalr.Call, id ID, last *ID) (any, error) {
			return nil, h.resume(ctx, call, kind.Group(uuid.UUID(id)), cursor(last), event.Plain)
		},
	)
}

// resumableWithCursor is resumable for events with positional arguments. A .NET or Java client silently drops an
// event that has one argument more than its typed handler, and handlers follow the published documents. So only a
// client that asks for it gets the cursor as a trailing argument.
func (h *hub) resumableWithCursor(kind *event.GroupKind) {
	signalr.Method3(
		h.Hub,
		kind.ResumeMethod(),
		func(ctx context.Context, call *signalr.Call, id ID, last *ID, withCursor signalr.Optional[*bool]) (any, error) {
			shape := event.Plain
			if asked := withCursor.Value; asked != nil && *asked {
				shape = event.WithCursor
			}
			return nil, h.resume(ctx, call, kind.Group(uuid.UUID(id)), cursor(last), shape)
		},
	)
}
