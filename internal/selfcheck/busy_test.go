package selfcheck_test

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/event"
	"github.com/yummyzoom/herald/internal/eventlog"
	"github.com/yummyzoom/herald/internal/jobs"
	"github.com/yummyzoom/herald/internal/nodes"
	"github.com/yummyzoom/herald/internal/postgres"
	"github.com/yummyzoom/herald/internal/relay"
	"github.com/yummyzoom/herald/internal/selfcheck"
	"github.com/yummyzoom/herald/internal/test/fixture"
)

const (
	busyWriters      = 6
	busyTransactions = 60 // a writer
	busyPatience     = time.Minute
)

// While writers, relays, River and nodes that come and go are at work, audits of both kinds find nothing, whenever
// they look.
func TestAuditOfABusyDatabaseFindsNothing(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ctx, stop := context.WithCancel(t.Context())
	var running sync.WaitGroup
	t.Cleanup(func() { stop(); running.Wait() })
	first := b.busyNode(ctx, t)
	running.Go(func() { first.run(ctx, t) })
	running.Go(func() { b.busyJobs(ctx, t, first.relay) })
	running.Go(func() {
		for ctx.Err() == nil { // others come and go
			brief, leave := context.WithTimeout(ctx, 300*time.Millisecond)
			b.busyNode(brief, t).run(brief, t)
			leave()
		}
	})

	var runs, fulls atomic.Int64
	auditor := selfcheck.New(b.Pool, slog.New(slog.NewTextHandler(failing{t}, nil))).InSteps(50, busyPatience)
	audits := func(count *atomic.Int64, audit func() error) {
		running.Go(func() {
			for ctx.Err() == nil {
				if err := audit(); err != nil && ctx.Err() == nil {
					t.Error(err)
					return
				}
				count.Add(1)
			}
		})
	}
	audits(&runs, func() error { return auditor.Run(ctx) })
	audits(&fulls, func() error {
		full, err := auditor.Full(ctx, func(string, int64, int64) {})
		if err == nil && len(full.Found) > 0 {
			t.Errorf("found: %v", full.Found)
		}
		return err
	})

	var writing sync.WaitGroup
	for i := range uint64(busyWriters) {
		conn := b.Conn(t)
		writing.Go(func() {
			for n := range busyTransactions {
				if err := busyTransaction(t.Context(), conn, rand.New(rand.NewPCG(i, uint64(n)))); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	writing.Wait()
	letters, err := jobs.NewDeadLetters(b.Pool)
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		_, position, at := b.busyState(t)
		return position == at &&
			fixture.Scan[int](t, b.Pool, "SELECT count(*) FROM herald.dead_letter WHERE dropped_at IS NULL") > 1
	}, busyPatience, 20*time.Millisecond)
	dead, err := letters.List(t.Context(), nil, 2)
	require.NoError(t, err)
	require.NoError(t, letters.Retry(t.Context(), dead[0].EventID, "ops"))
	require.NoError(t, letters.Drop(t.Context(), dead[1].EventID, "ops"))
	ranBefore, fullBefore := runs.Load(), fulls.Load()
	require.Eventually(t, func() bool {
		settled, position, at := b.busyState(t)
		return settled && position == at && runs.Load() > ranBefore+1 && fulls.Load() > fullBefore+1
	}, busyPatience, 20*time.Millisecond)
	found, err := selfcheck.Discrepancies(t.Context(), b.Pool, time.Hour, 10)
	require.NoError(t, err)
	require.Empty(t, found)
	for _, what := range []string{
		"FROM herald.duplicate_event", "FROM herald.dead_letter",
		"FROM herald.river_job WHERE kind = 'deliver_scheduled' AND state = 'completed'",
		"FROM herald.river_job WHERE kind = 'retry_event' AND state <> 'completed'",
		"FROM herald.event_log WHERE sequence = 0",
	} {
		require.Positive(t, fixture.Scan[int](t, b.Pool, "SELECT count(*) "+what), "there was none: %s", what)
	}
}

// failing is a log into which nothing should be written.
type failing struct{ t *testing.T }

func (f failing) Write(line []byte) (int, error) {
	f.t.Errorf("the audit says: %s", line)
	return len(line), nil
}

// busyState reports whether everything that was written has been looked at, and how far the audit and the relay are.
func (b *bundle) busyState(t *testing.T) (settled bool, position, relayed int64) {
	t.Helper()
	status, err := selfcheck.ReadStatus(t.Context(), b.Pool)
	require.NoError(t, err)
	settled = fixture.Scan[bool](t, b.Pool,
		`SELECT NOT EXISTS (SELECT FROM herald.outbox o, herald.selfcheck_state a, herald.relay_state s
		WHERE NOT pg_visible_in_snapshot(o.xid, a.snapshot) OR NOT pg_visible_in_snapshot(o.xid, s.snapshot))`)
	return settled, status.Position, status.RelayPosition
}

// busyTransaction does something that producers do, or undoes it.
func busyTransaction(ctx context.Context, conn *pgx.Conn, random *rand.Rand) error {
	var again uuid.UUID
	statements := []func(tx pgx.Tx) error{
		func(tx pgx.Tx) error {
			return tx.QueryRow(ctx,
				"SELECT herald.publish_order_event('OrderPlaced', gen_random_uuid(), 'YZ-1', 'Placed', $1, 'user-1')",
				fixture.RestaurantID).Scan(&again)
		},
		func(tx pgx.Tx) error {
			return tx.QueryRow(ctx,
				"SELECT herald.publish_order_event('OrderPlaced', $2, 'YZ-1', 'Placed', $1, 'user-1', 'Customer')",
				fixture.RestaurantID, fixture.OrderID).Scan(&again)
		},
		func(tx pgx.Tx) error {
			return tx.QueryRow(ctx,
				"SELECT herald.publish_teamcart_event('CartUpdated', $1, deliver_after => now() + $2 * interval '1 ms')",
				fixture.CartID, random.IntN(2000)).Scan(&again)
		},
		func(tx pgx.Tx) error { // again, in this transaction or not
			_, err := tx.Exec(ctx, "SELECT herald.publish_teamcart_event('CartUpdated', $1, event_id => $2)", fixture.CartID,
				uuid.NullUUID{UUID: again, Valid: again != uuid.Nil})
			return err
		},
		func(tx pgx.Tx) error {
			// Past the check, as a newer release would.
			if _, err := tx.Exec(ctx, "SET LOCAL session_replication_role = replica"); err != nil {
				return err
			}
			_, err := tx.Exec(ctx,
				"INSERT INTO herald.outbox (event_type, resource_id, restaurant_id, customer_id) VALUES ($3, $1, $2, 'user-1')",
				fixture.OrderID, fixture.RestaurantID, []string{"OrderPlaced", "OrderSplit"}[rand.IntN(2)])
			return err
		},
		func(tx pgx.Tx) error {
			_, err := tx.Exec(ctx, "SELECT herald.revoke_access('MustBeOrderOwner', $1, 'user-1')", fixture.OrderID)
			return err
		},
		func(tx pgx.Tx) error { // for a moment
			_, err := tx.Exec(ctx, "SELECT pg_sleep($1)", random.Float64()/20)
			return err
		},
	}
	options := pgx.TxOptions{IsoLevel: []pgx.TxIsoLevel{pgx.ReadCommitted, pgx.RepeatableRead}[random.IntN(2)]}
	errUndone := errors.New("undone")
	err := pgx.BeginTxFunc(ctx, conn, options, func(tx pgx.Tx) error {
		for range 1 + random.IntN(4) {
			err := pgx.BeginFunc(ctx, tx, func(savepoint pgx.Tx) error {
				if err := statements[random.IntN(len(statements))](savepoint); err != nil {
					return err
				}
				if random.IntN(5) == 0 {
					return errUndone
				}
				return nil
			})
			if err != nil && !errors.Is(err, errUndone) {
				return err
			}
		}
		if random.IntN(5) == 0 {
			return errUndone
		}
		return nil
	})
	if errors.Is(err, errUndone) {
		return nil
	}
	return err
}

// busyNode is a node without connections.
type busyNode struct {
	b       *bundle
	id      uuid.UUID
	relay   *relay.Relay
	tail    *relay.Tail
	journal nodes.Journal

	position atomic.Int64
}

func (n *busyNode) Position() int64 { return n.position.Load() }

func (n *busyNode) Broadcast(_ context.Context, batch []event.Logged) error {
	n.journal.Record(batch[0].Position, make([]int32, len(batch)))
	n.position.Store(batch[len(batch)-1].Position)
	return nil
}

func (n *busyNode) Reset(_ context.Context, position int64) {
	n.journal.Begin(position)
	n.position.Store(position)
}

func (b *bundle) busyNode(ctx context.Context, t *testing.T) *busyNode {
	t.Helper()
	n := &busyNode{b: b, id: uuid.New()}
	setAside, err := jobs.NewSetAside(b.Pool)
	require.NoError(t, err)
	log := eventlog.NewReader(b.Pool)
	state, err := log.State(context.WithoutCancel(ctx))
	require.NoError(t, err)
	n.position.Store(state.Position)
	n.journal.Begin(state.Position)
	n.tail, err = relay.NewTail(relay.TailConfig{
		Log: log, Broadcaster: n, Epoch: state.Epoch,
		Logger: slog.New(slog.DiscardHandler), PollInterval: 10 * time.Millisecond,
	})
	require.NoError(t, err)
	n.relay, err = relay.New(relay.Config{
		NodeID: n.id, SetAside: setAside, Relayed: n.tail.Offer, Logger: slog.New(slog.DiscardHandler), BatchSize: 5,
		PollInterval: 10 * time.Millisecond,
		Connect: func(ctx context.Context) (*pgx.Conn, error) {
			cfg, err := pgx.ParseConfig(b.DSN())
			if err != nil {
				return nil, err
			}
			relay.Configure(cfg)
			return postgres.Connect(ctx, cfg)
		},
	})
	require.NoError(t, err)
	return n
}

// run is what a node does until ctx ends.
func (n *busyNode) run(ctx context.Context, t *testing.T) {
	t.Helper()
	var line sync.WaitGroup
	line.Go(func() { _ = n.relay.Run(ctx) })
	line.Go(func() { _ = n.tail.Run(ctx) })
	beat := func() {
		if err := fixture.Heartbeat(context.WithoutCancel(ctx), n.b.Pool, n.id, &n.journal); err != nil {
			t.Error(err)
		}
	}
	for ctx.Err() == nil {
		beat()
		select {
		case <-ctx.Done():
		case <-time.After(5 * time.Millisecond):
		}
	}
	line.Wait()
	beat()
	if err := nodes.New(n.b.Pool, n.id).Leave(context.WithoutCancel(ctx)); err != nil {
		t.Error(err)
	}
}

// busyJobs is River at work, and the effect of seven hours of attempts on some of the events that cannot be
// delivered.
func (b *bundle) busyJobs(ctx context.Context, t *testing.T, sweeper jobs.Sweeper) {
	t.Helper()
	work, err := jobs.New(jobs.Config{
		Pool: b.Pool, Sweeper: sweeper, NodeID: fixture.NodeID,
		Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Error(err)
		return
	}
	var river sync.WaitGroup
	river.Go(func() {
		if err := work.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	defer river.Wait()
	for ctx.Err() == nil {
		_, err := b.Pool.Exec(context.WithoutCancel(ctx), `WITH job AS (
				DELETE FROM herald.river_job WHERE id = (SELECT id FROM herald.river_job WHERE kind = 'retry_event' AND id % 2 = 0
					AND state IN ('available', 'scheduled', 'retryable') ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED) RETURNING args)
			INSERT INTO herald.dead_letter (event_id, outbox_seq, outbox_written_at, reason, attempts)
			SELECT (args->>'event_id')::uuid, (args->>'outbox_seq')::bigint, (args->>'outbox_written_at')::timestamptz, 'why', 10 FROM job
			ON CONFLICT DO NOTHING`)
		if err != nil {
			t.Error(err)
			return
		}
		select {
		case <-ctx.Done():
		case <-time.After(20 * time.Millisecond):
		}
	}
}
