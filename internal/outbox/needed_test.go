package outbox_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/outbox"
)

func TestRowsThatAreStillNeededMoveToTheDefaultPartition(t *testing.T) {
	t.Parallel()
	inAYear := columns{"deliver_after": time.Now().AddDate(1, 0, 0)}
	for name, test := range map[string]struct {
		publish func(t *testing.T, b *bundle) uuid.UUID
		aged    string // what happens when it has become old
	}{
		"by a scheduled delivery": {func(t *testing.T, b *bundle) uuid.UUID { t.Helper(); return b.relayed(t, cart(inAYear)) }, ""},
		"by a retry":              {func(t *testing.T, b *bundle) uuid.UUID { t.Helper(); return b.setAside(t) }, ""},
		"by a dead letter":        {func(t *testing.T, b *bundle) uuid.UUID { t.Helper(); return b.dead(t) }, ""},
		"by an entry that came late": {
			func(t *testing.T, b *bundle) uuid.UUID { t.Helper(); return b.relayed(t, cart()) },
			"UPDATE herald.event_log SET relayed_at = relayed_at + interval '8 days' WHERE event_id = $1",
		},
		"by an entry that no day took": { // the node keeps it there
			func(t *testing.T, b *bundle) uuid.UUID { t.Helper(); b.node(t, 2, 0); return b.relayed(t, cart()) },
			"UPDATE herald.event_log SET relayed_at = '1999-01-01' WHERE event_id = $1",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			other := b.relayed(t, order())
			id := test.publish(t, b)
			b.age(t, 9)
			if test.aged != "" {
				b.exec(t, test.aged, id)
			}
			type place struct {
				Seq       int64
				Xid       string
				WrittenAt time.Time
				Payload   string
			}
			read := func() place {
				rows, err := b.pool.Query(t.Context(), "SELECT seq, xid::text, written_at, payload::text FROM herald.outbox WHERE event_id = $1", id)
				require.NoError(t, err)
				p, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByPos[place])
				require.NoError(t, err)
				return p
			}
			before := read()
			_, err := b.retention().Run(t.Context())
			require.NoError(t, err)
			require.Zero(t, b.days(t, "outbox"))
			require.Equal(t, "outbox_default", b.home(t, id))
			require.Equal(t, before, read(), "what it is found by, and all the rest")
			inOutbox, _ := b.rows(t, other)
			require.Zero(t, inOutbox, "nobody needs it")

			state := scan[int64](t, b.pool, "SELECT position FROM herald.relay_state")
			b.relay(t)
			require.Equal(t, state, scan[int64](t, b.pool, "SELECT position FROM herald.relay_state"), "it is not read a second time")
			created, err := outbox.EnsurePartitions(t.Context(), b.pool, time.Now(), 5)
			require.NoError(t, err)
			require.Equal(t, 4, created, "days ahead are made beside it")
			_, err = b.retention().Run(t.Context())
			require.NoError(t, err)
			require.Equal(t, "outbox_default", b.home(t, id), "it stays while it is needed")
		})
	}
}

func TestRowsThatAreNotNeededAnyMoreGo(t *testing.T) {
	t.Parallel()
	for name, settle := range map[string]func(t *testing.T, b *bundle, id uuid.UUID){
		"its dead letter was dropped": func(t *testing.T, b *bundle, id uuid.UUID) {
			t.Helper()
			require.NoError(t, outbox.Drop(t.Context(), b.pool, id, "ops"))
		},
		"its event was published again and relayed": func(t *testing.T, b *bundle, id uuid.UUID) {
			t.Helper()
			b.relayed(t, order(columns{"event_id": id}))
			b.exec(t, "DELETE FROM herald.outbox WHERE event_id = $1 AND seq = (SELECT max(seq) FROM herald.outbox WHERE event_id = $1)", id)
		},
		"its job has ended": func(t *testing.T, b *bundle, id uuid.UUID) {
			t.Helper()
			b.exec(t, "DELETE FROM herald.dead_letter")
			b.exec(t, `INSERT INTO herald.river_job (kind, max_attempts, state, finalized_at, args)
				SELECT 'retry_event', 1, 'completed', now(), jsonb_build_object('event_id', event_id, 'outbox_seq', seq, 'outbox_written_at', written_at)
				FROM herald.outbox WHERE event_id = $1`, id)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for moved, when := range map[bool]string{false: "before its day is dropped", true: "after it was moved"} {
				b := setup(t)
				id := b.dead(t)
				b.age(t, 9)
				if moved {
					b.retire(t)
					require.Equal(t, "outbox_default", b.home(t, id))
				}
				settle(t, b, id)
				b.retire(t)
				inOutbox, _ := b.rows(t, id)
				require.Zero(t, inOutbox, when)
			}
		})
	}
}

