package jobs

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

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
		var journal outbox.Journal
		_, err := outbox.NewNodes(b.pool, nodeID).Heartbeat(t.Context(), "host", "v1", &journal, nil)
		require.NoError(t, err)
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
