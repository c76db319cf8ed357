package hubclient

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"
	"github.com/philippseith/signalr"
)

const (
	// recordSeparator ends every record of the JSON protocol.
	recordSeparator = 0x1e

	// writeTimeout is how long one write may take before the server counts as stuck.
	writeTimeout = 10 * time.Second

	// farewellTimeout is how long to wait for each side's goodbye.
	farewellTimeout = 2 * time.Second
)

// Types of hub messages.
const (
	typeInvocation = 1
	typeCompletion = 3
	typePing       = 6
	typeClose      = 7
)

// message holds the fields of records that the wire reads.
type message struct {
	Type           int               `json:"type"`
	InvocationID   string            `json:"invocationId"`
	Target         string            `json:"target"`
	Arguments      []json.RawMessage `json:"arguments"`
	Result         json.RawMessage   `json:"result"`
	Error          string            `json:"error"`
	AllowReconnect bool              `json:"allowReconnect"`
}

// received is one delivery of the wire, in the server's order.
type received struct {
	Invocation
	answer bool // no invocation but the completion of our call; Invoke returns its result
}

// wire is the transport below philippseith's client. It hides from the client what the client handles badly; the
// package documentation lists these things.
type wire struct {
	*signalr.ConnectionBase
	socket  *websocket.Conn
	deliver func(received)
	cancel  context.CancelFunc
	packed  bool // the server speaks MessagePack; the client sees JSON all the same

	greeting sync.Once // the first write

	// Of the goroutine that reads; philippseith's client has one at a time.
	greeted   bool
	arrived   time.Time // when unread arrived
	unread    []byte    // records not yet processed
	upward    []byte    // bytes that the client reads next
	pingEvery time.Duration
	pinged    time.Time          // when the client was last sent something to read
	farewell  *ServerClosedError // the server's goodbye

	own atomic.Bool // the call in progress is the connection's, not its user's

	handshake chan error // receives once

	once sync.Once
	done chan struct{} // closed at the end
	err  error         // the cause; written before done is closed
}

func newWire(ctx context.Context, cfg Config, socket *websocket.Conn, id string, deliver func(received)) *wire {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	return &wire{
		ConnectionBase: signalr.NewConnectionBase(ctx, id),
		socket:         socket,
		deliver:        deliver,
		cancel:         cancel,
		packed:         cfg.MessagePack,
		pingEvery:      cfg.ServerTimeout / 4,
		handshake:      make(chan error, 1),
		done:           make(chan struct{}),
	}
}

// end cuts the connection, and records err as the cause unless there is one already.
func (w *wire) end(err error) {
	w.once.Do(func() {
		w.err = err
		close(w.done)
	})
	w.cancel()
}

// Read gives philippseith's client its next bytes: whole records, in pieces of p's size.
func (w *wire) Read(p []byte) (int, error) {
	for len(w.upward) == 0 {
		if err := w.next(); err != nil {
			if w.farewell != nil {
				err = w.farewell
			}
			w.end(err)
			// As text: on an error chain with io.EOF the client reads on for ever, without a pause.
			return 0, errors.New(w.err.Error())
		}
	}
	n := copy(p, w.upward)
	w.upward = w.upward[n:]
	return n, nil
}

// next processes one record.
func (w *wire) next() error {
	for len(w.unread) == 0 {
		if err := w.receive(); err != nil {
			return err
		}
	}
	record, err := w.record()
	if err != nil {
		return err
	}
	var m message
	if err := json.Unmarshal(record, &m); err != nil {
		return fmt.Errorf("decoding a record: %w", err)
	}
	return w.take(&m, record)
}

// record cuts the next record from unread, in the form of the JSON protocol. The handshake's answer is JSON in both
// protocols.
func (w *wire) record() (record []byte, err error) {
	if w.packed && w.greeted {
		if record, w.unread, err = cutPacked(w.unread); err != nil {
			return nil, err
		}
		return unpack(record)
	}
	record, rest, whole := bytes.Cut(w.unread, []byte{recordSeparator})
	if !whole {
		return nil, errors.New("server sent an incomplete record")
	}
	w.unread = rest
	return record, nil
}

func (w *wire) receive() error {
	ctx := w.Context()
	if w.farewell != nil {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, farewellTimeout)
		defer cancel()
	}
	kind, data, err := w.socket.Read(ctx)
	if err != nil {
		return fmt.Errorf("reading: %w", err)
	}
	switch {
	case !w.packed && kind != websocket.MessageText:
		return errors.New("server sent a binary message")
	case w.packed && w.greeted && kind != websocket.MessageBinary:
		return errors.New("server sent a text message")
	}
	w.unread, w.arrived = data, time.Now()
	return nil
}

