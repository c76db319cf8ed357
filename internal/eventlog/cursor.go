package eventlog

import "github.com/google/uuid"

// Kind says how to read a [Cursor].
type Kind int

// The kinds of cursors.
const (
	// Live joins from now on and replays nothing.
	Live Kind = iota
	// Beginning replays all that the log retains of the group.
	Beginning
	// After replays the events behind EventID.
	After
)

// Cursor says what a client has of a group: the last event that it processed, or nothing.
type Cursor struct {
	Kind    Kind
	EventID uuid.UUID // of After, else uuid.Nil
}
