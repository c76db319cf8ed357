package hostile_test

import (
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/app"
	"github.com/yummyzoom/herald/internal/test/pgtest"
)

// Twenty thousand rows in one statement that cannot be delivered, ever or by this release, delay nothing: others'
// events arrive, a scheduled event comes when it is due, and the log stays short.
//
//nolint:paralleltest // it compares times, so nothing else runs beside it
func TestRowsThatCannotBeDeliveredHoldNothingUp(t *testing.T) {
	for name, flood := range map[string]struct{ eventType, payload, becomes string }{
		"payloads that do not fit": {"OrderPlaced", "{}", "SELECT count(*) FROM herald.dead_letter"},
		"event types of a newer release": {
			"OrderSplit", "{}", "SELECT count(*) FROM herald.river_job WHERE kind = 'retry_event'",
		},
	} {
		t.Run(name, func(t *testing.T) {
			const rows = 20_000
			db := pgtest.New(t)
			var log written
			cfg := node(t, db, func(c *app.Config) { c.Logger = slog.New(slog.NewTextHandler(&log, nil)) })
			p := pulse(t, db, cfg)
			atRest := p.median(t, 20)
			logged := strings.Count(log.String(), "\n")

			owner := db.Conn(t)
			exec(t, owner, "BEGIN")
			exec(t, owner, "SET LOCAL session_replication_role = replica")
			exec(t, owner, `INSERT INTO herald.outbox (event_type, resource_id, restaurant_id, customer_id, payload)
				SELECT $1, gen_random_uuid(), gen_random_uuid(), 'user-1', $2 FROM generate_series(1, $3)`, flood.eventType, flood.payload, rows)
			var scheduled uuid.UUID
			var due time.Time
			require.NoError(t,
				owner.QueryRow(t.Context(),
					`SELECT herald.publish_teamcart_event('CartUpdated', gen_random_uuid(), deliver_after => d), d
				FROM (SELECT clock_timestamp() + interval '2 seconds' AS d) soon`).Scan(&scheduled, &due))
			exec(t, owner, "SELECT pg_notify('herald_outbox', '')")
			exec(t, owner, "COMMIT")

			var took []time.Duration
			var delivered time.Time
			for delivered.IsZero() || len(took) < 100 {
				took = append(took, p.median(t, 1))
				if delivered.IsZero() {
					var relayed *time.Time
					require.NoError(t,
						owner.QueryRow(t.Context(), "SELECT relayed_at FROM herald.event_status($1)", scheduled).Scan(&relayed))
					if relayed != nil {
						delivered = *relayed
					}
				}
			}
			var became int
			require.NoError(t, owner.QueryRow(t.Context(), flood.becomes).Scan(&became))
			require.Equal(t, rows, became, "each of them is set aside")
			longest := slices.Max(took)
			slices.Sort(took)
			lines := strings.Count(log.String(), "\n") - logged
			t.Logf("at rest %s, meanwhile p50 %s, p99 %s, at most %s; the scheduled event %s late; %d lines",
				atRest, took[len(took)/2], took[len(took)*99/100], longest, delivered.Sub(due), lines)
			require.Less(t, took[len(took)/2], 4*atRest+time.Second) // it was 7 s, on an idle machine
			require.Less(t, lines, rows/20)                          // there was one line for each row
		})
	}
}
