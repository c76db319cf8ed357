package jobs

import (
	"errors"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/riverqueue/river"
	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/event"
	"github.com/yummyzoom/herald/internal/outbox"
)

// Acceptance: A-333.
func TestScheduledEventIsDeliveredAtItsTime(t *testing.T) {
	t.Parallel()
	b := setup(t)
	due := time.Now().Add(time.Hour)
	scheduled := b.cart(t, uuid.New(), &due)
	behind := b.cart(t, uuid.New(), nil)
	b.sweep(t)
	require.Equal(t, "scheduled", b.status(t, scheduled).Status)
	require.Equal(t, int64(1), b.status(t, behind).Sequence, "nobody waits for it")

	jobs := b.waiting(t, "deliver_scheduled")
	require.Len(t, jobs, 1)
	require.WithinDuration(t, due.Add(-promotionInterval),
		scan[time.Time](t, b, "SELECT scheduled_at FROM herald.river_job WHERE id = $1", jobs[0]), time.Millisecond)

	err := b.deliverScheduled(t, jobs[0])
	snooze, ok := errors.AsType[*river.JobSnoozeError](err)
	require.True(t, ok, "%v", err)
	require.InDelta(t, time.Hour, snooze.Duration, float64(time.Minute), "it sleeps exactly as long as it is early")
	require.Equal(t, "scheduled", b.status(t, scheduled).Status, "never before its time")

	b.makeDue(t, jobs[0])
	require.NoError(t, b.deliverScheduled(t, jobs[0]))
	require.Equal(t, int64(2), b.status(t, scheduled).Sequence)
	require.Equal(t, "completed", b.state(t, jobs[0]))
}

func TestScheduledEventThatIsPublishedTwiceIsDeliveredOnce(t *testing.T) {
	t.Parallel()
	for name, again := range map[string]time.Duration{"at the same time": time.Hour, "later": 2 * time.Hour} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			id := uuid.New()
			due, second := time.Now().Add(time.Hour), time.Now().Add(again)
			b.cart(t, id, &due)
			b.cart(t, id, &second)
			b.sweep(t)
			for _, job := range b.waiting(t, "deliver_scheduled") {
				b.makeDue(t, job)
				require.NoError(t, b.deliverScheduled(t, job))
				require.Equal(t, "completed", b.state(t, job))
			}
			b.cart(t, id, &due)
			b.sweep(t)
			require.Empty(t, b.waiting(t, "deliver_scheduled"), "what is in the log is not scheduled again")
			require.Equal(t, int64(1), b.status(t, id).Sequence)
			require.Equal(t, 1, scan[int](t, b, "SELECT count(*) FROM herald.event_log"))
		})
	}
}

func TestScheduledEventThatIsPublishedAtOnceMeanwhile(t *testing.T) {
	t.Parallel()
	b := setup(t)
	id := uuid.New()
	due := time.Now().Add(time.Hour)
	b.cart(t, id, &due)
	b.sweep(t)
	b.cart(t, id, nil)
	b.sweep(t)
	require.Equal(t, "relayed", b.status(t, id).Status)
	job := b.waiting(t, "deliver_scheduled")[0]
	b.makeDue(t, job)
	require.NoError(t, b.deliverScheduled(t, job))
	require.Equal(t, 1, scan[int](t, b, "SELECT count(*) FROM herald.event_log"))
}

