package hostile_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/app"
	"github.com/yummyzoom/herald/internal/event"
	"github.com/yummyzoom/herald/internal/jobs"
	"github.com/yummyzoom/herald/internal/outbox"
	"github.com/yummyzoom/herald/internal/test/pgtest"
)

// Several operators mend the same events at once, each in another way, while others retry and drop them, and the
// node goes on trying. Of each event one operator's version is relayed, once, and every operator who was too late
// is told so.
//
// Acceptance: A-514.
func TestManyDecideAboutTheSameDeadLetters(t *testing.T) {
	t.Parallel()
	const events, menders = 24, 4
	db := pgtest.New(t)
	var log written
	_ = node(t, db, func(c *app.Config) { c.Logger = slog.New(slog.NewTextHandler(&log, nil)) })
	pool := db.Pool(t)
	var ids []uuid.UUID
	require.NoError(t, pgx.BeginFunc(t.Context(), pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(t.Context(), "SET LOCAL session_replication_role = replica"); err != nil {
			return err
		}
		rows, err := tx.Query(t.Context(),
			`INSERT INTO herald.outbox (event_type, resource_id, restaurant_id, customer_id, payload)
			SELECT CASE WHEN n % 2 = 0 THEN 'OrderPlaced' ELSE 'OrderSplit' END, gen_random_uuid(), gen_random_uuid(), 'user-1', '{"status": "Placed"}'
			FROM generate_series(1, $1::int) n RETURNING event_id`, events)
		if err != nil {
			return err
		}
		ids, err = pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
		return err
	}))
	letters, err := jobs.NewDeadLetters(pool)
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		u, err := letters.Count(t.Context())
		return err == nil && u.Dead+u.Retrying == events
	}, patience, 20*time.Millisecond)

	var all sync.WaitGroup
	var mu sync.Mutex
	won := map[uuid.UUID][]string{}
	placed := event.OrderPlaced
	mend := func(mender int, id uuid.UUID) error {
		number := fmt.Sprintf("YZ-%d", mender)
		_, err := letters.Mend(t.Context(), id,
			&outbox.Mending{Type: &placed, Merge: json.RawMessage(`{"orderNumber": "` + number + `"}`)}, number)
		if err == nil {
			mu.Lock()
			defer mu.Unlock()
			won[id] = append(won[id], number)
		}
		return err
	}
	for mender := range menders {
		all.Go(func() {
			for i := range ids {
				_ = mend(mender, ids[(i+mender*events/menders)%events]) // the outcome is checked below
			}
		})
	}
	for _, decide := range []func(ctx context.Context, id uuid.UUID, by string) error{letters.Retry, letters.Drop} {
		all.Go(func() {
			for range 3 {
				for _, id := range ids {
					_ = decide(t.Context(), id, "somebody") // it may be too late
				}
			}
		})
	}
	all.Wait()
	for _, id := range ids {
		if len(won[id]) == 0 { // all mends came during another attempt
			require.NoError(t, mend(menders, id))
		}
		require.ErrorContains(t, mend(menders+1, id), "relayed")
	}
	require.Eventually(t, func() bool {
		var relayed int
		require.NoError(t,
			pool.QueryRow(t.Context(), "SELECT count(*) FROM herald.relayed_event WHERE event_id = ANY ($1)",
				ids).Scan(&relayed))
		return relayed == events
	}, patience, 20*time.Millisecond)
	for _, id := range ids {
		require.Len(t, won[id], 1, "of those who mend it one does")
		var number string
		var entries, mended int
		require.NoError(t,
			pool.QueryRow(t.Context(), `SELECT (SELECT payload->>'orderNumber' FROM herald.outbox WHERE event_id = $1),
			(SELECT count(*) FROM herald.event_log WHERE event_id = $1),
			(SELECT count(*) FROM herald.dead_letter_history WHERE event_id = $1 AND what = 'mended')`, id).Scan(&number, &entries, &mended))
		require.Equal(t, won[id][0], number)
		require.Equal(t, 2, entries, "once, to its two groups")
		require.Equal(t, 1, mended)
	}
	u, err := letters.Count(t.Context())
	require.NoError(t, err)
	require.Equal(t, jobs.Undelivered{}, u)
	require.NotContains(t, log.String(), "YZ-", "no payload is in the log")
	require.NotContains(t, log.String(), "panic")
}

// A producer can neither see, change nor mend dead letters.
func TestAProducerDecidesAboutNothing(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	p := producer(t, db)
	for _, sql := range []string{
		"SELECT FROM herald.dead_letter_history", "DELETE FROM herald.dead_letter_history",
		"INSERT INTO herald.dead_letter_history (event_id, what) VALUES (gen_random_uuid(), 'mended')",
		"UPDATE herald.outbox SET payload = '{}'",
	} {
		_, err := p.Exec(t.Context(), sql)
		require.ErrorContains(t, err, "permission denied", sql)
	}
}
