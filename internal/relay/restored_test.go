package relay_test

import (
	"bytes"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/event"
	"github.com/yummyzoom/herald/internal/eventlog"
	"github.com/yummyzoom/herald/internal/jobs"
	"github.com/yummyzoom/herald/internal/relay"
	"github.com/yummyzoom/herald/internal/test/fixture"
)

var cartGroup = event.TeamCartGroup(uuid.MustParse("0b5d2f10-6a43-4c1e-9a53-6f0f6f0b7c11"))

func TestAnEpochBeginsOnceWhateverTheNumberOfNodes(t *testing.T) {
	t.Parallel()
	b := fixture.New(t)
	epoch, began, err := relay.EnterEpoch(t.Context(), b.Pool)
	require.NoError(t, err)
	require.False(t, began)
	require.Equal(t, int64(1), epoch)
	b.Exec(t, "UPDATE herald.epoch SET timeline = '000000FF'") // as after a promotion
	var wg sync.WaitGroup
	var mu sync.Mutex
	begun := 0
	for range 8 {
		wg.Go(func() {
			epoch, began, err := relay.EnterEpoch(t.Context(), b.Pool)
			mu.Lock()
			defer mu.Unlock()
			if began {
				begun++
			}
			if err != nil || epoch != 2 {
				t.Errorf("epoch %d: %v", epoch, err)
			}
		})
	}
	wg.Wait()
	require.Equal(t, 1, begun)
	require.Equal(t, 2, fixture.Scan[int](t, b.Pool, "SELECT count(*) FROM herald.epoch"))
}

// Events that were relayed before the epoch, and events written in it, can be resumed from. Events that were in the
// outbox when it began may have been seen in another order.
func TestOnlyCertainEventsAreCursorsAcrossEpochs(t *testing.T) {
	t.Parallel()
	b := fixture.New(t)
	log := eventlog.NewReader(b.Pool)
	before := b.Insert(t, fixture.Cart())
	b.Relay(t)
	doubtful := b.Insert(t, fixture.Cart())
	b.Exec(t, "UPDATE herald.epoch SET timeline = '000000FF'")
	_, began, err := relay.EnterEpoch(t.Context(), b.Pool)
	require.NoError(t, err)
	require.True(t, began)
	behind := b.Insert(t, fixture.Cart())
	b.Relay(t)
	state, err := log.State(t.Context())
	require.NoError(t, err)
	require.Equal(t, eventlog.State{Epoch: 2, Origin: 1, Position: 3}, state)
	entries, epoch, err := log.ReadFrom(t.Context(), 0, 10)
	require.NoError(t, err)
	require.Equal(t, int64(2), epoch)
	require.Equal(t, []bool{false, true, false}, []bool{entries[0].Doubtful, entries[1].Doubtful, entries[2].Doubtful})
	for id, sequence := range map[uuid.UUID]int64{before: 1, behind: 3} {
		got, err := log.Locate(t.Context(), cartGroup, id)
		require.NoError(t, err)
		require.Equal(t, sequence, got)
	}
	_, err = log.Locate(t.Context(), cartGroup, doubtful)
	require.ErrorIs(t, err, eventlog.ErrUnknownEvent)
}

// restore copies everything from one server to another, as pg_dump and psql do: the transaction ids of the first
// mean nothing there.
func restore(t *testing.T, from, to *fixture.Database) {
	t.Helper()
	src, dst := from.Conn(t), to.Conn(t)
	exec := func(sql string) {
		t.Helper()
		_, err := dst.Exec(t.Context(), sql)
		require.NoError(t, err, sql)
	}
	exec("SET session_replication_role = replica")
	for _, table := range []string{
		"relay_checkpoint", "epoch", "stream_head", "relayed_event", "dead_letter", "access_grant", "outbox", "event_log",
		"river_job",
	} {
		exec("DELETE FROM herald." + table)
		var copied bytes.Buffer
		_, err := src.PgConn().CopyTo(t.Context(), &copied, "COPY (SELECT * FROM herald."+table+") TO STDOUT")
		require.NoError(t, err)
		_, err = dst.PgConn().CopyFrom(t.Context(), &copied, "COPY herald."+table+" FROM STDIN")
		require.NoError(t, err, table)
	}
	last := fixture.Scan[int64](t, src, "SELECT herald.last_seq()")
	_, err := dst.Exec(t.Context(), "SELECT setval('herald.outbox_seq_seq', $1)", last)
	require.NoError(t, err)
	exec("UPDATE herald.epoch SET system_identifier = system_identifier - 1") // the other server's
}

func TestARestoredDatabaseIsRefusedAndMended(t *testing.T) {
	t.Parallel()
	b, restored := fixture.New(t), fixture.New(t)
	relayed := b.Insert(t, fixture.Order())
	b.Relay(t)
	later := time.Now().Add(time.Hour)
	scheduled := b.Insert(t, fixture.Cart(fixture.Columns{"deliver_after": later}))
	b.Relay(t)
	waiting := b.Insert(t, fixture.Cart())
	restore(t, b, restored)
	require.ErrorIs(t, relay.CheckEpoch(t.Context(), restored.Pool), relay.ErrRestored)
	_, _, err := relay.EnterEpoch(t.Context(), restored.Pool)
	require.ErrorIs(t, err, relay.ErrRestored)

	days := 0
	sum, err := jobs.Reseed(t.Context(), restored.Pool, func(time.Time, relay.Reseeded) { days++ })
	require.NoError(t, err)
	require.Positive(t, days)
	require.Equal(t, relay.Reseeded{Pending: 1, Total: 3}, sum)
	require.NoError(t, relay.CheckEpoch(t.Context(), restored.Pool))
	fresh := restored.Insert(t, fixture.Cart())
	restored.Relay(t)
	places := func(id uuid.UUID) (got []int64) {
		for _, w := range restored.Status(t, id) {
			got = append(got, w.Position)
		}
		return got
	}
	require.Equal(t, []int64{1, 2}, places(relayed), "it is not relayed again")
	require.Equal(t, []int64{3}, places(waiting))
	require.Equal(t, []int64{4}, places(fresh))
	require.NotEqual(t, "relayed", restored.Status(t, scheduled)[0].Status, "its job has it")
	require.Equal(t, 1,
		fixture.Scan[int](t, restored.Pool, "SELECT count(*) FROM herald.river_job WHERE kind = 'deliver_scheduled'"))
	log := eventlog.NewReader(restored.Pool)
	_, err = log.Locate(t.Context(), cartGroup, waiting)
	require.ErrorIs(t, err, eventlog.ErrUnknownEvent, "clients may have seen it behind others")
	_, err = log.Locate(t.Context(), event.OrderGroup(fixture.OrderID), relayed)
	require.NoError(t, err)
}

// A dump of a server with more transactions behind it: the state is ahead of everything that this server knows.
func TestAStateAheadOfTheDatabaseIsRefused(t *testing.T) {
	t.Parallel()
	b := fixture.New(t)
	b.Exec(t, "UPDATE herald.relay_checkpoint SET snapshot = '4000000000:4000000000:'")
	b.Exec(t, "UPDATE herald.epoch SET system_identifier = NULL")
	require.ErrorIs(t, relay.CheckEpoch(t.Context(), b.Pool), relay.ErrRestored)
	lost := b.Insert(t, fixture.Cart())
	_, err := jobs.Reseed(t.Context(), b.Pool, func(time.Time, relay.Reseeded) {})
	require.NoError(t, err)
	b.Relay(t)
	require.Equal(t, "relayed", b.Status(t, lost)[0].Status)
	require.NoError(t, relay.CheckEpoch(t.Context(), b.Pool))
}
