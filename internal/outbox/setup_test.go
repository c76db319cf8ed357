package outbox_test

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/event"
	"github.com/yummyzoom/herald/internal/jobs"
	"github.com/yummyzoom/herald/internal/outbox"
	"github.com/yummyzoom/herald/internal/relay"
	"github.com/yummyzoom/herald/internal/test/pgtest"
)

var (
	orderID      = uuid.MustParse("f47ac10b-58cc-4372-a567-0e02b2c3d479")
	restaurantID = uuid.MustParse("f3b63b0c-3b2a-4f8c-9d6a-3a9d1a2a4b0e")
	cartID       = uuid.MustParse("0b5d2f10-6a43-4c1e-9a53-6f0f6f0b7c11")
	nodeID       = uuid.MustParse("5f0c2e9a-0d3e-4f5e-8a52-6d4c0f1f2a01")
)

const customer = "user-1"

// bundle is a test's database.
type bundle struct {
	*pgtest.Database

	pool *pgxpool.Pool
}

func setup(t *testing.T) *bundle {
	t.Helper()
	db := pgtest.New(t)
	return &bundle{db, db.Pool(t)}
}

// columns are those of an outbox row, by name.
type columns map[string]any

func order(overrides ...columns) columns {
	return with(columns{
		"event_type": "OrderPlaced", "resource_id": orderID, "restaurant_id": restaurantID, "customer_id": customer,
		"payload": `{"orderNumber": "YZ-1", "status": "Placed"}`,
	}, overrides...)
}

// poison is an order event that cannot be delivered: what herald.outbox took before it looked into payloads.
func poison() columns {
	return order(columns{"payload": `{"status": "Placed"}`, unchecked: true})
}

// unchecked is a column of a row that its table's owner writes past the checks.
const unchecked = "unchecked"

func cart(overrides ...columns) columns {
	return with(columns{"event_type": "CartUpdated", "resource_id": cartID}, overrides...)
}

func admin(overrides ...columns) columns {
	return with(columns{"event_type": "UserActivityUpdate", "payload": `{"userId": "u", "action": "a", "details": {}}`}, overrides...)
}

func with(base columns, overrides ...columns) columns {
	for _, o := range overrides {
		maps.Copy(base, o)
	}
	return base
}

// querier is a pool, a connection or a transaction.
type querier interface {
	Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error)
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
	Begin(ctx context.Context) (pgx.Tx, error)
}

// insert writes one row into the outbox and returns the event's id.
func insert(t *testing.T, db querier, row columns) (uuid.UUID, error) {
	t.Helper()
	if _, ok := row[unchecked]; !ok {
		return insertRow(t.Context(), db, row)
	}
	var id uuid.UUID
	err := pgx.BeginFunc(t.Context(), db, func(tx pgx.Tx) error {
		return writeUnchecked(t.Context(), tx, func() (err error) {
			id, err = insertRow(t.Context(), tx, row)
			return err
		})
	})
	return id, err
}

// writeUnchecked lets write do without the table's triggers: no check, and no relay is woken.
func writeUnchecked(ctx context.Context, tx pgx.Tx, write func() error) error {
	if _, err := tx.Exec(ctx, "SET LOCAL session_replication_role = replica"); err != nil {
		return err
	}
	if err := write(); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, "SET LOCAL session_replication_role = DEFAULT")
	return err
}

func insertRow(ctx context.Context, db querier, row columns) (uuid.UUID, error) {
	row = maps.Clone(row)
	delete(row, unchecked)
	names := slices.Sorted(maps.Keys(row))
	args := make([]any, len(names))
	places := make([]string, len(names))
	for i, name := range names {
		args[i], places[i] = row[name], fmt.Sprintf("$%d", i+1)
	}
	var id uuid.UUID
	err := db.QueryRow(ctx, fmt.Sprintf("INSERT INTO herald.outbox (%s) VALUES (%s) RETURNING event_id",
		strings.Join(names, ", "), strings.Join(places, ", ")), args...).Scan(&id)
	return id, err
}

func (b *bundle) insert(t *testing.T, row columns) uuid.UUID {
	t.Helper()
	id, err := insert(t, b.pool, row)
	require.NoError(t, err)
	return id
}

// insertPast is insert, past the checks of the outbox: as a release that has others would, or the table's owner.
func (b *bundle) insertPast(t *testing.T, row columns) uuid.UUID {
	t.Helper()
	return b.insert(t, with(maps.Clone(row), columns{unchecked: true}))
}

// begin opens a transaction that ends with the test at the latest.
func (b *bundle) begin(t *testing.T) pgx.Tx {
	t.Helper()
	tx, err := b.pool.Begin(t.Context())
	require.NoError(t, err)
	t.Cleanup(func() { _ = tx.Rollback(context.WithoutCancel(t.Context())) })
	return tx
}

func (b *bundle) exec(t *testing.T, sql string, args ...any) {
	t.Helper()
	_, err := b.pool.Exec(t.Context(), sql, args...)
	require.NoError(t, err)
}

// scan returns the only column of the only row that sql gives.
func scan[T any](t *testing.T, db querier, sql string, args ...any) T {
	t.Helper()
	var v T
	require.NoError(t, db.QueryRow(t.Context(), sql, args...).Scan(&v), sql)
	return v
}

