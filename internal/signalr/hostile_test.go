package signalr_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
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

// Hostile peers can do nothing to the server over WebSockets. Each of these tests holds the memory that the server
// has in use against a bound, and has a witness: a client that behaves, and is answered promptly throughout. None
// runs beside another test, whose memory would count.

// prompt is how long the witness may wait for an answer. An answer takes less than a millisecond where nothing else
// runs.
const prompt = 2 * time.Second

func TestThousandHalfOpenHandshakes(t *testing.T) { //nolint:paralleltest // see above
	const count, limit = 1000, 16 << 10
	f := setup(t, func(cfg *signalr.Config) { cfg.HandshakeTimeout = 2 * time.Second })
	testify := f.witness(t)
	before := inUse()
	conns := make([]net.Conn, count)
	for i := range conns {
		conns[i] = f.try(t, "user", "").conn
		require.NotNil(t, conns[i])
		if i%2 == 0 { // half of them begin a handshake, none ends it
			require.NoError(t, ws.WriteFrame(conns[i], ws.MaskFrame(ws.NewTextFrame([]byte(`{"protocol":"json","ver`)))))
		}
	}
	requireGrowth(t, before, count*limit)
	for _, conn := range conns {
		require.NoError(t, conn.SetReadDeadline(time.Now().Add(patience)))
		said, err := io.ReadAll(conn) // up to the end: none answers the farewell either
		require.NoError(t, err)
		require.Contains(t, string(said), `{"error":"Handshake was canceled."}`)
	}
	f.requireClosed(t, count, signalr.HandshakeFailed)
	require.Empty(t, f.disconnected, "the hub has heard of none")
	testify()
	requireGrowth(t, before, count*limit/4) // the tests' own ends of the sockets
}

func TestNegotiateFlood(t *testing.T) { //nolint:paralleltest // see above
	const count, workers = 3000, 8
	for name, c := range map[string]struct { //nolint:paralleltest // see above
		configure func(*signalr.Config)
		let       func(ok int) bool
	}{
		"without a limit": {
			func(cfg *signalr.Config) { cfg.NegotiationRate = 0 },
			func(ok int) bool { return ok == count },
		},
		"from one address": {
			func(cfg *signalr.Config) {
				cfg.NegotiationRate, cfg.NegotiationBurst = 1, 1000
				cfg.TrustedProxies = nil
			},
			func(ok int) bool { return ok >= 999 && ok < 1200 }, // the witness came from the same address
		},
		"from 3,000 addresses": {
			func(cfg *signalr.Config) { cfg.NegotiationRate, cfg.NegotiationBurst = 1, 1 },
			func(ok int) bool { return ok == count },
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := setup(t, behindProxy, c.configure)
			testify := f.witness(t)
			work := make(chan int, count)
			for i := range count {
				work <- i
			}
			close(work)
			var mu sync.Mutex
			ok := 0
			client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: workers}}
			before := inUse()
			everybody(workers, func() {
				for i := range work {
					status, err := f.flooded(client, fmt.Sprintf("10.%d.%d.%d", i>>16, i>>8&0xff, i&0xff))
					mu.Lock()
					if status == http.StatusOK {
						ok++
					} else if err != nil || status != http.StatusTooManyRequests {
						t.Errorf("status %d: %v", status, err)
					}
					mu.Unlock()
				}
			})
			client.CloseIdleConnections()
			testify()
			requireGrowth(t, before, 512<<10)
			require.True(t, c.let(ok), ok)
		})
	}
}

// flooded negotiates once.
func (f *fixture) flooded(client *http.Client, address string) (int, error) {
	r, err := http.NewRequestWithContext(context.Background(), http.MethodPost,
		f.url+"/negotiate?access_token=user&negotiateVersion=1", nil)
	if err != nil {
		return 0, err
	}
	r.Header.Set("X-Forwarded-For", address)
	response, err := client.Do(r)
	if err != nil {
		return 0, err
	}
	defer response.Body.Close()
	_, err = io.Copy(io.Discard, response.Body)
	return response.StatusCode, err
}

