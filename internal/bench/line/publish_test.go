package line

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/relay"
	"github.com/yummyzoom/herald/internal/test/pgtest"
)

func TestEveryColumnHasItsTurnAndEachIsFirstOnce(t *testing.T) {
	t.Parallel()
	first := map[column]bool{}
	for round := range columns {
		seen := map[column]bool{}
		for n := range columns {
			seen[turn(round*columns+n)] = true
		}
		require.Len(t, seen, columns)
		first[turn(round*columns)] = true
	}
	require.Len(t, first, columns)
}

func TestPlainRowsHaveTheSizeOfEvents(t *testing.T) {
	t.Parallel()
	database := pgtest.New(t)
	conn := database.Conn(t)
	s, err := openShop(t.Context(), conn)
	require.NoError(t, err)
	require.Equal(t, s.rowBytes/8, s.plainBytes/8, "rows begin at multiples of 8")
	for c := range column(columns) {
		for range 10 {
			require.NoError(t, s.order(t.Context(), conn, c))
		}
	}
	for table, most := range map[string]int{
		"herald.outbox": s.rowBytes, shopSchema + "." + plainInsert.eventTable(): s.plainBytes,
		shopSchema + "." + plainNotify.eventTable(): s.plainBytes,
	} {
		var size int
		require.NoError(t, conn.QueryRow(t.Context(), "SELECT max(pg_column_size(t)) FROM "+table+" t").Scan(&size))
		require.InDelta(t, most, size, 4, table)
	}
	s, err = openShop(t.Context(), conn)
	require.NoError(t, err, "what another bench has left")
	s.close(t.Context())
	var left bool
	require.NoError(
		t,
		conn.QueryRow(t.Context(), "SELECT EXISTS (SELECT FROM pg_namespace WHERE nspname = $1)", shopSchema).Scan(&left),
	)
	require.False(t, left)
}

func TestColumnsWriteWhatTheySay(t *testing.T) {
	t.Parallel()
	database := pgtest.New(t)
	conn := database.Conn(t)
	s, err := openShop(t.Context(), conn)
	require.NoError(t, err)
	count := func(table string) (n int) {
		require.NoError(t, conn.QueryRow(t.Context(), "SELECT count(*) FROM "+table).Scan(&n))
		return n
	}
	arrived, stop, err := listenTo(t.Context(), database.DSN())
	require.NoError(t, err)
	t.Cleanup(stop)
	relays := database.Conn(t)
	execute(t, relays, "LISTEN herald_outbox")
	execute(t, conn, "SELECT setval('herald.relay_armed', 0)") // as under load

	for c := range column(columns) {
		require.NoError(t, s.order(t.Context(), conn, c))
		require.Equal(t, 1, count(shopSchema+"."+c.orderTable()))
		if c.isPlain() {
			require.Equal(t, 1, count(shopSchema+"."+c.eventTable()))
		}
	}
	require.Equal(t, 3, count("herald.outbox"))
	within(t, arrived)
	require.Empty(t, arrived, "only one of the plain columns notifies")
	waiting, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	_, err = relays.WaitForNotification(waiting)
	require.NoError(t, err)
	execute(t, conn, "NOTIFY herald_outbox, 'the end'")
	last, err := relays.WaitForNotification(waiting)
	require.NoError(t, err)
	require.Equal(t, "the end", last.Payload, "only one of the event columns notifies")
}

func execute(t *testing.T, conn *pgx.Conn, sql string) {
	t.Helper()
	_, err := conn.Exec(t.Context(), sql)
	require.NoError(t, err)
}

func TestASliceEndsWithItsTransactions(t *testing.T) {
	t.Parallel()
	database := pgtest.New(t)
	conn := database.Conn(t)
	s, err := openShop(t.Context(), conn)
	require.NoError(t, err)
	r := &publishRun{Publish: &Publish{}, conn: conn, shop: s}
	writers := []*pgx.Conn{database.Conn(t), database.Conn(t), database.Conn(t)}
	transactions, took, err := r.slice(t.Context(), writers, eventInsert, 0)
	require.NoError(t, err)
	require.Equal(t, len(writers), transactions, "each does one at least")
	require.Positive(t, took)
	var rows int
	require.NoError(t, conn.QueryRow(t.Context(), "SELECT count(*) FROM herald.outbox").Scan(&rows))
	require.Equal(t, transactions, rows)

	s.close(t.Context())
	_, _, err = r.slice(t.Context(), writers, eventInsert, 0)
	require.ErrorContains(t, err, "inserting an order")
}

// A bench that was killed may have left the relay paused, and the next one ends that pause. An operator's pause
// stays.
func TestAPauseThatIsLeftIsEnded(t *testing.T) {
	t.Parallel()
	conn := pgtest.New(t).Conn(t)
	paused := func() bool {
		p, err := relay.ReadPausing(t.Context(), conn)
		require.NoError(t, err)
		return p.Paused()
	}
	require.NoError(t, endPause(t.Context(), conn))
	_, err := relay.Pause(t.Context(), conn, pausedBy)
	require.NoError(t, err)
	require.NoError(t, endPause(t.Context(), conn))
	require.False(t, paused())

	_, err = relay.Pause(t.Context(), conn, "an operator")
	require.NoError(t, err)
	require.ErrorContains(t, endPause(t.Context(), conn), "paused by an operator")
	require.True(t, paused())
	_, _, err = (&publishRun{Publish: &Publish{}, conn: conn}).sliceOf(t.Context(), nil, eventPaused, 0)
	require.ErrorContains(t, err, "somebody has paused the relay")
	require.True(t, paused())
}
