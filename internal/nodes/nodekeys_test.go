package nodes_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/jobs"
	"github.com/yummyzoom/herald/internal/nodes"
	"github.com/yummyzoom/herald/internal/relay"
	"github.com/yummyzoom/herald/internal/test/fixture"
)

// watched counts how often the keys' table is read, and can make reads fail.
type watched struct {
	*pgxpool.Pool

	reads  atomic.Int64
	failed atomic.Bool
}

var errAway = errors.New("the database is away")

func (w *watched) Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error) {
	w.reads.Add(1)
	if w.failed.Load() {
		return nil, errAway
	}
	return w.Pool.Query(ctx, sql, args...)
}

// keys returns a node's keys, loaded.
func (b *bundle) keys(t *testing.T) (*nodes.Keys, *watched) {
	t.Helper()
	db := &watched{Pool: b.Pool}
	keys := nodes.NewKeys(nodes.KeysConfig{DB: db, Logger: slog.New(slog.DiscardHandler)})
	require.NoError(t, keys.Load(t.Context()))
	return keys, db
}

// elapse makes the keys older.
func (b *bundle) elapse(t *testing.T, by time.Duration) {
	t.Helper()
	b.Exec(t, "UPDATE herald.node_key SET created_at = created_at - $1::interval, activates_at = activates_at - $1::interval, retires_at = retires_at - $1::interval", by)
}

func TestNodesShareTheirKeysFromTheFirstOn(t *testing.T) {
	t.Parallel()
	b := setup(t)
	tx := b.Begin(t) // a node that has made the first key, and has not committed yet
	first := nodes.NewKeys(nodes.KeysConfig{DB: tx})
	require.NoError(t, first.Load(t.Context()))
	others := make(chan nodes.Key, 3)
	for range cap(others) {
		keys := nodes.NewKeys(nodes.KeysConfig{DB: b.Conn(t)})
		go func() {
			_ = keys.Load(t.Context()) // Used shows whether it succeeded
			others <- keys.Used()
		}()
	}
	require.Eventually(t, func() bool {
		return fixture.Scan[int](t, b.Pool,
			"SELECT count(*) FROM pg_locks WHERE relation = 'herald.node_key'::regclass AND NOT granted") == cap(others)
	}, time.Minute, 10*time.Millisecond, "who starts together waits for the one who makes it")
	require.NoError(t, tx.Commit(t.Context()))
	for range cap(others) {
		require.Equal(t, first.Used(), <-others)
	}
	require.Equal(t, 1, fixture.Scan[int](t, b.Pool, "SELECT count(*) FROM herald.node_key"))
}

// A key is made an hour ahead, used for a day, and opens what it has sealed for a month. No node refuses a key that
// another may use, whenever it has last read the table.
//
// Acceptance: A-471.
func TestKeysRotateAndNoneIsRefusedMeanwhile(t *testing.T) {
	t.Parallel()
	b := setup(t)
	current, _ := b.keys(t)
	stale, _ := b.keys(t)
	first := current.Used()
	find := func(keys *nodes.Keys, want nodes.Key) {
		t.Helper()
		got, ok := keys.Find(t.Context(), want.ID)
		require.True(t, ok, "%v is not known", want)
		require.Equal(t, want, got)
	}

	b.elapse(t, 23*time.Hour)
	require.NoError(t, current.Load(t.Context()))
	require.Equal(t, 1, fixture.Scan[int](t, b.Pool, "SELECT count(*) FROM herald.node_key"), "it is not due yet")

	b.elapse(t, 2*time.Hour)
	require.NoError(t, current.Load(t.Context()))
	require.Equal(t, 2, fixture.Scan[int](t, b.Pool, "SELECT count(*) FROM herald.node_key"))
	require.Equal(t, first, current.Used(), "the next key is there before it is used")
	require.NoError(t, current.Load(t.Context()))
	require.Equal(t, 2, fixture.Scan[int](t, b.Pool, "SELECT count(*) FROM herald.node_key"), "one is enough")

	b.elapse(t, 61*time.Minute)
	require.NoError(t, current.Load(t.Context()))
	second := current.Used()
	require.NotEqual(t, first.ID, second.ID)
	require.NotEqual(t, first.Secret, second.Secret)
	find(current, first)
	require.Equal(t, first, stale.Used(), "a node that has not read the table since goes on")
	find(stale, second)
	find(stale, first)

	b.elapse(t, 29*24*time.Hour)
	require.NoError(t, current.Load(t.Context())) // the third is made
	find(current, first)
	b.elapse(t, 24*time.Hour+time.Minute)
	require.NoError(t, current.Load(t.Context()))
	_, ok := current.Find(t.Context(), first.ID)
	require.False(t, ok, "what it has sealed is older than a month")
	find(current, second)
	b.elapse(t, 24*time.Hour)
	require.NoError(t, current.Load(t.Context()))
	require.Equal(t, 0, fixture.Scan[int](t, b.Pool, "SELECT count(*) FROM herald.node_key WHERE key_id = $1", first.ID),
		"the table does not grow")
}

