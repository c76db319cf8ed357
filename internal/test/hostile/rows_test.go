package hostile_test

import (
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/yummyzoom/herald/internal/outbox"
	"github.com/yummyzoom/herald/internal/relay"
	"github.com/yummyzoom/herald/internal/selfcheck"
	"github.com/yummyzoom/herald/internal/test/pgtest"
)

const nothing = "'00000000-0000-0000-0000-000000000000'::uuid"

// revoked is the type of Herald's own event, whose payload has a policy.
const revoked = "'AccessRevoked'"

// odd is an SQL value for one column of a row that no check lets in.
type odd struct{ column, value string }

// oddities are those of each column. The rest of the row is an order's event.
func oddities() []odd {
	var all []odd
	for _, column := range []string{"written_at", "occurred_on_utc", "deliver_after"} {
		for _, at := range []string{
			"infinity", "-infinity", "0044-03-15 12:00:00+00 BC", "4713-01-02 00:00:00+00 BC", "10000-01-01 00:00:00+00",
			"294276-12-31 23:59:59.999999+00",
		} {
			all = append(all, odd{column, "'" + at + "'::timestamptz"})
		}
	}
	return append(
		all,
		odd{"event_id", nothing}, odd{"resource_id", "NULL"}, odd{"resource_id", nothing}, odd{"restaurant_id", "NULL"},
		odd{"restaurant_id", nothing},
		odd{"customer_id", "NULL"}, odd{"customer_id", "''"}, odd{"customer_id", "repeat('ü', 257)"},
		odd{"customer_id", "repeat('u', 1000000)"},
		odd{"audience", "''"}, odd{"audience", "'Everybody'"}, odd{"audience", "E'Both\\n'"},
		odd{"audience", "repeat('B', 1000000)"},
		odd{"traceparent", "repeat('t', 513)"}, odd{"traceparent", "repeat('t', 1000000)"},
		odd{"event_type", "repeat('OrderPlaced', 100000)"},
		odd{"payload", "'null'"}, odd{"payload", "'[]'"}, odd{"payload", "'1e400'"}, odd{"payload", `'"text"'`},
		odd{"payload", "'true'"}, odd{"payload", "'{}'"},
		odd{"payload", `'{"orderNumber": 1e400, "status": "Placed"}'`},
		odd{"payload", `'{"orderNumber": "YZ-1", "status": {"status": "Placed"}}'`},
		odd{"payload", "jsonb_build_object('orderNumber', 'YZ-1', 'status', repeat('P', 10000000))"},
		odd{"payload", "jsonb_build_object('orderNumber', 'YZ-1', 'status', 'Placed', 'n', 1e70000)"},
		odd{"payload", "(repeat('[', 5000) || repeat(']', 5000))::jsonb"},
		odd{
			"payload",
			"jsonb_build_object('orderNumber', 'YZ-1', 'status', (repeat('[', 5000) || repeat(']', 5000))::jsonb)",
		},
	)
}

// insertPast writes an order's event with these oddities, past every check: as the table's owner, with the trigger
// disabled.
func insertPast(t *testing.T, conn *pgx.Conn, oddities ...odd) (seq int64) {
	t.Helper()
	row := map[string]string{
		"event_type": "'OrderPlaced'", "resource_id": "gen_random_uuid()", "restaurant_id": "gen_random_uuid()",
		"customer_id": "'user-1'", "payload": `'{"orderNumber": "YZ-1", "status": "Placed"}'`,
	}
	for _, o := range oddities {
		row[o.column] = o.value
	}
	var columns, values []string
	for column, value := range row {
		columns, values = append(columns, column), append(values, value)
	}
	err := conn.QueryRow(t.Context(), fmt.Sprintf("INSERT INTO herald.outbox (%s) VALUES (%s) RETURNING seq",
		strings.Join(columns, ", "), strings.Join(values, ", "))).Scan(&seq)
	require.NoError(t, err, oddities)
	return seq
}

// Good events arrive whatever the rows between them hold, and each bad row is a dead letter whose reason names the
// column.
func TestRowsOfAnyContentStopNobody(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	p := pulse(t, db, node(t, db, nil))
	owner := db.Conn(t)
	all := oddities()
	good := func(rt *rapid.T) uuid.UUID {
		var id uuid.UUID
		require.NoError(rt,
			owner.QueryRow(t.Context(), "SELECT herald.publish_teamcart_event('CartUpdated', $1)", p.cart).Scan(&id))
		return id
	}
	next := 0
	rapid.Check(t, func(rt *rapid.T) {
		type bad struct {
			seq  int64
			odds []odd
		}
		var want []uuid.UUID
		var bads []bad
		exec(t, owner, "BEGIN")
		exec(t, owner, "SET LOCAL session_replication_role = replica")
		for range rapid.IntRange(1, 6).Draw(rt, "rows") {
			want = append(want, good(rt))
			odds := []odd{all[next%len(all)]} // each oddity comes
			next++
			if odds[0].column == "payload" && rapid.IntRange(0, 3).Draw(rt, "revocation") == 0 {
				odds = append(odds, odd{"event_type", revoked})
			}
			if rapid.Bool().Draw(rt, "twice odd") {
				odds = append(odds, rapid.SampledFrom(all).Draw(rt, "odd"))
			}
			bads = append(bads, bad{insertPast(t, owner, odds...), odds})
		}
		want = append(want, good(rt))
		exec(t, owner, "SELECT pg_notify('herald_outbox', '')")
		exec(t, owner, "COMMIT")
		for _, id := range want {
			select {
			case got := <-p.received:
				require.Equal(rt, id, got)
			case <-time.After(patience):
				require.FailNow(rt, "an event does not arrive", "%v", bads)
			}
		}
		for _, b := range bads {
			var reason string
			where := fmt.Sprintf("outbox_seq = %d", b.seq)
			isNothing := func(o odd) bool { return o.column == "event_id" }
			if slices.ContainsFunc(b.odds, isNothing) {
				where = "event_id = " + nothing // only one such row can exist, the newest: that of this round
				for _, other := range bads {
					if slices.ContainsFunc(other.odds, isNothing) {
						b.odds = append(slices.Clone(b.odds), other.odds...)
					}
				}
			}
			err := owner.QueryRow(t.Context(), "SELECT reason FROM herald.dead_letter WHERE "+where).Scan(&reason)
			require.NoError(rt, err, "%v", b.odds)
			named := false
			for _, o := range b.odds {
				named = named || strings.Contains(reason, o.column) || o.value == revoked && strings.Contains(reason, "policy")
			}
			require.True(rt, named, "%v: %s", b.odds, reason)
		}
	})

	letters, err := outbox.DeadLetters(t.Context(), owner, nil, 1000)
	require.NoError(t, err, "they can be listed")
	for _, letter := range letters {
		_, err := outbox.Trace(t.Context(), owner, letter.EventID)
		require.NoError(t, err, "and traced")
	}
	_, err = relay.ReadLag(t.Context(), owner, 1000)
	require.NoError(t, err)
	require.NoError(t, selfcheck.New(db.Pool(t), slog.New(slog.DiscardHandler)).Run(t.Context()))
	found, err := selfcheck.Discrepancies(t.Context(), owner, time.Hour, 10)
	require.NoError(t, err)
	require.Empty(t, found, "all is accounted for")
}
