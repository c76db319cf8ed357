package jobs

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/postgres/dbsqlc"
)

// read returns how many pages a statement looks at.
func (b *bundle) read(t *testing.T, sql string, args ...any) int {
	t.Helper()
	plan := scan[json.RawMessage](t, b, "EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) "+sql, args...)
	var explained []struct {
		Plan struct {
			Hit  int `json:"Shared Hit Blocks"`
			Read int `json:"Shared Read Blocks"`
		}
	}
	require.NoError(t, json.Unmarshal(plan, &explained))
	require.Len(t, explained, 1)
	return explained[0].Plan.Hit + explained[0].Plan.Read
}

// A scrape asks how many events could not be delivered. The cost of that has a bound, however many jobs are
// scheduled, done or due, and however many events are or were dead.
//
// Acceptance: A-510.
func TestCountingWhatCouldNotBeDeliveredHasABound(t *testing.T) {
	t.Parallel()
	b := setup(t)
	jobs := func(kind, queue, state string, n int) {
		t.Helper()
		b.exec(t, `INSERT INTO herald.river_job (kind, queue, state, args, max_attempts, scheduled_at, finalized_at)
			SELECT $1, $2, $3::herald.river_job_state, jsonb_build_object('event_id', gen_random_uuid()), 100, now(),
				CASE WHEN $3 = 'completed' THEN now() END FROM generate_series(1, $4::int)`, kind, queue, state, n)
	}
	letters := func(n int) {
		t.Helper()
		b.exec(t, `INSERT INTO herald.dead_letter (event_id, outbox_seq, outbox_written_at, reason, attempts)
			SELECT gen_random_uuid(), n, now(), 'why', 10 FROM generate_series(1, $1::int) n`, n)
		b.exec(t, `INSERT INTO herald.dead_letter (event_id, outbox_seq, outbox_written_at, reason, attempts, dropped_at)
			SELECT gen_random_uuid(), n, now(), 'why', 10, now() FROM generate_series(1, $1::int) n`, n)
	}
	count := func() int {
		t.Helper()
		return b.read(t, dbsqlc.DeadLetterCount, UndeliveredMost)
	}
	retrying := func() int {
		t.Helper()
		return b.read(t, countRetrying, UndeliveredMost)
	}
	jobs("retry_event", "retries", "scheduled", 100)
	jobs("deliver_scheduled", "default", "scheduled", 1000)
	letters(UndeliveredMost)
	b.exec(t, "ANALYZE herald.river_job, herald.dead_letter")
	few, fewRetrying := count(), retrying()
	jobs("deliver_scheduled", "default", "scheduled", 30_000)
	jobs("deliver_scheduled", "default", "completed", 30_000)
	letters(2 * UndeliveredMost)
	many, manyRetrying := count(), retrying()
	t.Logf("dead letters: %d and %d pages; retries: %d and %d", few, many, fewRetrying, manyRetrying)
	require.Less(t, many, few+few/2)
	require.Less(t, manyRetrying, fewRetrying+200)

	jobs("retry_event", "retries", "scheduled", UndeliveredMost+1)
	u, err := ReadUndelivered(t.Context(), b.pool)
	require.NoError(t, err)
	require.Equal(t, UndeliveredMost, u.Dead, "or more")
	require.Equal(t, UndeliveredMost, u.Retrying, "or more")
	jobs("deliver_scheduled", "default", "available", 30_000) // while the relay is paused
	require.Less(t, retrying(), 3*UndeliveredMost)
}
