package broadcast

import (
	"github.com/google/uuid"

	"github.com/yummyzoom/herald/internal/event"
)

// The values of [Result].Status.
const (
	Resumed = event.Resumed
	Gap     = event.Gap
)

// Result is what a resume returns to the client.
type Result struct {
	Status   string `json:"status"`
	Replayed int    `json:"replayed"` // events that this call sent
	// LastEventID and Sequence are the newest event of the group at the moment of joining: the client's cursor from
	// here on. If the log holds no event of the group, LastEventID is uuid.Nil and Sequence that of the last event that
	// it held, 0 for none.
	LastEventID uuid.UUID `json:"lastEventId"`
	Sequence    int64     `json:"sequence"`
}
