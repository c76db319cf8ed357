package signalr_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/gobwas/ws"
	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/signalr"
)

// A request is handed on once: nodes that disagree on where a connection lives do not send it round.
//
// Acceptance: A-469.
func TestARequestIsHandedOnOnce(t *testing.T) {
	t.Parallel()
	n := setupNodes(t)
	token, _ := n.token(t, 2)
	n.all[2].entrance.Config.Handler = n.enter(n.all[1], n.all[1].Handler(n.hub)) // an address that another node has now
	a := n.of(0).request(t, http.MethodGet, "/hub?access_token=user&id="+token)
	require.Equal(t, http.StatusNotFound, a.status)
	require.Equal(t, notFound, a.body)
	require.Equal(t, int64(1), n.handed())
}

// Without Forward, nodes know their own connections only.
func TestWithoutForwardOtherNodesConnectionsAreUnknown(t *testing.T) {
	t.Parallel()
	n := setupNodes(t, func(cfg *signalr.Config) { cfg.Forward = nil })
	token, _ := n.token(t, 0)
	f := n.of(1)
	for _, headers := range [][]string{nil, events} {
		a := f.request(t, http.MethodGet, "/hub?access_token=user&id="+token, headers...)
		require.Equal(t, http.StatusNotFound, a.status)
		require.Equal(t, notFound, a.body)
	}
	dialURL(t, ws.Dialer{}, f.url+"?access_token=user&id="+token).shakeHands()
}

// A forwarded request counts for its client, not for the forwarding node, and counts once: on the node that has the
// connection.
//
// Acceptance: A-472.
func TestForwardedRequestsCountForTheirClient(t *testing.T) {
	t.Parallel()
	n := setupNodes(t, func(cfg *signalr.Config) {
		cfg.MaxConnectionsPerAddress, cfg.MaxConnectionsPerUser = 2, 3
		cfg.TrustedProxies = []string{"127.0.0.0/8", "192.0.2.0/24"}
	})
	f := n.of(1)
	var negotiated []*half
	for range 5 { // a negotiation is refused when the node is full
		negotiated = append(negotiated, f.negotiatedAt(t, n.of(0)))
	}
	open := func(from string) (answer, *half) {
		t.Helper()
		h := negotiated[0]
		negotiated = negotiated[1:]
		// The server waits for a client that leaves without a word.
		t.Cleanup(func() { _, _ = h.try(context.Background(), http.MethodDelete, "") })
		return h.do(http.MethodGet, "", "X-Forwarded-For", from), h
	}
	first, h := open("203.0.113.1")
	require.Equal(t, http.StatusOK, first.status)
	conn := greet(t, f, &poller{h})
	require.Equal(t, "203.0.113.1", conn.RemoteAddr().String())
	second, _ := open("203.0.113.1")
	require.Equal(t, http.StatusOK, second.status)
	third, _ := open("203.0.113.1")
	require.Equal(t, http.StatusTooManyRequests, third.status)
	require.Equal(t, "There are too many connections from this address", third.body)
	another, _ := open("203.0.113.2")
	require.Equal(t, http.StatusOK, another.status)
	full, _ := open("203.0.113.3")
	require.Equal(t, "This user has too many connections", full.body)
	for range 2 { // no seat is taken on the node in between
		dialURL(t, ws.Dialer{}, f.url+"?access_token=user").shakeHands()
		f.opened(t)
	}
}

// The client's address that a node states is not replaced by one from the headers, even where it is a proxy's.
func TestAForwardedClientsAddressStandsAsItIs(t *testing.T) {
	t.Parallel()
	n := setupNodes(t, func(cfg *signalr.Config) {
		cfg.TrustedProxies = []string{"127.0.0.0/8", "192.0.2.0/24"}
	})
	conn := greet(t, n.fixture, n.of(1).negotiatedAt(t, n.of(0)).poller())
	require.Equal(t, "127.0.0.1", conn.RemoteAddr().String())
}

// A page gets each header once, whichever node has set it.
func TestCORSOfWhatAnotherNodeAnswers(t *testing.T) {
	t.Parallel()
	n := setupNodes(t, func(cfg *signalr.Config) { cfg.AllowedOrigins = []string{"https://app.example"} })
	h := n.of(1).negotiatedAt(t, n.of(0))
	for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodDelete} {
		a := h.do(method, "", "Origin", "https://app.example")
		require.Less(t, a.status, 300, method)
		for name, value := range map[string]string{
			"Access-Control-Allow-Origin": "https://app.example", "Access-Control-Allow-Credentials": "true", "Vary": "Origin",
		} {
			require.Equal(t, []string{value}, a.header.Values(name), method)
		}
	}
	require.Equal(t, int64(3), n.handed())
	require.Equal(t, http.StatusForbidden, h.do(http.MethodGet, "", "Origin", "https://evil.example").status)
	require.Equal(t, int64(3), n.handed(), "it is not handed on")
}

