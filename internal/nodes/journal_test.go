package nodes_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/nodes"
	"github.com/yummyzoom/herald/internal/test/fixture"
)

// lossy is a database that is away, or whose answers get lost.
type lossy struct {
	*pgxpool.Pool

	lose, away bool
}

var errLost = errors.New("connection reset by peer")

type lost struct{ pgx.BatchResults }

func (l lost) Close() error {
	if l.BatchResults != nil {
		_ = l.BatchResults.Close()
	}
	return errLost
}

func (l *lossy) SendBatch(ctx context.Context, batch *pgx.Batch) pgx.BatchResults {
	switch {
	case l.away:
		return lost{}
	case l.lose:
		return lost{l.Pool.SendBatch(ctx, batch)}
	default:
		return l.Pool.SendBatch(ctx, batch)
	}
}

// row is a row of the journal.
type row struct {
	Number, First, Last int64
	Connections         []int32
}

func (b *bundle) journal(t *testing.T, node uuid.UUID) []row {
	t.Helper()
	rows, err := b.Pool.Query(t.Context(),
		"SELECT number, first_position, last_position, connections FROM herald.broadcast_journal WHERE node_id = $1 ORDER BY number", node)
	require.NoError(t, err)
	found, err := pgx.CollectRows(rows, pgx.RowToStructByPos[row])
	require.NoError(t, err)
	return found
}

func TestJournalIsWrittenWithTheHeartbeat(t *testing.T) {
	t.Parallel()
	b := setup(t)
	var j nodes.Journal
	j.Begin(10)
	counts := []int32{1, 0, 3}
	j.Record(11, counts)
	counts[0] = 9 // the caller's own again
	require.NoError(t, fixture.Heartbeat(t.Context(), b.Pool, fixture.NodeID, &j))
	require.NoError(t, fixture.Heartbeat(t.Context(), b.Pool, fixture.NodeID, &j)) // no news, no row
	j.Record(14, []int32{2})
	j.Record(15, []int32{0})
	j.Begin(3) // moved back
	j.Record(4, []int32{7})
	j.Record(9, []int32{8}) // and forward, without a word
	require.NoError(t, fixture.Heartbeat(t.Context(), b.Pool, fixture.NodeID, &j))
	require.Equal(t, []row{
		{1, 11, 10, []int32{}},
		{2, 11, 13, []int32{1, 0, 3}},
		{3, 14, 15, []int32{2, 0}},
		{4, 4, 3, []int32{}},
		{5, 4, 4, []int32{7}},
		{6, 9, 8, []int32{}},
		{7, 9, 9, []int32{8}},
	}, b.journal(t, fixture.NodeID))
	require.Equal(t, int64(9), fixture.Scan[int64](t, b.Pool, "SELECT broadcast_position FROM herald.node"))
	require.WithinDuration(t, time.Now(),
		fixture.Scan[time.Time](t, b.Pool, "SELECT min(broadcast_at) FROM herald.broadcast_journal"), time.Minute)
}

func TestJournalIsWrittenOnceThoughAnswersAreLost(t *testing.T) {
	t.Parallel()
	b := setup(t)
	db := &lossy{Pool: b.Pool}
	var j nodes.Journal
	j.Begin(0)
	position := int64(0)
	for i := range 12 {
		for range 3 {
			position++
			j.Record(position, []int32{int32(position)})
		}
		db.lose, db.away = i%3 == 0, i%3 == 1
		if err := fixture.Heartbeat(t.Context(), db, fixture.NodeID, &j); err != nil {
			require.ErrorIs(t, err, errLost)
		}
		require.Equal(t, fixture.Scan[int64](t, b.Pool, "SELECT max(last_position) FROM herald.broadcast_journal"),
			fixture.Scan[int64](t, b.Pool, "SELECT broadcast_position FROM herald.node"), "the two are told together")
	}
	require.Equal(t, position, requireContiguous(t, b.journal(t, fixture.NodeID)))
	for _, r := range b.journal(t, fixture.NodeID) {
		for i, count := range r.Connections {
			require.EqualValues(t, r.First+int64(i), count)
		}
	}
}

