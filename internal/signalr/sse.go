package signalr

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/yummyzoom/herald/internal/signalr/wire"
)

const (
	eventStream = "text/event-stream"
	// lastFlushTimeout is how long the end of an event stream may take to be written.
	lastFlushTimeout = time.Second
)

// serverSentEvents is the half-transport whose server's half is the one response of a GET request, which goes on until the
// connection ends. It carries text.
type serverSentEvents struct {
	*inbox
	response   io.Writer
	controller *http.ResponseController
	gone       <-chan struct{} // closed when the client has left

	// What guards the response: it must not be touched once its request is over.
	mu      sync.Mutex
	writing bool
	closed  bool
}

// newServerSentEvents answers a request until gone is closed. What the client says it reads from box.
func newServerSentEvents(box *inbox, w io.Writer, controller *http.ResponseController, gone <-chan struct{}) *serverSentEvents {
	return &serverSentEvents{inbox: box, response: w, controller: controller, gone: gone}
}

func (*serverSentEvents) name() string { return nameServerSentEvents }
func (*serverSentEvents) binary() bool { return false }

// receive takes the end of the request for the goodbye that it is (TransportProtocols.md): a client that stops ends its
// stream, and its Close message, in a request of its own, may come too late.
func (t *serverSentEvents) receive(dst []byte, limit int) ([]byte, error) {
	return t.read(dst, limit, t.gone)
}

// start sends the response's header, and a comment: Firefox does not report the stream as open before something arrives.
func (t *serverSentEvents) start(h http.Header, timeout time.Duration) error {
	t.limitWrites(time.Now().Add(timeout))
	defer t.limitWrites(time.Time{})
	h.Set("Content-Type", eventStream)
	h.Set("Cache-Control", "no-cache,no-store")
	h.Set("Pragma", "no-cache")
	h.Set("Content-Encoding", "identity")
	if _, err := io.WriteString(t.response, ":\r\n"); err != nil {
		return fmt.Errorf("writing to event stream: %w", err)
	}
	return t.flush()
}

func (t *serverSentEvents) flush() error {
	if err := t.controller.Flush(); err != nil {
		return fmt.Errorf("flushing event stream: %w", err)
	}
	return nil
}

// writeNow leaves everything to write: only that sees whether a response waits.
func (*serverSentEvents) writeNow([]*wire.Frame) (whole, part int, err error) { return 0, 0, nil }

// write makes all frames one event, as .NET does with what it finds.
func (t *serverSentEvents) write(frames []*wire.Frame) error {
	if !t.enterWrite() {
		return net.ErrClosed
	}
	defer t.leaveWrite()
	e := eventWriter{runWriter{to: t.response, run: t.buffers.get()}}
	defer func() { t.buffers.put(e.run) }()
	e.begin()
	for _, f := range frames {
		e.data(f.Payload())
	}
	e.end()
	e.flush()
	if e.err != nil {
		return fmt.Errorf("writing to event stream: %w", e.err)
	}
	return t.flush()
}

func (t *serverSentEvents) enterWrite() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.writing = !t.closed
	return t.writing
}

func (t *serverSentEvents) leaveWrite() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.writing = false
}

func (t *serverSentEvents) limitWrites(deadline time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.closed {
		_ = t.controller.SetWriteDeadline(deadline) // unlimited has seen that it can be set
	}
}

func (t *serverSentEvents) close() {
	t.interrupt()
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return
	}
	t.closed = true
	deadline := time.Now().Add(lastFlushTimeout)
	if t.writing {
		deadline = longAgo()
	}
	_ = t.controller.SetWriteDeadline(deadline) // as above
}

// farewell is the end of the response itself.
func (*serverSentEvents) farewell(int) (wire.Frame, bool) { return wire.Frame{}, false }

// linger has nothing to wait for: the request had been read, so nothing resets the response.
func (*serverSentEvents) linger(time.Time) {}

// acceptsEvents follows HttpConnectionDispatcher.ExecuteAsync: the media type has to be there as it is, without parameters.
func acceptsEvents(r *http.Request) bool {
	for _, value := range r.Header.Values("Accept") {
		for kind := range strings.SplitSeq(value, ",") {
			if strings.EqualFold(strings.TrimSpace(kind), eventStream) {
				return true
			}
		}
	}
	return false
}
