package app

import (
	"context"
	"errors"

	"github.com/google/uuid"

	"github.com/yummyzoom/herald/internal/broadcast"
	"github.com/yummyzoom/herald/internal/event"
	"github.com/yummyzoom/herald/internal/eventlog"
)

// history is the log as the broadcaster knows it.
type history struct{ *eventlog.Reader }

// Locate translates the log's answer for an event that it does not hold.
func (h history) Locate(ctx context.Context, group event.Group, eventID uuid.UUID) (int64, error) {
	sequence, err := h.Reader.Locate(ctx, group, eventID)
	if errors.Is(err, eventlog.ErrUnknownEvent) {
		return 0, broadcast.ErrUnknownEvent
	}
	return sequence, err
}
