package e2e_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/test/pgtest"
)

// Commands wait a while for their database, and then end with the reason, which is printed once.
//
// Acceptance: A-427.
func TestCommandsWaitForTheirDatabase(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	for _, command := range [][]string{
		{"migrate", "up"},
		{"migrate", "status"},
		{"migrate", "reseed"},
		{"check", "--skip-audit"},
		{"publish", "CartUpdated", "--resource=" + uuid.NewString()},
		{"trace", uuid.NewString()},
		{"dead", "list"},
		{"dead", "drop", "--all"},
		{"relay", "status"},
		{"relay", "resume"},
	} {
		t.Run(strings.Join(command, " "), func(t *testing.T) {
			t.Parallel()
			proxy := pgtest.NewProxy(t, db)
			proxy.Answer("57P03")
			env := settings(proxy.DSN())
			began := time.Now()
			code, out, logs := herald(t, env, append(command, "--wait=300ms")...)
			require.Equal(t, 1, code)
			require.GreaterOrEqual(t, time.Since(began), 200*time.Millisecond)
			require.Contains(t, out+logs, "could not be used within 300ms")
			require.Equal(t, 1, strings.Count(out+logs, "57P03"), out+logs)

			code, out, logs = herald(t, env, append(command, "--wait=0s")...)
			require.Equal(t, 1, code)
			require.Equal(t, 1, strings.Count(out+logs, "57P03"), out+logs)

			p := start(t, env, append(command, "--wait=30s")...)
			before := proxy.Rejected()
			require.True(t, eventually(func() bool { return proxy.Rejected() > before }))
			proxy.Reopen()
			code = p.ended(t)
			out, logs = p.texts()
			if command[0] != "trace" { // the event is unknown
				require.Zero(t, code, out+logs)
			}
			require.NotContains(t, out+logs, "57P03")
		})
	}
}

// A server that waits for its database is alive, and says why it is not ready. It ends on an error that waiting does
// not mend, and prints that error once.
//
// Acceptance.
func TestAServerThatWaitsSaysSo(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	proxy := pgtest.NewProxy(t, db)
	proxy.Answer("53300")
	s := &server{env: settings(proxy.DSN(), "HERALD_LISTEN="+freeAddress(t))}
	s.process = start(t, s.env, "serve")
	s.logs.await(t, 0, "the server to listen", logged("listening"))
	url := "http://" + strings.TrimPrefix(s.env[len(s.env)-1], "HERALD_LISTEN=")
	require.True(t, eventually(func() bool {
		status, answer := request(t, http.MethodGet, url+"/readyz", "", "")
		return status == http.StatusServiceUnavailable && strings.Contains(answer.body, "53300")
	}))
	status, _ := request(t, http.MethodGet, url+"/healthz", "", "")
	require.Equal(t, http.StatusOK, status)
	status, _ = request(t, http.MethodGet, url+"/metrics", "", "")
	require.Equal(t, http.StatusOK, status)
	status, answer := request(t, http.MethodPost, url+customerHub+"/negotiate?negotiateVersion=1", user(t, "alice"), "")
	require.Equal(t, http.StatusServiceUnavailable, status)
	require.NotContains(t, answer.body, "53300", "not everybody's business")

	proxy.Answer("28P01")
	require.Equal(t, 1, s.ended(t))
	_, logs := s.texts()
	require.Equal(t, 1, strings.Count(logs, "waiting for the database"))
	require.Equal(t, 1, strings.Count(logs, "28P01"), logs)
}
