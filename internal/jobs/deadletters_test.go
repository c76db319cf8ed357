package jobs

import (
	"slices"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/outbox"
)

// bury makes an event a dead letter by failing its attempts.
func (b *bundle) bury(t *testing.T) uuid.UUID {
	t.Helper()
	id := b.newer(t, nil)
	b.sweep(t)
	jobs := b.waiting(t, "retry_event")
	require.NoError(t, b.retryEvent(t, jobs[len(jobs)-1], eventAttempts))
	require.Equal(t, "dead", b.status(t, id).Status)
	return id
}

func (b *bundle) deadLetters(t *testing.T) *DeadLetters {
	t.Helper()
	letters, err := NewDeadLetters(b.pool)
	require.NoError(t, err)
	return letters
}

func listed(t *testing.T, d *DeadLetters, before *outbox.DeadLetter, limit int) []uuid.UUID {
	t.Helper()
	letters, err := d.List(t.Context(), before, limit)
	require.NoError(t, err)
	var ids []uuid.UUID
	for _, letter := range letters {
		if letter.State == outbox.StatusDead {
			ids = append(ids, letter.EventID)
		}
	}
	return ids
}

func TestDeadLettersAreListedInPages(t *testing.T) {
	t.Parallel()
	b := setup(t)
	d := b.deadLetters(t)
	var ids []uuid.UUID
	for range 5 {
		ids = append(ids, b.bury(t))
	}
	b.exec(t, "UPDATE herald.dead_letter SET died_at = now() WHERE event_id = ANY($1)", ids[1:4]) // at the same moment
	first, err := d.List(t.Context(), nil, 2)
	require.NoError(t, err)
	require.EqualValues(t, "OrderSplit", first[0].Type)
	require.NotEqual(t, uuid.Nil, first[0].ResourceID)
	require.Equal(t, eventAttempts, first[0].Attempts)
	require.Contains(t, first[0].Reason, "OrderSplit")
	all := listed(t, d, nil, 2)
	second, err := d.List(t.Context(), &first[1], 2)
	require.NoError(t, err)
	all = append(append(all, listed(t, d, &first[1], 2)...), listed(t, d, &second[1], 2)...)
	require.ElementsMatch(t, ids, all)
	require.True(t, slices.IsSortedFunc(first, func(x, y outbox.DeadLetter) int { return y.DiedAt.Compare(x.DiedAt) }))
	require.Empty(t, listed(t, d, &outbox.DeadLetter{}, 10))
}

func TestDeadLetterThatIsRetried(t *testing.T) {
	t.Parallel()
	b := setup(t)
	d := b.deadLetters(t)
	mended, still := b.bury(t), b.bury(t)
	for _, id := range []uuid.UUID{mended, still} {
		require.NoError(t, d.Retry(t.Context(), id, "ops"))
		require.ErrorIs(t, d.Retry(t.Context(), id, "ops"), outbox.ErrNotDead, "a second one does not make a second job")
	}
	require.Empty(t, listed(t, d, nil, 10))
	b.exec(t, "UPDATE herald.outbox SET event_type = 'OrderPlaced' WHERE event_id = $1", mended)
	jobs := b.waiting(t, "retry_event")
	require.Len(t, jobs, 2)
	require.NoError(t, b.retryEvent(t, jobs[0], 1))
	require.Error(t, b.retryEvent(t, jobs[1], 1), "it has all its attempts again")
	require.NoError(t, b.retryEvent(t, jobs[1], eventAttempts))
	require.Equal(t, "relayed", b.status(t, mended).Status)
	require.Equal(t, "dead", b.status(t, still).Status)
	require.Equal(t, []uuid.UUID{still}, listed(t, d, nil, 10))
}

