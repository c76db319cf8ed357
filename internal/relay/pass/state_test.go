package pass_test

import (
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/relay"
	"github.com/yummyzoom/herald/internal/relay/pass"
	"github.com/yummyzoom/herald/internal/test/fixture"
)

// A transaction that stays open keeps every version of every row that it may see. The relay's statements must not
// step over these versions.
func TestLongTransactionsDoNotSlowTheRelayDown(t *testing.T) {
	t.Parallel()
	b := fixture.New(t)
	report, err := b.Pool.BeginTx(t.Context(), pgx.TxOptions{IsoLevel: pgx.RepeatableRead})
	require.NoError(t, err)
	defer func() { _ = report.Rollback(t.Context()) }()
	require.Zero(t, fixture.Scan[int](t, report, "SELECT count(*) FROM herald.event_log"))
	conn := b.Conn(t)
	const passes = 500
	for range passes {
		b.Insert(t, fixture.Order())
		p, err := pass.Begin(t.Context(), conn, pass.Reading{MaxRows: 10})
		require.NoError(t, err)
		_, err = p.Commit(t.Context(), fixture.EntriesOf(t, p), fixture.NodeID, false)
		require.NoError(t, err)
	}
	require.NoError(t, relay.PruneCheckpoints(t.Context(), b.Pool))
	require.LessOrEqual(t, fixture.Scan[int](t, b.Pool, "SELECT count(*) FROM herald.relay_checkpoint"), 101)
	b.Exec(t, "SET enable_seqscan = off")
	for _, statement := range []string{
		"SELECT * FROM herald.relay_state",
		"SELECT l.sequence FROM herald.event_log l WHERE l.group_name = 'restaurant:" + fixture.RestaurantID.String() +
			"' AND l.sequence > 0 ORDER BY l.sequence DESC LIMIT 1",
		"SELECT FROM herald.relay_lock FOR UPDATE",
	} {
		// 500 versions take more pages, when each is stepped over.
		require.Less(t, buffers(t, b, statement), 40, "%s reads pages", statement)
	}
}

// buffers returns how many pages a statement looks at, once its plan is made.
func buffers(t *testing.T, b *fixture.Database, statement string) int {
	t.Helper()
	conn := b.Conn(t)
	pages(t, conn, statement)
	return pages(t, conn, statement)
}

// pages returns how many pages a statement looks at.
func pages(t *testing.T, conn *pgx.Conn, statement string) int {
	t.Helper()
	rows, err := conn.Query(t.Context(), "EXPLAIN (ANALYZE, BUFFERS, COSTS OFF, TIMING OFF, SUMMARY OFF) "+statement)
	require.NoError(t, err)
	lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)
	plan, _, _ := strings.Cut(strings.Join(lines, "\n"), "Planning:")
	_, after, _ := strings.Cut(plan, "Buffers: ") // the first line is about all of them
	after, _, _ = strings.Cut(after, "\n")
	total := 0
	for _, count := range regexp.MustCompile(`(?:hit|read)=(\d+)`).FindAllStringSubmatch(after, -1) {
		n, err := strconv.Atoi(count[1])
		require.NoError(t, err)
		total += n
	}
	require.Positive(t, total, plan)
	return total
}

// A group whose newest entry the retention has dropped goes on counting where it was.
func TestAGroupGoesOnBehindTheRetention(t *testing.T) {
	t.Parallel()
	b := fixture.New(t)
	b.Insert(t, fixture.Cart())
	b.Relay(t)
	b.Exec(t, "INSERT INTO herald.stream_head (group_name, sequence) SELECT group_name, sequence FROM herald.event_log")
	b.Exec(t, "DELETE FROM herald.event_log")
	next := b.Insert(t, fixture.Cart())
	b.Relay(t)
	require.Equal(t, int64(2), b.Status(t, next)[0].Sequence)
	last := b.Insert(t, fixture.Cart())
	b.Relay(t)
	require.Equal(t, int64(3), b.Status(t, last)[0].Sequence, "the log goes before")
}

// A relay's memory is invalid once another transaction has taken a step.
func TestTheMemoryIsWorthNothingWhenAnotherRelayHasWorked(t *testing.T) {
	t.Parallel()
	b := fixture.New(t)
	conns := []*pgx.Conn{b.Conn(t), b.Conn(t)}
	memories := make([]pass.Memory, 2)
	sequences := []int64{}
	for _, relay := range []int{0, 0, 1, 0, 0, 1, 1, 0} {
		b.Insert(t, fixture.Cart())
		p, err := pass.Begin(t.Context(), conns[relay], pass.Reading{MaxRows: 10})
		require.NoError(t, err)
		p.Memory = &memories[relay]
		batch, err := p.Commit(t.Context(), fixture.EntriesOf(t, p), fixture.NodeID, false)
		require.NoError(t, err)
		sequences = append(sequences, batch[0].Sequence)
	}
	require.Equal(t, []int64{1, 2, 3, 4, 5, 6, 7, 8}, sequences)
	require.Equal(t, int64(8), fixture.Scan[int64](t, b.Pool, "SELECT max(sequence) FROM herald.event_log"))
}

// An order's customer is the one of its first event in its group. A relay that remembers an order's customer, and
// one that asks for it, note it once, and report each event that names another.
func TestAnOrdersCustomerIsThatOfItsFirstEvent(t *testing.T) {
	t.Parallel()
	b := fixture.New(t)
	other := uuid.New()
	rows := []fixture.Columns{
		fixture.Order(fixture.Columns{"customer_id": "user-3", "audience": "Restaurant"}), fixture.Order(), fixture.Order(),
		fixture.Order(fixture.Columns{"customer_id": "user-2"}),
		fixture.Order(fixture.Columns{"customer_id": "user-3", "audience": "Restaurant"}),
		fixture.Order(fixture.Columns{"customer_id": "user-2", "audience": "Customer"}),
		fixture.Order(fixture.Columns{"resource_id": other, "customer_id": "user-2"}),
		fixture.Order(fixture.Columns{"resource_id": other}),
	}
	var told []string
	relay := func(d *pass.Pass, memory *pass.Memory) {
		d.Memory = memory
		entries := fixture.EntriesOf(t, d)
		_, err := d.Commit(t.Context(), entries, fixture.NodeID, false)
		require.NoError(t, err)
		for _, c := range entries.Contested() {
			told = append(told, c.Customer)
		}
	}
	begin := func(conn *pgx.Conn) *pass.Pass {
		d, err := pass.Begin(t.Context(), conn, pass.Reading{MaxRows: 10})
		require.NoError(t, err)
		return d
	}
	for name, memory := range map[string]*pass.Memory{"remembers": {}, "asks": nil} {
		for _, together := range []bool{true, false} {
			t.Log(name, together)
			told = nil
			b.Exec(t, "DELETE FROM herald.access_grant")
			conn := b.Conn(t)
			if memory != nil {
				memory = &pass.Memory{}
			}
			for _, row := range rows {
				b.Insert(t, row)
				if !together {
					relay(begin(conn), memory)
				}
			}
			if together {
				relay(begin(conn), memory)
			}
			require.Equal(t, []string{"user-2", "user-2", fixture.Customer}, told)
			require.Equal(t, []string{fixture.Customer, "user-2"},
				fixture.Scan[[]string](t, b.Pool, "SELECT array_agg(user_id ORDER BY id) FROM herald.access_grant"))
		}
	}
}
