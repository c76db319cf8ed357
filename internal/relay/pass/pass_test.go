package pass_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/yummyzoom/herald/internal/event"
	"github.com/yummyzoom/herald/internal/eventlog"
	"github.com/yummyzoom/herald/internal/outbox"
	"github.com/yummyzoom/herald/internal/relay/pass"
	"github.com/yummyzoom/herald/internal/test/fixture"
)

// Acceptance: A-334.
func TestPassReturnsWhatWasWritten(t *testing.T) {
	t.Parallel()
	b := fixture.New(t)
	due := time.Date(2999, 1, 1, 0, 0, 0, 0, time.UTC)
	const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	id := b.Insert(t, fixture.Order(fixture.Columns{
		"audience": "Customer", "occurred_on_utc": due.AddDate(-1, 0, 0), "deliver_after": due, "traceparent": traceparent,
	}))
	b.Insert(t, fixture.Cart())
	p, err := pass.Begin(t.Context(), b.Conn(t), pass.Reading{MaxRows: 10})
	require.NoError(t, err)
	defer p.Rollback(t.Context())
	require.Len(t, p.Rows, 2)
	require.False(t, p.Full())
	require.True(t, p.Worthwhile())
	require.True(t, p.Armed(), "a new database wakes its first relay")

	row := p.Rows[0]
	require.JSONEq(t, `{"orderNumber": "YZ-1", "status": "Placed"}`, string(row.Payload))
	require.WithinDuration(t, due, row.DeliverAfter, 0)
	require.WithinDuration(t, due.AddDate(-1, 0, 0), row.OccurredOn, 0)
	require.WithinDuration(t, time.Now(), row.WrittenAt, time.Minute)
	row.Payload, row.DeliverAfter, row.OccurredOn, row.WrittenAt = nil, time.Time{}, time.Time{}, time.Time{}
	require.Equal(t, outbox.Row{Seq: 1, Event: event.Event{
		ID: id, Type: event.OrderPlaced, ResourceID: fixture.OrderID, RestaurantID: fixture.RestaurantID,
		CustomerID: fixture.Customer,
		Audience:   event.Customer, TraceParent: traceparent,
	}}, row)

	row = p.Rows[1]
	require.Equal(t, int64(2), row.Seq)
	require.Equal(t, uuid.Nil, row.RestaurantID)
	require.Empty(t, row.CustomerID)
	require.Empty(t, row.TraceParent)
	require.Zero(t, row.DeliverAfter)
}

func TestPassLocksTheOthersOut(t *testing.T) {
	t.Parallel()
	b := fixture.New(t)
	b.Insert(t, fixture.Cart())
	first, second := b.Conn(t), b.Conn(t)
	p, err := pass.Begin(t.Context(), first, pass.Reading{MaxRows: 10})
	require.NoError(t, err)
	_, err = pass.Begin(t.Context(), second, pass.Reading{MaxRows: 10})
	require.Equal(t, pass.ErrBusy, err)
	require.Equal(t, byte('I'), second.PgConn().TxStatus(), "it holds nothing")

	p.Rollback(t.Context())
	p.Rollback(t.Context()) // has nothing to do
	require.Equal(t, byte('I'), first.PgConn().TxStatus())
	p, err = pass.Begin(t.Context(), second, pass.Reading{MaxRows: 10})
	require.NoError(t, err)
	require.Len(t, p.Rows, 1, "a pass that was rolled back changed nothing")
	p.Rollback(t.Context())
}

