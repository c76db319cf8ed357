package peers_test

import (
	"bytes"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/peers"
)

// pages is a log with several writers.
type pages struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (p *pages) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.text.Write(b)
}

func (p *pages) String() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.text.String()
}

// Acceptance: A-480.
func TestANodeSaysWhomItCannotReachWhereAndWhy(t *testing.T) {
	t.Parallel()
	var log pages
	a := start(t, "db", func(c *peers.Config) { c.Logger = slog.New(slog.NewTextHandler(&log, nil)) })
	well, off, moved, stranger := start(t, "db"), start(t, "db"), start(t, "db"), start(t, "another database")
	web := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(web.Close)
	var silent net.ListenConfig
	// accepts connections and answers nothing, as a stopped process does
	frozen, err := silent.Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = frozen.Close() })
	off.server.Close()
	// its heartbeat is late: that is reported elsewhere
	asleep := peers.Peer{Node: uuid.New(), Host: "asleep", URL: "http://127.0.0.1:1"}
	wrong, foreign, page, stuck, old := moved.peer(), stranger.peer(), well.peer(), well.peer(), well.peer()
	wrong.URL = well.server.URL
	page.Node, page.URL = uuid.New(), web.URL
	stuck.Node, stuck.URL = uuid.New(), "http://"+frozen.Addr().String()
	old.Node, old.URL = uuid.New(), ""
	all := []peers.Peer{well.peer(), off.peer(), wrong, foreign, page, stuck, old, asleep}
	a.Learn(all)
	require.Empty(t, a.Unreachable(), "nobody has been asked yet")
	wanted := []struct {
		peer peers.Peer
		says string
	}{
		{off.peer(), "connection refused"},
		{wrong, "another node answers there"},
		{foreign, "the node there refuses it (signature)"},
		{page, "what answers there is no node of this database (it says 404 Not Found)"},
		{stuck, "no answer within 2s"},
		{old, "it tells no address: is it of an older release?"},
	}
	found := map[uuid.UUID]peers.Finding{}
	untilTrue(t, func() bool {
		a.Probe(t.Context())
		clear(found)
		for _, f := range a.Unreachable() {
			found[f.Node] = f
		}
		for _, want := range wanted {
			if !strings.Contains(found[want.peer.Node].Error, want.says) {
				return false
			}
		}
		return len(found) == len(wanted)
	}, &log)
	for _, want := range wanted {
		f, ok := found[want.peer.Node]
		require.True(t, ok, "%s: %s", want.says, log.String())
		require.Contains(t, f.Error, want.says)
		require.Equal(t, want.peer.URL, f.URL)
		require.Equal(t, want.peer.Host, f.Host)
		require.Equal(t, 1, strings.Count(log.String(), want.peer.Node.String()), "the log tells of it once a minute")
	}
	require.Len(t, a.States(), 7, "who is not alive is not asked")
	require.Contains(t, log.String(), "connection refused")

	healed := off.peer()
	healed.URL = well.server.URL
	healed.Node = well.id
	a.Learn([]peers.Peer{healed})
	require.Empty(t, a.Unreachable(), "of who is not registered any more nothing is told")
	require.Len(t, a.States(), 1)
}

func TestANodeThatCanBeReachedAgainIsNotToldOfAnyMore(t *testing.T) {
	t.Parallel()
	var log pages
	a := start(t, "db", func(c *peers.Config) { c.Logger = slog.New(slog.NewTextHandler(&log, nil)) })
	b := start(t, "db")
	there := b.peer()
	there.URL = "http://127.0.0.1:1"
	a.Learn([]peers.Peer{there})
	a.Probe(t.Context())
	require.Len(t, a.Unreachable(), 1)
	a.Learn([]peers.Peer{b.peer()})
	untilTrue(t, func() bool {
		a.Probe(t.Context())
		return len(a.Unreachable()) == 0
	})
	require.Contains(t, log.String(), "another node can be reached again")
}

func TestNodesAskEachOtherAsLongAsTheyRun(t *testing.T) {
	t.Parallel()
	a := start(t, "db", func(c *peers.Config) { c.ProbeInterval = 20 * time.Millisecond })
	asked := make(chan struct{}, 10)
	b := start(t, "db")
	counted := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked <- struct{}{}
		b.Entrance(http.NotFoundHandler()).ServeHTTP(w, r)
	}))
	t.Cleanup(counted.Close)
	there := b.peer()
	there.URL = counted.URL
	a.Learn([]peers.Peer{there})
	ended := make(chan error, 1)
	ctx, stop := contextWithCancel(t)
	go func() { ended <- a.Run(ctx) }()
	for range 3 {
		select {
		case <-asked:
		case <-time.After(patience):
			require.FailNow(t, "the other node is not asked")
		}
	}
	stop()
	go func() {
		for range asked { // until the test is over
		}
	}()
	require.NoError(t, <-ended)
	untilTrue(t, func() bool {
		a.Probe(t.Context())
		return len(a.States()) == 1 && a.States()[0].Err == nil
	})
	close(asked)
}

func TestTheBookIsReadAnewForANodeThatIsNotInIt(t *testing.T) {
	t.Parallel()
	b := start(t, "db")
	b.hub = func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "here") }
	reads := make(chan struct{}, 100)
	a := start(t, "db", func(c *peers.Config) {
		c.Refresh = refreshOf(reads, b)
	})
	require.Equal(t, "here", a.said(t, http.MethodGet, b, nil), "it started a moment ago")
	began := time.Now()
	for range 20 {
		r := a.request(t, http.MethodGet, b, "/hubs/x", nil)
		r.URL.Path = "/to/" + uuid.NewString() + "/hubs/x"
		require.Equal(t, http.StatusNotFound, send(t, r).StatusCode)
	}
	require.LessOrEqual(t, len(reads), 2+int(time.Since(began)/time.Second),
		"whatever clients ask for, the register is read once a second")
}
