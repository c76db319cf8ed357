package signalr_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/gobwas/ws"
	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/signalr"
)

const (
	notFound       = "No Connection with that ID"
	cannotChange   = "Cannot change transports mid-connection"
	cannotDelete   = "Cannot terminate this connection using the DELETE endpoint."
	postNotAllowed = "POST requests are not allowed for WebSocket connections."
)

// The states that a connection can be in when a request for it comes.
var states = map[string]func(*testing.T, *fixture, *half){
	"negotiated": func(*testing.T, *fixture, *half) {},
	"posted to": func(t *testing.T, _ *fixture, h *half) {
		t.Helper()
		require.Equal(t, http.StatusOK, h.do(http.MethodPost, handshake).status)
	},
	"WebSockets": func(t *testing.T, f *fixture, h *half) {
		t.Helper()
		greet(t, f, dialURL(t, ws.Dialer{}, h.url))
	},
	"ServerSentEvents": func(t *testing.T, f *fixture, h *half) {
		t.Helper()
		greet(t, f, h.stream())
	},
	"LongPolling": func(t *testing.T, f *fixture, h *half) {
		t.Helper()
		greet(t, f, h.poller())
	},
	"gone": func(t *testing.T, f *fixture, h *half) {
		t.Helper()
		p := h.poller()
		conn := greet(t, f, p)
		conn.Close("", false)
		p.expect(`{"type":7}`)
		p.expectEnd()
		require.Eventually(t, func() bool { return f.Connections("test") == 0 }, patience, soon)
		require.Eventually(t, func() bool { return len(f.observer.reasons()) == 1 }, patience, soon)
	},
}

var upgrade = []string{
	"Connection", "Upgrade", "Upgrade", "websocket", "Sec-WebSocket-Version", "13", "Sec-WebSocket-Key",
	"dGhlIHNhbXBsZSBub25jZQ==",
}

var events = []string{"Accept", "text/event-stream"}

// TestStatuses follows HttpConnectionDispatcher.cs.
func TestStatuses(t *testing.T) {
	t.Parallel()
	all, webSockets, sse := signalr.AllTransports, signalr.WebSockets, signalr.ServerSentEvents
	for _, c := range []struct {
		state      string
		method     string
		headers    []string
		transports signalr.Transports
		status     int
		body       string
	}{
		{"negotiated", http.MethodGet, nil, all, http.StatusOK, ""},
		{
			"negotiated", http.MethodGet, nil, webSockets, http.StatusNotFound,
			"LongPolling transport not supported by this end point type",
		},
		{
			"negotiated", http.MethodGet, events, webSockets, http.StatusNotFound,
			"ServerSentEvents transport not supported by this end point type",
		},
		{
			"negotiated", http.MethodGet, upgrade, sse, http.StatusNotFound,
			"WebSockets transport not supported by this end point type",
		},
		{"negotiated", http.MethodPost, nil, all, http.StatusOK, ""},
		{"negotiated", http.MethodPost, nil, webSockets, http.StatusMethodNotAllowed, postNotAllowed},
		{"negotiated", http.MethodDelete, nil, all, http.StatusBadRequest, cannotDelete},
		{"negotiated", http.MethodPut, nil, all, http.StatusMethodNotAllowed, ""},
		{"negotiated", http.MethodHead, nil, all, http.StatusMethodNotAllowed, ""},

		{"posted to", http.MethodGet, nil, all, http.StatusOK, ""},
		{"posted to", http.MethodGet, upgrade, all, http.StatusBadRequest, cannotChange},
		{"posted to", http.MethodDelete, nil, all, http.StatusBadRequest, cannotDelete},

		{"WebSockets", http.MethodGet, nil, all, http.StatusBadRequest, cannotChange},
		{"WebSockets", http.MethodGet, events, all, http.StatusBadRequest, cannotChange},
		{"WebSockets", http.MethodGet, upgrade, all, http.StatusConflict, ""},
		{"WebSockets", http.MethodPost, nil, all, http.StatusMethodNotAllowed, postNotAllowed},
		{"WebSockets", http.MethodDelete, nil, all, http.StatusBadRequest, cannotDelete},

		{"ServerSentEvents", http.MethodGet, nil, all, http.StatusBadRequest, cannotChange},
		{"ServerSentEvents", http.MethodGet, events, all, http.StatusConflict, ""},
		{"ServerSentEvents", http.MethodGet, upgrade, all, http.StatusBadRequest, cannotChange},
		{"ServerSentEvents", http.MethodPost, nil, all, http.StatusOK, ""},
		{"ServerSentEvents", http.MethodDelete, nil, all, http.StatusBadRequest, cannotDelete},

		{"LongPolling", http.MethodGet, events, all, http.StatusBadRequest, cannotChange},
		{"LongPolling", http.MethodGet, upgrade, all, http.StatusBadRequest, cannotChange},
		{"LongPolling", http.MethodPost, nil, all, http.StatusOK, ""},
		{"LongPolling", http.MethodDelete, nil, all, http.StatusAccepted, ""},

		{"gone", http.MethodGet, nil, all, http.StatusNotFound, notFound},
		{"gone", http.MethodGet, events, all, http.StatusNotFound, notFound},
		{"gone", http.MethodGet, upgrade, all, http.StatusNotFound, notFound},
		{"gone", http.MethodPost, nil, all, http.StatusNotFound, notFound},
		{"gone", http.MethodDelete, nil, all, http.StatusNotFound, notFound},
	} {
		name := c.state + ", " + c.method + " " + strings.Join(c.headers[:min(2, len(c.headers))], " ")
		check := func(t *testing.T, f *fixture, query string) {
			t.Helper()
			h := f.negotiatedWith(t, ownClient(t), query)
			states[c.state](t, f, h)
			a := h.do(c.method, "", c.headers...)
			require.Equal(t, c.status, a.status, a.body)
			require.Equal(t, c.body, a.body)
			if c.status == http.StatusOK && c.method == http.MethodGet {
				require.Equal(t, "application/octet-stream", a.header.Get("Content-Type"))
			} else {
				require.Equal(t, "text/plain", a.header.Get("Content-Type"))
			}
			require.NotContains(t, a.header, "Long-Running")
			if c.method == http.MethodGet && c.headers == nil {
				requireNoCache(t, a)
			} else {
				require.NotContains(t, a.header, "Cache-Control")
			}
			require.Equal(t, []string{"Origin"}, a.header.Values("Vary"))
		}
		configure := func(cfg *signalr.Config) { cfg.Transports = c.transports }
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			check(t, setup(t, configure), "")
		})
		if c.status == http.StatusBadRequest && slices.Equal(c.headers, upgrade) {
			continue // any node takes a socket without asking the one that would know; see the package's doc
		}
		t.Run(name+", each request at another node", func(t *testing.T) {
			t.Parallel()
			query := ""
			// Without stateful reconnect it lives where the socket is, and the other nodes do not know it.
			if c.state == "WebSockets" {
				query = "&useStatefulReconnect=true"
			}
			check(t, setupNodes(t, configure).fixture, query)
		})
	}
}

