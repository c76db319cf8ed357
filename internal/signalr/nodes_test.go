package signalr_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/signalr"
)

// token returns what a node gives out.
func (n *nodes) token(t *testing.T, from int) (encoded, id string) {
	t.Helper()
	v1 := n.of(from).negotiate(t, "&negotiateVersion=1")
	return v1["connectionToken"].(string), v1["connectionId"].(string)
}

// Acceptance: A-467.
func TestAnyNodeTakesASocketThatAnotherHasNegotiated(t *testing.T) {
	t.Parallel()
	n := setupNodes(t)
	for from := range n.all {
		for to := range n.all {
			encoded, id := n.token(t, from)
			f := n.of(to)
			before := n.all[to].Connections("test")
			c := dialURL(t, ws.Dialer{}, f.url+"?access_token=user&id="+encoded)
			c.shakeHands()
			require.Equal(t, id, f.opened(t).ID(), "both nodes know the connection by the same id")
			require.Equal(t, before+1, n.all[to].Connections("test"), "it lives where the socket is")
		}
	}
	require.Zero(t, n.handed())
	for range 12 { // and through the balancer, as clients come
		encoded := n.negotiate(t, "&negotiateVersion=1")["connectionToken"].(string)
		dialURL(t, ws.Dialer{}, n.url+"?access_token=user&id="+encoded).shakeHands()
	}
	require.Zero(t, n.handed())
}

// Both half-transports, with every request at the next node: the connection lives on the one that negotiated it, and hears and says
// everything as it would alone.
//
// Acceptance: A-468.
func TestHalfTransportsThroughRoundRobin(t *testing.T) {
	t.Parallel()
	for name, connect := range map[string]func(*half) talker{
		"ServerSentEvents": func(h *half) talker { return h.stream() },
		"LongPolling":      func(h *half) talker { return h.poller() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := setupNodes(t)
			c := connect(n.negotiated(t, ownClient(t)))
			conn := greet(t, n.fixture, c)
			for i := range 20 {
				number := strconv.Itoa(i)
				c.send(`{"type":1,"invocationId":"` + number + `","target":"Add","arguments":[` + number + `,1]}`)
				c.expect(`{"type":3,"invocationId":"` + number + `","result":` + strconv.Itoa(i+1) + `}`)
				require.NoError(t, conn.Send(message("M", number)))
				c.expect(`{"type":1,"target":"M","arguments":[` + number + `]}`)
			}
			require.Equal(t, 1, n.all[0].Connections("test"))
			require.Equal(t, 1, n.connections())
			require.Greater(t, n.handed(), int64(10), "two of three requests come to a node that has it not")
			conn.Close("", false)
			c.expect(`{"type":7}`)
			c.expectEnd()
		})
	}
}

// Acceptance: A-468.
func TestDeleteThroughRoundRobin(t *testing.T) {
	t.Parallel()
	n := setupNodes(t)
	p := n.negotiated(t, ownClient(t)).poller()
	greet(t, n.fixture, p)
	n.at.Store(1) // not the owner
	require.Equal(t, http.StatusAccepted, p.do(http.MethodDelete, "").status)
	require.NoError(t, within(t, n.disconnected, "OnDisconnected"))
	require.Equal(t, []signalr.CloseReason{signalr.ClosedByClient}, n.observer.reasons())
	for range n.all {
		require.Eventually(t, func() bool {
			a := p.do(http.MethodPost, ping+"\x1e")
			return a.status == http.StatusNotFound
		}, patience, soon)
	}
}

// Acceptance: A-468.
func TestStatefulReconnectThroughRoundRobin(t *testing.T) {
	t.Parallel()
	const each, cuts = 500, 12
	n := setupNodes(t)
	p, conn := n.connectStateful(t)
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	go func() {
		for i := range each {
			if conn.WaitQueue(t.Context(), 64<<10) != nil || conn.Send(message("M", strconv.Itoa(i))) != nil {
				return
			}
		}
	}()
	for i := range each {
		if i%(each/cuts) == 1 {
			p.cut(random)
		}
		require.Equal(t, `{"type":1,"target":"M","arguments":[`+strconv.Itoa(i)+`]}`, p.receive())
	}
	require.NotZero(t, p.resumes)
	require.NotZero(t, n.handed())
	require.Empty(t, n.conns, "the hub sees one connection")
	require.Equal(t, 1, n.connections())
}

