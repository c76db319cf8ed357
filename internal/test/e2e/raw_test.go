package e2e_test

import (
	"bufio"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/test/pgtest"
)

// raw sends bytes that no HTTP client would, and returns the answer's status and header.
func raw(t *testing.T, s *server, request string) (status int, header http.Header) {
	t.Helper()
	return sendRaw(t, s, request)()
}

// sendRaw is raw, but the caller waits for the answer later.
func sendRaw(t *testing.T, s *server, request string) (receive func() (status int, header http.Header)) {
	t.Helper()
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", strings.TrimPrefix(s.url, "http://"))
	require.NoError(t, err)
	require.NoError(t, conn.SetDeadline(time.Now().Add(patience)))
	go func() { _, _ = conn.Write([]byte(request)) }() // it may be answered before it has been sent
	return func() (int, http.Header) {
		t.Helper()
		defer conn.Close()
		answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
		require.NoError(t, err, request[:min(len(request), 200)])
		require.NoError(t, answer.Body.Close())
		return answer.StatusCode, answer.Header
	}
}

// For any bytes on the socket: no path opens an endpoint without a token, no header is made from another one's
// value, and no request is a fault of the server.
func TestHostileRequestsAreRefused(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	s := serve(t, db.DSN())
	const alert, body = "/api/admin/realtime/alert/error", `{"message":"m"}`
	post := func(path string, headers ...string) string {
		return "POST " + path + " HTTP/1.1\r\nHost: herald\r\nContent-Type: application/json\r\n" +
			strings.Join(headers, "\r\n") + "\r\n\r\n" + body
	}
	const length, bearer = "Content-Length: 15", "Authorization: Bearer "
	token := admin(t)
	key := "Idempotency-Key: 0197a1b2-3c4d-7e5f-8a6b-7c8d9e0f1a2b"
	requests := map[string]string{
		"a key with a bare CR":      post(alert, length, bearer+token, key+"\rX-Injected: 1"),
		"a key with CR and LF":      post(alert, length, bearer+token, key+"x\r\nX-Injected: 1"),
		"a key with NUL":            post(alert, length, bearer+token, key+"\x00"),
		"two keys":                  post(alert, length, bearer+token, key, key),
		"a continued header":        post(alert, length, bearer+token, "Idempotency-Key: x", " y"),
		"two lengths":               post(alert, length, "Content-Length: 16", bearer+token),
		"a negative length":         post(alert, "Content-Length: -1", bearer+token),
		"an unknown coding":         post(alert, "Transfer-Encoding: gzip, chunked", bearer+token),
		"a chunk that is none":      post(alert, "Transfer-Encoding: chunked", bearer+token) + "\r\n",
		"headers without end":       post(alert, length, bearer+token, "X-Long: "+strings.Repeat("a", 64<<10)),
		"two hosts":                 post(alert, length, bearer+token, "Host: other"),
		"a space before the colon":  post(alert, length, "Authorization : Bearer "+token),
		"a method with a semicolon": strings.Replace(post(alert, length, bearer+token), "POST", "PO;ST", 1),
		"no version":                "GET /api/admin/realtime/status\r\n\r\n",
		"another protocol":          "GET /api/admin/realtime/status SIP/2.0\r\nHost: herald\r\n\r\n",
		"a token in a cookie":       post(alert, length, "Cookie: access_token="+token),
	}
	for _, path := range []string{
		"//api/admin/realtime/alert/error", "/api//admin/realtime/alert/error", "/hubs/../api/admin/realtime/alert/error",
		"/./api/admin/realtime/alert/error",
		"/api/admin/realtime/health/%2e%2e/alert/error", "/api/admin/realtime/health/../alert/error",
		"/healthz/../api/admin/realtime/alert/error",
		"/api/admin/realtime/alert%2ferror", "/api/admin/realtime/alert/error/", "/api/admin/realtime/alert/error%00",
		"/api/admin/realtime/alert/error%0d%0aX-Injected:%201",
		"/api/admin/realtime/%zz", "http://localhost" + alert, "http://other.example" + alert, "*", "localhost:80",
		alert + "?access_token=", alert + "?%zz", alert + "#" + alert,
	} {
		requests[path] = post(path, length)
	}
	for name, request := range requests {
		status, header := raw(t, s, request)
		require.GreaterOrEqual(t, status, http.StatusMultipleChoices, name)
		require.True(
			t,
			status < http.StatusInternalServerError || status == http.StatusNotImplemented ||
				status == http.StatusHTTPVersionNotSupported,
			"%s: %d", name, status)
		require.NotContains(t, header, "X-Injected", name)
	}
	status, _ := raw(t, s, post(alert, length, bearer+token, key))
	require.Equal(t, http.StatusOK, status)
	var rows int
	require.NoError(t, db.Conn(t).QueryRow(t.Context(), `SELECT count(*) FROM herald.outbox`).Scan(&rows))
	require.Equal(t, 1, rows)
	_, logs := s.texts()
	require.NotContains(t, logs, "panic")
}

// A body that never comes is waited for with a limit, both by endpoints that read it and by those that do not.
func TestABodyThatNeverComes(t *testing.T) {
	t.Parallel()
	s := serve(t, pgtest.New(t).DSN())
	answers := map[string]func() (int, http.Header){}
	wanted := map[string]int{
		"/api/admin/realtime/alert/error":               http.StatusBadRequest,
		"/api/admin/realtime/broadcast/platform-update": http.StatusBadRequest,
		"/api/admin/realtime/status":                    http.StatusMethodNotAllowed,
		"/healthz":                                      http.StatusMethodNotAllowed,
		"/nothing":                                      http.StatusNotFound,
		customerHub:                                     http.StatusBadRequest,
	}
	for path := range wanted {
		answers[path] = sendRaw(
			t,
			s,
			"POST "+path+" HTTP/1.1\r\nHost: herald\r\nContent-Type: application/json\r\nContent-Length: 15\r\n"+
				"Authorization: Bearer "+admin(t)+"\r\n\r\n{",
		)
	}
	for path, receive := range answers {
		status, _ := receive()
		require.Equal(t, wanted[path], status, path)
	}
}
