package jobs

import (
	"context"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/outbox"
)

// crashedLeader makes somebody River's leader who is not there: a node that crashed a moment ago.
func (b *bundle) crashedLeader(t *testing.T) {
	t.Helper()
	b.exec(t, `INSERT INTO herald.river_leader (elected_at, expires_at, leader_id, name) VALUES (now(), now() + interval '1 hour', 'crashed', 'default')`)
}

// An event comes at its time while River has no leader, and the job of a node that died over it is another's.
func TestScheduledEventsArePunctualWithoutALeader(t *testing.T) {
	t.Parallel()
	const late = 2 * time.Second // a second to look, half a second to fetch, and what the machine takes
	b := setup(t)
	b.crashedLeader(t)
	due := time.Now().Add(promotionInterval + 1500*time.Millisecond)
	id := b.cart(t, uuid.New(), &due)
	b.sweep(t)
	require.Equal(t, "scheduled", b.state(t, b.waiting(t, "deliver_scheduled")[0]))
	past := time.Now().Add(100 * time.Millisecond)
	orphan := b.cart(t, uuid.New(), &past)
	b.sweep(t)
	jobs := b.waiting(t, "deliver_scheduled")
	b.exec(t, `UPDATE herald.river_job SET state = 'running', attempt = 1, attempted_at = now() - interval '11 s', attempted_by = $2 WHERE id = $1`,
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
	require.Zero(t, scan[int](t, b, "SELECT count(*) FROM herald.river_job WHERE kind = 'sweep'"), "there was no leader")
	stop()
	require.NoError(t, <-ended)
}

func TestPromotionTakesWhatIsDueAndNothingElse(t *testing.T) {
	t.Parallel()
	b := setup(t)
	alive := uuid.New()
	var journal outbox.Journal
	_, err := outbox.NewNodes(b.pool, alive).Heartbeat(t.Context(), "host", "v1", &journal, nil)
	require.NoError(t, err)
	soon := time.Now().Add(time.Hour)
	for range 8 {
		b.cart(t, uuid.New(), &soon)
	}
	b.sweep(t)
	jobs := b.waiting(t, "deliver_scheduled")
	want := map[int64]string{}
	for i, c := range []struct{ set, want string }{
		{"state = 'scheduled', scheduled_at = now()", "available"},
		{"state = 'retryable', scheduled_at = now()", "available"},
		{"state = 'scheduled', scheduled_at = now() + interval '1 s'", "scheduled"},
		{"state = 'scheduled', scheduled_at = now(), kind = 'sweep'", "scheduled"},
		{"state = 'running', attempted_at = now() - interval '11 s', attempted_by = '{a,gone}'", "available"},
		{"state = 'running', attempted_at = now() - interval '11 s', attempted_by = '{gone," + alive.String() + "}'", "running"},
		{"state = 'running', attempted_at = now() - interval '9 s', attempted_by = '{gone}'", "running"},
		{"state = 'completed', finalized_at = now()", "completed"},
	} {
		b.exec(t, "UPDATE herald.river_job SET "+c.set+" WHERE id = $1", jobs[i])
		want[jobs[i]] = c.want
	}
	promoted, err := promoteDue(t.Context(), b.pool)
	require.NoError(t, err)
	require.EqualValues(t, 3, promoted)
	for id, state := range want {
		require.Equal(t, state, b.state(t, id), id)
	}
}
