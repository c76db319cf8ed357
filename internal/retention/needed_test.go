package retention_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/outbox"
	"github.com/yummyzoom/herald/internal/retention"
	"github.com/yummyzoom/herald/internal/test/fixture"
)

func TestRowsThatAreStillNeededMoveToTheDefaultPartition(t *testing.T) {
	t.Parallel()
	inAYear := fixture.Columns{"deliver_after": time.Now().AddDate(1, 0, 0)}
	for name, test := range map[string]struct {
		publish func(t *testing.T, b *bundle) uuid.UUID
		aged    string // what happens when it has become old
	}{
		"by a scheduled delivery": {func(t *testing.T,
			b *bundle,
		) uuid.UUID {
			t.Helper()
			return b.Relayed(t, fixture.Cart(inAYear))
		}, ""},
		"by a retry":       {func(t *testing.T, b *bundle) uuid.UUID { t.Helper(); return b.SetAside(t) }, ""},
		"by a dead letter": {func(t *testing.T, b *bundle) uuid.UUID { t.Helper(); return b.Dead(t) }, ""},
		"by an entry that came late": {
			func(t *testing.T, b *bundle) uuid.UUID { t.Helper(); return b.Relayed(t, fixture.Cart()) },
			"UPDATE herald.event_log SET relayed_at = relayed_at + interval '8 days' WHERE event_id = $1",
		},
		"by an entry that no day took": { // the node keeps it there
			func(t *testing.T, b *bundle) uuid.UUID {
				t.Helper()
				b.Node(t, 2, 0)
				return b.Relayed(t, fixture.Cart())
			},
			"UPDATE herald.event_log SET relayed_at = '1999-01-01' WHERE event_id = $1",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			other := b.Relayed(t, fixture.Order())
			id := test.publish(t, b)
			b.Age(t, 9)
			if test.aged != "" {
				b.Exec(t, test.aged, id)
			}
			type place struct {
				Seq       int64
				Xid       string
				WrittenAt time.Time
				Payload   string
			}
			read := func() place {
				rows, err := b.Pool.Query(t.Context(),
					"SELECT seq, xid::text, written_at, payload::text FROM herald.outbox WHERE event_id = $1", id)
				require.NoError(t, err)
				p, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByPos[place])
				require.NoError(t, err)
				return p
			}
			before := read()
			_, err := b.Retention().Run(t.Context())
			require.NoError(t, err)
			require.Zero(t, b.Days(t, "outbox"))
			require.Equal(t, "outbox_default", b.Home(t, id))
			require.Equal(t, before, read(), "what it is found by, and all the rest")
			inOutbox, _ := b.Rows(t, other)
			require.Zero(t, inOutbox, "nobody needs it")

			state := fixture.Scan[int64](t, b.Pool, "SELECT position FROM herald.relay_state")
			b.Relay(t)
			require.Equal(t, state, fixture.Scan[int64](t, b.Pool, "SELECT position FROM herald.relay_state"),
				"it is not read a second time")
			created, err := retention.EnsurePartitions(t.Context(), b.Pool, time.Now(), 5)
			require.NoError(t, err)
			require.Equal(t, 4, created, "days ahead are made beside it")
			_, err = b.Retention().Run(t.Context())
			require.NoError(t, err)
			require.Equal(t, "outbox_default", b.Home(t, id), "it stays while it is needed")
		})
	}
}

func TestRowsThatAreNotNeededAnyMoreGo(t *testing.T) {
	t.Parallel()
	for name, settle := range map[string]func(t *testing.T, b *bundle, id uuid.UUID){
		"its dead letter was dropped": func(t *testing.T, b *bundle, id uuid.UUID) {
			t.Helper()
			require.NoError(t, outbox.Drop(t.Context(), b.Pool, id, "ops"))
		},
		"its event was published again and relayed": func(t *testing.T, b *bundle, id uuid.UUID) {
			t.Helper()
			b.Relayed(t, fixture.Order(fixture.Columns{"event_id": id}))
			b.Exec(t, "DELETE FROM herald.outbox WHERE event_id = $1 AND seq = (SELECT max(seq) FROM herald.outbox WHERE event_id = $1)", id)
		},
		"its job has ended": func(t *testing.T, b *bundle, id uuid.UUID) {
			t.Helper()
			b.Exec(t, "DELETE FROM herald.dead_letter")
			b.Exec(t, `INSERT INTO herald.river_job (kind, max_attempts, state, finalized_at, args)
				SELECT 'retry_event', 1, 'completed', now(), jsonb_build_object('event_id', event_id, 'outbox_seq', seq, 'outbox_written_at', written_at)
				FROM herald.outbox WHERE event_id = $1`, id)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for moved, when := range map[bool]string{false: "before its day is dropped", true: "after it was moved"} {
				b := setup(t)
				id := b.Dead(t)
				b.Age(t, 9)
				if moved {
					b.Retire(t)
					require.Equal(t, "outbox_default", b.Home(t, id))
				}
				settle(t, b, id)
				b.Retire(t)
				inOutbox, _ := b.Rows(t, id)
				require.Zero(t, inOutbox, when)
			}
		})
	}
}