// relay takes everything that waits to the log, as the real relay does.
func (b *bundle) relay(t *testing.T) {
	t.Helper()
	require.NoError(t, b.relayer(t)(t.Context()))
}

func (b *bundle) relayer(t *testing.T) func(ctx context.Context) error {
	t.Helper()
	setAside, err := jobs.NewSetAside(b.pool)
	require.NoError(t, err)
	r, err := relay.New(relay.Config{
		NodeID: nodeID, SetAside: setAside, Relayed: func(int64, []event.Logged) {}, Logger: slog.New(slog.DiscardHandler),
		Connect: func(context.Context) (*pgx.Conn, error) { return nil, context.Canceled }, // Sweep brings its own
	})
	require.NoError(t, err)
	return func(ctx context.Context) error {
		return b.pool.AcquireFunc(ctx, func(conn *pgxpool.Conn) error {
			_, err := r.Sweep(ctx, conn.Conn())
			return err
		})
	}
}

func (b *bundle) status(t *testing.T, id uuid.UUID) []outbox.Whereabouts {
	t.Helper()
	found, err := outbox.Trace(t.Context(), b.pool, id)
	require.NoError(t, err)
	return found
}

// login returns a connection of a new role that is a member of roles.
func (b *bundle) login(t *testing.T, roles ...string) *pgx.Conn {
	t.Helper()
	name := "login_" + strings.ReplaceAll(uuid.NewString(), "-", "")
	b.exec(t, "CREATE ROLE "+name+" LOGIN PASSWORD 'secret'")
	t.Cleanup(func() {
		_, err := b.pool.Exec(context.WithoutCancel(t.Context()), "DROP ROLE "+name)
		require.NoError(t, err)
	})
	for _, role := range roles {
		b.exec(t, "GRANT "+role+" TO "+name)
	}
	cfg, err := pgx.ParseConfig(b.DSN())
	require.NoError(t, err)
	cfg.User, cfg.Password = name, "secret"
	conn, err := pgx.ConnectConfig(t.Context(), cfg)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close(context.WithoutCancel(t.Context())) })
	return conn
}

const owner = "MustBeOrderOwner"

// may asks as the server does, over a connection of its own.
func (b *bundle) may(t *testing.T, policy string, id uuid.UUID, user string) bool {
	t.Helper()
	return scan[bool](t, b.pool, "SELECT herald.can_subscribe($1, $2, $3)", policy, id, user)
}

func (b *bundle) grant(t *testing.T, policy string, id uuid.UUID) {
	t.Helper()
	b.exec(t, "SELECT herald.grant_access($1, $2, $3)", policy, id, customer)
}

func (b *bundle) revoke(t *testing.T, policy string, id uuid.UUID) {
	t.Helper()
	b.exec(t, "SELECT herald.revoke_access($1, $2, $3)", policy, id, customer)
}

func (b *bundle) ref(t *testing.T, id uuid.UUID) outbox.Ref {
	t.Helper()
	ref := outbox.Ref{EventID: id}
	require.NoError(t, b.pool.QueryRow(t.Context(), "SELECT seq, written_at FROM herald.outbox WHERE event_id = $1 ORDER BY seq LIMIT 1", id).
		Scan(&ref.Seq, &ref.WrittenAt))
	return ref
}

func (b *bundle) bury(t *testing.T, id uuid.UUID, reason error) {
	t.Helper()
	ref := b.ref(t, id)
	require.NoError(t, pgx.BeginFunc(t.Context(), b.pool, func(tx pgx.Tx) error {
		return outbox.Bury(t.Context(), tx, ref, reason, 10)
	}))
}

// entriesOf is what the relay makes of rows that can all be delivered now.
func entriesOf(t require.TestingT, drain *outbox.Drain) *outbox.Entries {
	entries := outbox.NewEntries(len(drain.Rows))
	seen := map[uuid.UUID]bool{}
	for i := range drain.Rows {
		row := &drain.Rows[i]
		if row.Duplicate || seen[row.ID] {
			continue
		}
		seen[row.ID] = true
		groups, err := row.Groups()
		require.NoError(t, err)
		entries.Add(row, groups)
	}
	return entries
}

func (b *bundle) appendLater(t *testing.T, ref outbox.Ref) error {
	t.Helper()
	return pgx.BeginFunc(t.Context(), b.pool, func(tx pgx.Tx) error {
		_, err := outbox.AppendLater(t.Context(), tx, []outbox.Ref{ref}, nodeID)
		return err
	})
}

// dead makes an event a dead letter.
func (b *bundle) dead(t *testing.T) uuid.UUID {
	t.Helper()
	id := b.insert(t, poison())
	b.relay(t)
	return id
}

// newer returns an event of a type that this release does not know.
func newer() columns { return order(columns{"event_type": "OrderSplit"}) }

// setAside publishes an event of a type that this release does not know, which is tried again.
func (b *bundle) setAside(t *testing.T) uuid.UUID {
	t.Helper()
	id := b.insertPast(t, newer())
	b.relay(t)
	return id
}
