package adminapi_test

import (
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/adminapi"
	"github.com/yummyzoom/herald/internal/event"
)

// A client that does not read a page of many megabytes is disconnected.
func TestAClientThatDoesNotReadIsGivenUp(t *testing.T) {
	t.Parallel()
	const patience = 20 * time.Second
	b := setup(t)
	b.cfg.WriteTimeout = 50 * time.Millisecond
	payload, err := json.Marshal(map[string]string{"type": "info", "message": strings.Repeat("a", 60<<10)})
	require.NoError(t, err)
	for i := range 200 { // more than the sockets' buffers hold
		e := &event.Event{ID: uuid.New(), Type: event.SystemAlert, Payload: payload, OccurredOn: now()}
		b.replay.events = append(b.replay.events, event.Logged{Event: e, Group: event.Alerts, Sequence: int64(i + 1)})
	}
	api, err := adminapi.New(b.cfg)
	require.NoError(t, err)
	handler, served := api.Handler(), make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		handler.ServeHTTP(w, r)
		close(served)
	}))
	t.Cleanup(server.Close)
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", server.Listener.Addr().String())
	require.NoError(t, err)
	defer conn.Close()
	require.NoError(t, conn.(*net.TCPConn).SetReadBuffer(4<<10))
	_, err = conn.Write([]byte("GET " + events + "?hub=admin&resource=alerts&limit=1000&access_token=" + adminToken(t) +
		" HTTP/1.1\r\nHost: herald\r\n\r\n"))
	require.NoError(t, err)
	select {
	case <-served:
	case <-time.After(patience):
		require.FailNow(t, "the answer is still being written")
	}
}