// While rows are moved producers and the relay wait, so there is a limit. A day beyond it stays a partition, with
// all its rows.
func TestADayOfWhichTooMuchIsNeededStays(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.Exec(t, `INSERT INTO herald.outbox (event_type, resource_id, deliver_after)
		SELECT 'CartUpdated', gen_random_uuid(), now() + interval '1 year' FROM generate_series(1, 10001)`)
	b.Relay(t)
	b.Age(t, 9)
	done := b.Retire(t)
	require.Equal(t, 1, done.Kept)
	require.Equal(t, 1, b.Days(t, "outbox"))
	b.Exec(t, "DELETE FROM herald.river_job WHERE id = (SELECT min(id) FROM herald.river_job)")
	require.Equal(t, 1, b.Retire(t).Days)
	require.Equal(t, 10000, fixture.Scan[int](t, b.Pool, "SELECT count(*) FROM herald.outbox_default"))

	b.Exec(t, `INSERT INTO herald.outbox (event_type, resource_id, deliver_after, written_at)
		SELECT 'CartUpdated', gen_random_uuid(), now() + interval '1 year', now() - interval '30 days' FROM generate_series(1, 100)`)
	b.Relay(t)
	b.Exec(t, "DELETE FROM herald.river_job WHERE id % 2 = 0")
	b.Retire(t)
	left := fixture.Scan[int](t, b.Pool, "SELECT count(*) FROM herald.river_job WHERE kind = 'deliver_scheduled'")
	require.Equal(t, left, fixture.Scan[int](t, b.Pool, "SELECT count(*) FROM herald.outbox_default"))
}

// A row that today's check would refuse is not checked again when it moves: a dead letter keeps it, and its day
// goes.
func TestARowThatTheCheckWouldRefuseMovesAllTheSame(t *testing.T) {
	t.Parallel()
	b := setup(t)
	id := b.Dead(t)
	b.Age(t, 9)
	b.Exec(t, `CREATE OR REPLACE FUNCTION herald.accept_event() RETURNS trigger LANGUAGE plpgsql AS $$
		BEGIN RAISE EXCEPTION 'herald.outbox: unknown event_type %', NEW.event_type USING ERRCODE = 'check_violation'; END $$`)
	require.Equal(t, 2, b.Retire(t).Days, "the log's and the outbox's")
	require.Equal(t, 1,
		fixture.Scan[int](t, b.Pool, "SELECT count(*) FROM herald.outbox_default WHERE event_id = $1", id))
	_, err := fixture.Insert(t, b.Pool, fixture.Order(fixture.Columns{"written_at": time.Now().AddDate(0, 0, -9)}))
	require.ErrorContains(t, err, "unknown event_type OrderPlaced", "what is inserted there is judged, before and behind")
	require.NoError(t, outbox.Drop(t.Context(), b.Pool, id, "ops"))
}

// A day that cannot be dropped stays as it is, and the error says why.
func TestADayThatCannotBeDroppedStays(t *testing.T) {
	t.Parallel()
	b := setup(t)
	id := b.Dead(t)
	b.Age(t, 9)
	day := "herald.outbox_p" + time.Now().UTC().AddDate(0, 0, -9).Format("20060102")
	b.Exec(t, `CREATE OR REPLACE FUNCTION herald.accept_event() RETURNS trigger LANGUAGE plpgsql AS $$
		BEGIN RAISE EXCEPTION 'no room for %', NEW.event_type USING ERRCODE = 'disk_full'; END $$`)
	_, err := b.Retention().Run(t.Context())
	refused, ok := errors.AsType[*pgconn.PgError](err)
	require.True(t, ok, "%v", err)
	require.Contains(t, refused.Message, "no room for OrderPlaced")
	require.Equal(t, 1, fixture.Scan[int](t, b.Pool, "SELECT count(*) FROM "+day+" WHERE event_id = $1", id))
}

// Rows of a day in the default partitions are as old as the day's other rows.
func TestTheDefaultPartitionsAreBoundToTheRetention(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.DropPartitions(t)
	old, needed, waiting := b.Relayed(t, fixture.Order()), b.Dead(t), uuid.New()
	for _, change := range []string{
		"outbox SET written_at = written_at - interval '30 days'",
		"event_log SET relayed_at = relayed_at - interval '30 days', outbox_written_at = outbox_written_at - interval '30 days'",
		"relayed_event SET relayed_at = relayed_at - interval '30 days'",
		"dead_letter SET outbox_written_at = outbox_written_at - interval '30 days'",
	} {
		b.Exec(t, "UPDATE herald."+change)
	}
	b.Insert(t, fixture.Cart(fixture.Columns{"event_id": waiting, "written_at": time.Now().AddDate(0, 0, -20)}))
	recent := b.Insert(t, fixture.Order(fixture.Columns{"written_at": time.Now().AddDate(0, 0, -2)}))
	b.Node(t, 1, 0)
	b.Retire(t)
	inOutbox, inLog := b.Rows(t, old)
	require.Equal(t, []int{1, 1}, []int{inOutbox, inLog}, "a node has not broadcast all of it")
	require.Equal(t, 1, fixture.Scan[int](t, b.Pool, "SELECT count(*) FROM herald.relayed_event"))
	b.Exec(t, "DELETE FROM herald.node")
	b.Retire(t)
	require.True(t, b.Gone(t, old))
	require.Zero(t, fixture.Scan[int](t, b.Pool, "SELECT count(*) FROM herald.relayed_event"))
	for _, id := range []uuid.UUID{needed, waiting, recent} {
		inOutbox, _ := b.Rows(t, id)
		require.Equal(t, 1, inOutbox)
	}
	b.Relay(t)
	require.Equal(t, "relayed", b.Status(t, waiting)[0].Status)
	require.Equal(t, int64(2), b.Status(t, recent)[0].Sequence, "the groups' heads are kept")
}
