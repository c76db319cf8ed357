package jobs

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertest"
	"github.com/riverqueue/river/rivertype"
	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/nodes"
)

// An event comes at its time, another node takes the job of a node that died over it, and the sweep goes on. River
// has no leader, and an earlier release's leader has no effect.
func TestScheduledEventsArePunctualWithoutALeader(t *testing.T) {
	t.Parallel()
	const late = 2 * time.Second // half a second to look, as long to fetch, and what the machine takes
	b := setup(t)
	b.exec(t, `INSERT INTO herald.river_leader (elected_at, expires_at, leader_id, name) VALUES (now(), now() + interval '1 hour', 'crashed', 'default')`)
	due := time.Now().Add(promotionInterval + 1500*time.Millisecond)
	id := b.cart(t, uuid.New(), &due)
	b.sweep(t)
	require.Equal(t, "scheduled", b.state(t, b.waiting(t, "deliver_scheduled")[0]))
	past := time.Now().Add(100 * time.Millisecond)
	orphan := b.cart(t, uuid.New(), &past)
	b.sweep(t)
	jobs := b.waiting(t, "deliver_scheduled")
	b.exec(t, `UPDATE herald.river_job SET state = 'running', attempt = 1, attempted_at = now() - interval '2 s', attempted_by = $2 WHERE id = $1`,
		jobs[len(jobs)-1], []string{uuid.NewString()})

	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- b.jobs.Run(ctx) }()
	require.Eventually(t, func() bool {
		return b.status(t, id).Status == "relayed" && b.status(t, orphan).Status == "relayed"
	}, waitTimeout, waitTick)
	at := b.status(t, id).RelayedAt
	t.Logf("relayed %s late", at.Sub(due))
	require.False(t, at.Before(due))
	require.Less(t, at.Sub(due), late)
	require.Eventually(t, func() bool {
		return scan[bool](t, b, "SELECT count(*) > 1 FROM herald.river_job WHERE kind = 'sweep' AND state = 'completed'")
	}, waitTimeout, waitTick)
	stop()
	require.NoError(t, <-ended)
}

// A node that is frozen has fetched a job, and has sent a heartbeat just before.
func TestTheJobsOfAFrozenNodeAreSoonAnothers(t *testing.T) {
	t.Parallel()
	const soon = 5 * time.Second // it takes half of that at most; it once took ten seconds
	b := setup(t)
	due := time.Now().Add(time.Hour)
	id := b.cart(t, uuid.New(), &due)
	b.sweep(t)
	job := b.waiting(t, "deliver_scheduled")[0]
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- b.jobs.Run(ctx) }()
	require.Eventually(t, func() bool {
		return scan[bool](t, b, "SELECT EXISTS (SELECT FROM herald.river_job WHERE kind = 'sweep' AND state = 'completed')")
	}, waitTimeout, waitTick, "this node works")
	frozen := uuid.New()
	var journal nodes.Journal
	_, err := nodes.New(b.pool, frozen).Heartbeat(t.Context(), "host", "v1", &journal, nil)
	require.NoError(t, err)
	var fetched time.Time
	require.NoError(t,
		b.pool.QueryRow(t.Context(),
			`UPDATE herald.river_job SET state = 'running', attempt = 1, attempted_at = clock_timestamp(),
		scheduled_at = now(), attempted_by = ARRAY[$2::text], args = jsonb_set(args, '{deliver_after}', to_jsonb(now())) WHERE id = $1 RETURNING attempted_at`, job, frozen.String()).Scan(&fetched))
	require.Eventually(t, func() bool { return b.status(t, id).Status == "relayed" }, waitTimeout, waitTick)
	took := b.status(t, id).RelayedAt.Sub(fetched)
	t.Logf("another delivered it after %s", took)
	require.Less(t, took, soon)
	stop()
	require.NoError(t, <-ended)
	require.Equal(t, 1, scan[int](t, b, "SELECT count(*) FROM herald.event_log WHERE event_id = $1", id))

	// The frozen node goes on where it was.
	row, err := b.jobs.client.JobGet(t.Context(), job)
	require.NoError(t, err)
	row.State = rivertype.JobStateRunning // as it was when this node fetched it
	late := &river.Job[deliverScheduledArgs]{JobRow: row}
	require.NoError(t, json.Unmarshal(row.EncodedArgs, &late.Args))
	worker := &deliverScheduledWorker{pool: b.pool, nodeID: frozen}
	require.NoError(t, worker.Work(rivertest.WorkContext(t.Context(), b.jobs.client), late))
	require.Equal(t, 1, scan[int](t, b, "SELECT count(*) FROM herald.event_log WHERE event_id = $1", id), "once")
	b.agrees(t)
}

func TestPromotionTakesWhatIsDueAndNothingElse(t *testing.T) {
	t.Parallel()
	b := setup(t)
	alive := uuid.New()
	var journal nodes.Journal
	_, err := nodes.New(b.pool, alive).Heartbeat(t.Context(), "host", "v1", &journal, nil)
	require.NoError(t, err)
	// The node stays alive while this test looks, however long that takes.
	b.exec(t, "UPDATE herald.node SET heartbeat_at = heartbeat_at + interval '1 hour'")
	soon := time.Now().Add(time.Hour)
	for range 9 {
		b.cart(t, uuid.New(), &soon)
	}
	b.sweep(t)
	jobs := b.waiting(t, "deliver_scheduled")
	want := map[int64]string{}
	for i, c := range []struct{ set, want string }{
		{"state = 'scheduled', scheduled_at = now()", "available"},
		{"state = 'retryable', scheduled_at = now()", "available"},
		{"state = 'scheduled', scheduled_at = now() + interval '1 s'", "scheduled"},
		{"state = 'retryable', scheduled_at = now(), kind = 'retention'", "available"},
		{"state = 'running', attempted_at = now() - interval '1.1 s', attempted_by = '{a,gone}'", "available"},
		{
			"state = 'running', attempted_at = now() - interval '5 s', attempted_by = '{gone," + alive.String() + "}'",
			"running",
		},
		{"state = 'running', attempted_at = now() - interval '0.1 s', attempted_by = '{gone}'", "running"},
		{
			"state = 'running', attempted_at = now() + interval '1 day', attempted_by = '{" + alive.String() + "}'",
			"available",
		},
		{"state = 'completed', finalized_at = now()", "completed"},
	} {
		b.exec(t, "UPDATE herald.river_job SET "+c.set+" WHERE id = $1", jobs[i])
		want[jobs[i]] = c.want
	}
	promoted, err := promoteDue(t.Context(), b.pool)
	require.NoError(t, err)
	require.EqualValues(t, 5, promoted)
	for id, state := range want {
		require.Equal(t, state, b.state(t, id), id)
	}
}
