package broadcast

import "time"

// Observer receives what is worth counting, from many goroutines. It must neither block nor call the Broadcaster.
type Observer interface {
	// Broadcasted: a batch of so many log entries became so many messages in connections' queues.
	Broadcasted(entries, messages int)
	// Resumed: a client was joined. Source is [SourceRing] or [SourceLog].
	Resumed(status, source string, replayed int, took time.Duration)
	// Dropped: a member left a group for another reason than its own wish, one of the Dropped… constants.
	Dropped(reason string)
	// Undeliverable: an entry of the log could not be encoded and was passed over.
	Undeliverable()
}

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
	// DroppedReset: the log has lost entries, and everybody resumes.
	DroppedReset = "reset"
	// DroppedRenumbered: the numbering of a group without events was forgotten, and begins anew.
	DroppedRenumbered = "renumbered"
)

type noObserver struct{}

func (noObserver) Broadcasted(int, int)                       {}
func (noObserver) Resumed(string, string, int, time.Duration) {}
func (noObserver) Dropped(string)                             {}
func (noObserver) Undeliverable()                             {}

// Stats is how much a [Broadcaster] holds at this moment.
type Stats struct {
	RingEntries int64
	RingBytes   int64 // estimated: payloads, encoded messages, and their bookkeeping
	Groups      int64
	Members     int64
}
