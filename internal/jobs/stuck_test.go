package jobs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/riverqueue/river"
	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/event"
	"github.com/yummyzoom/herald/internal/nodes"
	"github.com/yummyzoom/herald/internal/outbox"
)

func TestEventWhoseAttemptWasLostIsDeliveredAgainThoughItsNodeLives(t *testing.T) {
	t.Parallel()
	b := setup(t)
	due := time.Now().Add(time.Hour)
	id := b.cart(t, uuid.New(), &due)
	b.sweep(t)
	job := b.waiting(t, "deliver_scheduled")[0]
	b.makeDue(t, job)
	attempted := func(before time.Duration) int64 {
		var journal nodes.Journal
		_, err := nodes.New(b.pool, nodeID).Heartbeat(t.Context(), "host", "v1", &journal, nil)
		require.NoError(t, err)
		// The node stays alive while this test looks, however long that takes.
		b.exec(t, "UPDATE herald.node SET heartbeat_at = heartbeat_at + interval '1 hour'")
		b.exec(t, `UPDATE herald.river_job SET state = 'running', attempt = 1, attempted_by = ARRAY[$3::text],
			attempted_at = now() - make_interval(secs => $2) WHERE id = $1`, job, before.Seconds(), nodeID.String())
		promoted, err := promoteDue(t.Context(), b.pool)
		require.NoError(t, err)
		return promoted
	}
	require.Zero(t, attempted(stuckAfter-time.Second), "its worker may still be at it")
	require.Equal(t, int64(1), attempted(stuckAfter+time.Second))
	require.NoError(t, b.deliverScheduled(t, job))
	require.Equal(t, "relayed", b.status(t, id).Status)
}

// A database that is away is not the event's fault: the job is there again a second later, with all its attempts,
// however often that happens.
func TestADatabaseThatIsAwayCostsAnEventNoAttempt(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]func(t *testing.T, b *bundle) (mend func()){
		"a statement is cancelled": func(t *testing.T, b *bundle) func() {
			t.Helper()
			b.exec(t, "CREATE FUNCTION herald.fault() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE SQLSTATE '57014'; END $$")
			b.exec(t, "CREATE TRIGGER fault BEFORE INSERT ON herald.relayed_event EXECUTE FUNCTION herald.fault()")
			return func() { b.exec(t, "DROP TRIGGER fault ON herald.relayed_event") }
		},
		"the connection breaks": func(t *testing.T, b *bundle) func() {
			t.Helper()
			b.exec(t, "CREATE FUNCTION herald.fault() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NULL; END $$")
			b.exec(t, "CREATE TRIGGER fault AFTER INSERT ON herald.relayed_event EXECUTE FUNCTION herald.fault()")
			return func() { b.exec(t, "DROP TRIGGER fault ON herald.relayed_event") }
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
			mend := fault(t, b)
			for attempt := range eventAttempts + 2 {
				err := work(t, b, &deliverScheduledWorker{pool: b.pool, nodeID: nodeID}, job, attempt+1)
				_, snoozed := errors.AsType[*river.JobSnoozeError](err)
				require.True(t, snoozed, "%v", err)
			}
			require.Zero(t, scan[int](t, b, "SELECT count(*) FROM herald.dead_letter"))
			mend()
			require.NoError(t, b.deliverScheduled(t, job))
			require.Equal(t, "relayed", b.status(t, id).Status)
		})
	}
}

func TestWhatIsTheDatabasesFaultAndWhatIsTheEvents(t *testing.T) {
	t.Parallel()
	for err, want := range map[error]bool{
		io.ErrUnexpectedEOF:                              true,
		context.DeadlineExceeded:                         true,
		&pgconn.PgError{Code: "57P01"}:                   true,
		&pgconn.PgError{Code: "23514"}:                   false,
		outbox.ErrRowGone:                                false,
		&event.UndeliverableError{Reason: "of a reason"}: false,
	} {
		require.Equal(t, want, passing(fmt.Errorf("deliver_scheduled: %w", err)), "%v", err)
	}
}
