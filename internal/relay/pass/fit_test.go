package pass_test

import (
	"log/slog"
	"net/url"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/event"
	"github.com/yummyzoom/herald/internal/eventlog"
	"github.com/yummyzoom/herald/internal/outbox"
	"github.com/yummyzoom/herald/internal/postgres"
	"github.com/yummyzoom/herald/internal/relay/pass"
	"github.com/yummyzoom/herald/internal/test/fixture"
	"github.com/yummyzoom/herald/internal/test/pgtest"
	"github.com/yummyzoom/herald/migrations"
)

// A batch is bounded in bytes as well as in rows. The next batch has the rest.
func TestPassReadsSomeMegabytesAtATime(t *testing.T) {
	t.Parallel()
	b := fixture.New(t)
	const rows, size = 400, 60_000
	b.Exec(t, `INSERT INTO herald.outbox (event_type, resource_id, payload)
		SELECT 'CartUpdated', $1, jsonb_build_object('note', md5(i::text) || repeat('n', $2)) FROM generate_series(1, $3::int) i`, fixture.CartID, size, rows)
	p, err := pass.Begin(t.Context(), b.Conn(t), pass.Reading{MaxRows: 1000})
	require.NoError(t, err)
	bytes := 0
	for _, row := range p.Rows {
		bytes += len(row.Payload)
	}
	require.InDelta(t, 8<<20, bytes, 70_000)
	require.True(t, p.Full(), "there is more")
	p.Rollback(t.Context())
	b.Relay(t)
	require.Equal(t, rows, fixture.Scan[int](t, b.Pool, "SELECT count(*) FROM herald.event_log"))
	require.Equal(t, rows,
		fixture.Scan[int](t, b.Pool, `SELECT count(*) FROM herald.event_log l JOIN herald.outbox o ON o.seq = l.outbox_seq
		WHERE o.seq - l.position = (SELECT min(seq) FROM herald.outbox) - 1`), "in order")
}

// arabic returns a database of the encoding ISO_8859_6. A byte for which it has no character cannot be sent to a
// client.
func arabic(t *testing.T) *fixture.Database {
	t.Helper()
	db := pgtest.New(t)
	name := "arabic_" + strings.ReplaceAll(uuid.NewString(), "-", "")
	_, err := db.Conn(t).Exec(t.Context(),
		"CREATE DATABASE "+name+" TEMPLATE template0 ENCODING 'ISO_8859_6' LC_COLLATE 'C' LC_CTYPE 'C'")
	require.NoError(t, err)
	dsn, err := url.Parse(db.DSN())
	require.NoError(t, err)
	dsn.Path = "/" + name
	query := dsn.Query()
	query.Set("client_encoding", "UTF8")
	dsn.RawQuery = query.Encode()
	pool, err := pgxpool.New(t.Context(), dsn.String())
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	_, err = postgres.Migrate(t.Context(), pool, migrations.FS, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	return &fixture.Database{Database: db, Pool: pool}
}

// A row that the server cannot even send is set aside like all others.
func TestRowsThatTheServerCannotSend(t *testing.T) {
	t.Parallel()
	b := arabic(t)
	var good, bad []uuid.UUID
	for i := range 20 {
		if i%7 == 3 {
			bad = append(bad, fixture.Scan[uuid.UUID](t, b.Pool, `INSERT INTO herald.outbox (event_type, resource_id, payload)
				VALUES ('CartUpdated', $1, jsonb_build_object('note', chr(161))) RETURNING event_id`, fixture.CartID))
		}
		good = append(good, b.Insert(t, fixture.Cart()))
	}
	b.Relay(t)
	for i, id := range good {
		require.Equal(t, int64(i+1), b.Status(t, id)[0].Sequence)
	}
	for _, id := range bad {
		found := b.Status(t, id)[0]
		require.Equal(t, outbox.StatusDead, found.Status)
		require.Contains(t, found.Detail, "its row cannot be read")
	}

	// The owner may change a row like this after it has its place.
	b.Exec(t, "UPDATE herald.outbox SET payload = jsonb_build_object('note', chr(161)) WHERE event_id = ANY ($1)",
		good[5:7])
	b.Exec(t, "UPDATE herald.outbox SET occurred_on_utc = 'infinity' WHERE event_id = $1", good[8])
	log := eventlog.NewReader(b.Pool)
	all, _, err := log.ReadFrom(t.Context(), 0, 1000)
	require.NoError(t, err)
	group, err := log.Read(t.Context(), event.TeamCartGroup(fixture.CartID), 0, 1000, 1000, 1<<20)
	require.NoError(t, err)
	require.Len(t, all, len(good))
	require.Len(t, group, len(good))
	for i, id := range good {
		lost := i == 5 || i == 6 || i == 8
		for _, entry := range []event.Logged{all[i], group[i]} {
			require.Equal(t, id, entry.ID)
			require.Equal(t, int64(i+1), entry.Position)
			require.Equal(t, event.CartUpdated, entry.Type)
			_, err := entry.Invocation(event.Plain)
			require.Equal(t, lost, err != nil, "it is passed over")
		}
	}
}

// No job can find a dead letter whose row has a written_at that is no time. It says so, and stays on the list.
func TestDeadLetterWhoseRowCannotBeFoundAgain(t *testing.T) {
	t.Parallel()
	b := fixture.New(t)
	id := b.InsertPast(t, fixture.Cart(fixture.Columns{"written_at": "infinity"}))
	b.Relay(t)
	letters, err := outbox.DeadLetters(t.Context(), b.Pool, nil, 10)
	require.NoError(t, err)
	require.Equal(t, id, letters[0].EventID)
	require.True(t, letters[0].WrittenAt.IsZero())
	require.ErrorIs(t, pgx.BeginFunc(t.Context(), b.Pool, func(tx pgx.Tx) error {
		_, _, err := outbox.Exhume(t.Context(), tx, id)
		return err
	}), outbox.ErrRowLost)
	require.Equal(t, outbox.StatusDead, b.Status(t, id)[0].Status)
	require.NoError(t, outbox.Drop(t.Context(), b.Pool, id, "ops"))
}
