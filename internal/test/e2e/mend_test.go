package e2e_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/auth"
	"github.com/yummyzoom/herald/internal/test/pgtest"
)

// undeliverable writes events of an order past the outbox's checks, and returns when all of them have failed.
func undeliverable(t *testing.T, db *pgxpool.Pool, o order, eventType string, n int) (ids []string) {
	t.Helper()
	require.NoError(t, pgx.BeginFunc(t.Context(), db, func(tx pgx.Tx) error {
		if _, err := tx.Exec(t.Context(), "SET LOCAL session_replication_role = replica"); err != nil {
			return err
		}
		rows, err := tx.Query(
			t.Context(), `INSERT INTO herald.outbox (event_type, resource_id, restaurant_id, customer_id, payload)
			SELECT $1, $2, $3, 'alice', jsonb_build_object('status', 'Placed', 'note', 'number ' || n) FROM generate_series(1, $4::int) n RETURNING event_id::text`,
			eventType, o.id, o.restaurant, n)
		if err != nil {
			return err
		}
		ids, err = pgx.CollectRows(rows, pgx.RowTo[string])
		return err
	}))
	require.True(t, eventually(func() bool {
		var failed int
		err := db.QueryRow(t.Context(), `SELECT (SELECT count(*) FROM herald.dead_letter WHERE event_id = ANY ($1::uuid[]))
			+ (SELECT count(*) FROM herald.river_job WHERE kind = 'retry_event' AND args->>'event_id' = ANY ($1::text[]))`,
			ids).Scan(&failed)
		return err == nil && failed == n
	}))
	return ids
}

