package line

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/bench"
	"github.com/yummyzoom/herald/internal/event"
	"github.com/yummyzoom/herald/internal/relay"
	"github.com/yummyzoom/herald/internal/relay/pass"
	"github.com/yummyzoom/herald/internal/test/pgtest"
)

// relayAll relays the waiting events, in the test's own process.
func relayAll(t *testing.T, conn *pgx.Conn) {
	t.Helper()
	r, err := relay.New(relay.Config{
		NodeID: uuid.New(), Connect: func(context.Context) (*pgx.Conn, error) { return conn, nil },
		SetAside: setsNothingAside{}, Relayed: func(int64, []event.Logged) {},
	})
	require.NoError(t, err)
	_, err = r.Sweep(t.Context(), conn)
	require.NoError(t, err)
}

type setsNothingAside struct{ relay.SetAside }

func TestALogThatIsNotWhatWasPublishedEndsTheBench(t *testing.T) {
	t.Parallel()
	conn := pgtest.New(t).Conn(t)
	r := &relayRun{Relay: &Relay{Events: 50}, feed: relayFeed{orders: 8, restaurants: 2}}
	_, err := r.feed.fill(t.Context(), conn, r.Events, func(string) {})
	require.NoError(t, err)
	relayAll(t, conn)
	require.NoError(t, r.check(t.Context(), conn))
	var groups int
	require.NoError(
		t, conn.QueryRow(t.Context(), "SELECT count(DISTINCT group_name) FROM herald.event_log").Scan(&groups),
	)
	require.Equal(t, 10, groups)

	for name, damage := range map[string]string{
		"an entry is missing": "DELETE FROM herald.event_log WHERE position = 100",
		"an entry too many":   "INSERT INTO herald.event_log SELECT position + 100, group_name, sequence + 1000, outbox_seq, outbox_written_at, event_id, relayed_at FROM herald.event_log WHERE position = 1",
		"a hole":              "UPDATE herald.event_log SET sequence = sequence + 1 WHERE position = 100",
		"an event too few":    "DELETE FROM herald.relayed_event WHERE first_position = 1",
	} {
		tx, err := conn.Begin(t.Context())
		require.NoError(t, err)
		_, err = conn.Exec(t.Context(), damage)
		require.NoError(t, err)
		require.ErrorContains(t, r.check(t.Context(), conn), "the log is wrong", name)
		require.NoError(t, tx.Rollback(t.Context()))
	}
}

func TestTheBaselineIsAsManyRows(t *testing.T) {
	t.Parallel()
	conn := pgtest.New(t).Conn(t)
	m, err := newMeter(t.Context(), conn, func(line string) { t.Error(line) })
	require.NoError(t, err)
	r := &relayRun{Relay: &Relay{Events: 2500}, feed: relayFeed{orders: 8, restaurants: 2}}
	_, err = conn.Exec(t.Context(), `CREATE TABLE counted AS SELECT 0 AS entries, 0 AS positions, 0 AS groups;
		CREATE FUNCTION count_rows() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN
			UPDATE counted SET (entries, positions, groups) = (SELECT count(*), count(DISTINCT position), count(DISTINCT group_name) FROM herald_bench_log);
		END $$;
		CREATE EVENT TRIGGER count_rows ON ddl_command_start WHEN TAG IN ('DROP TABLE') EXECUTE FUNCTION count_rows()`)
	require.NoError(t, err)
	done, err := r.insert(t.Context(), conn, m)
	require.NoError(t, err)
	require.Positive(t, done.took)
	require.Positive(t, done.wal)
	var entries, positions, groups int
	require.NoError(
		t,
		conn.QueryRow(t.Context(), "SELECT entries, positions, groups FROM counted").Scan(&entries, &positions, &groups),
	)
	require.Equal(t, []int{5000, 5000, 10}, []int{entries, positions, groups})
}

func TestACostIsWhatHasBeenAdded(t *testing.T) {
	t.Parallel()
	before, after := cost{cpu: time.Second, wal: 100}, cost{cpu: 3 * time.Second, wal: 350}
	require.Equal(t, cost{cpu: 2 * time.Second, wal: 250}, after.less(before))
	require.InDelta(t, 250, cost{took: 2 * time.Second}.rate(500), 1e-9)
}

func TestQueuesAreEmptyWhenEverythingIsRelayed(t *testing.T) {
	t.Parallel()
	database := pgtest.New(t)
	conn := database.Conn(t)
	feed := relayFeed{orders: 8, restaurants: 2}
	_, err := feed.fill(t.Context(), conn, 5, func(string) {})
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 3*bench.QueuePoll)
	defer cancel()
	require.ErrorIs(
		t, bench.AwaitEmpty(ctx, database.Conn(t), "http://127.0.0.1:1"), context.DeadlineExceeded,
		"nobody relays: it does not even ask the server",
	)
	relayAll(t, conn)
	glance, err := pass.Peek(t.Context(), conn)
	require.NoError(t, err)
	require.False(t, glance.Waiting)
	require.ErrorContains(t, bench.AwaitEmpty(t.Context(), conn, "http://127.0.0.1:1"), "metrics")

	var asked atomic.Int64
	const entries = 10 // entries that the server broadcasts one after another
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = fmt.Fprintf(w, "%s 1\n%s %d\n", bench.BatchCount, bench.BroadcastPosition, entries-3+asked.Add(1))
	}))
	t.Cleanup(server.Close)
	require.NoError(t, bench.AwaitEmpty(t.Context(), conn, server.URL))
	require.EqualValues(t, 3, asked.Load(), "not before everything is broadcast")
}

func TestTheSizeOfATableIsThatOfItsPartitions(t *testing.T) {
	t.Parallel()
	conn := pgtest.New(t).Conn(t)
	before, err := bench.TableBytes(t.Context(), conn, "herald.outbox")
	require.NoError(t, err)
	_, err = relayFeed{orders: 8, restaurants: 2}.fill(t.Context(), conn, 1000, func(string) {})
	require.NoError(t, err)
	after, err := bench.TableBytes(t.Context(), conn, "herald.outbox")
	require.NoError(t, err)
	const least = 1000 * 200
	require.Greater(t, after-before, int64(least))
	whole, err := bench.TableBytes(t.Context(), conn, "herald.relayed_event")
	require.NoError(t, err)
	require.Positive(t, whole)
}
