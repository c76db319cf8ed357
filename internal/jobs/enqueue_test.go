package jobs

import (
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/nodes"
)

func (b *bundle) enqueued(t *testing.T) int64 {
	t.Helper()
	n, err := b.jobs.enqueue(t.Context())
	require.NoError(t, err)
	return n
}

// workAll ends the waiting jobs, as workers would.
func (b *bundle) workAll(t *testing.T) {
	t.Helper()
	b.exec(t, "UPDATE herald.river_job SET state = 'completed', finalized_at = now() WHERE state = 'available'")
}

func TestPeriodicJobsAreEnqueuedByTheDatabasesClock(t *testing.T) {
	t.Parallel()
	b := setup(t)
	require.NoError(t, b.jobs.register(t.Context()))
	require.EqualValues(t, len(periodics(b.jobs.cfg)), b.enqueued(t), "all at first")
	b.workAll(t)
	ages := func(kind string, age time.Duration) {
		b.exec(t, "UPDATE herald.periodic_job SET enqueued_at = now() - make_interval(secs => $2) WHERE kind = $1", kind,
			age.Seconds())
	}
	// None is due, however long this takes.
	b.exec(t, "UPDATE herald.periodic_job SET enqueued_at = now() + interval '1 s'")
	require.Zero(t, b.enqueued(t))
	ages("retention", retentionInterval-time.Minute)
	require.Zero(t, b.enqueued(t))
	ages("retention", retentionInterval)
	require.EqualValues(t, 1, b.enqueued(t))
	require.Len(t, b.waiting(t, "retention"), 1)

	// The database's clock was five days ahead when the job was enqueued last, and has been set back.
	b.workAll(t)
	ages("audit", -5*24*time.Hour)
	require.EqualValues(t, 1, b.enqueued(t))
	require.Len(t, b.waiting(t, "audit"), 1)

	// Registering again changes the interval, and not the time.
	b.workAll(t)
	require.NoError(t, b.jobs.register(t.Context()))
	require.Zero(t, b.enqueued(t))
}

// Jobs do not pile up where no node works them.
func TestAPeriodicJobThatHasNotBegunIsNotEnqueuedAgain(t *testing.T) {
	t.Parallel()
	b := setup(t)
	require.NoError(t, b.jobs.register(t.Context()))
	b.enqueued(t)
	due := func() { b.exec(t, "UPDATE herald.periodic_job SET enqueued_at = now() - interval '2 days'") }
	due()
	require.Zero(t, b.enqueued(t))
	b.exec(t, "UPDATE herald.river_job SET state = 'running' WHERE kind = 'audit'")
	require.EqualValues(t, 1, b.enqueued(t), "one that is worked, or whose node died, keeps no other waiting")

	// A job that waits in the future, by a clock that has been set back since, does not delay others either.
	b.exec(t, "UPDATE herald.river_job SET scheduled_at = now() + interval '1 day' WHERE kind = 'sweep'")
	due()
	b.enqueued(t)
	require.Len(t, b.waiting(t, "sweep"), 2)
}

func TestOfManyNodesOneEnqueues(t *testing.T) {
	t.Parallel()
	b := setup(t)
	require.NoError(t, b.jobs.register(t.Context()))
	var nodes sync.WaitGroup
	for range 8 {
		nodes.Go(func() { _, _ = b.jobs.enqueue(t.Context()) })
	}
	nodes.Wait()
	require.Len(t, b.waiting(t, "retention"), 1)
}

func TestOverdueJobsAreCounted(t *testing.T) {
	t.Parallel()
	b := setup(t)
	read := func() Overdue {
		late, err := ReadOverdue(t.Context(), b.pool)
		require.NoError(t, err)
		return late
	}
	require.Equal(t, Overdue{}, read(), "nothing has ever run")

	soon := time.Now().Add(time.Hour)
	for range 3 {
		b.cart(t, uuid.New(), &soon)
	}
	b.sweep(t)
	require.Zero(t, read().Events)
	jobs := b.waiting(t, "deliver_scheduled")
	b.exec(t, `UPDATE herald.river_job SET state = 'available', scheduled_at = now() - interval '65 s',
		args = jsonb_set(args, '{deliver_after}', to_jsonb(now() - interval '1 minute')) WHERE id = $1`, jobs[0])
	b.exec(t, "UPDATE herald.river_job SET state = 'available', scheduled_at = now() WHERE id = $1", jobs[1])
	late := read()
	require.EqualValues(t, 1, late.Events, "what is ready a little before its time is not overdue")
	require.GreaterOrEqual(t, late.OldestEvent, time.Minute)
	b.exec(t, "UPDATE herald.river_job SET kind = 'retry_event', scheduled_at = now() - interval '2 minutes' WHERE id = $1", jobs[2])
	late = read()
	require.EqualValues(t, 2, late.Events)
	require.GreaterOrEqual(t, late.OldestEvent, 2*time.Minute)
	require.Zero(t, late.Periodic)

	require.NoError(t, b.jobs.register(t.Context()))
	require.Zero(t, read().Periodic, "none has been enqueued yet")
	b.enqueued(t)
	b.exec(t, "UPDATE herald.periodic_job SET enqueued_at = now() + interval '1 minute'")
	require.Zero(t, read().Periodic)
	b.exec(t, "UPDATE herald.periodic_job SET enqueued_at = now() - interval '10 minutes' WHERE kind = 'housekeeping'")
	late = read()
	require.Equal(t, "housekeeping", late.Kind)
	require.GreaterOrEqual(t, late.Periodic, 9*time.Minute)
	require.False(t, late.LastEnqueued.IsZero())
}

