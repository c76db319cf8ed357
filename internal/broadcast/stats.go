package broadcast

// Where a resume found the events.
const (
	SourceRing = "ring"
	SourceLog  = "log"
)

// Why a member was dropped.
const (
	// DroppedRevoked: the user's grant was revoked.
	DroppedRevoked = "revoked"
	// DroppedQueue: the connection takes no more messages: it is closed, or its queue is full and it is being closed.
	DroppedQueue = "queue"
	// DroppedPending: more live events came than may wait for the end of a replay.
	DroppedPending = "pending"
	// DroppedDrain: the client did not read the replayed events.
	DroppedDrain = "drain"
	// DroppedReset: the log has lost entries, and every client resumes.
	DroppedReset = "reset"
	// DroppedRenumbered: the numbering of a group without events was forgotten, and starts again.
	DroppedRenumbered = "renumbered"
)

// Stats is how much a [Broadcaster] holds at this moment.
type Stats struct {
	RingEntries int64
	RingBytes   int64 // estimated: payloads, encoded messages, and their bookkeeping
	Groups      int64
	Members     int64
}
