package e2e_test

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"reflect"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/app"
	"github.com/yummyzoom/herald/internal/auth"
	"github.com/yummyzoom/herald/internal/test/pgtest"
)

const negotiation = customerHub + "/negotiate?negotiateVersion=1"

// TestANodeThatIsLostBehindNginxCostsNoRequest: a node that stops and answers 503, one that is gone, and one that is
// killed during a request.
//
// Acceptance: A-486.
func TestANodeThatIsLostBehindNginxCostsNoRequest(t *testing.T) {
	t.Parallel()
	nginx(t)
	dsn := pgtest.New(t).DSN()
	env := []string{
		"HERALD_SHUTDOWN_TIMEOUT=4s", "HERALD_SHUTDOWN_SPREAD=100ms", "HERALD_NEGOTIATION_RATE=0",
		"HERALD_TRUSTED_PROXIES=127.0.0.1", "HERALD_AUDIT_LOG=false",
	}
	stops, dies := serve(t, dsn, env...), serve(t, dsn, env...)
	p := startNginx(t, rendering{nodes: addressesOf(stops, dies)})
	token := user(t, "alice")
	negotiates := func(while string, times int) {
		t.Helper()
		var slowest time.Duration
		for range times {
			began := time.Now()
			status, answer := request(t, http.MethodPost, p.url+negotiation, token, "")
			require.Equal(t, http.StatusOK, status, "%s: %s", while, answer.body)
			slowest = max(slowest, time.Since(began))
		}
		t.Logf("%s: %d negotiations, the slowest took %s", while, times, slowest)
	}
	negotiates("both serve", 20)

	deaf := dialDeaf(t, stops, token) // keeps it from ending
	defer deaf.Close()
	require.NoError(t, stops.cmd.Process.Signal(syscall.SIGTERM))
	require.True(
		t, eventually(func() bool { return negotiated(t, stops, customerHub, token) == http.StatusServiceUnavailable }),
	)
	negotiates("one stops and answers 503", 40)
	require.Equal(t, http.StatusServiceUnavailable, negotiated(t, stops, customerHub, token), "it is still stopping")
	stops.ended(t)
	negotiates("one is gone", 40)

	stops.start(t)
	var under sync.WaitGroup
	var asked atomic.Int64
	over, failures := make(chan struct{}), make(chan int, 100)
	for range 4 {
		under.Go(func() {
			for {
				select {
				case <-over:
					return
				default:
				}
				response, err := http.DefaultClient.Do(negotiating(p.url, token))
				if err != nil {
					failures <- 0
					return
				}
				_ = response.Body.Close()
				if response.StatusCode != http.StatusOK {
					failures <- response.StatusCode
				}
				asked.Add(1)
			}
		})
	}
	awaitAsked := func() {
		from := asked.Load()
		require.True(t, eventually(func() bool { return asked.Load() > from+50 || len(failures) > 0 }))
	}
	awaitAsked()
	dies.kill(t)
	awaitAsked()
	close(over)
	under.Wait()
	require.Empty(t, failures, "a negotiation that was under way is made again")
	negotiates("one was killed", 40)
}

func negotiating(url, token string) *http.Request {
	r, err := http.NewRequest(http.MethodPost, url+negotiation, http.NoBody) //nolint:noctx // nginx bounds it
	if err != nil {
		panic(err)
	}
	r.Header.Set("Authorization", "Bearer "+token)
	r.Close = true
	return r
}

