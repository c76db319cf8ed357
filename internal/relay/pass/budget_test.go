package pass_test

import (
	"context"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/postgres"
	"github.com/yummyzoom/herald/internal/relay/pass"
	"github.com/yummyzoom/herald/internal/test/fixture"
)

// spending counts round trips and statements: a batch is one round trip, a single statement one of each.
type spending struct{ trips, statements int }

func (s *spending) TraceQueryStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryStartData) context.Context {
	s.trips++
	s.statements++
	return ctx
}
func (s *spending) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

func (s *spending) TraceBatchStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceBatchStartData) context.Context {
	s.trips++
	return ctx
}

func (s *spending) TraceBatchQuery(context.Context, *pgx.Conn, pgx.TraceBatchQueryData) {
	s.statements++
}
func (s *spending) TraceBatchEnd(context.Context, *pgx.Conn, pgx.TraceBatchEndData) {}

func (s *spending) TracePrepareStart(ctx context.Context, _ *pgx.Conn, _ pgx.TracePrepareStartData) context.Context {
	s.trips++
	return ctx
}
func (s *spending) TracePrepareEnd(context.Context, *pgx.Conn, pgx.TracePrepareEndData) {}

// The cost of a pass, so that a change that adds to it is seen when it is made. The numbers are in the package doc.
func TestBudgetOfAPass(t *testing.T) {
	t.Parallel()
	b := fixture.New(t)
	var sent spending
	cfg, err := pgx.ParseConfig(b.DSN())
	require.NoError(t, err)
	cfg.Tracer = &sent
	conn, err := postgres.Connect(t.Context(), cfg)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close(context.WithoutCancel(t.Context())) })

	spent := func(do func()) spending {
		sent = spending{}
		do()
		return sent
	}
	peek := func() {
		_, err := pass.Peek(t.Context(), conn)
		require.NoError(t, err)
	}
	var memory pass.Memory
	once := func() {
		d, err := pass.Begin(t.Context(), conn, pass.Reading{MaxRows: 1000})
		require.NoError(t, err)
		d.Memory = &memory
		entries := pass.NewEntries(len(d.Rows))
		for i := range d.Rows {
			groups, err := d.Rows[i].Targets()
			if err != nil {
				entries.Bury(&d.Rows[i], err)
				continue
			}
			entries.Add(&d.Rows[i], groups)
		}
		_, err = d.Commit(t.Context(), entries, fixture.NodeID, false)
		require.NoError(t, err)
	}
	for range 2 { // the statements are prepared
		b.Insert(t, fixture.Order(fixture.Columns{"resource_id": uuid.New()}))
		once()
		b.Insert(t, fixture.Poison())
		once()
		b.Insert(t, fixture.Cart())
		once()
	}
	peek()

	require.Equal(t, spending{1, 2}, spent(peek), "at rest")
	b.Insert(t, fixture.Cart())
	require.Equal(t, spending{2, 10}, spent(once), "an event of a group that is known")
	b.Insert(t, fixture.Order(fixture.Columns{"resource_id": uuid.New()}))
	require.Equal(t, spending{2, 11}, spent(once), "the first event of an order: its customer is noted")
	for range 500 {
		b.Insert(t, fixture.Cart())
	}
	require.Equal(t, spending{2, 10}, spent(once), "however many there are")
	for range 50 {
		b.Insert(t, fixture.Poison())
	}
	require.Equal(t, spending{2, 9}, spent(once), "and what cannot be delivered costs one statement a batch")
}
