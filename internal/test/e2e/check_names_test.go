package e2e_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/test/pgtest"
)

// Acceptance: A-395.
func TestCheckWarnsOfWhatCouldBeFoundUnderAHeraldName(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	conn := db.Conn(t)
	check := func() string {
		t.Helper()
		code, out, logs := herald(
			t, settings(db.DSN(), "HERALD_AUTHORIZE_FUNCTION=public.may_follow", "HERALD_LISTEN=localhost:5006"), "check",
		)
		require.Zero(t, code, "%s%s", out, logs)
		return out
	}
	_, err := conn.Exec(
		t.Context(), `CREATE FUNCTION public.may_follow(policy text, resource_id uuid, user_id text) RETURNS boolean
		LANGUAGE sql SET search_path = pg_catalog, pg_temp AS 'SELECT true'`)
	require.NoError(t, err)
	out := check()
	require.NotRegexp(t, `(?m)^warn +(sessions|schema public|HERALD_AUTHORIZE_FUNCTION|days)`, out)
	for _, finding := range []string{"sessions: as Herald needs them", "schema public: its owner's alone"} {
		require.Contains(t, out, "ok    "+finding)
	}

	yesterday := time.Now().UTC().Truncate(24*time.Hour).AddDate(0, 0, -40)
	_, err = conn.Exec(t.Context(), fmt.Sprintf(
		`GRANT CREATE ON SCHEMA public TO PUBLIC; ALTER FUNCTION public.may_follow(text, uuid, text) RESET search_path;
		CREATE TABLE herald.outbox_p%s PARTITION OF herald.outbox FOR VALUES FROM ('%s') TO ('%s')`,
		yesterday.Format("20060102"),
		yesterday.Add(14*time.Hour).Format(time.RFC3339), yesterday.Add(38*time.Hour).Format(time.RFC3339)))
	require.NoError(t, err)
	out = check()
	require.Contains(t, out, "warn  schema public: PUBLIC may create functions and operators there")
	require.Contains(t, out, "warn  HERALD_AUTHORIZE_FUNCTION public.may_follow has no search_path of its own")
	require.Contains(t, out, "warn  days: outbox_p"+yesterday.Format("20060102")+" hold other moments than their day's")
}

// Behind a pooler Herald sets no session settings: check prints the settings that the role needs, and finds nothing
// once it has them.
//
// Acceptance: A-395.
func TestCheckSaysWhatTheRoleNeedsBehindAPooler(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	conn := db.Conn(t)
	_, err := conn.Exec(t.Context(), "ALTER DATABASE "+db.Name+" SET default_transaction_isolation = 'serializable'")
	require.NoError(t, err)
	const sessions = 3
	check := func() (out, logs string) {
		t.Helper()
		code, out, logs := herald(
			t, settings(pgtest.NewPooler(t, db, sessions).DSN(""), "HERALD_LISTEN_DATABASE_URL="+db.DSN()), "check",
		)
		require.Zero(t, code, "%s%s", out, logs)
		return out, logs
	}
	out, logs := check()
	require.Contains(t, logs, `search_path = pg_catalog, herald, pg_temp`)
	for _, setting := range []string{
		`search_path = pg_catalog, herald, pg_temp`, `default_transaction_isolation = 'read committed'`,
	} {
		require.Regexp(
			t, `(?m)^warn  sessions: .*ALTER ROLE "\w+" IN DATABASE "`+db.Name+`" SET `+regexp.QuoteMeta(setting), out,
		)
	}
	line := regexp.MustCompile(`(?m)^warn  sessions: .*$`).FindString(out)
	_, statements, found := strings.Cut(line, "only a superuser may): ")
	require.True(t, found)
	_, err = conn.Exec(t.Context(), statements)
	require.NoError(t, err, statements)
	out, logs = check()
	require.Contains(t, out, "ok    sessions: as Herald needs them")
	require.NotContains(t, logs, "ALTER ROLE")
}