func (w *wire) take(m *message, record []byte) error {
	switch {
	case !w.greeted:
		w.greeted = true
		if m.Error != "" {
			w.handshake <- fmt.Errorf("shaking hands: server answers %q", m.Error)
		} else {
			w.handshake <- nil
		}
		w.pass(record)
	case m.Type == typeInvocation && m.InvocationID == "":
		w.deliver(received{Invocation: Invocation{Method: m.Target, Arguments: m.Arguments, ReceivedAt: w.arrived}})
		w.showLife()
	case m.Type == typeCompletion:
		if !w.own.Load() {
			w.deliver(received{answer: true})
		}
		return w.passWhole(m.InvocationID, record)
	case m.Type == typeClose:
		w.farewell = &ServerClosedError{Text: m.Error, AllowReconnect: m.AllowReconnect}
	default:
		w.pass(record)
	}
	return nil
}

func (w *wire) pass(record []byte) {
	w.upward = append(append(w.upward, record...), recordSeparator)
	w.pinged = w.arrived
}

// passWhole passes on a completion whose result is the whole record, as a string, and which is never an error. So
// Invoke gets the server's own bytes, and can tell the server's errors from the client's.
func (w *wire) passWhole(id string, record []byte) error {
	b, err := json.Marshal(struct {
		Type         int    `json:"type"`
		InvocationID string `json:"invocationId"`
		Result       string `json:"result"`
	}{typeCompletion, id, string(record)})
	if err != nil {
		return fmt.Errorf("encoding a completion: %w", err)
	}
	w.pass(b)
	return nil
}

// showLife passes a ping to the client while the server sends only events: the client does not see those, and a
// server sends no pings then. Else the client's time-out would strike.
func (w *wire) showLife() {
	if w.arrived.Sub(w.pinged) >= w.pingEvery {
		w.pass(fmt.Appendf(nil, `{"type":%d}`, typePing))
	}
}

// Write sends one record of philippseith's client, whole.
func (w *wire) Write(p []byte) (int, error) {
	if text, leaving := goodbye(p); leaving {
		w.end(fmt.Errorf("client ended the connection: %s", text))
		return len(p), nil
	}
	ctx, cancel := context.WithTimeout(w.Context(), writeTimeout)
	defer cancel()
	if err := w.send(ctx, p); err != nil {
		err = fmt.Errorf("writing: %w", err)
		w.end(err)
		return 0, errors.New(err.Error())
	}
	return len(p), nil
}

// packedHandshake is the handshake of the MessagePack protocol, which is itself JSON.
const packedHandshake = `{"protocol":"messagepack","version":1}` + "\x1e"

// send writes a record of the JSON protocol in the server's protocol.
func (w *wire) send(ctx context.Context, record []byte) error {
	if !w.packed {
		return w.socket.Write(ctx, websocket.MessageText, record) //nolint:wrapcheck // the callers say what it was about
	}
	first := false
	w.greeting.Do(func() { first = true })
	if first { // the client's own handshake
		return w.socket.Write(ctx, websocket.MessageText, []byte(packedHandshake)) //nolint:wrapcheck // likewise
	}
	message, err := pack(record)
	if err != nil {
		return err
	}
	return w.socket.Write(ctx, websocket.MessageBinary, message) //nolint:wrapcheck // likewise
}

// goodbye recognises the Close message with which the client's loop ends for any cause, such as a server that is
// silent for too long. It is the only sign of that end, and is not sent: its text is the client's own.
func goodbye(record []byte) (text string, leaving bool) {
	if !bytes.HasPrefix(record, []byte(`{"type":7`)) {
		return "", false
	}
	var m message
	if err := json.Unmarshal(bytes.TrimSuffix(record, []byte{recordSeparator}), &m); err != nil {
		return "", false
	}
	return m.Error, true
}

// leave says goodbye and waits a short time for the server's goodbye.
func (w *wire) leave() {
	ctx, cancel := context.WithTimeout(w.Context(), farewellTimeout)
	defer cancel()
	if err := w.send(ctx, []byte("{\"type\":7}\x1e")); err != nil {
		return
	}
	select {
	case <-w.done:
	case <-ctx.Done():
	}
}
