package transport

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
	// lastFlushTimeout is how long writing the end of an event stream may take.
	lastFlushTimeout = time.Second
)

// ServerSentEvents is the half-transport whose messages are the one response of a GET request, which goes on until
// the connection ends. It carries text.
type ServerSentEvents struct {
	*Inbox
	response   io.Writer
	controller *http.ResponseController
	gone       <-chan struct{} // closed when the client has left

	// They guard the response, which must not be touched once its request is over.
	mu      sync.Mutex
	writing bool
	closed  bool
}

// NewServerSentEvents answers a request until gone is closed. It reads what the client sends from box.
func NewServerSentEvents(
	box *Inbox, w io.Writer, controller *http.ResponseController, gone <-chan struct{},
) *ServerSentEvents {
	return &ServerSentEvents{Inbox: box, response: w, controller: controller, gone: gone}
}

// Name implements [Transport].
func (*ServerSentEvents) Name() string { return NameServerSentEvents }

// Binary implements [Transport].
func (*ServerSentEvents) Binary() bool { return false }

// Receive takes the end of the request for the client's goodbye (TransportProtocols.md). A client that stops ends its
// stream. Its Close message, in a request of its own, may come too late.
func (t *ServerSentEvents) Receive(dst []byte, limit int) ([]byte, error) {
	return t.read(dst, limit, t.gone)
}

// Start sends the response's header and a comment: Firefox reports the stream as open only after the first byte.
func (t *ServerSentEvents) Start(h http.Header, timeout time.Duration) error {
	t.LimitWrites(time.Now().Add(timeout))
	defer t.LimitWrites(time.Time{})
	h.Set("Content-Type", eventStream)
	h.Set("Cache-Control", "no-cache,no-store")
	h.Set("Pragma", "no-cache")
	h.Set("Content-Encoding", "identity")
	if _, err := io.WriteString(t.response, ":\r\n"); err != nil {
		return fmt.Errorf("writing to event stream: %w", err)
	}
	return t.flush()
}

func (t *ServerSentEvents) flush() error {
	if err := t.controller.Flush(); err != nil {
		return fmt.Errorf("flushing event stream: %w", err)
	}
	return nil
}

// WriteNow leaves all frames to Write: the server cannot tell whether writing to a response would wait.
func (*ServerSentEvents) WriteNow([]*wire.Frame) (whole, part int, err error) { return 0, 0, nil }

// Write makes all frames one event, as .NET does with all that is queued.
func (t *ServerSentEvents) Write(frames []*wire.Frame) error {
	if !t.enterWrite() {
		return net.ErrClosed
	}
	defer t.leaveWrite()
	e := eventWriter{runWriter{to: t.response, run: t.buffers.get()}}
	defer func() { t.buffers.Put(e.run) }()
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

func (t *ServerSentEvents) enterWrite() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.writing = !t.closed
	return t.writing
}

func (t *ServerSentEvents) leaveWrite() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.writing = false
}

// LimitWrites implements [Transport].
func (t *ServerSentEvents) LimitWrites(deadline time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.closed {
		_ = t.controller.SetWriteDeadline(deadline) // Server.unlimited has checked that it can be set
	}
}

// Close implements [Transport].
func (t *ServerSentEvents) Close() {
	t.Interrupt()
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

// Farewell returns none: the end of the response is the farewell.
func (*ServerSentEvents) Farewell(int) (wire.Frame, bool) { return wire.Frame{}, false }

// Linger has nothing to wait for: the request has been read, so nothing resets the response.
func (*ServerSentEvents) Linger(time.Time) {}

// AcceptsEvents follows HttpConnectionDispatcher.ExecuteAsync: the media type must be listed without parameters.
func AcceptsEvents(r *http.Request) bool {
	for _, value := range r.Header.Values("Accept") {
		for kind := range strings.SplitSeq(value, ",") {
			if strings.EqualFold(strings.TrimSpace(kind), eventStream) {
				return true
			}
		}
	}
	return false
}