// negotiatedAt returns a half whose token another node has issued.
func (f *fixture) negotiatedAt(t *testing.T, other *fixture) *half {
	t.Helper()
	token := other.negotiate(t, "&negotiateVersion=1")["connectionToken"].(string)
	return &half{t: t, http: ownClient(t), url: f.url + "?access_token=user&id=" + token}
}

// One user's requests for another node do not take all places for forwarded requests. Here that user has as many
// under way as are allowed, with bodies that do not end.
//
// Acceptance: A-472.
func TestOneUserTakesHisShareOfWhatIsHandedOn(t *testing.T) {
	t.Parallel()
	n := setupNodes(t, func(cfg *signalr.Config) { cfg.MaxConnectionsPerUser = 2 })
	f := n.of(1)
	h := f.negotiatedAt(t, n.of(0))
	p := h.poller()
	greet(t, n.fixture, p)
	before := n.handed()
	var bodies []*io.PipeWriter
	var waiting sync.WaitGroup
	for range 8 { // bodies that do not end
		body, end := io.Pipe()
		bodies = append(bodies, end)
		waiting.Go(func() {
			response, err := h.request(context.WithoutCancel(t.Context()), http.MethodPost, body)
			if err == nil {
				_ = response.Body.Close()
			}
		})
	}
	t.Cleanup(waiting.Wait)
	t.Cleanup(func() {
		for _, end := range bodies {
			_ = end.Close()
		}
	})
	require.Eventually(t, func() bool { return n.handed() == before+8 }, patience, soon)
	a := h.do(http.MethodPost, ping+"\x1e")
	require.Equal(t, http.StatusTooManyRequests, a.status)
	require.Equal(t, "This user has too many connections", a.body)
	other := *h
	token := n.of(0).request(t, http.MethodPost, "/hub/negotiate?access_token=other&negotiateVersion=1")
	var negotiation struct{ ConnectionToken string }
	require.NoError(t, json.Unmarshal([]byte(token.body), &negotiation))
	other.url = f.url + "?access_token=other&id=" + negotiation.ConnectionToken
	require.Equal(t, http.StatusOK, other.do(http.MethodPost, "").status)
	require.Equal(t, http.StatusNotFound, n.of(0).request(t, http.MethodGet, "/hub?access_token=user&id=x").status,
		"what need not be handed on is served as ever")
}

// A request that any node may have to answer finds its connection on every node: also a socket on a node that has not
// negotiated it and is not asked first.
//
// Acceptance: A-473.
func TestAConnectionIsFoundOnWhicheverNodeItLives(t *testing.T) {
	t.Parallel()
	n := setupNodes(t)
	for _, each := range n.all {
		each.entrance.Config.Handler = n.enter(each, each.Seeking(n.hub))
	}
	ask := func(i int, token string) answer {
		w := httptest.NewRecorder()
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/hub/refresh?access_token=user&id="+token, nil)
		n.all[i].Seeking(n.hub).ServeHTTP(w, r)
		return answer{status: w.Code, header: w.Result().Header, body: w.Body.String()}
	}
	for negotiated := range n.all {
		for taken := range n.all {
			token, _ := n.token(t, negotiated)
			dialURL(t, ws.Dialer{}, n.of(taken).url+"?access_token=user&id="+token).shakeHands()
			for asked := range n.all {
				a := ask(asked, token)
				require.Equal(t, http.StatusOK, a.status, "negotiated by %d, taken by %d, asked %d", negotiated, taken, asked)
				require.Equal(t, "here", a.body)
				require.Equal(t, []string{n.all[taken].name}, a.header.Values("X-Here"))
				require.Equal(t, []string{n.all[taken].name}, a.header.Values("X-Asked"))
			}
		}
	}
	unused, _ := n.token(t, 0)
	for asked := range n.all {
		before := n.handed()
		a := ask(asked, unused)
		require.Equal(t, http.StatusNotFound, a.status)
		require.Equal(t, "nowhere", a.body)
		require.Equal(t, []string{n.all[asked].name}, a.header.Values("X-Asked"), "it says so itself")
		require.NotContains(t, a.header, "X-Signalr-Unknown-Here")
		require.Equal(t, before+2, n.handed())
	}
	token, _ := n.token(t, 0)
	dialURL(t, ws.Dialer{}, n.of(1).url+"?access_token=user&id="+token).shakeHands()
	n.kill(t, n.all[0])
	require.Equal(t, http.StatusOK, ask(2, token).status, "that the node which negotiated it is gone is no matter")
}
