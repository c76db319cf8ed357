package signalr_test

import (
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/gobwas/ws"
	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/signalr"
)

// token returns a token that a node has issued.
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

// Both half-transports work with every request at the next node: the connection lives on the node that negotiated it,
// and receives and sends everything as with one node.
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

// The connections of a killed node are unknown to the others, in ASP.NET's words, and their clients start anew there.
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
	for i, other := range n.all[1:] { // connections that were negotiated elsewhere stay
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
	// A socket needs nothing of the node that negotiated it.
	dialURL(t, ws.Dialer{}, n.url+"?access_token=user&id="+unused).shakeHands()
	again := n.of(1).negotiated(t, ownClient(t)).poller()
	greet(t, n.fixture, again)
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
