package peers_test

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/peers"
)

// stolen returns the exact bytes that a sends to b for a client, as an eavesdropper between the two reads them.
func stolen(t *testing.T, a, b *node, path string) string {
	t.Helper()
	raw := make(chan string, 1)
	thief := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var text bytes.Buffer
		_ = r.Write(&text)
		raw <- text.String()
		w.WriteHeader(http.StatusBadGateway)
	}))
	defer thief.Close()
	there := b.peer()
	there.URL = thief.URL
	a.Learn([]peers.Peer{there})
	answer := a.ask(t, http.MethodGet, b, path, nil, "Authorization", "Bearer user")
	require.Contains(t, text(t, answer), errGone.Error(), "what answers there proves nothing")
	return <-raw
}

// answered is a node's answer.
type answered struct {
	status int
	header http.Header
	body   string
}

// present sends a request unchanged to a node.
func present(t *testing.T, to *node, request string) answered {
	t.Helper()
	var dialer net.Dialer
	conn, err := dialer.DialContext(t.Context(), "tcp", to.server.Listener.Addr().String())
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	require.NoError(t, conn.SetDeadline(time.Now().Add(patience)))
	_, err = io.WriteString(conn, request)
	require.NoError(t, err)
	answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
	require.NoError(t, err)
	defer answer.Body.Close()
	return answered{answer.StatusCode, answer.Header, text(t, answer)}
}

// Acceptance: A-478.
func TestTheEntranceTakesEachRequestOfANodeOnceAndAsItWasSent(t *testing.T) {
	t.Parallel()
	for _, theft := range []struct {
		name   string
		change func(request string) string
		status int
		reason string
	}{
		{"as it was sent", func(r string) string { return r }, http.StatusOK, ""},
		{
			"another path", func(r string) string { return strings.Replace(r, "/hubs/orders", "/hubs/admin", 1) },
			http.StatusUnauthorized, "signature",
		},
		{
			"another query", func(r string) string { return strings.Replace(r, "id=1", "id=2", 1) },
			http.StatusUnauthorized, "signature",
		},
		{
			"another method", func(r string) string { return strings.Replace(r, "GET ", "DELETE ", 1) },
			http.StatusUnauthorized, "signature",
		},
		{
			"another token", func(r string) string { return strings.Replace(r, "Bearer user", "Bearer thief", 1) },
			http.StatusUnauthorized, "signature",
		},
		{
			"one header more", func(r string) string { return strings.Replace(r, "\r\n\r\n", "\r\nX-More: 1\r\n\r\n", 1) },
			http.StatusUnauthorized, "signature",
		},
		{"one token more", func(r string) string {
			return strings.Replace(r, "Authorization:", "Authorization: Bearer thief\r\nAuthorization:", 1)
		}, http.StatusUnauthorized, "signature"},
		{
			"another client's address",
			func(r string) string { return strings.Replace(r, "for=127.0.0.1", "for=127.0.0.2", 1) },
			http.StatusUnauthorized, "signature",
		},
		{
			"a later number", func(r string) string { return strings.Replace(r, "&n=", "&n=9", 1) },
			http.StatusUnauthorized, "signature",
		},
		{"two tickets", func(r string) string {
			i := strings.Index(r, "X-Herald-Node:")
			line := r[i : i+strings.Index(r[i:], "\r\n")+2]
			return r[:i] + line + r[i:]
		}, http.StatusUnauthorized, "unsigned"},
		{"a long ticket", func(r string) string {
			return strings.Replace(r, "X-Herald-Node: ", "X-Herald-Node: "+strings.Repeat("x", 4000), 1)
		}, http.StatusUnauthorized, "unsigned"},
	} {
		t.Run(theft.name, func(t *testing.T) {
			t.Parallel()
			a, b := start(t, "db"), start(t, "db")
			b.hub = func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "secret") }
			request := stolen(t, a, b, "/hubs/orders?id=1")
			changed := theft.change(request)
			require.Equal(t, theft.name == "as it was sent", changed == request, request)
			answer := present(t, b, changed)
			require.Equal(t, theft.status, answer.status)
			require.Equal(t, theft.reason, answer.header.Get("X-Herald-Node-Refused"))
			if theft.reason != "" {
				require.NotContains(t, answer.body, "secret")
				require.Empty(t, answer.header.Get("X-Herald-Node-Proof"))
				require.Equal(t, 1, b.counts.of(theft.reason))
				require.Equal(t, http.StatusOK, present(t, b, request).status, "the node's own request is still good")
			}
			replayed := present(t, b, request)
			require.Equal(t, http.StatusUnauthorized, replayed.status)
			require.Equal(t, "replayed", replayed.header.Get("X-Herald-Node-Refused"))
		})
	}
}