func TestTokensAreGoodForOneSocket(t *testing.T) { //nolint:paralleltest // see above
	const racing = 200
	f := setup(t)
	testify := f.witness(t)
	who := "user&id=" + f.negotiate(t, "&negotiateVersion=1")["connectionToken"].(string)
	before := inUse()

	in, refused := race(racing, func() attempt { return f.try(t, who, "") })
	require.Len(t, in, 1, "two sockets on one token")
	require.Equal(t, http.StatusConflict, refused.status)

	require.NoError(t, in[0].conn.Close())
	require.Eventually(t, func() bool { return f.try(t, who, "").status == http.StatusNotFound }, patience, patience/1000)
	in, refused = race(racing, func() attempt { return f.try(t, who, "") })
	require.Empty(t, in, "a replayed token")
	require.Equal(t, http.StatusNotFound, refused.status)
	testify()
	requireGrowth(t, before, 4<<20) // the tests' own sockets
}

// Clients that ask for a lot and read nothing fill up their own queues only.
func TestReadersThatNeverRead(t *testing.T) { //nolint:paralleltest // see above
	const count, queue = 8, 256 << 10
	f := setup(t, func(cfg *signalr.Config) { cfg.QueueBytes = queue })
	large := json.RawMessage(`"` + strings.Repeat("x", 30_000) + `"`)
	signalr.Method0(f.hub, "Large", func(context.Context, *signalr.Call) (any, error) { return large, nil })
	testify := f.witness(t)
	clients := make([]*client, count)
	for i := range clients {
		clients[i], _ = f.connect(t)
	}
	ask := `{"type":1,"invocationId":"1","target":"Large","arguments":[]}` + "\x1e"
	before := inUse()
	peak := f.peakWhile(func() {
		var all sync.WaitGroup
		for _, c := range clients {
			all.Go(func() { c.flood(2000, ask, ws.OpText) })
		}
		all.Wait()
		f.requireClosed(t, count, signalr.ClientTooSlow)
	})
	const most = count*(queue+128<<10) + 8<<20 // the queues, messages in hands, and garbage
	t.Logf("peak of %d KiB, of %d", (peak-before)>>10, most>>10)
	require.Less(t, peak-before, int64(most))
	testify()
	for _, c := range clients {
		require.NoError(t, c.conn.Close())
	}
	requireGrowth(t, before, 1<<20)
}

// Where no rate stops them, all are answered, one after another.
func TestTenThousandInvocationsInOneFrame(t *testing.T) { //nolint:paralleltest // see above
	const count = 10_000
	f := setup(t, func(cfg *signalr.Config) { cfg.QueueBytes = 8 << 20 })
	testify := f.witness(t)
	c, conn := f.connect(t)
	before := inUse()
	var payload strings.Builder
	for i := range count {
		fmt.Fprintf(&payload, `{"type":1,"invocationId":"%d","target":"Nothing","arguments":[]}`+"\x1e", i)
	}
	go func() { _ = ws.WriteFrame(c.conn, ws.MaskFrameInPlace(ws.NewTextFrame([]byte(payload.String())))) }()
	for i := range count {
		c.expect(`{"type":3,"invocationId":"` + strconv.Itoa(i) + `","result":null}`)
	}
	require.NoError(t, conn.WaitQueue(t.Context(), 1))
	testify()
	requireGrowth(t, before, 2<<20)
}

func TestWhatIsOnlyAnnouncedTakesNoMemory(t *testing.T) { //nolint:paralleltest // see above
	const count, limit = 200, 16 << 10
	f := setup(t)
	testify := f.witness(t)
	var patient, greedy []*client
	for range count {
		c, _ := f.connect(t)
		patient = append(patient, c)
	}
	for range count {
		c, _ := f.connect(t)
		greedy = append(greedy, c)
	}
	before := inUse()
	for i := range count {
		patient[i].announce(1<<20, strings.Repeat("x", 5000)) // many records may be that much together
		greedy[i].announce(2<<30, "")
	}
	for _, c := range greedy {
		c.expect(closedWithError)
		f, err := c.next()
		require.NoError(t, err)
		status, _ := ws.ParseCloseFrameData(f.Payload)
		require.Equal(t, ws.StatusMessageTooBig, status)
		require.NoError(t, c.conn.Close())
	}
	f.requireClosed(t, count, signalr.ProtocolViolated)
	testify()
	requireGrowth(t, before, count*limit)
}