// requireContiguous requires that the rows continue each other, and returns where they end.
func requireContiguous(t *testing.T, rows []row) int64 {
	t.Helper()
	for i := range rows {
		require.EqualValues(t, i+1, rows[i].Number)
		if i > 0 {
			require.Equal(t, rows[i-1].Last+1, rows[i].First)
		}
	}
	return rows[len(rows)-1].Last
}

func TestJournalIsBoundedWhileTheDatabaseIsAway(t *testing.T) {
	t.Parallel()
	b := setup(t)
	db := &lossy{Pool: b.Pool, away: true}
	var j nodes.Journal
	j.Begin(0)
	const rounds, batch = 1000, 1000
	counts := slices.Repeat([]int32{3}, batch)
	for i := range int64(rounds) {
		j.Record(i*batch+1, counts)
		if i%20 == 0 {
			require.ErrorIs(t, fixture.Heartbeat(t.Context(), db, fixture.NodeID, &j), errLost)
		}
	}
	db.away = false
	require.NoError(t, fixture.Heartbeat(t.Context(), db, fixture.NodeID, &j))
	rows := b.journal(t, fixture.NodeID)
	require.EqualValues(t, rounds*batch, requireContiguous(t, rows))
	require.Less(t, len(rows), 30)
	counted := 0
	for _, r := range rows {
		counted += len(r.Connections)
	}
	require.Less(t, counted, 300_000, "counts were given up")
	require.Greater(t, counted, 100_000)
	require.NotNil(t, rows[len(rows)-1].Connections, "the oldest, not the newest")
	require.Equal(t, 1,
		fixture.Scan[int](t, b.Pool, "SELECT count(*) FROM herald.broadcast_journal WHERE connections IS NULL"))
}

func TestJournalIsPruned(t *testing.T) {
	t.Parallel()
	b := setup(t)
	gone, alive, idle := uuid.New(), uuid.New(), uuid.New()
	for _, node := range []uuid.UUID{gone, alive, idle} {
		var j nodes.Journal
		j.Begin(0)
		require.NoError(t, fixture.Heartbeat(t.Context(), b.Pool, node, &j))
		j.Record(1, []int32{1})
		require.NoError(t, fixture.Heartbeat(t.Context(), b.Pool, node, &j))
		b.Exec(t, "UPDATE herald.broadcast_journal SET broadcast_at = now() - interval '49 hours' WHERE node_id = $1", node)
		if node == alive {
			j.Record(2, []int32{1})
			require.NoError(t, fixture.Heartbeat(t.Context(), b.Pool, node, &j))
		}
	}
	register := nodes.New(b.Pool, alive)
	require.NoError(t, nodes.New(b.Pool, gone).Leave(t.Context()))
	require.NoError(t, register.PruneJournal(t.Context()))
	require.Empty(t, b.journal(t, gone))
	require.Equal(t, []row{{3, 2, 2, []int32{1}}}, b.journal(t, alive))
	require.Equal(t, []row{{2, 1, 1, []int32{1}}}, b.journal(t, idle), "a node's newest row stays")

	// The journal need not have what the log no longer holds.
	id := b.Insert(t, fixture.Cart())
	b.Insert(t, fixture.Cart(fixture.Columns{"event_id": id}))
	b.Relay(t)
	b.Exec(t, "UPDATE herald.broadcast_journal SET broadcast_at = now() - interval '1 hour'")
	b.Exec(t, "UPDATE herald.duplicate_event SET seen_at = now() - interval '1 hour'")
	require.NoError(t, register.Leave(t.Context()))
	require.NoError(t, register.PruneJournal(t.Context()))
	require.Empty(t, b.journal(t, alive))
	require.Equal(t, 0, fixture.Scan[int](t, b.Pool, "SELECT count(*) FROM herald.duplicate_event"))
}
