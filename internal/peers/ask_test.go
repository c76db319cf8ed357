package peers_test

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
)

// question is a node's own request, on behalf of a client.
func question(t *testing.T, ctx context.Context, method, body string) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(ctx, method, "http://herald.example/question", strings.NewReader(body))
	require.NoError(t, err)
	r.RemoteAddr = "192.0.2.7:1"
	return r
}

// Acceptance: A-533.
func TestAskingAnotherNode(t *testing.T) {
	t.Parallel()
	a, b := start(t, "db"), start(t, "db")
	acquainted(a, b)
	hang := make(chan struct{})
	t.Cleanup(func() { close(hang) })
	b.hub = func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		switch string(body) {
		case "hang":
			<-hang
		case "hang in the middle":
			w.WriteHeader(http.StatusOK)
			_ = http.NewResponseController(w).Flush()
			<-hang
		case "break off":
			_, _ = w.Write([]byte("some"))
			_ = http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler)
		default:
			w.WriteHeader(http.StatusConflict)
			_, _ = io.WriteString(w, r.Method+" "+r.URL.Path+" "+string(body))
		}
	}
	ask := func(method, body string, wait time.Duration, limit int) (int, string, error) {
		ctx, cancel := context.WithTimeout(t.Context(), wait)
		defer cancel()
		ctx = context.WithValue(ctx, http.ServerContextKey, a.server.Config) // as within a request
		status, answer, err := a.Ask(question(t, ctx, method, body), b.id.String(), limit)
		return status, string(answer), err
	}
	status, answer, err := ask(http.MethodPost, "hello", patience, 100)
	require.NoError(t, err)
	require.Equal(t, http.StatusConflict, status)
	require.Equal(t, "POST /question hello", answer)
	_, _, err = ask(http.MethodPost, strings.Repeat("x", 100), patience, 100)
	require.ErrorContains(t, err, "longer than may be")
	const brief = 300 * time.Millisecond
	_, _, err = ask(http.MethodPost, "hang", brief, 100)
	require.ErrorContains(t, err, "did not answer in time")
	_, _, err = ask(http.MethodPost, "hang in the middle", brief, 100)
	require.ErrorContains(t, err, "did not answer in time")
	_, _, err = ask(http.MethodPost, "break off", patience, 100)
	require.Error(t, err)
	_, _, err = a.Ask(question(t, t.Context(), http.MethodGet, ""), uuid.NewString(), 100)
	require.ErrorIs(t, err, errGone)
	require.Zero(t, a.Forwarding(), "no place is kept")
}

// A drained node refuses to forward streams and polls; it still asks and forwards all other requests.
//
// Acceptance: A-535.
func TestADrainedNodeStillAsksAndHandsOn(t *testing.T) {
	t.Parallel()
	a, b := start(t, "db"), start(t, "db")
	acquainted(a, b)
	b.hub = func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/stream" {
			w.WriteHeader(http.StatusOK)
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
		}
		_, _ = io.WriteString(w, "answered")
	}
	stream := a.ask(t, http.MethodGet, b, "/stream", nil, "Accept", "text/event-stream")
	require.Equal(t, http.StatusOK, stream.StatusCode)
	a.Drain(t.Context(), 0)
	require.Empty(t, text(t, stream), "it ends in order")
	refused := a.ask(t, http.MethodGet, b, "/stream", nil, "Accept", "text/event-stream")
	require.Equal(t, http.StatusServiceUnavailable, refused.StatusCode)
	require.Equal(t, "answered", text(t, a.ask(t, http.MethodPost, b, "/hubs/x", strings.NewReader("x"))))
	status, answer, err := a.Ask(question(t, t.Context(), http.MethodGet, ""), b.id.String(), 100)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, status)
	require.Equal(t, "answered", string(answer))
	a.Drain(t.Context(), 0)
}
