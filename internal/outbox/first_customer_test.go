package outbox_test

import (
	"log/slog"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/postgres"
	"github.com/yummyzoom/herald/internal/test/fixture"
	"github.com/yummyzoom/herald/internal/test/pgtest"
	"github.com/yummyzoom/herald/migrations"
)

// A database in which events have let in others than an order's customer loses what the log knows better, and nothing else.
func TestMigratingTakesBackWhatOtherEventsGranted(t *testing.T) {
	t.Parallel()
	const before = 15
	db := pgtest.NewEmpty(t)
	b := &bundle{fixture.On(t, db)}
	logger := slog.New(slog.DiscardHandler)
	_, err := postgres.Migrate(t.Context(), b.Pool, upTo(t, before), logger)
	require.NoError(t, err)

	grant := func(id uuid.UUID, user, source string) {
		b.Exec(t, "INSERT INTO herald.access_grant (policy, resource_id, user_id, granted, source) VALUES ('MustBeOrderOwner', $1, $2, true, $3)", id, user, source)
	}
	position := 0
	logged := func(id uuid.UUID, sequence int, user string) {
		event := b.Insert(t, fixture.Order(fixture.Columns{"resource_id": id, "customer_id": user}))
		position++
		b.Exec(t, `INSERT INTO herald.event_log (position, group_name, sequence, outbox_seq, outbox_written_at, event_id, relayed_at)
			SELECT $1, 'order:' || o.resource_id, $2, o.seq, o.written_at, o.event_id, now() FROM herald.outbox o WHERE o.event_id = $3`, position, sequence, event)
	}
	known, never, begun, retired, named := uuid.New(), uuid.New(), uuid.New(), uuid.New(), uuid.New()
	logged(known, 1, "alice")
	logged(known, 2, "mallory")
	logged(begun, 7, "mallory")
	b.Exec(t, "INSERT INTO herald.stream_head (group_name, sequence) VALUES ('order:' || $1::text, 9)", retired)
	for _, id := range []uuid.UUID{known, never, begun, retired} {
		grant(id, "mallory", "event")
		grant(id, "alice", "event")
	}
	grant(named, "alice", "event")
	grant(named, "mallory", "explicit")
	logged(named, 1, "alice")

	_, err = postgres.Migrate(t.Context(), b.Pool, migrations.FS, logger)
	require.NoError(t, err)
	for id, want := range map[uuid.UUID][2]bool{
		known:   {true, false}, // the log knows whose it is
		never:   {false, false},
		begun:   {true, true}, // whose it is nothing tells any more
		retired: {true, true},
		named:   {true, true}, // by name
	} {
		require.Equal(t, want, [2]bool{b.May(t, fixture.Owner, id, "alice"), b.May(t, fixture.Owner, id, "mallory")})
	}
}
