package outbox_test

import (
	"context"
	"net"
	"sync/atomic"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/outbox"
)

// turns counts the round trips of a connection: a read behind a write is one.
type turns struct {
	net.Conn

	wrote atomic.Bool
	count *atomic.Int64
}

func (c *turns) Write(p []byte) (int, error) {
	c.wrote.Store(true)
	return c.Conn.Write(p)
}

func (c *turns) Read(p []byte) (int, error) {
	if c.wrote.Swap(false) {
		c.count.Add(1)
	}
	return c.Conn.Read(p)
}

// statements counts them, those of a batch and others.
type statements struct{ count int }

func (s *statements) TraceQueryStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryStartData) context.Context {
	s.count++
	return ctx
}
func (s *statements) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}
func (s *statements) TraceBatchStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceBatchStartData) context.Context {
	return ctx
}

func (s *statements) TraceBatchQuery(context.Context, *pgx.Conn, pgx.TraceBatchQueryData) { s.count++ }
func (s *statements) TraceBatchEnd(context.Context, *pgx.Conn, pgx.TraceBatchEndData)     {}

// What a drain may cost, so that the step that adds to it is seen on the day it is made. The numbers stand in the package's doc.
func TestBudgetOfADrain(t *testing.T) {
	t.Parallel()
	b := setup(t)
	var trips atomic.Int64
	var sent statements
	cfg, err := pgx.ParseConfig(b.DSN())
	require.NoError(t, err)
	cfg.Tracer = &sent
	dial := cfg.DialFunc
	cfg.DialFunc = func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := dial(ctx, network, address)
		return &turns{Conn: conn, count: &trips}, err
	}
	conn, err := pgx.ConnectConfig(t.Context(), cfg)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close(context.WithoutCancel(t.Context())) })

	type cost struct{ trips, statements int64 }
	spent := func(do func()) cost {
		trips.Store(0)
		sent.count = 0
		do()
		return cost{trips.Load(), int64(sent.count)}
	}
	peek := func() {
		_, err := outbox.Peek(t.Context(), conn)
		require.NoError(t, err)
	}
	var memory outbox.Memory
	drain := func() {
		d, err := outbox.Begin(t.Context(), conn, outbox.Reading{MaxRows: 1000})
		require.NoError(t, err)
		d.Memory = &memory
		entries := outbox.NewEntries(len(d.Rows))
		for i := range d.Rows {
			groups, err := d.Rows[i].Targets()
			if err != nil {
				entries.Bury(&d.Rows[i], err)
				continue
			}
			entries.Add(&d.Rows[i], groups)
		}
		_, err = d.Commit(t.Context(), entries, nodeID, false)
		require.NoError(t, err)
	}
	for range 2 { // the statements are prepared
		b.insert(t, order(columns{"resource_id": uuid.New()}))
		drain()
		b.insert(t, poison())
		drain()
		b.insert(t, cart())
		drain()
	}
	peek()

	require.Equal(t, cost{1, 2}, spent(peek), "at rest")
	b.insert(t, cart())
	require.Equal(t, cost{2, 10}, spent(drain), "an event of a group that is known")
	b.insert(t, order(columns{"resource_id": uuid.New()}))
	require.Equal(t, cost{2, 11}, spent(drain), "the first event of an order: its customer is noted")
	for range 500 {
		b.insert(t, cart())
	}
	require.Equal(t, cost{2, 10}, spent(drain), "however many there are")
	for range 50 {
		b.insert(t, poison())
	}
	require.Equal(t, cost{2, 9}, spent(drain), "and what cannot be delivered costs one statement a batch")
}
