package e2e_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/test/pgtest"
)

// Acceptance: A-541.
func TestCheckTellsOfSettingsThatDoNotDoWhatTheySeemTo(t *testing.T) {
	t.Parallel()
	dsn := pgtest.New(t).DSN()
	check := func(settled ...string) string {
		code, out, logs := herald(t, settings(dsn, settled...), "check", "--skip-audit")
		require.Zero(t, code, "a warning keeps nothing from working: %s%s", out, logs)
		return out
	}
	out := check("HERALD_RETENTON=24h", "HERALD_SOMETHING_ELSE=1", "HERALD_MAX_CONNECTIONS=1000000000")
	require.Contains(t, out, "warn  settings: HERALD_RETENTON is set, and nothing reads it: is HERALD_RETENTION meant?\n")
	require.Contains(t, out, "warn  settings: HERALD_SOMETHING_ELSE is set, and nothing reads it\n")
	require.Contains(
		t, out,
		"warn  open files: HERALD_MAX_CONNECTIONS, HERALD_MAX_UNAUTHENTICATED and HERALD_MAX_FORWARDED let there be 1000012000 sockets",
	)
	require.Contains(t, out, "warn  tokens: they travel in clear")
	require.NotContains(
		t, check("HERALD_MAX_CONNECTIONS=1", "HERALD_MAX_UNAUTHENTICATED=1", "HERALD_MAX_FORWARDED=1"), "open files",
	)
	for _, safe := range []string{
		"HERALD_TRUSTED_PROXIES=10.0.0.0/8", "HERALD_LISTEN=127.0.0.1:5006", "HERALD_LISTEN=localhost:5006",
		"HERALD_LISTEN=[::1]:5006",
	} {
		require.NotContains(t, check(safe), "travel in clear", safe)
	}
}

// Acceptance: A-542.
func TestANodeWarnsWhereTokensTravelInClear(t *testing.T) {
	t.Parallel()
	dsn := pgtest.New(t).DSN()
	for listen, clear := range map[string]bool{":0": true, "127.0.0.1:0": false} {
		p := start(t, settings(dsn), "serve", "--listen", listen)
		said := func(text string) bool {
			_, logs := p.texts()
			return strings.Contains(logs, text)
		}
		require.True(t, eventually(func() bool { return said(`"msg":"serving"`) }), listen)
		require.Equal(t, clear, said("tokens travel in clear"), listen)
	}
}

// Acceptance.
func TestCheckNamesTheRightsThatAreMissing(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	pool := db.Pool(t)
	login := "modest_" + db.Name
	for _, sql := range []string{
		"CREATE ROLE " + login + " LOGIN PASSWORD 'sesame'", "GRANT USAGE ON SCHEMA herald TO " + login,
		"GRANT ALL ON ALL TABLES IN SCHEMA herald TO " + login, "GRANT ALL ON ALL FUNCTIONS IN SCHEMA herald TO " + login,
		"GRANT ALL ON ALL SEQUENCES IN SCHEMA herald TO " + login,
	} {
		_, err := pool.Exec(t.Context(), sql)
		require.NoError(t, err, sql)
	}
	code, out, _ := herald(t, settings(as(t, db.DSN(), login)), "check", "--skip-audit")
	require.Equal(t, 1, code, out)
	require.Regexp(
		t,
		`(?m)^FAIL  rights of `+login+`: the schema herald belongs to .*, of which `+login+` is no member: GRANT .* TO `+login+`;$`,
		out,
	)
	code, out, logs := herald(t, settings(as(t, db.DSN(), login)), "migrate", "roles")
	require.Zero(t, code, logs)
	require.Regexp(t, `(?m)^GRANT .* TO `+login+`; -- the schema herald belongs to`, out)
	code, out, logs = herald(t, settings(db.DSN()), "migrate", "roles")
	require.Zero(t, code, logs)
	require.Contains(t, out, "-- nothing is missing")
}

// as returns dsn with another login.
func as(t *testing.T, dsn, login string) string {
	t.Helper()
	u, err := url.Parse(dsn)
	require.NoError(t, err)
	u.User = url.UserPassword(login, "sesame")
	return u.String()
}