// Acceptance: A-478.
func TestWhatIsSignedForOneNodeIsNothingToAnother(t *testing.T) {
	t.Parallel()
	a, b, c := start(t, "db"), start(t, "db"), start(t, "db")
	stranger := start(t, "another database")
	request := stolen(t, a, b, "/hubs/orders")
	for _, other := range []*node{c, a} {
		answer := present(t, other, request)
		require.Equal(t, http.StatusMisdirectedRequest, answer.status)
		require.Equal(t, "for nodes only", answer.body)
		require.Equal(t, 1, other.counts.of("other_node"))
	}
	answer := present(t, stranger, request)
	require.Equal(t, http.StatusUnauthorized, answer.status)
	require.Equal(t, 1, stranger.counts.of("signature"))
}

func TestClientsDoNotGetInWhateverTokenTheyHave(t *testing.T) {
	t.Parallel()
	b := start(t, "db")
	b.hub = func(w http.ResponseWriter, _ *http.Request) { t.Error("the hub was reached") }
	for _, ticket := range []string{
		"", "v=1", "&mac=", "v=1&mac=" + strings.Repeat("A", 43),
		"at=1&from=" + uuid.NewString() + "&host=x&key=1&n=1&to=" + b.id.String() + "&v=1&mac=" + strings.Repeat("A", 43),
		"at=1&from=" + uuid.NewString() + "&host=x&key=99999999999&n=1&to=" + b.id.String() +
			"&v=1&mac=" + strings.Repeat("A", 43),
		"at=1&from=x&for=x&host=x&key=7&n=-1&to=" + b.id.String() + "&v=1&mac=" + strings.Repeat("A", 43),
	} {
		for _, path := range []string{
			"", "/", "/ping", "/hubs/orders?id=x", "/../hubs/orders", "/api/admin/realtime/health",
		} {
			r, err := http.NewRequestWithContext(t.Context(), http.MethodPost,
				b.server.URL+peers.Path+path, strings.NewReader("{}"))
			require.NoError(t, err)
			r.Header.Set("Authorization", "Bearer of an administrator")
			if ticket != "" {
				r.Header.Set("X-Herald-Node", ticket)
			}
			answer := send(t, r)
			require.Equal(t, http.StatusUnauthorized, answer.StatusCode, "%s %s", path, ticket)
			require.Empty(t, answer.Header.Get("Www-Authenticate"), "no token opens it")
		}
	}
}

func TestARequestIsGoodForHalfAMinuteOfTheDatabasesClock(t *testing.T) {
	t.Parallel()
	a, b := start(t, "db"), start(t, "db")
	b.hub = func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) }
	for off, status := range map[time.Duration]int{
		-29 * time.Second: http.StatusOK, 29 * time.Second: http.StatusOK, -31 * time.Second: http.StatusUnauthorized,
		31 * time.Second: http.StatusUnauthorized,
	} {
		a.clock = func() time.Time { return time.Now().Add(off) }
		require.Equal(t, status, present(t, b, stolen(t, a, b, "/hubs/x")).status, off)
	}
	require.Equal(t, 2, b.counts.of("time"))
}

func TestManyRequestsOfANodeArriveInAnyOrder(t *testing.T) {
	t.Parallel()
	a, b := start(t, "db"), start(t, "db")
	b.hub = func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) }
	var requests []string
	for range 20 {
		requests = append(requests, stolen(t, a, b, "/hubs/x"))
	}
	for _, i := range []int{7, 19, 0, 3, 18, 1} {
		require.Equal(t, http.StatusOK, present(t, b, requests[i]).status)
	}
	for _, i := range []int{7, 19, 0, 3, 18, 1} {
		require.Equal(t, http.StatusUnauthorized, present(t, b, requests[i]).status)
	}
	require.Equal(t, http.StatusOK, present(t, b, requests[2]).status)
}