// TestWhatNginxSendsTwice: a negotiation after any failure, and any other request only if no node has taken it. The
// nodes are not Herald's: the first one reads a request and then breaks the connection.
//
// Acceptance: A-486.
func TestWhatNginxSendsTwice(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var broken, answered []string
	breaks := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		mu.Lock()
		broken = append(broken, r.Method+" "+r.URL.Path)
		mu.Unlock()
		panic(http.ErrAbortHandler)
	}))
	defer breaks.Close()
	answers := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		answered = append(answered, r.Method+" "+r.URL.Path)
	}))
	defer answers.Close()
	gone := freeAddress(t) // takes no connection
	seen := func() (first, second []string) {
		mu.Lock()
		defer mu.Unlock()
		first, second = broken, answered
		broken, answered = nil, nil
		return first, second
	}
	host := func(s *httptest.Server) string { return strings.TrimPrefix(s.URL, "http://") }
	for what, test := range map[string]struct {
		again bool
		paths []string
	}{
		http.MethodPost + " negotiation": {
			true, []string{customerHub + "/negotiate?negotiateVersion=1", "/HUBS/Admin/Negotiate/?negotiateVersion=1"},
		},
		http.MethodGet + " anything": {
			true, []string{customerHub + "?id=x", "/api/realtime/events?hub=customer-orders"},
		},
		http.MethodPost + " anything": {false, []string{
			customerHub + "?id=x", "/api/admin/realtime/alert/error", "/hubs/negotiate", "/hubs/a/negotiate/b",
			"/api/hubs/x/negotiate",
		}},
	} {
		method, _, _ := strings.Cut(what, " ")
		for _, path := range test.paths {
			p := startNginx(t, rendering{nodes: []string{gone, host(breaks), host(answers)}}) // and it asks them in that order
			status, _ := request(t, method, p.url+path, "", "")
			first, second := seen()
			require.Len(t, first, 1, "%s %s", what, path)
			if test.again {
				require.Equal(t, http.StatusOK, status, "%s %s", what, path)
				require.Equal(t, first, second, "%s %s", what, path)
			} else {
				require.Equal(t, http.StatusBadGateway, status, "%s %s", what, path)
				require.Empty(t, second, "%s %s", what, path)
			}
		}
	}
}

// TestNginxKeepsSecretsOutOfItsLogs: neither the token nor the connection's id, which is a secret too, whether the
// node answers or fails.
//
// Acceptance: A-486.
func TestNginxKeepsSecretsOutOfItsLogs(t *testing.T) {
	t.Parallel()
	nginx(t)
	node := serve(t, pgtest.New(t).DSN(), "HERALD_TRUSTED_PROXIES=127.0.0.1")
	p := startNginx(t, rendering{nodes: addressesOf(node)})
	const secretID = "SeCrEtConnectionToken"
	token := user(t, "alice")
	secretly := func() {
		for _, path := range []string{customerHub, "/api/admin/realtime/status", "/nothing", adminHub + "/negotiate"} {
			for _, method := range []string{http.MethodGet, http.MethodPost} {
				status, _ := request(t, method, p.url+path+"?id="+secretID+"&access_token="+token, "", "")
				require.NotZero(t, status)
			}
		}
		status, _ := request(
			t, http.MethodGet, p.url+customerHub+"?access_token="+token, "", "", "Referer", p.url+"/page", "Connection",
			"Upgrade", "Upgrade", "websocket",
		)
		require.NotZero(t, status)
	}
	secretly()
	node.kill(t)
	secretly()
	logged := p.logged(t)
	require.Contains(t, logged, `"GET /hubs/customer-orders HTTP/1.1" 502`)
	require.NotContains(t, logged, token)
	require.NotContains(t, logged, secretID)
	require.NotContains(t, logged, "access_token")
}

// TestClientsBehindNginxAreToldApart: by X-Forwarded-For, in which a client's own value is ignored, and over TLS.
//
// Acceptance: A-486.
func TestClientsBehindNginxAreToldApart(t *testing.T) {
	t.Parallel()
	nginx(t)
	dsn := pgtest.New(t).DSN()
	certFile, keyFile, authorities := certificate(t)
	node := serve(t, dsn, "HERALD_TRUSTED_PROXIES=127.0.0.1", "HERALD_NEGOTIATION_RATE=1", "HERALD_NEGOTIATION_BURST=3")
	p := startNginx(t, rendering{nodes: addressesOf(node), certFile: certFile, keyFile: keyFile})
	d, o := drive(t, "NODE_EXTRA_CA_CERTS="+certFile), newOrder()
	c := d.connect(
		t, p.url+customerHub, mint(t, auth.Grant{Subject: "alice", Permissions: []string{"OrderOwner:" + o.id.String()}}),
	)
	c.call(t, "SubscribeToOrder", o.id)
	id := o.changed(t, produce(t, dsn), "Ready")
	require.Equal(t, id, received(c.next(t)).EventID, "a WebSocket over TLS, through nginx")

	from := func(address string) *http.Client {
		dialer := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(address)}}
		return &http.Client{Transport: &http.Transport{
			DialContext: dialer.DialContext, DisableKeepAlives: true, TLSClientConfig: &tls.Config{RootCAs: authorities},
		}}
	}
	negotiates := func(by *http.Client) int {
		r := negotiating(p.url, user(t, "alice"))
		r.Header.Set("X-Forwarded-For", "127.0.0.9")
		response, err := by.Do(r.WithContext(t.Context()))
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		return response.StatusCode
	}
	greedy, modest := from("127.0.0.2"), from("127.0.0.3")
	require.True(
		t, eventually(func() bool { return negotiates(greedy) == http.StatusTooManyRequests }),
		"the limit is for one address",
	)
	require.Equal(t, http.StatusOK, negotiates(modest), "what another has used up is not this one's")
}

