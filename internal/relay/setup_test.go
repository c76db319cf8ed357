package relay_test

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/event"
	"github.com/yummyzoom/herald/internal/outbox"
	"github.com/yummyzoom/herald/internal/postgres"
	"github.com/yummyzoom/herald/internal/relay"
	"github.com/yummyzoom/herald/internal/test/pgtest"
)

const patience = 30 * time.Second

// refusing is a SetAside for tests in which nothing is set aside.
type refusing struct{ tb testing.TB }

func (r refusing) DeliverLater(context.Context, pgx.Tx, []*outbox.Row) error {
	r.tb.Error("an event was scheduled")
	return nil
}

func (r refusing) Retry(_ context.Context, _ pgx.Tx, _ []*outbox.Row, reasons []error) error {
	r.tb.Errorf("events were set aside: %v", reasons)
	return nil
}

// bundle is a relay with its listener on a database of the test's own.
type bundle struct {
	db    *pgtest.Database
	relay *relay.Relay

	mu      sync.Mutex
	relayed []event.Logged
	arrived chan struct{} // a batch has been relayed
}

func connector(db *pgtest.Database, configure func(*pgx.ConnConfig)) func(context.Context) (*pgx.Conn, error) {
	return func(ctx context.Context) (*pgx.Conn, error) { return connectTo(ctx, db.DSN(), configure) }
}

// connectTo opens a session as a node does.
func connectTo(ctx context.Context, dsn string, configure func(*pgx.ConnConfig)) (*pgx.Conn, error) {
	cfg, err := pgx.ParseConfig(dsn)
	if err != nil {
		return nil, err
	}
	configure(cfg)
	return postgres.Connect(ctx, cfg)
}

func setup(t *testing.T, change func(*relay.Config)) *bundle {
	t.Helper()
	b := &bundle{db: pgtest.New(t), arrived: make(chan struct{}, 1)}
	cfg := relay.Config{
		NodeID: uuid.New(), Connect: connector(b.db, relay.Configure), SetAside: refusing{t}, Relayed: b.add,
		Logger: slog.New(slog.DiscardHandler),
	}
	if change != nil {
		change(&cfg)
	}
	var err error
	b.relay, err = relay.New(cfg)
	require.NoError(t, err)
	return b
}

// run runs the relay and a listener until the test ends, and returns when notifications arrive.
func (b *bundle) run(t *testing.T) {
	t.Helper()
	listening := make(chan struct{}, 1)
	pool := b.db.Pool(t)
	listener := &relay.Listener{
		Probe:   func(ctx context.Context) error { return relay.Probe(ctx, pool) },
		Connect: connector(b.db, func(*pgx.ConnConfig) {}), Outbox: b.relay.Wake, Log: func(int64) {},
		Reconnected: func() { b.relay.Wake(); signal(listening) }, Logger: slog.New(slog.DiscardHandler),
	}
	b.runWith(t, listener)
	<-listening
}

// runWith runs the relay and the given listener until the test ends.
func (b *bundle) runWith(t *testing.T, listener *relay.Listener) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() { _ = b.relay.Run(ctx) })
	wg.Go(func() { _ = listener.Run(ctx) })
	t.Cleanup(func() { cancel(); wg.Wait() })
}

func (b *bundle) add(_ int64, batch []event.Logged) {
	b.mu.Lock()
	b.relayed = append(b.relayed, batch...)
	b.mu.Unlock()
	signal(b.arrived)
}

func signal(to chan<- struct{}) {
	select {
	case to <- struct{}{}:
	default:
	}
}

func (b *bundle) has(id uuid.UUID) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, v := range slices.Backward(b.relayed) {
		if v.ID == id {
			return true
		}
	}
	return false
}

// await returns when id has been relayed. It fails the test where that takes longer than patience.
func (b *bundle) await(t *testing.T, id uuid.UUID) {
	t.Helper()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	for !b.has(id) {
		select {
		case <-b.arrived:
		case <-deadline.C:
			t.Fatalf("event %s was not relayed in %s", id, patience)
		}
	}
}

const publishAlert = `SELECT herald.publish_admin_event('SystemAlert', '{"type":"info","message":"m"}')`

// publish publishes an alert over conn, within whatever transaction is open there.
func publish(t *testing.T, conn *pgx.Conn) uuid.UUID {
	t.Helper()
	var id uuid.UUID
	require.NoError(t, conn.QueryRow(t.Context(), publishAlert).Scan(&id))
	return id
}
