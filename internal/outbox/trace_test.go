package outbox_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/nodes"
	"github.com/yummyzoom/herald/internal/outbox"
	"github.com/yummyzoom/herald/internal/relay/pass"
	"github.com/yummyzoom/herald/internal/test/fixture"
)

// Acceptance: A-170.
func TestTraceTellsWhoBroadcastIt(t *testing.T) {
	t.Parallel()
	b := setup(t)
	before, lossyNode := uuid.New(), uuid.New()
	journal := func(node uuid.UUID, first int64, counts ...int32) {
		t.Helper()
		var j nodes.Journal
		j.Begin(first - 1)
		j.Record(first, counts)
		require.NoError(t, fixture.Heartbeat(t.Context(), b.Pool, node, &j))
	}
	journal(before, 1, 4, 4) // positions of a log that has been replaced
	b.Insert(t, fixture.Cart())
	id := b.Insert(t, fixture.Order())
	b.Relay(t)
	found := b.Status(t, id)
	require.Len(t, found, 2)
	require.NotNil(t, found[0].Broadcasts)
	require.Empty(t, found[0].Broadcasts, "nobody yet")
	require.Empty(t, found[0].RelayedHost)

	journal(fixture.NodeID, 1, 0, 5, 2)
	journal(uuid.New(), 3, 7) // began behind the first entry
	require.NoError(t, nodes.New(b.Pool, fixture.NodeID).Leave(t.Context()))
	b.Exec(t, `INSERT INTO herald.broadcast_journal (node_id, number, host, first_position, last_position, connections) VALUES ($1, 1, 'kitchen-2', 1, 900, NULL)`, lossyNode)

	found = b.Status(t, id)
	require.Len(t, found, 2)
	require.Equal(t, "kitchen-1", found[0].RelayedHost, "of a node that is gone")
	require.Equal(t, int64(2), found[0].Position)
	require.Equal(t, map[uuid.UUID]any{fixture.NodeID: 5, lossyNode: nil}, reached(found[0]))
	require.Len(t, found[1].Broadcasts, 3)
	require.Equal(t, 2, reached(found[1])[fixture.NodeID])
	require.Equal(t, "kitchen-1", found[1].Broadcasts[0].Host)
	require.WithinDuration(t, time.Now(), found[1].Broadcasts[0].BroadcastAt, time.Minute)
	require.Equal(t, map[uuid.UUID]any{before: 4}, reachedAs(t, b, id, "1 hour"))
}

// reached maps nodes to connections.
func reached(w outbox.Whereabouts) map[uuid.UUID]any {
	counts := map[uuid.UUID]any{}
	for _, broadcast := range w.Broadcasts {
		counts[broadcast.NodeID] = nil
		if broadcast.Connections != nil {
			counts[broadcast.NodeID] = *broadcast.Connections
		}
	}
	return counts
}

// reachedAs is reached with the event relayed, and what has been broadcast since deleted, that much earlier.
func reachedAs(t *testing.T, b *bundle, id uuid.UUID, earlier string) map[uuid.UUID]any {
	t.Helper()
	b.Exec(t, "DELETE FROM herald.broadcast_journal WHERE broadcast_at > (SELECT relayed_at FROM herald.relayed_event WHERE event_id = $1)", id)
	b.Exec(t, "UPDATE herald.event_log SET relayed_at = relayed_at - $1::text::interval", earlier)
	b.Exec(t, "UPDATE herald.relayed_event SET relayed_at = relayed_at - $1::text::interval", earlier)
	return reached(b.Status(t, id)[0])
}

func TestTraceTellsOfDuplicates(t *testing.T) {
	t.Parallel()
	b := setup(t)
	id := b.Insert(t, fixture.Order())
	b.Insert(t, fixture.Order(fixture.Columns{"event_id": id}))
	require.Equal(t, 2, b.Status(t, id)[0].TimesPublished, "both wait")
	b.Relay(t)
	due := time.Now().Add(time.Hour)
	b.Insert(t, fixture.Order(fixture.Columns{"event_id": id, "deliver_after": due})) // known to be one at once
	b.Relay(t)
	found := b.Status(t, id)
	require.Len(t, found, 4)
	for i, want := range []string{"relayed", "relayed", "duplicate", "duplicate"} {
		require.Equal(t, want, found[i].Status)
		require.Equal(t, 3, found[i].TimesPublished)
	}
	require.Equal(t, []int64{1, 1, 2, 3},
		[]int64{found[0].OutboxSeq, found[1].OutboxSeq, found[2].OutboxSeq, found[3].OutboxSeq})
	require.Equal(t, "of row 1 of the outbox, at position 1", found[2].Detail)
	require.False(t, found[3].SettledAt.Before(found[3].WrittenAt.Add(-time.Second)))

	// Two copies that are due later: the first that is delivered makes the other a duplicate.
	later := b.Insert(t, fixture.Cart(fixture.Columns{"deliver_after": due}))
	b.Insert(t, fixture.Cart(fixture.Columns{"event_id": later, "deliver_after": due}))
	b.Relay(t)
	require.Equal(t, 2, b.Status(t, later)[0].TimesPublished)
	refs := b.refs(t, later)
	for _, ref := range []outbox.Ref{refs[1], refs[0], refs[1], refs[1]} { // jobs are worked at least once
		require.NoError(t, pgx.BeginFunc(t.Context(), b.Pool, func(tx pgx.Tx) error {
			_, err := pass.AppendLater(t.Context(), tx, []outbox.Ref{ref}, fixture.NodeID)
			return err
		}))
	}
	found = b.Status(t, later)
	require.Len(t, found, 2)
	require.Equal(t, refs[1].Seq, found[0].OutboxSeq)
	require.Equal(t, refs[0].Seq, found[1].OutboxSeq)
	require.Equal(t, "duplicate", found[1].Status)
}