// Acceptance: A-250.
func TestCommitNumbersEntries(t *testing.T) {
	t.Parallel()
	b := fixture.New(t)
	conn, listener := b.Conn(t), b.Conn(t)
	_, err := listener.Exec(t.Context(), "LISTEN herald_log")
	require.NoError(t, err)
	relayAll := func(disarm bool) []event.Logged {
		t.Helper()
		p, err := pass.Begin(t.Context(), conn, pass.Reading{MaxRows: 10})
		require.NoError(t, err)
		batch, err := p.Commit(t.Context(), fixture.EntriesOf(t, p), fixture.NodeID, disarm)
		require.NoError(t, err)
		require.Equal(t, byte('I'), conn.PgConn().TxStatus())
		return batch
	}
	places := func(batch []event.Logged) (got []string) {
		for _, l := range batch {
			got = append(got, fmt.Sprint(l.Position, " ", l.Group.Kind(), " ", l.Sequence, " ", l.Type))
		}
		return got
	}

	b.Insert(t, fixture.Order())
	b.Insert(t, fixture.Cart())
	b.Insert(t, fixture.Order(fixture.Columns{"event_type": "OrderStatusChanged", "audience": "Restaurant"}))
	first := relayAll(true)
	require.Equal(t, []string{
		"1 order 1 OrderPlaced", "2 restaurant 1 OrderPlaced", "3 teamcart 1 CartUpdated",
		"4 restaurant 2 OrderStatusChanged",
	}, places(first))
	told, err := listener.WaitForNotification(t.Context())
	require.NoError(t, err)
	require.Equal(t, "4", told.Payload, "the other nodes are told the position")
	require.False(t, fixture.Scan[bool](t, b.Pool, "SELECT herald.relay_is_armed()"))

	b.Insert(t, fixture.Cart())
	again := b.Insert(t, fixture.Order(fixture.Columns{"event_id": first[0].ID}))
	require.Equal(t, first[0].ID, again)
	b.Revoke(t, fixture.Owner, fixture.OrderID)
	second := relayAll(false)
	require.Equal(t, []string{"5 teamcart 2 CartUpdated", "6 order 0 AccessRevoked"}, places(second))

	log := eventlog.NewReader(b.Pool)
	state, err := log.State(t.Context())
	require.NoError(t, err)
	require.Equal(t, int64(6), state.Position)
	stored, _, err := log.ReadFrom(t.Context(), 0, 100)
	require.NoError(t, err)
	require.Equal(t, places(append(first, second...)), places(stored), "what Commit returns is what is stored")
	for i, l := range append(first, second...) {
		require.Equal(t, l.ID, stored[i].ID)
		require.Equal(t, l.Payload, stored[i].Payload)
		require.True(t, l.OccurredOn.Equal(stored[i].OccurredOn))
	}
}

// A backlog larger than a batch is worked off between the same two snapshots; newer events wait for their turn.
func TestBacklogInChunks(t *testing.T) {
	t.Parallel()
	b := fixture.New(t)
	conn := b.Conn(t)
	b.Exec(t, "INSERT INTO herald.outbox (event_type, resource_id) SELECT 'CartUpdated', $1 FROM generate_series(1, 10)",
		fixture.CartID)
	for _, rows := range []int{4, 4, 2} {
		p, err := pass.Begin(t.Context(), conn, pass.Reading{MaxRows: 4})
		require.NoError(t, err)
		require.Len(t, p.Rows, rows)
		require.Equal(t, rows == 4, p.Full())
		_, err = p.Commit(t.Context(), fixture.EntriesOf(t, p), fixture.NodeID, false)
		require.NoError(t, err)
		b.Insert(t, fixture.Cart())
	}
	p, err := pass.Begin(t.Context(), conn, pass.Reading{MaxRows: 4})
	require.NoError(t, err)
	require.Len(t, p.Rows, 3, "what came meanwhile")
	_, err = p.Commit(t.Context(), fixture.EntriesOf(t, p), fixture.NodeID, false)
	require.NoError(t, err)
	p, err = pass.Begin(t.Context(), conn, pass.Reading{MaxRows: 4})
	require.NoError(t, err)
	require.Empty(t, p.Rows)
	require.False(t, p.Worthwhile())
	p.Rollback(t.Context())
	require.Equal(t, int64(13), fixture.Scan[int64](t, b.Pool, "SELECT max(sequence) FROM herald.event_log"))
}

// A backlog that ends with a full batch takes one more look, which must be committed although it finds nothing.
func TestLastChunkOfABacklogThatIsFull(t *testing.T) {
	t.Parallel()
	b := fixture.New(t)
	conn := b.Conn(t)
	b.Insert(t, fixture.Cart())
	b.Insert(t, fixture.Cart())
	for _, rows := range []int{2, 0} {
		p, err := pass.Begin(t.Context(), conn, pass.Reading{MaxRows: 2})
		require.NoError(t, err)
		require.Len(t, p.Rows, rows)
		require.True(t, p.Worthwhile())
		_, err = p.Commit(t.Context(), fixture.EntriesOf(t, p), fixture.NodeID, false)
		require.NoError(t, err)
	}
	require.True(t, fixture.Scan[bool](t, b.Pool, "SELECT target IS NULL FROM herald.relay_state"))
}

