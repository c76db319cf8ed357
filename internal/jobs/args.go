package jobs

import (
	"time"

	"github.com/riverqueue/river"

	"github.com/yummyzoom/herald/internal/outbox"
)

const (
	// eventAttempts is how often an event is tried before it is a dead letter: about seven hours, with River's backoff
	// of attempt⁴ seconds.
	eventAttempts = 10

	// riverAttempts is when River gives up. It then discards the job, and forgets it some days later, so that must not
	// happen. The attempts above eventAttempts are for writing the dead letter, which can fail as well, or be cut off
	// by a crash.
	riverAttempts = 100
)

// retryQueue is the queue of the events that are tried again. Events that have a time do not wait for them, however
// many they are.
const retryQueue = "retries"

// shortSnooze is how long a due event waits while the relay is paused or the database is away. It costs no attempt.
const shortSnooze = time.Second

type sweepArgs struct{}

func (sweepArgs) Kind() string { return "sweep" }

// InsertOpts: a sweep that failed is not repeated, because the next one is a second away.
func (sweepArgs) InsertOpts() river.InsertOpts { return river.InsertOpts{MaxAttempts: 1} }

type deliverScheduledArgs struct {
	outbox.Ref

	DeliverAfter time.Time `json:"deliver_after"`
	// Reason says why an event is delivered later although it did not ask for that.
	Reason string `json:"reason,omitempty"`
}

func (deliverScheduledArgs) Kind() string { return "deliver_scheduled" }

func (deliverScheduledArgs) InsertOpts() river.InsertOpts {
	return river.InsertOpts{MaxAttempts: riverAttempts}
}

type retryEventArgs struct {
	outbox.Ref

	Reason string `json:"reason"`
	// DeliverAfter is the event's own time, where it has one.
	DeliverAfter time.Time `json:"deliver_after,omitzero"`
}

func (retryEventArgs) Kind() string { return "retry_event" }

func (retryEventArgs) InsertOpts() river.InsertOpts {
	return river.InsertOpts{MaxAttempts: riverAttempts, Queue: retryQueue}
}

type statisticsArgs struct{}

func (statisticsArgs) Kind() string { return "statistics" }

// InsertOpts: the next job says what a failed one would have said.
func (statisticsArgs) InsertOpts() river.InsertOpts { return river.InsertOpts{MaxAttempts: 1} }

type partitionsArgs struct{}

func (partitionsArgs) Kind() string { return "partitions" }

// InsertOpts: as for retention.
func (partitionsArgs) InsertOpts() river.InsertOpts { return river.InsertOpts{MaxAttempts: 4} }

type retentionArgs struct{}

func (retentionArgs) Kind() string { return "retention" }

// InsertOpts: where a partition is in use the job is tried again after 1, 16 and 81 s, and then by the next job.
func (retentionArgs) InsertOpts() river.InsertOpts { return river.InsertOpts{MaxAttempts: 4} }

type housekeepingArgs struct{}

func (housekeepingArgs) Kind() string { return "housekeeping" }

func (housekeepingArgs) InsertOpts() river.InsertOpts { return river.InsertOpts{MaxAttempts: 1} }

type selfcheckArgs struct{}

func (selfcheckArgs) Kind() string { return "audit" }

// InsertOpts: the next audit goes on where a failed one has stopped.
func (selfcheckArgs) InsertOpts() river.InsertOpts { return river.InsertOpts{MaxAttempts: 1} }

type reindexArgs struct{}

func (reindexArgs) Kind() string { return "reindex" }

// InsertOpts: the next job is a day away, which is soon enough.
func (reindexArgs) InsertOpts() river.InsertOpts { return river.InsertOpts{MaxAttempts: 1} }