// announce sends the beginning of a frame.
func (c *client) announce(length int64, begin string) {
	c.t.Helper()
	frame := ws.MustCompileFrame(ws.Frame{Header: ws.Header{Fin: true, OpCode: ws.OpText, Masked: true, Length: length}})
	_, err := c.conn.Write(append(frame, begin...)) // the mask is all zeroes
	require.NoError(c.t, err)
}

// Memory follows a record's size, up to the largest that is allowed; then its connection ends.
func TestEndlessRecords(t *testing.T) { //nolint:paralleltest // see above
	const count, largest = 100, 32 << 10
	f := setup(t)
	testify := f.witness(t)
	clients := make([]*client, count)
	for i := range clients {
		clients[i], _ = f.connect(t)
	}
	begin, more := `{"type":1,"target":"`, strings.Repeat("x", 1000)
	before := inUse()
	for i, c := range clients {
		if i%2 == 0 { // in one frame, or in many
			c.announce(1<<20, begin+strings.Repeat(more, 31))
			continue
		}
		c.frame(ws.NewTextFrame([]byte(begin)))
		c.flood(31, more, ws.OpText)
	}
	requireGrowth(t, before, count*2*largest)
	for _, c := range clients {
		go c.flood(500, more, ws.OpText)
		c.expect(closedWithError)
		f, err := c.next()
		require.NoError(t, err)
		require.Equal(t, ws.OpClose, f.Header.OpCode)
		require.NoError(t, c.conn.Close())
	}
	f.requireClosed(t, count, signalr.ProtocolViolated)
	testify()
	requireGrowth(t, before, 2<<20) // buffers that are kept for later messages
}

// A byte a second gets as far as the time-out for a handshake, or for a message, allows.
func TestAByteASecond(t *testing.T) {
	t.Parallel()
	drip := func(c *client, bytes []byte) (stopped <-chan struct{}) {
		done := make(chan struct{})
		go func() {
			defer close(done)
			for _, b := range bytes {
				if _, err := c.conn.Write([]byte{b}); err != nil {
					return
				}
				<-time.After(time.Second) // the bubble's time
			}
		}()
		return done
	}
	frame := ws.MustCompileFrame(ws.MaskFrame(ws.NewTextFrame([]byte(strings.Repeat(handshake, 10)))))
	t.Run("of a handshake", func(t *testing.T) {
		t.Parallel()
		inBubble(t, func(b *bubble) {
			c := b.dial()
			stopped := drip(c, frame)
			require.InDelta(b.t, 15, c.expectAfterPings(`{"error":"Handshake was canceled."}`).Seconds(), 1)
			c.expectFarewell()
			<-stopped
		})
	})
	t.Run("of a message", func(t *testing.T) {
		t.Parallel()
		inBubble(t, func(b *bubble) {
			c := b.dial()
			c.shakeHands()
			stopped := drip(c, frame)
			require.InDelta(b.t, 30, c.expectAfterPings(closedWithError).Seconds(), 1)
			c.expectFarewell()
			<-stopped
		})
	})
	t.Run("of an upgrade", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t)
		server := httptest.NewUnstartedServer(f.handler())
		server.Config.ReadHeaderTimeout = 100 * time.Millisecond // the HTTP server holds it
		server.Start()
		defer server.Close()
		conn, err := netDial(t, strings.TrimPrefix(server.URL, "http://"))
		require.NoError(t, err)
		go func() {
			for err == nil {
				_, err = io.WriteString(conn, "G")
				<-time.After(time.Millisecond)
			}
		}()
		_, _ = io.Copy(io.Discard, conn)
	})
}
