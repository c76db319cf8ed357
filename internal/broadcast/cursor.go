package broadcast

import (
	"github.com/google/uuid"

	"github.com/yummyzoom/herald/internal/event"
)

// Kind says how a [Cursor] is to be read.
type Kind int

// The kinds of cursors.
const (
	// Live joins from now on and replays nothing.
	Live Kind = iota
	// Beginning replays all that the log retains of the group.
	Beginning
	// After replays what follows EventID.
	After
)

// Cursor says what a client has of a group: the last event that it processed, or nothing.
type Cursor struct {
	Kind    Kind
	EventID uuid.UUID // of After, else uuid.Nil
}

// The values of [Result].Status.
const (
	Resumed = event.Resumed
	Gap     = event.Gap
)

// Result is what a resume returns to the client.
type Result struct {
	Status   string `json:"status"`
	Replayed int    `json:"replayed"` // events that this call sent
	// LastEventID and Sequence are the newest event of the group at the moment of joining, or uuid.Nil where the log holds none of
	// the group, with the sequence of the last one that it held, 0 for none: the client's cursor from here on.
	LastEventID uuid.UUID `json:"lastEventId"`
	Sequence    int64     `json:"sequence"`
}
