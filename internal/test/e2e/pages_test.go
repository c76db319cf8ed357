package e2e_test

import (
	"net/http"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/test/pgtest"
)

// A page of an allowed origin may use the REST API within the set limits, and learns when it may try again.
func TestPagesUseTheRESTAPIWithinItsLimits(t *testing.T) {
	t.Parallel()
	const page, alert = "https://app.example", "/api/admin/realtime/alert"
	s := serve(
		t, pgtest.New(t).DSN(), "HERALD_ALLOWED_ORIGINS=https://App.example:443", "HERALD_API_RATE=1",
		"HERALD_API_BURST=2",
	)
	ask := func(origin string) (int, response) {
		return request(
			t, http.MethodOptions, s.url+alert, "", "", "Origin", origin, "Access-Control-Request-Method", "POST",
			"Access-Control-Request-Headers", "authorization,content-type,idempotency-key",
		)
	}
	status, answer := ask(page)
	require.Equal(t, http.StatusNoContent, status)
	require.Equal(t, page, answer.header.Get("Access-Control-Allow-Origin"))
	require.Contains(t, answer.header.Get("Access-Control-Allow-Headers"), "idempotency-key")
	status, answer = ask("https://evil.example")
	require.Equal(t, http.StatusForbidden, status)
	require.Empty(t, answer.header.Get("Access-Control-Allow-Origin"))

	token := admin(t)
	for i := 0; ; i++ {
		status, answer = request(t, http.MethodPost, s.url+alert, token, `{"type":"info","message":"m"}`, "Origin", page)
		require.Equal(t, page, answer.header.Get("Access-Control-Allow-Origin"))
		if status != http.StatusOK {
			break
		}
		require.Less(t, i, 100, "the default would allow as many at once")
	}
	require.Equal(t, http.StatusTooManyRequests, status)
	require.Contains(t, answer.header.Get("Access-Control-Expose-Headers"), "Retry-After")
	seconds, err := strconv.Atoi(answer.header.Get("Retry-After"))
	require.NoError(t, err)
	require.Equal(t, 1, seconds)
	status, _ = request(t, http.MethodPost, s.url+"/api/admin/realtime/alert/error", token, `{"message":"m"}`)
	require.Equal(t, http.StatusOK, status, "another endpoint")
}