// While rows are moved everybody waits, so there is a limit; a day beyond it stays a partition, with all its rows.
func TestADayOfWhichTooMuchIsNeededStays(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.exec(t, `INSERT INTO herald.outbox (event_type, resource_id, deliver_after)
		SELECT 'CartUpdated', gen_random_uuid(), now() + interval '1 year' FROM generate_series(1, 10001)`)
	b.relay(t)
	b.age(t, 9)
	done := b.retire(t)
	require.Equal(t, 1, done.Kept)
	require.Equal(t, 1, b.days(t, "outbox"))
	b.exec(t, "DELETE FROM herald.river_job WHERE id = (SELECT min(id) FROM herald.river_job)")
	require.Equal(t, 1, b.retire(t).Days)
	require.Equal(t, 10000, scan[int](t, b.pool, "SELECT count(*) FROM herald.outbox_default"))

	b.exec(t, `INSERT INTO herald.outbox (event_type, resource_id, deliver_after, written_at)
		SELECT 'CartUpdated', gen_random_uuid(), now() + interval '1 year', now() - interval '30 days' FROM generate_series(1, 100)`)
	b.relay(t)
	b.exec(t, "DELETE FROM herald.river_job WHERE id % 2 = 0")
	b.retire(t)
	left := scan[int](t, b.pool, "SELECT count(*) FROM herald.river_job WHERE kind = 'deliver_scheduled'")
	require.Equal(t, left, scan[int](t, b.pool, "SELECT count(*) FROM herald.outbox_default"))
}

// A row that the check of today would refuse is not judged again when it moves: a dead letter keeps it, and its day goes.
func TestARowThatTheCheckWouldRefuseMovesAllTheSame(t *testing.T) {
	t.Parallel()
	b := setup(t)
	id := b.dead(t)
	b.age(t, 9)
	b.exec(t, `CREATE OR REPLACE FUNCTION herald.accept_event() RETURNS trigger LANGUAGE plpgsql AS $$
		BEGIN RAISE EXCEPTION 'herald.outbox: unknown event_type %', NEW.event_type USING ERRCODE = 'check_violation'; END $$`)
	require.Equal(t, 2, b.retire(t).Days, "the log's and the outbox's")
	require.Equal(t, 1, scan[int](t, b.pool, "SELECT count(*) FROM herald.outbox_default WHERE event_id = $1", id))
	_, err := insert(t, b.pool, order(columns{"written_at": time.Now().AddDate(0, 0, -9)}))
	require.ErrorContains(t, err, "unknown event_type OrderPlaced", "what is inserted there is judged, before and behind")
	require.NoError(t, outbox.Drop(t.Context(), b.pool, id, "ops"))
}

// A day that cannot be dropped stays as it is, and the error says why.
func TestADayThatCannotBeDroppedStays(t *testing.T) {
	t.Parallel()
	b := setup(t)
	id := b.dead(t)
	b.age(t, 9)
	day := "herald.outbox_p" + time.Now().UTC().AddDate(0, 0, -9).Format("20060102")
	b.exec(t, `CREATE OR REPLACE FUNCTION herald.accept_event() RETURNS trigger LANGUAGE plpgsql AS $$
		BEGIN RAISE EXCEPTION 'no room for %', NEW.event_type USING ERRCODE = 'disk_full'; END $$`)
	_, err := b.retention().Run(t.Context())
	refused, ok := errors.AsType[*pgconn.PgError](err)
	require.True(t, ok, "%v", err)
	require.Contains(t, refused.Message, "no room for OrderPlaced")
	require.Equal(t, 1, scan[int](t, b.pool, "SELECT count(*) FROM "+day+" WHERE event_id = $1", id))
}

// What the default partitions have caught of a day is as old as anything else of that day.
func TestTheDefaultPartitionsAreBoundToTheRetention(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.dropPartitions(t)
	old, needed, waiting := b.relayed(t, order()), b.dead(t), uuid.New()
	for _, change := range []string{
		"outbox SET written_at = written_at - interval '30 days'",
		"event_log SET relayed_at = relayed_at - interval '30 days', outbox_written_at = outbox_written_at - interval '30 days'",
		"relayed_event SET relayed_at = relayed_at - interval '30 days'",
		"dead_letter SET outbox_written_at = outbox_written_at - interval '30 days'",
	} {
		b.exec(t, "UPDATE herald."+change)
	}
	b.insert(t, cart(columns{"event_id": waiting, "written_at": time.Now().AddDate(0, 0, -20)}))
	recent := b.insert(t, order(columns{"written_at": time.Now().AddDate(0, 0, -2)}))
	b.node(t, 1, 0)
	b.retire(t)
	inOutbox, inLog := b.rows(t, old)
	require.Equal(t, []int{1, 1}, []int{inOutbox, inLog}, "a node has not broadcast all of it")
	require.Equal(t, 1, scan[int](t, b.pool, "SELECT count(*) FROM herald.relayed_event"))
	b.exec(t, "DELETE FROM herald.node")
	b.retire(t)
	require.True(t, b.gone(t, old))
	require.Zero(t, scan[int](t, b.pool, "SELECT count(*) FROM herald.relayed_event"))
	for _, id := range []uuid.UUID{needed, waiting, recent} {
		inOutbox, _ := b.rows(t, id)
		require.Equal(t, 1, inOutbox)
	}
	b.relay(t)
	require.Equal(t, "relayed", b.status(t, waiting)[0].Status)
	require.Equal(t, int64(2), b.status(t, recent)[0].Sequence, "the groups' heads are kept")
}