// What a node is killed with is unknown to the others, in ASP.NET's words, and its clients start anew there.
//
// Acceptance: A-469.
func TestAKilledOwnersConnectionsAreUnknown(t *testing.T) {
	t.Parallel()
	n := setupNodes(t)
	p := n.negotiated(t, ownClient(t)).poller()
	greet(t, n.fixture, p)
	stateful, _ := n.of(0).connectStateful(t)
	_, resume, _ := strings.Cut(stateful.url, "?")
	s := n.negotiated(t, ownClient(t)).stream()
	greet(t, n.fixture, s)
	unused, _ := n.token(t, 0)
	owner := n.all[0]
	for i, other := range n.all[1:] { // whatever was negotiated elsewhere stays
		encoded, _ := n.token(t, i+1)
		dialURL(t, ws.Dialer{}, other.direct.URL+"/hub?access_token=user&id="+encoded).shakeHands()
	}
	n.kill(t, owner)

	_, err := s.event()
	require.Error(t, err, "the stream ends with its node")
	for range 4 {
		for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodDelete} {
			a := p.do(method, "")
			require.Equal(t, http.StatusNotFound, a.status, method)
			require.Equal(t, notFound, a.body)
			require.Equal(t, "text/plain", a.header.Get("Content-Type"))
			if method == http.MethodGet {
				requireNoCache(t, a)
			}
		}
		_, _, _, err := ws.Dial(t.Context(), strings.Replace(n.url, "http", "ws", 1)+"?"+resume)
		require.ErrorIs(t, err, ws.StatusError(http.StatusNotFound))
	}
	dialURL(t, ws.Dialer{}, n.url+"?access_token=user&id="+unused).shakeHands() // a socket needs nothing of the node that negotiated
	again := n.of(1).negotiated(t, ownClient(t)).poller()
	greet(t, n.fixture, again)
}

// A request is handed on once: nodes that disagree on where a connection lives send nothing round.
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

// A ticket is its user's, on every node; its other requests do not reach the owner.
//
// Acceptance: A-467.
func TestAnotherUsersTicketOnAnotherNode(t *testing.T) {
	t.Parallel()
	n := setupNodes(t)
	token, _ := n.token(t, 0)
	f := n.of(1)
	for _, r := range []struct {
		method  string
		headers []string
	}{{http.MethodGet, nil}, {http.MethodGet, events}, {http.MethodGet, upgrade}, {http.MethodPost, nil}, {http.MethodDelete, nil}} {
		a := f.request(t, r.method, "/hub?access_token=other&id="+token, r.headers...)
		require.Equal(t, http.StatusForbidden, a.status, "%s %v", r.method, r.headers)
		require.Equal(t, "The connection belongs to another user", a.body)
	}
	require.Zero(t, n.handed())
}

// The user does not stand in a ticket, whatever it is called, nor does anything else: of two there is nothing alike but the key's id.
//
// Acceptance: A-467.
func TestTicketsSayNothing(t *testing.T) {
	t.Parallel()
	n := setupNodes(t)
	var tickets [2][]byte
	for i := range tickets {
		encoded, id := n.token(t, 0)
		raw, err := base64.RawURLEncoding.DecodeString(encoded)
		require.NoError(t, err)
		require.Less(t, len(encoded), 128, "it stands in every request's line")
		for _, secret := range []string{"u1", "node-0", "test", id} {
			require.False(t, bytes.Contains(raw, []byte(secret)), secret)
		}
		tickets[i] = raw
	}
	alike := 0
	for i := range tickets[0][4:] {
		if tickets[0][4+i] == tickets[1][4+i] {
			alike++
		}
	}
	require.Less(t, alike, 8, "bytes of %d that are the same in both", len(tickets[0]))
}

// A ticket is good for one connection on each node: presented at another one within its 15 seconds it opens a second socket, which is its user's own,
// and counted as any.
//
// Acceptance: A-470.
func TestATicketOpensOneSocketANode(t *testing.T) {
	t.Parallel()
	n := setupNodes(t, func(cfg *signalr.Config) { cfg.HandshakeTimeout = time.Hour })
	token, _ := n.token(t, 0)
	for i := range n.all {
		f := n.of(i)
		c := dialURL(t, ws.Dialer{}, f.url+"?access_token=user&id="+token)
		c.shakeHands()
		f.opened(t)
		require.Equal(t, http.StatusConflict, f.request(t, http.MethodGet, "/hub?access_token=user&id="+token, upgrade...).status)
		c.send(`{"type":7}`)
		c.expect(`{"type":7}`)
		c.expectClose(ws.StatusNormalClosure)
		require.Eventually(t, func() bool {
			return f.request(t, http.MethodGet, "/hub?access_token=user&id="+token, upgrade...).status == http.StatusNotFound
		}, patience, soon)
	}
	// What lives on its owner is used once wherever it is presented.
	for i := range n.all {
		h := n.of(i)
		a := h.request(t, http.MethodGet, "/hub?access_token=user&id="+token, events...)
		require.Equal(t, http.StatusNotFound, a.status, "at node %d", i)
	}
}