func TestEventOfAnUnknownTypeBlocksNobodyAndEndsAsADeadLetter(t *testing.T) {
	t.Parallel()
	b := setup(t)
	poison := b.newer(t, nil)
	behind := b.cart(t, uuid.New(), nil)
	b.sweep(t)
	require.Equal(t, int64(1), b.status(t, behind).Position, "the event behind it is relayed")
	require.Equal(t, "retrying", b.status(t, poison).Status)

	jobs := b.waiting(t, "retry_event")
	require.Len(t, jobs, 1)
	require.Greater(t, scan[time.Time](t, b, "SELECT scheduled_at FROM herald.river_job WHERE id = $1", jobs[0]),
		time.Now(), "after a rest")
	const reason = `unknown event_type "OrderSplit"`
	require.Equal(t, "event "+poison.String()+" cannot be delivered: "+reason,
		scan[string](t, b, "SELECT args->>'reason' FROM herald.river_job WHERE id = $1", jobs[0]))

	for attempt := 1; attempt < eventAttempts; attempt++ {
		err := b.retryEvent(t, jobs[0], attempt)
		undeliverable, ok := errors.AsType[*event.UndeliverableError](err)
		require.True(t, ok, "River tries again: %v", err)
		require.Equal(t, reason, undeliverable.Reason)
		require.Equal(t, "retrying", b.status(t, poison).Status)
	}
	require.NoError(t, b.retryEvent(t, jobs[0], eventAttempts))
	require.Equal(t, "completed", b.state(t, jobs[0]))
	require.Equal(t, "dead", b.status(t, poison).Status)
	require.Contains(t, b.status(t, poison).Detail, reason)
	require.Equal(t, eventAttempts, scan[int](t, b, "SELECT attempts FROM herald.dead_letter"))
	require.Equal(t, int64(1), scan[int64](t, b, "SELECT position FROM herald.relay_state"))
}

// An event that cannot mend itself is not tried again: it is a dead letter in the transaction that takes it out of
// the outbox, and no job.
func TestEventThatDoesNotFitIsADeadLetterAtOnce(t *testing.T) {
	t.Parallel()
	b := setup(t)
	unfit := b.past(t, "OrderPlaced", `{"status": "Placed"}`, nil)
	behind := b.cart(t, uuid.New(), nil)
	b.sweep(t)
	require.Equal(t, int64(1), b.status(t, behind).Position, "the event behind it is relayed")
	found := b.status(t, unfit)
	require.Equal(t, "dead", found.Status)
	require.Contains(t, found.Detail, "payload: orderNumber is missing")
	require.Zero(t, found.Attempts)
	require.Zero(t, scan[int](t, b, "SELECT count(*) FROM herald.river_job"))

	b.exec(t, `UPDATE herald.outbox SET payload = payload || '{"orderNumber": "YZ-1"}'`)
	require.NoError(t, b.deadLetters(t).Retry(t.Context(), unfit, "ops"))
	require.NoError(t, b.retryEvent(t, b.waiting(t, "retry_event")[0], 1))
	require.Equal(t, "relayed", b.status(t, unfit).Status, "who has mended it has it tried again")
}

// An event that has a time and does not fit is not kept until then.
func TestScheduledEventThatDoesNotFitIsADeadLetterAtOnce(t *testing.T) {
	t.Parallel()
	b := setup(t)
	due := time.Now().Add(time.Hour)
	unfit := b.past(t, "OrderPlaced", `{}`, &due)
	b.sweep(t)
	require.Equal(t, "dead", b.status(t, unfit).Status)
}

// An event that fits when it is scheduled may no longer fit when it is due: it is not tried again, either.
func TestEventThatHasBecomeUnfitIsADeadLetterAtOnce(t *testing.T) {
	t.Parallel()
	b := setup(t)
	id := b.newer(t, nil)
	b.sweep(t)
	job := b.waiting(t, "retry_event")[0]
	b.exec(t, "UPDATE herald.outbox SET event_type = 'OrderPlaced', occurred_on_utc = 'infinity'")
	require.NoError(t, b.retryEvent(t, job, 1))
	require.Equal(t, "dead", b.status(t, id).Status)
	require.Contains(t, b.status(t, id).Detail, "occurred_on_utc is not a time")
}

// A rolling upgrade: the node that set the event aside did not know its type, the node that tries again does.
func TestEventThatHasBecomeDeliverable(t *testing.T) {
	t.Parallel()
	b := setup(t)
	id := b.newer(t, nil)
	b.sweep(t)
	job := b.waiting(t, "retry_event")[0]
	require.Error(t, b.retryEvent(t, job, 1))
	b.exec(t, "UPDATE herald.outbox SET event_type = 'OrderStatusChanged'")
	require.NoError(t, b.retryEvent(t, job, 2))
	require.Equal(t, "relayed", b.status(t, id).Status)
	require.Equal(t, "completed", b.state(t, job))
	require.Zero(t, scan[int](t, b, "SELECT count(*) FROM herald.dead_letter"))
}

