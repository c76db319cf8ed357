package jobs

import (
	"errors"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"
	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/outbox"
	"github.com/yummyzoom/herald/internal/relay"
)

// allDue schedules count events and makes them due; the last one published is the first one due. It returns them in
// the order in which they are due, and their jobs in the order in which they were published.
func (b *bundle) allDue(t *testing.T, count int) (events []uuid.UUID, jobs []int64) {
	t.Helper()
	events = make([]uuid.UUID, count)
	for i := range count {
		due := time.Now().Add(time.Hour - time.Duration(i)*time.Second)
		events[count-1-i] = b.cart(t, uuid.New(), &due)
	}
	b.sweep(t)
	b.exec(t, `UPDATE herald.river_job SET state = 'available', scheduled_at = now(),
		args = jsonb_set(args, '{deliver_after}', to_jsonb((args->>'deliver_after')::timestamptz - interval '1 hour')) WHERE kind = 'deliver_scheduled'`)
	jobs = b.waiting(t, "deliver_scheduled")
	require.Len(t, jobs, count)
	return events, jobs
}

func (b *bundle) logged(t *testing.T) []uuid.UUID {
	t.Helper()
	rows, err := b.pool.Query(t.Context(), "SELECT event_id FROM herald.event_log ORDER BY position")
	require.NoError(t, err)
	ids, err := pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
	require.NoError(t, err)
	return ids
}

func TestEventsThatAreDueTogetherAreDeliveredTogether(t *testing.T) {
	t.Parallel()
	b := setup(t)
	events, jobs := b.allDue(t, dueTogether+20)
	last := len(jobs) - 1 // of the event that is due first
	require.NoError(t, b.deliverScheduled(t, jobs[last]))
	logged := b.logged(t)
	require.Len(t, logged, dueTogether+1)
	require.Equal(t, events[0], logged[0])
	require.Equal(t, 1, scan[int](t, b, "SELECT count(DISTINCT relayed_at) FROM herald.event_log"), "in one transaction")
	require.Len(t, b.waiting(t, "deliver_scheduled"), 19)

	rest := b.waiting(t, "deliver_scheduled")
	require.NoError(t, b.deliverScheduled(t, rest[0]))
	require.Empty(t, b.waiting(t, "deliver_scheduled"))
	require.ElementsMatch(t, events, b.logged(t))
	b.agrees(t)
}

func TestEventsThatAreDueTogetherComeInTheOrderOfTheirTimes(t *testing.T) {
	t.Parallel()
	b := setup(t)
	events, jobs := b.allDue(t, 10)
	require.NoError(t, b.deliverScheduled(t, jobs[9]))
	require.Equal(t, events, b.logged(t))
}

// An event that is not due, has been tried, or is being worked, is left to its own job.
func TestOnlyWhatIsDueIsTakenAlong(t *testing.T) {
	t.Parallel()
	b := setup(t)
	_, jobs := b.allDue(t, 5)
	b.exec(t, "UPDATE herald.river_job SET args = jsonb_set(args, '{deliver_after}', to_jsonb(now() + interval '1 minute')) WHERE id = $1", jobs[0])
	b.exec(t, "UPDATE herald.river_job SET errors = ARRAY['{}'::jsonb] WHERE id = $1", jobs[1])
	b.exec(t, "UPDATE herald.river_job SET state = 'running' WHERE id = $1", jobs[2])
	require.NoError(t, b.deliverScheduled(t, jobs[4]))
	require.Equal(t, jobs[:3], b.waiting(t, "deliver_scheduled"))
	require.Equal(t, "completed", b.state(t, jobs[3]))
	require.Len(t, b.logged(t), 2)
}

// An event that cannot be delivered does not affect the others.
func TestOneOfTheEventsThatAreDueTogetherIsGone(t *testing.T) {
	t.Parallel()
	b := setup(t)
	events, jobs := b.allDue(t, 3)
	b.exec(t, "DELETE FROM herald.outbox WHERE event_id = $1", events[1])
	require.NoError(t, b.deliverScheduled(t, jobs[2]))
	require.Equal(t, events[:1], b.logged(t))
	require.Equal(t, jobs[:2], b.waiting(t, "deliver_scheduled"))
	require.NoError(t, b.deliverScheduled(t, jobs[1]))
	require.Equal(t, "dead", b.status(t, events[1]).Status)
	require.Contains(t, b.status(t, events[1]).Detail, outbox.ErrRowGone.Error())
	require.NoError(t, b.deliverScheduled(t, jobs[0]))
	require.Equal(t, []uuid.UUID{events[0], events[2]}, b.logged(t))
}

// While the relay is paused no other job is touched: it would have to be given back.
func TestNothingIsTakenAlongWhileTheRelayIsPaused(t *testing.T) {
	t.Parallel()
	b := setup(t)
	events, jobs := b.allDue(t, 3)
	_, err := relay.Pause(t.Context(), b.pool, "somebody")
	require.NoError(t, err)
	_, snoozed := errors.AsType[*river.JobSnoozeError](b.deliverScheduled(t, jobs[2]))
	require.True(t, snoozed)
	require.Zero(t,
		scan[int](t, b, "SELECT count(*) FROM herald.river_job WHERE id = ANY ($1) AND xmax <> '0'", jobs[:2]))
	_, err = relay.Resume(t.Context(), b.pool)
	require.NoError(t, err)
	require.NoError(t, b.deliverScheduled(t, jobs[2]))
	require.Equal(t, events, b.logged(t))
}