// Every view for operators shows the events that could not be delivered. An operator pages through them and mends
// each of a hundred with a command. Their client receives every one of them once, in the order in which they were
// mended. The trace shows all of it.
//
// Acceptance.
func TestAHundredDeadLettersAreMended(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	dsn, pool := db.DSN(), db.Pool(t)
	s, d := serve(t, dsn), drive(t)
	env, o := settings(dsn), newOrder()
	c := d.connect(
		t, s.url+customerHub, mint(t, auth.Grant{Subject: "alice", Permissions: []string{"OrderOwner:" + o.id.String()}}),
	)
	c.call(t, "SubscribeToOrder", o.id)
	run := func(want int, args ...string) (out, logs string) {
		t.Helper()
		code, out, logs := herald(t, env, args...)
		require.Equal(t, want, code, "%v: %s%s", args, out, logs)
		return out, logs
	}
	out, _ := run(0, "check", "--skip-audit")
	require.Contains(t, out, "ok    events that could not be delivered")
	require.Contains(t, out, "ok    platform statistics: never set")
	const dead, retrying = 100, 2
	ids, later := undeliverable(t, pool, o, "OrderPlaced", dead), undeliverable(t, pool, o, "OrderSplit", retrying)

	out, _ = run(1, "check", "--skip-audit")
	require.Regexp(
		t,
		`FAIL  events that could not be delivered: 100 dead letters, the oldest for \d+s; 2 events are tried again, the oldest for \d+s: .herald dead list. says why`,
		out,
	)
	out, _ = run(0, "relay", "status")
	require.Regexp(t, `0 rows wait; 100 dead letters, the oldest for \d+s; 2 events are tried again`, out)
	require.True(t, eventually(func() bool { // an answer is remembered for a second
		status, answer := request(t, http.MethodGet, s.url+"/readyz", "", "")
		return status == http.StatusOK && strings.Contains(answer.body, "100 dead letters")
	}))
	_, logs := s.texts()
	require.Contains(t, logs, "an event died: it is not delivered unless it is mended or retried; see herald dead list")
	require.Contains(t, logs, `"left_out":97`)

	// In pages, until all are listed.
	listed, cursor := map[string]bool{}, ""
	for page := 0; page == 0 || cursor != ""; page++ {
		require.Less(t, page, 4)
		args := []string{"dead", "list", "--limit=40", "--json"}
		if cursor != "" {
			args = append(args, "--after="+cursor)
		}
		out, logs = run(0, args...)
		for line := range strings.Lines(out) {
			var letter struct{ EventID, State, NextAttemptAt, Reason string }
			require.NoError(t, json.Unmarshal([]byte(line), &letter))
			require.False(t, listed[letter.EventID])
			listed[letter.EventID] = true
			require.Equal(t, letter.State == "retrying", letter.NextAttemptAt != "", line)
		}
		_, rest, more := strings.Cut(logs, "more: herald dead list --after=")
		require.Equal(t, len(listed) < dead+retrying, more, logs)
		cursor, _, _ = strings.Cut(rest, ",")
	}
	require.Len(t, listed, dead+retrying)
	out, _ = run(0, "dead", "list", "--limit=100")
	require.Contains(t, out, "… and 2 more: herald dead list --after=")
	out, _ = run(0, "dead", "list", "--limit=1000")
	require.NotContains(t, out, "… and")
	require.Regexp(t, `retrying .* `+later[0]+` .*attempts, (next 20|being tried)`, out)

	// The missing field is shown, and set; the one who mended is known.
	out, _ = run(0, "dead", "show", ids[0])
	require.Contains(t, out, `"note": "number 1"`)
	_, logs = run(1, "dead", "mend", ids[0], "--merge", `{"orderNumber": ""}`)
	require.Contains(t, logs, ids[0]+": payload")
	require.Contains(t, logs, "orderNumber")
	_, logs = run(1, "dead", "mend", ids[0], "--payload", `{"orderNumber"`)
	require.Contains(t, logs, "--payload is not JSON")
	_, logs = run(1, "dead", "mend", ids[0])
	require.Contains(t, logs, "herald dead show")
	file := filepath.Join(t.TempDir(), "payload.json")
	require.NoError(t, os.WriteFile(file, []byte(`{"orderNumber": "YZ-0", "status": "Placed"}`), 0o600))
	out, _ = run(0, "dead", "mend", ids[0], "--payload", "@"+file, "--by", "anna, on call")
	require.Equal(t, "mended "+ids[0]+": payload (note, orderNumber)", strings.TrimSpace(out))
	require.Equal(t, ids[0], received(c.next(t)).EventID.String())
	for i, id := range ids[1:50] {
		out, _ = run(0, "dead", "mend", id, "--merge", fmt.Sprintf(`{"orderNumber": "YZ-%d"}`, i+1))
		require.Equal(t, "mended "+id+": payload (orderNumber)", strings.TrimSpace(out))
		require.Equal(t, id, received(c.next(t)).EventID.String())
	}
	// As an administrator over REST, and one command for all that lack the same field.
	const path = "/api/admin/outbox/dead/"
	status, answer := request(
		t, http.MethodPost, s.url+path+ids[50]+"/mend", admin(t), `{"merge": {"orderNumber": "YZ-50"}}`,
	)
	require.Equal(t, http.StatusOK, status, answer.body)
	require.Equal(t, ids[50], received(c.next(t)).EventID.String())
	status, answer = request(
		t, http.MethodPost, s.url+path+ids[50]+"/mend", admin(t), `{"merge": {"orderNumber": "YZ-51"}}`,
	)
	require.Equal(t, http.StatusConflict, status)
	require.Contains(t, answer.body, "The event has been relayed")
	status, _ = request(
		t, http.MethodPost, s.url+path+uuid.NewString()+"/mend", admin(t), `{"merge": {"orderNumber": "YZ-51"}}`,
	)
	require.Equal(t, http.StatusNotFound, status)
	status, answer = request(
		t, http.MethodPost, s.url+path+ids[51]+"/mend", admin(t), `{"merge": {"lastUpdateTimestamp": "yesterday"}}`,
	)
	require.Equal(t, http.StatusBadRequest, status)
	require.Contains(t, answer.body, "orderNumber")
	run(0, append([]string{"dead", "mend", "--merge", `{"orderNumber": "YZ-52"}`}, ids[51:]...)...)
	run(0, "dead", "mend", later[0], later[1], "--type=OrderPlaced", "--merge", `{"orderNumber": "YZ-200"}`)
	got := map[string]bool{}
	for range dead - 51 + retrying {
		got[received(c.next(t)).EventID.String()] = true
	}
	require.Len(t, got, dead-51+retrying, "each once")
	c.quiet(t)

	_, logs = run(1, "dead", "mend", ids[0], "--merge", `{"orderNumber": "YZ-1"}`)
	require.Contains(t, logs, ids[0]+": the event has been relayed")
	out, _ = run(0, "trace", ids[0])
	require.Regexp(
		t,
		`(?s)written .*died .*after 0 attempts: .*orderNumber is missing.*mended .*by anna, on call; payload \(note, orderNumber\).*relayed .*sequence 1,`,
		out,
	)
	out, _ = run(0, "dead", "list")
	require.Empty(t, out)
	run(0, "check", "--skip-audit")
	_, logs = s.texts()
	require.Contains(t, logs, `"action":"mend_dead_letter"`)
	require.Contains(t, logs, `"changed":"payload"`)
	require.NotContains(t, logs, "YZ-50", "no payload in the log")
}