func TestUndeliverableEventIsNotRetriedBeforeItsTime(t *testing.T) {
	t.Parallel()
	b := setup(t)
	due := time.Now().Add(time.Hour)
	b.newer(t, &due)
	b.sweep(t)
	require.WithinDuration(t, due,
		scan[time.Time](t, b, "SELECT scheduled_at FROM herald.river_job WHERE kind = 'retry_event'"), time.Millisecond)
}

func TestEventOlderThanTheRetentionIsADeadLetterAtOnce(t *testing.T) {
	t.Parallel()
	b := setup(t)
	due := time.Now().Add(time.Hour)
	id := b.cart(t, uuid.New(), &due)
	b.sweep(t)
	b.exec(t, "DELETE FROM herald.outbox")
	job := b.waiting(t, "deliver_scheduled")[0]
	b.makeDue(t, job)
	require.NoError(t, b.deliverScheduled(t, job))
	require.Equal(t, "completed", b.state(t, job))
	require.Equal(t, "dead", b.status(t, id).Status)
	require.Contains(t, b.status(t, id).Detail, outbox.ErrRowGone.Error())
}

// A worker that dies at any point leaves the event in the log with a completed job, or in neither state with a job
// that is worked again.
func TestLogEntryAndCompletionAreOneTransaction(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]struct{ inject, mend string }{
		"the job cannot be completed": {
			"ALTER TABLE herald.river_job ADD CONSTRAINT fault CHECK (state <> 'completed')",
			"ALTER TABLE herald.river_job DROP CONSTRAINT fault",
		},
		"the entry cannot be written": {
			"ALTER TABLE herald.relayed_event ADD CONSTRAINT fault CHECK (false)",
			"ALTER TABLE herald.relayed_event DROP CONSTRAINT fault",
		},
		"both are written and the commit fails": {
			`CREATE FUNCTION herald.fault() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'fault'; END $$;
			CREATE CONSTRAINT TRIGGER fault AFTER INSERT ON herald.relayed_event DEFERRABLE INITIALLY DEFERRED
				FOR EACH ROW EXECUTE FUNCTION herald.fault()`,
			"DROP FUNCTION herald.fault() CASCADE",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			due := time.Now().Add(time.Hour)
			id := b.cart(t, uuid.New(), &due)
			b.sweep(t)
			job := b.waiting(t, "deliver_scheduled")[0]
			b.makeDue(t, job)
			b.exec(t, fault.inject)
			require.ErrorContains(t, b.deliverScheduled(t, job), "fault")
			require.Equal(t, "running", b.state(t, job))
			require.Equal(t, "scheduled", b.status(t, id).Status)
			require.Zero(t, scan[int64](t, b, "SELECT position FROM herald.relay_state"))

			b.exec(t, fault.mend)
			require.NoError(t, b.deliverScheduled(t, job))
			require.Equal(t, "completed", b.state(t, job))
			require.Equal(t, int64(1), b.status(t, id).Sequence)
		})
	}
}

// River discards a job whose last attempt fails or is cut off by a crash. The event must not be lost with it: River
// is given more attempts than the event gets, so that burying is tried again, too.
func TestDeadLetterThatCannotBeWrittenIsTriedAgain(t *testing.T) {
	t.Parallel()
	b := setup(t)
	id := b.newer(t, nil)
	b.sweep(t)
	job := b.waiting(t, "retry_event")[0]
	b.exec(t, "ALTER TABLE herald.dead_letter ADD CONSTRAINT fault CHECK (false)")
	require.ErrorContains(t, b.retryEvent(t, job, eventAttempts), "fault")
	require.Greater(t, scan[int](t, b, "SELECT max_attempts FROM herald.river_job WHERE id = $1", job), eventAttempts)
	b.exec(t, "ALTER TABLE herald.dead_letter DROP CONSTRAINT fault")
	require.NoError(t, b.retryEvent(t, job, eventAttempts+1))
	require.Equal(t, "dead", b.status(t, id).Status)
}