// Acceptance: A-470.
func TestAnExpiredTicketOpensNothingOnAnyNode(t *testing.T) {
	t.Parallel()
	n := setupNodes(t, func(cfg *signalr.Config) { cfg.HandshakeTimeout = time.Nanosecond })
	token, _ := n.token(t, 0)
	for i := range n.all {
		for _, headers := range [][]string{nil, events, upgrade} {
			a := n.of(i).request(t, http.MethodGet, "/hub?access_token=user&id="+token, headers...)
			require.Equal(t, http.StatusNotFound, a.status)
			require.Equal(t, notFound, a.body)
		}
	}
}

// Tickets from before a rotation are good after it, on every node, for as long as their connections live.
//
// Acceptance: A-471.
func TestARotationRefusesNoTicket(t *testing.T) {
	t.Parallel()
	keys := newSharedKeys()
	n := setupNodes(t, func(cfg *signalr.Config) { cfg.Sealer = signalr.NewSealer(keys) })
	p := n.negotiated(t, ownClient(t)).poller()
	greet(t, n.fixture, p)
	before, _ := n.token(t, 0)
	for range 100 { // more than are kept ready
		keys.rotate()
		after, _ := n.token(t, 1)
		require.NotEqual(t, before[:6], after[:6], "it is sealed with the new key")
	}
	dialURL(t, ws.Dialer{}, n.of(1).url+"?access_token=user&id="+before).shakeHands()
	p.send(`{"type":1,"invocationId":"1","target":"Nothing","arguments":[]}`)
	p.expect(nothingResult)
}

// Without a way to each other nodes know their own connections only, as before they had one.
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

// What another node has handed on is the client's, not that node's, and counts once: for the node that has the connection.
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
	for range 5 { // a negotiation is refused when it is full
		negotiated = append(negotiated, f.negotiatedAt(t, n.of(0)))
	}
	open := func(from string) (answer, *half) {
		t.Helper()
		h := negotiated[0]
		negotiated = negotiated[1:]
		t.Cleanup(func() { _, _ = h.try(context.Background(), http.MethodDelete, "") }) // who leaves without a word is waited for
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
	for range 2 { // the node in between has no seat taken
		dialURL(t, ws.Dialer{}, f.url+"?access_token=user").shakeHands()
		f.opened(t)
	}
}

// What a node says of the client is not asked of headers again, though that is an address of a proxy's.
func TestAForwardedClientsAddressStandsAsItIs(t *testing.T) {
	t.Parallel()
	n := setupNodes(t, func(cfg *signalr.Config) {
		cfg.TrustedProxies = []string{"127.0.0.0/8", "192.0.2.0/24"}
	})
	conn := greet(t, n.fixture, n.of(1).negotiatedAt(t, n.of(0)).poller())
	require.Equal(t, "127.0.0.1", conn.RemoteAddr().String())
}

// A page reads each header once, whichever node has set it.
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

// negotiatedAt is a half whose token another node has given out.
func (f *fixture) negotiatedAt(t *testing.T, other *fixture) *half {
	t.Helper()
	token := other.negotiate(t, "&negotiateVersion=1")["connectionToken"].(string)
	return &half{t: t, http: ownClient(t), url: f.url + "?access_token=user&id=" + token}
}

// A request that any node may have to answer finds the connection wherever it is: a socket on a node that has neither negotiated it nor is asked.
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

func TestNodesNames(t *testing.T) {
	t.Parallel()
	cfg := testConfig(newObserver())
	cfg.Forward = func(http.ResponseWriter, *http.Request, string) error { return nil }
	_, err := signalr.New(cfg)
	require.ErrorContains(t, err, "without a name nothing is forwarded")
	cfg.Node = strings.Repeat("n", 65)
	_, err = signalr.New(cfg)
	require.ErrorContains(t, err, "64 bytes")
}

// One user's requests for another node do not take the places of all: here as many as may be on their way at once, with bodies that do not end.
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
	require.Equal(t, http.StatusNotFound, n.of(0).request(t, http.MethodGet, "/hub?access_token=user&id=x").status, "what need not be handed on is served as ever")
}