func TestHousekeepingDoesWhatALeaderWould(t *testing.T) {
	t.Parallel()
	b := setup(t)
	alive := uuid.New()
	var journal nodes.Journal
	_, err := nodes.New(b.pool, alive).Heartbeat(t.Context(), "host", "v1", &journal, nil)
	require.NoError(t, err)
	// The node stays alive while this test looks, however long that takes.
	b.exec(t, "UPDATE herald.node SET heartbeat_at = heartbeat_at + interval '1 hour'")
	type row struct{ kind, set, want string }
	gone, lives := "attempted_by = '{gone}'", "attempted_by = '{"+alive.String()+"}'"
	rows := []row{
		{"retention", "state = 'running', attempt = 1, attempted_at = now() - interval '11 s', " + gone, "available"},
		{"retention", "state = 'running', attempt = 4, attempted_at = now() - interval '11 s', " + gone, "discarded"},
		{"retention", "state = 'running', attempt = 4, attempted_at = now() + interval '1 day', " + gone, "discarded"},
		{"retention", "state = 'running', attempt = 1, attempted_at = now() + interval '1 day', " + lives, "running"},
		{"retention", "state = 'running', attempt = 1, attempted_at = now() - interval '50 minutes', " + lives, "running"},
		{"retention", "state = 'running', attempt = 1, attempted_at = now() - interval '61 minutes', " + lives, "available"},
		// Promoted.
		{"retry_event", "state = 'running', attempt = 1, attempted_at = now() - interval '11 s', " + gone, "running"},
		{"sweep", "state = 'completed', finalized_at = now() - interval '61 minutes'", ""},
		{"sweep", "state = 'completed', finalized_at = now() - interval '59 minutes'", "completed"},
		{"sweep", "state = 'completed', finalized_at = now() + interval '1 day'", "completed"},
		{"sweep", "state = 'discarded', finalized_at = now() - interval '6 days'", "discarded"},
		{"sweep", "state = 'discarded', finalized_at = now() - interval '8 days'", ""},
		// The first of these were written by a clock that has been set back since.
		{"sweep", "state = 'available', scheduled_at = now() + interval '5 days'", "available now"},
		{
			"retry_event", "state = 'retryable', errors = '{\"{}\"}', scheduled_at = now() + interval '2 minutes'",
			"available now",
		},
		{
			"retry_event",
			`state = 'scheduled', args = jsonb_build_object('deliver_after', now() + interval '1 day'), scheduled_at = now() + interval '2 days'`, "available now",
		},
		{
			"retry_event",
			"state = 'retryable', errors = '{\"{}\",\"{}\",\"{}\",\"{}\"}', scheduled_at = now() + interval '4 minutes'",
			"retryable",
		},
		{
			"retry_event",
			`state = 'scheduled', args = jsonb_build_object('deliver_after', now() + interval '1 day'), scheduled_at = now() + interval '1 day'`, "scheduled",
		},
	}
	ids := make([]int64, len(rows))
	for i, r := range rows {
		ids[i] = scan[int64](t, b,
			"INSERT INTO herald.river_job (kind, args, max_attempts) VALUES ($1, '{}', 4) RETURNING id", r.kind)
		b.exec(t, "UPDATE herald.river_job SET "+r.set+" WHERE id = $1", ids[i])
	}
	require.NoError(t, keepJobs(t.Context(), b.pool))
	for i, r := range rows {
		got := scan[string](t, b,
			`SELECT coalesce((SELECT state::text || CASE WHEN state = 'available' AND attempt = 0 AND scheduled_at <= now() THEN ' now' ELSE '' END
			FROM herald.river_job WHERE id = $1), '')`, ids[i])
		require.Equal(t, r.want, got, "%s: %s", r.kind, r.set)
	}
	worker := &reindexWorker{pool: b.pool, logger: b.jobs.cfg.Logger}
	// An interrupted attempt has left it.
	b.exec(t, "CREATE INDEX river_job_args_index_ccnew ON herald.river_job USING gin (args)")
	require.NoError(t, worker.Work(t.Context(), nil))
	require.True(t, scan[bool](t, b, "SELECT to_regclass('herald.river_job_args_index_ccnew') IS NULL"))
}