func (b *bundle) refs(t *testing.T, id uuid.UUID) []outbox.Ref {
	t.Helper()
	rows, err := b.Pool.Query(t.Context(),
		"SELECT event_id, seq, written_at FROM herald.outbox WHERE event_id = $1 ORDER BY seq", id)
	require.NoError(t, err)
	refs, err := pgx.CollectRows(rows, pgx.RowToStructByPos[outbox.Ref])
	require.NoError(t, err)
	return refs
}

func TestTraceTellsWhyAnEventIsRetried(t *testing.T) {
	t.Parallel()
	b := setup(t)
	poison := b.SetAside(t)
	found := b.Status(t, poison)[0]
	require.Equal(t, outbox.StatusRetrying, found.Status)
	require.Zero(t, found.Attempts)
	require.WithinDuration(t, time.Now(), found.NextAttemptAt, time.Minute)
	require.Contains(t, found.Detail, "OrderSplit")

	const fail = `UPDATE herald.river_job SET state = 'retryable', attempt = 3, scheduled_at = now() + interval '81 s',
		errors = ARRAY['{"error": "first"}', '{"error": "the newest"}']::jsonb[]`
	b.Exec(t, fail)
	found = b.Status(t, poison)[0]
	require.Equal(t, 3, found.Attempts)
	require.Equal(t, "the newest", found.Detail)
	require.WithinDuration(t, time.Now().Add(81*time.Second), found.NextAttemptAt, time.Minute)
	b.Exec(t, "UPDATE herald.river_job SET state = 'running'")
	require.Zero(t, b.Status(t, poison)[0].NextAttemptAt, "it is being tried now")

	due := time.Now().Add(time.Hour)
	scheduled := b.Insert(t, fixture.Cart(fixture.Columns{"deliver_after": due}))
	b.Relay(t)
	found = b.Status(t, scheduled)[0]
	require.Equal(t, outbox.StatusScheduled, found.Status)
	require.WithinDuration(t, due, found.DeliverAfter, time.Millisecond)
	require.Zero(t, found.NextAttemptAt)
	b.Exec(t, fail+" WHERE kind = 'deliver_scheduled'")
	require.Equal(t, outbox.StatusRetrying, b.Status(t, scheduled)[0].Status, "delivering it has failed")

	b.Exec(t, "DELETE FROM herald.river_job")
	b.Bury(t, poison, errors.New("no way"))
	found = b.Status(t, poison)[0]
	require.Equal(t, outbox.StatusDead, found.Status)
	require.Equal(t, 10, found.Attempts)
	require.WithinDuration(t, time.Now(), found.SettledAt, time.Minute)
}

func TestTraceWithinTheTransactionThatPublishes(t *testing.T) {
	t.Parallel()
	b := setup(t)
	tx := b.Begin(t)
	id, err := fixture.Insert(t, tx, fixture.Order())
	require.NoError(t, err)
	require.Equal(t, "unknown", b.Status(t, id)[0].Status, "to everybody else")
	b.Insert(t, fixture.Cart())
	b.Relay(t) // tx is a straggler now
	found, err := outbox.Trace(t.Context(), tx, id)
	require.NoError(t, err)
	require.Equal(t, "waiting", found[0].Status)
	require.Contains(t, found[0].Detail, "still open")
	require.NoError(t, tx.Commit(t.Context()))
	require.Equal(t, "waiting", b.Status(t, id)[0].Status)
	b.Relay(t)
	require.Equal(t, "relayed", b.Status(t, id)[0].Status)
}

func TestTraceOfAnEventThatTheLogNoLongerHolds(t *testing.T) {
	t.Parallel()
	b := setup(t)
	id := b.Insert(t, fixture.Order())
	b.Relay(t)
	b.Exec(t, "DELETE FROM herald.event_log")
	found := b.Status(t, id)
	require.Len(t, found, 1)
	require.Equal(t, "relayed", found[0].Status)
	require.Equal(t, "its place in the log is older than the retention", found[0].Detail)
}