func TestSeqsThatWereRolledBackAreSteppedOverOnce(t *testing.T) {
	t.Parallel()
	b := fixture.New(t)
	tx := b.Begin(t)
	_, err := tx.Exec(t.Context(),
		"INSERT INTO herald.outbox (event_type, resource_id) SELECT 'CartUpdated', $1 FROM generate_series(1, 1001)",
		fixture.CartID)
	require.NoError(t, err)
	require.NoError(t, tx.Rollback(t.Context()))
	conn := b.Conn(t)
	p, err := pass.Begin(t.Context(), conn, pass.Reading{MaxRows: 10})
	require.NoError(t, err)
	require.Empty(t, p.Rows)
	require.True(t, p.Worthwhile())
	_, err = p.Commit(t.Context(), fixture.EntriesOf(t, p), fixture.NodeID, false)
	require.NoError(t, err)
	p, err = pass.Begin(t.Context(), conn, pass.Reading{MaxRows: 10})
	require.NoError(t, err)
	require.False(t, p.Worthwhile())
	p.Rollback(t.Context())
}

// Whatever fails between Begin and Commit, the pass happens as a whole or not at all.
func TestPassThatCannotBeWrittenChangesNothing(t *testing.T) {
	t.Parallel()
	b := fixture.New(t)
	b.Insert(t, fixture.Order())
	b.Exec(t, "ALTER TABLE herald.relayed_event ADD CONSTRAINT no_more CHECK (false)")
	conn := b.Conn(t)
	p, err := pass.Begin(t.Context(), conn, pass.Reading{MaxRows: 10})
	require.NoError(t, err)
	_, err = p.Commit(t.Context(), fixture.EntriesOf(t, p), fixture.NodeID, true)
	require.ErrorContains(t, err, "appending to the log")
	require.Equal(t, byte('I'), conn.PgConn().TxStatus())
	b.Exec(t, "ALTER TABLE herald.relayed_event DROP CONSTRAINT no_more")

	p, err = pass.Begin(t.Context(), conn, pass.Reading{MaxRows: 10})
	require.NoError(t, err)
	batch, err := p.Commit(t.Context(), fixture.EntriesOf(t, p), fixture.NodeID, false)
	require.NoError(t, err)
	require.Len(t, batch, 2)
	require.Equal(t, int64(1), batch[0].Position)
}

func TestConnectionThatBreaks(t *testing.T) {
	t.Parallel()
	b := fixture.New(t)
	b.Insert(t, fixture.Cart())
	conn := b.Conn(t)
	p, err := pass.Begin(t.Context(), conn, pass.Reading{MaxRows: 10})
	require.NoError(t, err)
	b.Exec(t, "SELECT pg_terminate_backend($1, 30000)", conn.PgConn().PID())
	_, err = p.Commit(t.Context(), fixture.EntriesOf(t, p), fixture.NodeID, false)
	require.Error(t, err)
	require.True(t, conn.IsClosed())
	_, err = pass.Begin(t.Context(), conn, pass.Reading{MaxRows: 10})
	require.ErrorContains(t, err, "reading the outbox")
	b.Relay(t)
	require.Equal(t, int64(1), fixture.Scan[int64](t, b.Pool, "SELECT position FROM herald.relay_state"))
}

// Statements of the caller's share the pass's fate.
func TestStatementsInTheRelaysTransaction(t *testing.T) {
	t.Parallel()
	b := fixture.New(t)
	b.Exec(t, "CREATE TABLE public.effect (n int)")
	conn := b.Conn(t)
	for n, commit := range []bool{false, true} {
		b.Insert(t, fixture.Cart())
		p, err := pass.Begin(t.Context(), conn, pass.Reading{MaxRows: 10})
		require.NoError(t, err)
		for range 2 {
			tx, err := p.Tx(t.Context())
			require.NoError(t, err)
			_, err = tx.Exec(t.Context(), "INSERT INTO public.effect VALUES ($1)", n)
			require.NoError(t, err)
		}
		if !commit {
			p.Rollback(t.Context())
			continue
		}
		_, err = p.Commit(t.Context(), fixture.EntriesOf(t, p), fixture.NodeID, false)
		require.NoError(t, err)
	}
	require.Equal(t, "{1,1}", fixture.Scan[string](t, b.Pool, "SELECT array_agg(n)::text FROM public.effect"))
}