// TestNginxWaitsLongerThanAPoll: else nginx would cut off each poll, and the client would take its connection for
// broken.
//
// Acceptance: A-486.
func TestNginxWaitsLongerThanAPoll(t *testing.T) {
	t.Parallel()
	field, ok := reflect.TypeFor[app.SignalRSettings]().FieldByName("PollTimeout")
	require.True(t, ok)
	poll, err := time.ParseDuration(field.Tag.Get("default"))
	require.NoError(t, err)
	conf, err := os.ReadFile(nginxFile)
	require.NoError(t, err)
	for _, setting := range []string{"proxy_read_timeout", "proxy_send_timeout"} {
		found := regexp.MustCompile(`(?m)^    ` + setting + ` +(\w+);`).FindSubmatch(conf) // of the server, hubs and API
		require.NotNil(t, found, setting)
		waits, err := time.ParseDuration(string(found[1]))
		require.NoError(t, err)
		require.Greater(t, waits, poll+5*time.Second, setting)
	}
}

// TestNginxShowsNothingElseOfANode: another spelling of a path does not either.
//
// Acceptance: A-486.
func TestNginxShowsNothingElseOfANode(t *testing.T) {
	t.Parallel()
	p := startNginx(t, rendering{nodes: []string{strings.TrimPrefix(everything(t), "http://")}})
	for _, path := range []string{
		"/", "/metrics", "/healthz", "/readyz", "/METRICS", "//metrics", "/hubs/../metrics",
		"/api/..%2fmetrics/../../metrics", "/hubs/%2e%2e/metrics", "/hubs",
		"/x/hubs/customer-orders", "/openapi.json/x", "/_herald/node/x",
	} {
		address := strings.TrimPrefix(p.url, "http://")
		conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", address)
		require.NoError(t, err)
		_, err = io.WriteString(conn, "GET "+path+" HTTP/1.0\r\nHost: "+address+"\r\n\r\n")
		require.NoError(t, err)
		answer, err := io.ReadAll(conn)
		require.NoError(t, err)
		require.NoError(t, conn.Close())
		require.Regexp(t, `^HTTP/1\.\d 40[04] `, string(answer), path)
	}
	for _, path := range []string{"/hubs/customer-orders", "/Hubs/Admin/", "/api/realtime/events?a=b", "/openapi.json"} {
		status, _ := request(t, http.MethodGet, p.url+path, "", "")
		require.Equal(t, http.StatusOK, status, path)
	}
}

// everything answers 200 to every request.
func everything(t *testing.T) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	t.Cleanup(s.Close)
	return s.URL
}

// TestNginxPassesOnAtOnce: an event stream's lines arrive while it is open, and the client's end closes it.
//
// Acceptance: A-486.
func TestNginxPassesOnAtOnce(t *testing.T) {
	t.Parallel()
	next, left := make(chan string), make(chan struct{})
	node := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		defer close(left)
		conn, _, err := http.NewResponseController(w).Hijack() // to answer in the form that nginx prefers to buffer
		if err != nil {
			return
		}
		defer conn.Close()
		_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n")
		gone := make(chan struct{})
		go func() {
			defer close(gone)
			_, _ = io.Copy(io.Discard, conn)
		}()
		for {
			select {
			case line := <-next:
				_, _ = io.WriteString(conn, line)
			case <-gone:
				return
			}
		}
	}))
	defer node.Close()
	p := startNginx(t, rendering{nodes: []string{strings.TrimPrefix(node.URL, "http://")}})
	ctx, leave := context.WithTimeout(t.Context(), patience)
	defer leave()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, p.url+customerHub+"?id=x", http.NoBody)
	require.NoError(t, err)
	go func() { next <- "data: 0\r\n\r\n" }()
	response, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	defer response.Body.Close()
	read := func() string {
		b := make([]byte, len("data: 0\r\n\r\n"))
		_, err := io.ReadFull(response.Body, b)
		require.NoError(t, err)
		return string(b)
	}
	require.Equal(t, "data: 0\r\n\r\n", read())
	next <- "data: 1\r\n\r\n"
	require.Equal(t, "data: 1\r\n\r\n", read())
	leave()
	select {
	case <-left:
	case <-time.After(patience):
		require.FailNow(t, "the node is not told that the client has left")
	}
}