// requireNoCache checks the headers of HttpConnectionDispatcher.AddNoCacheHeaders, which every poll's answer has.
func requireNoCache(t *testing.T, a answer) {
	t.Helper()
	require.Equal(t, "no-cache, no-store", a.header.Get("Cache-Control"))
	require.Equal(t, "no-cache", a.header.Get("Pragma"))
	require.Equal(t, "Thu, 01 Jan 1970 00:00:00 GMT", a.header.Get("Expires"))
}

func TestRequestsWithoutAKnownID(t *testing.T) {
	t.Parallel()
	f := setup(t)
	known := f.issue(t)
	for id, want := range map[string]answer{
		"":                  {status: http.StatusBadRequest, body: "Connection ID required"},
		"&id=":              {status: http.StatusBadRequest, body: "Connection ID required"},
		"&id=x":             {status: http.StatusNotFound, body: notFound},
		"&id=" + known[1:]:  {status: http.StatusNotFound, body: notFound},
		"&id=x&id=" + known: {status: http.StatusNotFound, body: notFound},
	} {
		for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodDelete} {
			for _, headers := range [][]string{nil, events} {
				a := f.request(t, method, "/hub?access_token=user"+id, headers...)
				require.Equal(t, want.status, a.status, "%s %s", method, id)
				require.Equal(t, want.body, a.body, "%s %s", method, id)
				require.Equal(t, "text/plain", a.header.Get("Content-Type"))
			}
		}
	}
	require.Equal(t, http.StatusOK, f.request(t, http.MethodGet, "/hub?access_token=user&ID="+known).status,
		"the name's case is ignored")
	require.Equal(t, http.StatusAccepted, f.request(t, http.MethodDelete, "/hub?access_token=user&iD="+known).status)
}

// A connection belongs to the user that negotiated it, from before it is used: another user with the token is
// refused.
func TestAnotherUsersConnection(t *testing.T) {
	t.Parallel()
	for _, state := range []string{"negotiated", "posted to", "WebSockets", "ServerSentEvents", "LongPolling"} {
		t.Run(state, func(t *testing.T) {
			t.Parallel()
			f := setup(t)
			h := f.negotiated(t, ownClient(t))
			states[state](t, f, h)
			thief := *h
			thief.url = strings.Replace(h.url, "access_token=user", "access_token=other", 1)
			for _, r := range []struct {
				method  string
				headers []string
			}{{http.MethodGet, nil}, {http.MethodGet, events}, {http.MethodPost, nil}, {http.MethodDelete, nil}} {
				a := thief.do(r.method, "", r.headers...)
				require.Equal(t, http.StatusForbidden, a.status, "%s %v", r.method, r.headers)
				require.Equal(t, "The connection belongs to another user", a.body)
			}
			_, _, _, err := ws.Dial(t.Context(), strings.Replace(thief.url, "http", "ws", 1))
			require.ErrorIs(t, err, ws.StatusError(http.StatusForbidden))
			if state == "WebSockets" {
				return
			}
			require.Equal(t, http.StatusOK, h.do(http.MethodPost, "").status)
			if state == "negotiated" {
				greet(t, f, h.poller()) // it still is its owner's
			}
		})
	}
}

// Clients skip transports that are not offered, and those that they are refused: so they fall back.
func TestOnlyEnabledTransportsAreOffered(t *testing.T) {
	t.Parallel()
	for transports, want := range map[signalr.Transports][]string{
		signalr.WebSockets: {"WebSockets"},
		signalr.ServerSentEvents | signalr.WebSockets: {"WebSockets", "ServerSentEvents"},
		signalr.LongPolling:                           {"LongPolling"},
	} {
		f := setup(t, func(cfg *signalr.Config) { cfg.Transports = transports })
		var got []string
		for _, offer := range f.negotiate(t, "")["availableTransports"].([]any) {
			got = append(got, offer.(map[string]any)["transport"].(string))
		}
		require.Equal(t, want, got)
	}
	wrong := signalr.DefaultSettings()
	wrong.PollTimeout = -1
	_, err := signalr.New(signalr.Config{Settings: wrong, Transports: 8, Authenticate: authenticate})
	require.ErrorContains(t, err, "Transports: 0x8 is no set of transports")
	require.ErrorContains(t, err, "POLL_TIMEOUT must be more than zero")
}