// The invariants, whatever producers and relays do: each committed event once, positions and sequences contiguous,
// the events of one transaction in its order.
//
// Acceptance.
func TestEveryCommittedEventIsRelayedOnce(t *testing.T) {
	t.Parallel()
	b := fixture.New(t)
	relays := []*pgx.Conn{b.Conn(t), b.Conn(t)}
	rapid.Check(t, func(rt *rapid.T) {
		ctx := t.Context()
		_, err := b.Pool.Exec(ctx, `TRUNCATE herald.outbox, herald.event_log, herald.relayed_event, herald.stream_head;
			INSERT INTO herald.relay_checkpoint (version, epoch, position, snapshot, floor, stragglers)
			SELECT s.version + 1, s.epoch, 0, s.snapshot, s.floor, s.stragglers FROM herald.relay_state s`)
		require.NoError(rt, err)
		writers := make([]pgx.Tx, 3)
		pending := make([][]uuid.UUID, len(writers))
		var committed [][]uuid.UUID
		defer func() {
			for _, tx := range writers {
				if tx != nil {
					_ = tx.Rollback(ctx)
				}
			}
		}()
		relay := func(rt *rapid.T) {
			d, err := pass.Begin(ctx, rapid.SampledFrom(relays).Draw(rt, "relay"),
				pass.Reading{MaxRows: rapid.IntRange(1, 4).Draw(rt, "max rows")})
			require.NoError(rt, err)
			if rapid.IntRange(0, 4).Draw(rt, "fails") == 0 {
				d.Rollback(ctx)
				return
			}
			_, err = d.Commit(ctx, fixture.EntriesOf(rt, d), fixture.NodeID, false)
			require.NoError(rt, err)
		}
		writer := func(rt *rapid.T) int { return rapid.IntRange(0, len(writers)-1).Draw(rt, "writer") }
		rt.Repeat(map[string]func(*rapid.T){
			"write": func(rt *rapid.T) {
				w := writer(rt)
				if writers[w] == nil {
					writers[w], err = b.Pool.Begin(ctx)
					require.NoError(rt, err)
				}
				id := uuid.New()
				_, err := writers[w].Exec(ctx,
					"INSERT INTO herald.outbox (event_id, event_type, resource_id) VALUES ($1, 'CartUpdated', $2)", id,
					fixture.CartID)
				require.NoError(rt, err)
				pending[w] = append(pending[w], id)
			},
			"commit": func(rt *rapid.T) {
				if w := writer(rt); writers[w] != nil {
					require.NoError(rt, writers[w].Commit(ctx))
					committed = append(committed, pending[w])
					writers[w], pending[w] = nil, nil
				}
			},
			"roll back": func(rt *rapid.T) {
				if w := writer(rt); writers[w] != nil {
					require.NoError(rt, writers[w].Rollback(ctx))
					writers[w], pending[w] = nil, nil
				}
			},
			"relay": relay,
		})
		for {
			d, err := pass.Begin(ctx, relays[0], pass.Reading{MaxRows: 3})
			require.NoError(rt, err)
			if !d.Worthwhile() {
				d.Rollback(ctx)
				break
			}
			_, err = d.Commit(ctx, fixture.EntriesOf(rt, d), fixture.NodeID, false)
			require.NoError(rt, err)
		}
		log, _, err := eventlog.NewReader(b.Pool).ReadFrom(ctx, 0, 10_000)
		require.NoError(rt, err)
		at := map[uuid.UUID]int{}
		for i, l := range log {
			require.Equal(rt, int64(i+1), l.Position)
			require.Equal(rt, int64(i+1), l.Sequence)
			require.NotContains(rt, at, l.ID, "twice")
			at[l.ID] = i
		}
		total := 0
		for _, ids := range committed {
			total += len(ids)
			for i, id := range ids {
				require.Contains(rt, at, id, "lost")
				if i > 0 {
					require.Less(rt, at[ids[i-1]], at[id], "out of its transaction's order")
				}
			}
		}
		require.Len(rt, log, total, "nothing that was rolled back")
	})
}
