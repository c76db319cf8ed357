package e2e_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/test/pgtest"
)

// TestCheckNamesThePairThatCannotReachEachOther: herald check names it from any machine, with the address that was
// tried.
//
// Acceptance: A-480.
func TestCheckNamesThePairThatCannotReachEachOther(t *testing.T) {
	t.Parallel()
	dsn := pgtest.New(t).DSN()
	a := serve(t, dsn)
	b := serve(t, dsn, "HERALD_NODE_URL=http://127.0.0.1:1")
	check := func(env ...string) string {
		_, out, _ := herald(t, settings(dsn, env...), "check", "--skip-audit")
		return out
	}
	var out string
	want := "FAIL  node " + a.id(t) + " on "
	require.True(t, eventually(func() bool { out = check(); return strings.Contains(out, want) }), "%s", out)
	require.Regexp(
		t, "(?m)^"+want+`.* reaches node `+b.id(t)+` on .* at http://127\.0\.0\.1:1: .*connection refused`, out,
	)
	require.Contains(t, out, "ok    node "+b.id(t)+" on ")
	require.Regexp(t, "(?m)^ok    node "+b.id(t)+" on .* reaches the others$", out)
	require.Regexp(t, "(?m)^ok    node "+a.id(t)+" on .* is reached at "+a.url+"$", out)
	require.Regexp(
		t,
		`(?m)^ok    a node of this machine's is reached at http://127\.0\.0\.1:5006 \(only nodes on this machine reach that: set HERALD_NODE_URL`,
		out,
	)

	certFile, keyFile, _ := certificate(t)
	secured := []string{"HERALD_TLS_CERT_FILE=" + certFile, "HERALD_TLS_KEY_FILE=" + keyFile}
	out = check(secured...)
	require.Regexp(
		t,
		`(?m)^FAIL  a node of this machine's is reached at https://127\.0\.0\.1:5006: other nodes refuse its certificate there \(x509: .*HERALD_NODE_CA_FILE`,
		out,
	)
	out = check(append(secured, "HERALD_NODE_CA_FILE="+certFile, "HERALD_NODE_URL=https://localhost:5006")...)
	require.Regexp(t, `(?m)^ok    a node of this machine's is reached at https://localhost:5006`, out)
	out = check(append(secured, "HERALD_NODE_LISTEN=10.0.0.5:5007", "HERALD_NODE_PLAIN=true")...)
	require.Regexp(
		t,
		`(?m)^ok    a node of this machine's is reached at http://10\.0\.0\.5:5007 \(plain HTTP, in which users' tokens travel in clear`,
		out,
	)
}
