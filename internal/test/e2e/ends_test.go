package e2e_test

import (
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/auth"
	"github.com/yummyzoom/herald/internal/test/pgtest"
)

// The document sends operators to the log for these: why a connection ended, whose it was and how long it lasted,
// and why a page or a request got none.
//
// Acceptance.
func TestTheLogSaysWhyConnectionsEndAndRequestsFail(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	s, d := serve(t, db.DSN()), drive(t)
	order := uuid.New()
	pool := db.Pool(t)
	_, err := pool.Exec(
		t.Context(),
		`SELECT herald.grant_access('MustBeOrderOwner', $1, 'revoked'), herald.grant_access('MustBeOrderOwner', $1, 'claimed')`,
		order,
	)
	require.NoError(t, err)
	line := func(parts ...string) string {
		t.Helper()
		found, _ := s.logs.await(t, 0, strings.Join(parts, " "), func(line string) bool {
			for _, part := range parts {
				if !strings.Contains(line, part) {
					return false
				}
			}
			return true
		})
		return found
	}
	ended := func(subject, reason string) {
		t.Helper()
		found := line(`"msg":"connection closed"`, `"subject":"`+subject+`"`, `"reason":"`+reason+`"`)
		for _, part := range []string{`"level":"INFO"`, `"connection_id":"`, `"hub":"customer-orders"`, `"lasted":`} {
			require.Contains(t, found, part)
		}
	}

	brief, a := d.open(
		t, s.url+customerHub, options{Tokens: []string{mint(t, auth.Grant{Subject: "brief", TTL: 2 * time.Second})}},
	)
	require.Empty(t, a.Error)
	brief.until(t, "closed")
	ended("brief", "expired")

	claimed, a := d.open(t, s.url+customerHub, options{Tokens: []string{mint(t, auth.Grant{
		Subject: "claimed", TTL: time.Hour, Permissions: []string{"OrderOwner:" + order.String()},
	})}})
	require.Empty(t, a.Error)
	claimed.call(t, "SubscribeToOrder", order)
	_, err = pool.Exec(t.Context(), `SELECT herald.revoke_access('MustBeOrderOwner', $1, 'claimed')`, order)
	require.NoError(t, err)
	claimed.until(t, "closed") // its token still opens the group: it has to come back and resume
	ended("claimed", "revoked")

	raw := d.connect(t, s.url+customerHub, user(t, "wordy"))
	raw.begin(t, "SubscribeToOrder", strings.Repeat("x", 64<<10))
	ended("wordy", "protocol")

	// Pages and requests that get no connection.
	request := func(method, path string, header ...string) int {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), method, s.url+path, http.NoBody)
		require.NoError(t, err)
		r.Header.Set("Authorization", "Bearer "+user(t, "alice"))
		for i := 0; i < len(header); i += 2 {
			r.Header.Set(header[i], header[i+1])
		}
		response, err := http.DefaultClient.Do(r)
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		return response.StatusCode
	}
	require.Equal(
		t, http.StatusForbidden, request(http.MethodPost, customerHub+"/negotiate", "Origin", "https://app.example"),
	)
	require.Contains(t, line("pages of this origin may not connect"), `"origin":"https://app.example"`)
	require.Contains(t, line("pages of this origin may not connect"), "allowed origins")
	require.Equal(t, http.StatusNotFound, request(http.MethodGet, customerHub+"?id=elsewhere"))
	require.Contains(t, line("request for an unknown connection"), "was not issued by a node of this database")

	d.connect(t, s.url+customerHub, user(t, "drained"))
	require.NoError(t, s.cmd.Process.Signal(syscall.SIGTERM))
	ended("drained", "shutdown")
}