func TestKeysOutliveAClockThatIsSetBack(t *testing.T) {
	t.Parallel()
	b := setup(t)
	keys, _ := b.keys(t)
	first := keys.Used()
	b.elapse(t, -400*24*time.Hour)
	require.NoError(t, keys.Load(t.Context()))
	require.Equal(t, first, keys.Used())
	require.True(t,
		fixture.Scan[bool](t, b.Pool, "SELECT bool_and(activates_at <= clock_timestamp()) FROM herald.node_key"),
		"else none would rotate for a year")
	b.elapse(t, 25*time.Hour)
	require.NoError(t, keys.Load(t.Context()))
	require.Equal(t, 2, fixture.Scan[int](t, b.Pool, "SELECT count(*) FROM herald.node_key"))
}

// A node asks the database for unknown ids, but only once a second, however many are invented.
func TestInventedKeyIDsAskTheDatabaseOnceASecond(t *testing.T) {
	t.Parallel()
	b := setup(t)
	keys, db := b.keys(t)
	before := db.reads.Load()
	start := time.Now()
	for id := range int32(2000) {
		_, ok := keys.Find(t.Context(), keys.Used().ID+1+id)
		require.False(t, ok)
	}
	atMost := int64(time.Since(start)/time.Second) + 1
	asked := db.reads.Load() - before
	require.Positive(t, asked)
	require.LessOrEqual(t, asked, atMost)

	before = db.reads.Load()
	for range 1000 {
		_, ok := keys.Find(t.Context(), keys.Used().ID)
		require.True(t, ok)
	}
	require.Equal(t, before, db.reads.Load(), "a key that is known costs no question")
}

func TestKeysThatAreKnownStayWhereTheDatabaseIsAway(t *testing.T) {
	t.Parallel()
	b := setup(t)
	keys, db := b.keys(t)
	used := keys.Used()
	db.failed.Store(true)
	require.ErrorIs(t, keys.Load(t.Context()), errAway)
	_, ok := keys.Find(t.Context(), used.ID+1)
	require.False(t, ok)
	require.Equal(t, used, keys.Used())
	_, ok = keys.Find(t.Context(), used.ID)
	require.True(t, ok)
}

func TestReseedLeavesNoKeyOfTheDump(t *testing.T) {
	t.Parallel()
	b := setup(t)
	before, _ := b.keys(t)
	_, err := jobs.Reseed(t.Context(), b.Pool, func(time.Time, relay.Reseeded) {})
	require.NoError(t, err)
	after, _ := b.keys(t)
	require.NotEqual(t, before.Used().Secret, after.Used().Secret)
	_, ok := after.Find(t.Context(), before.Used().ID)
	require.False(t, ok, "what the database that was dumped gives out is worth nothing here")
}

func TestOnlyTheOwnerReadsTheKeys(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.keys(t)
	for _, role := range []string{"herald_producer", ""} {
		roles := []string{role}
		if role == "" {
			roles = nil
		}
		login := b.Login(t, roles...)
		for _, sql := range []string{
			"SELECT secret FROM herald.node_key", "SELECT count(*) FROM herald.node_key", "DELETE FROM herald.node_key",
			"COPY herald.node_key TO STDOUT", "SELECT herald.rotate_node_key('1 day', '1 hour', '1 day')",
		} {
			_, err := login.Exec(t.Context(), sql)
			require.ErrorContains(t, err, "permission denied", "%q: %s", role, sql)
		}
	}
}

func TestAKeyIsNotWrittenWhereItIsNamed(t *testing.T) {
	t.Parallel()
	key := nodes.Key{ID: 7, Secret: [32]byte{0: 250, 31: 251}}
	require.Equal(t, "node key 7", fmt.Sprint(key))
	require.Equal(t, "node key 7", fmt.Sprintf("%+v", key))
	require.Equal(t, "node key 7", slog.AnyValue(key).Resolve().String())
}