// Retrying is all or nothing: an event that cannot become a job stays a dead letter, and a dead letter is no job.
func TestRetryThatFailsLeavesTheDeadLetter(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]string{
		"no job": "ALTER TABLE herald.river_job ADD CONSTRAINT fault CHECK (state <> 'available') NOT VALID",
		"no commit": `CREATE FUNCTION herald.fault() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'fault'; END $$;
			CREATE CONSTRAINT TRIGGER fault AFTER DELETE ON herald.dead_letter DEFERRABLE INITIALLY DEFERRED
				FOR EACH ROW EXECUTE FUNCTION herald.fault()`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			d := b.deadLetters(t)
			id := b.bury(t)
			b.exec(t, fault)
			require.ErrorContains(t, d.Retry(t.Context(), id, "ops"), "fault")
			require.Equal(t, []uuid.UUID{id}, listed(t, d, nil, 10))
			require.Empty(t, b.waiting(t, "retry_event"))
		})
	}
}

// An event that is published again under a dropped one's id, and is as bad, is a new dead letter.
func TestDroppedDeadLetterThatDiesAgain(t *testing.T) {
	t.Parallel()
	b := setup(t)
	d := b.deadLetters(t)
	id := b.bury(t)
	require.NoError(t, d.Drop(t.Context(), id, "ops"))
	b.exec(t, "UPDATE herald.outbox SET event_id = $1 WHERE event_id = $2", id,
		b.past(t, "OrderPlaced", `{"orderNumber": "YZ-1"}`, nil))
	b.sweep(t)
	letters, err := d.List(t.Context(), nil, 10)
	require.NoError(t, err)
	require.Len(t, letters, 1)
	require.Contains(t, letters[0].Reason, "status is missing")
	b.exec(t, `UPDATE herald.outbox SET payload = payload || '{"status": "Placed"}' WHERE payload ? 'orderNumber'`)
	require.NoError(t, d.Retry(t.Context(), id, "ops"))
	require.NoError(t, b.retryEvent(t, b.waiting(t, "retry_event")[0], 1))
	require.Equal(t, "relayed", b.status(t, id).Status, "it is the later one that is retried")
}

func TestDeadLetterThatIsDropped(t *testing.T) {
	t.Parallel()
	b := setup(t)
	d := b.deadLetters(t)
	id := b.bury(t)
	require.NoError(t, d.Drop(t.Context(), id, "ops"))
	require.ErrorIs(t, d.Drop(t.Context(), id, "ops"), outbox.ErrNotDead)
	require.ErrorIs(t, d.Drop(t.Context(), uuid.New(), "ops"), outbox.ErrNotDead)
	require.Empty(t, listed(t, d, nil, 10))
	require.Equal(t, "dropped", b.status(t, id).Status)
	require.Contains(t, b.status(t, id).Detail, "OrderSplit")
	require.NoError(t, d.Retry(t.Context(), id, "ops"), "it is not too late")
	require.NoError(t, b.retryEvent(t, b.waiting(t, "retry_event")[0], eventAttempts))
	require.Equal(t, []uuid.UUID{id}, listed(t, d, nil, 10), "dead anew, and listed")
}

// An event that its producer published again, mended, under the same id is settled.
func TestDeadLetterWhoseEventWasPublishedAgain(t *testing.T) {
	t.Parallel()
	b := setup(t)
	d := b.deadLetters(t)
	id := b.bury(t)
	b.exec(t, `INSERT INTO herald.outbox (event_id, event_type, resource_id, restaurant_id, customer_id, payload)
		VALUES ($1, 'OrderPlaced', gen_random_uuid(), gen_random_uuid(), 'user-1', '{"status": "Placed", "orderNumber": "YZ-1"}')`, id)
	b.sweep(t)
	require.Equal(t, "relayed", b.status(t, id).Status)
	require.Empty(t, listed(t, d, nil, 10))
	require.NoError(t, d.Retry(t.Context(), id, "ops"))
	require.NoError(t, b.retryEvent(t, b.waiting(t, "retry_event")[0], 1))
	require.Equal(t, 2, scan[int](t, b, "SELECT count(*) FROM herald.event_log"), "once, to its two groups")
}
