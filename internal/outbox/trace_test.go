package outbox_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/outbox"
)

// Acceptance: A-170.
func TestTraceTellsWhoBroadcastIt(t *testing.T) {
	t.Parallel()
	b := setup(t)
	before, lossyNode := uuid.New(), uuid.New()
	journal := func(node uuid.UUID, first int64, counts ...int32) {
		t.Helper()
		var j outbox.Journal
		j.Begin(first - 1)
		j.Record(first, counts)
		require.NoError(t, heartbeat(t.Context(), b.pool, node, &j))
	}
	journal(before, 1, 4, 4) // positions of a log that has been replaced
	b.insert(t, cart())
	id := b.insert(t, order())
	b.relay(t)
	found := b.status(t, id)
	require.Len(t, found, 2)
	require.NotNil(t, found[0].Broadcasts)
	require.Empty(t, found[0].Broadcasts, "nobody yet")
	require.Empty(t, found[0].RelayedHost)

	journal(nodeID, 1, 0, 5, 2)
	journal(uuid.New(), 3, 7) // began behind the first entry
	require.NoError(t, outbox.NewNodes(b.pool, nodeID).Leave(t.Context()))
	b.exec(t, `INSERT INTO herald.broadcast_journal (node_id, number, host, first_position, last_position, connections) VALUES ($1, 1, 'kitchen-2', 1, 900, NULL)`, lossyNode)

	found = b.status(t, id)
	require.Len(t, found, 2)
	require.Equal(t, "kitchen-1", found[0].RelayedHost, "of a node that is gone")
	require.Equal(t, int64(2), found[0].Position)
	require.Equal(t, map[uuid.UUID]any{nodeID: 5, lossyNode: nil}, reached(found[0]))
	require.Len(t, found[1].Broadcasts, 3)
	require.Equal(t, 2, reached(found[1])[nodeID])
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

// reachedAs is reached with the event relayed, and what has been broadcast since gone, that much earlier.
func reachedAs(t *testing.T, b *bundle, id uuid.UUID, earlier string) map[uuid.UUID]any {
	t.Helper()
	b.exec(t, "DELETE FROM herald.broadcast_journal WHERE broadcast_at > (SELECT relayed_at FROM herald.relayed_event WHERE event_id = $1)", id)
	b.exec(t, "UPDATE herald.event_log SET relayed_at = relayed_at - $1::text::interval", earlier)
	b.exec(t, "UPDATE herald.relayed_event SET relayed_at = relayed_at - $1::text::interval", earlier)
	return reached(b.status(t, id)[0])
}

func TestTraceTellsOfDuplicates(t *testing.T) {
	t.Parallel()
	b := setup(t)
	id := b.insert(t, order())
	b.insert(t, order(columns{"event_id": id}))
	require.Equal(t, 2, b.status(t, id)[0].TimesPublished, "both wait")
	b.relay(t)
	due := time.Now().Add(time.Hour)
	b.insert(t, order(columns{"event_id": id, "deliver_after": due})) // known to be one at once
	b.relay(t)
	found := b.status(t, id)
	require.Len(t, found, 4)
	for i, want := range []string{"relayed", "relayed", "duplicate", "duplicate"} {
		require.Equal(t, want, found[i].Status)
		require.Equal(t, 3, found[i].TimesPublished)
	}
	require.Equal(t, []int64{1, 1, 2, 3}, []int64{found[0].OutboxSeq, found[1].OutboxSeq, found[2].OutboxSeq, found[3].OutboxSeq})
	require.Equal(t, "of row 1 of the outbox, at position 1", found[2].Detail)
	require.False(t, found[3].SettledAt.Before(found[3].WrittenAt.Add(-time.Second)))

	// Two copies that are due later: the first that is delivered makes the other one a duplicate.
	later := b.insert(t, cart(columns{"deliver_after": due}))
	b.insert(t, cart(columns{"event_id": later, "deliver_after": due}))
	b.relay(t)
	require.Equal(t, 2, b.status(t, later)[0].TimesPublished)
	refs := b.refs(t, later)
	for _, ref := range []outbox.Ref{refs[1], refs[0], refs[1], refs[1]} { // jobs are worked at least once
		require.NoError(t, pgx.BeginFunc(t.Context(), b.pool, func(tx pgx.Tx) error {
			return outbox.AppendLater(t.Context(), tx, []outbox.Ref{ref}, nodeID)
		}))
	}
	found = b.status(t, later)
	require.Len(t, found, 2)
	require.Equal(t, refs[1].Seq, found[0].OutboxSeq)
	require.Equal(t, refs[0].Seq, found[1].OutboxSeq)
	require.Equal(t, "duplicate", found[1].Status)
}

func (b *bundle) refs(t *testing.T, id uuid.UUID) []outbox.Ref {
	t.Helper()
	rows, err := b.pool.Query(t.Context(), "SELECT event_id, seq, written_at FROM herald.outbox WHERE event_id = $1 ORDER BY seq", id)
	require.NoError(t, err)
	refs, err := pgx.CollectRows(rows, pgx.RowToStructByPos[outbox.Ref])
	require.NoError(t, err)
	return refs
}

func TestTraceTellsWhyAnEventIsRetried(t *testing.T) {
	t.Parallel()
	b := setup(t)
	poison := b.insert(t, poison())
	b.relay(t)
	found := b.status(t, poison)[0]
	require.Equal(t, outbox.StatusRetrying, found.Status)
	require.Zero(t, found.Attempts)
	require.WithinDuration(t, time.Now(), found.NextAttemptAt, time.Minute)
	require.Contains(t, found.Detail, "orderNumber")

	const fail = `UPDATE herald.river_job SET state = 'retryable', attempt = 3, scheduled_at = now() + interval '81 s',
		errors = ARRAY['{"error": "first"}', '{"error": "the newest"}']::jsonb[]`
	b.exec(t, fail)
	found = b.status(t, poison)[0]
	require.Equal(t, 3, found.Attempts)
	require.Equal(t, "the newest", found.Detail)
	require.WithinDuration(t, time.Now().Add(81*time.Second), found.NextAttemptAt, time.Minute)
	b.exec(t, "UPDATE herald.river_job SET state = 'running'")
	require.Zero(t, b.status(t, poison)[0].NextAttemptAt, "it is being tried now")

	due := time.Now().Add(time.Hour)
	scheduled := b.insert(t, cart(columns{"deliver_after": due}))
	b.relay(t)
	found = b.status(t, scheduled)[0]
	require.Equal(t, outbox.StatusScheduled, found.Status)
	require.WithinDuration(t, due, found.DeliverAfter, time.Millisecond)
	require.Zero(t, found.NextAttemptAt)
	b.exec(t, fail+" WHERE kind = 'deliver_scheduled'")
	require.Equal(t, outbox.StatusRetrying, b.status(t, scheduled)[0].Status, "delivering it has failed")

	b.exec(t, "DELETE FROM herald.river_job")
	b.bury(t, poison, errors.New("no way"))
	found = b.status(t, poison)[0]
	require.Equal(t, outbox.StatusDead, found.Status)
	require.Equal(t, 10, found.Attempts)
	require.WithinDuration(t, time.Now(), found.SettledAt, time.Minute)
}

func TestTraceWithinTheTransactionThatPublishes(t *testing.T) {
	t.Parallel()
	b := setup(t)
	tx := b.begin(t)
	id, err := insert(t, tx, order())
	require.NoError(t, err)
	require.Equal(t, "unknown", b.status(t, id)[0].Status, "to everybody else")
	b.insert(t, cart())
	b.relay(t) // tx is a straggler now
	found, err := outbox.Trace(t.Context(), tx, id)
	require.NoError(t, err)
	require.Equal(t, "waiting", found[0].Status)
	require.Contains(t, found[0].Detail, "still open")
	require.NoError(t, tx.Commit(t.Context()))
	require.Equal(t, "waiting", b.status(t, id)[0].Status)
	b.relay(t)
	require.Equal(t, "relayed", b.status(t, id)[0].Status)
}

func TestTraceOfAnEventThatTheLogNoLongerHolds(t *testing.T) {
	t.Parallel()
	b := setup(t)
	id := b.insert(t, order())
	b.relay(t)
	b.exec(t, "DELETE FROM herald.event_log")
	found := b.status(t, id)
	require.Len(t, found, 1)
	require.Equal(t, "relayed", found[0].Status)
	require.Equal(t, "its place in the log is older than the retention", found[0].Detail)
}
