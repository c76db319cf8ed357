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

	// farewellTimeout is how long each side's goodbye is waited for.
	farewellTimeout = 2 * time.Second
)

// Types of hub messages.
const (
	typeInvocation = 1
	typeCompletion = 3
	typePing       = 6
	typeClose      = 7
)

// message holds the fields of every record that the wire looks at.
type message struct {
	Type           int               `json:"type"`
	InvocationID   string            `json:"invocationId"`
	Target         string            `json:"target"`
	Arguments      []json.RawMessage `json:"arguments"`
	Result         json.RawMessage   `json:"result"`
	Error          string            `json:"error"`
	AllowReconnect bool              `json:"allowReconnect"`
}

// received is what the wire delivers, in the order in which the server sent it.
type received struct {
	Invocation
	answer bool // not an invocation: the completion of one of ours, whose result follows in Invoke
}

// wire is the transport below philippseith's client. It shows its client only what the client handles well; the package
// documentation says what that is and why.
type wire struct {
	*signalr.ConnectionBase
	socket  *websocket.Conn
	deliver func(received)
	cancel  context.CancelFunc
	packed  bool // the server is spoken to in MessagePack; the client sees JSON all the same

	greeting sync.Once // what is written first

	// Of the goroutine that reads; philippseith's client has one at a time.
	greeted   bool
	arrived   time.Time // when what is in unread arrived
	unread    []byte    // records that have not been looked at
	upward    []byte    // what the client reads next
	pingEvery time.Duration
	pinged    time.Time          // when the client last read something
	farewell  *ServerClosedError // the server's goodbye

	own atomic.Bool // the call that is under way is the connection's, not its user's

	handshake chan error // receives once

	once sync.Once
	done chan struct{} // closed at the end
	err  error         // why; written before done is closed
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

// end makes err the reason of the end, unless there is one already, and cuts the connection.
func (w *wire) end(err error) {
	w.once.Do(func() {
		w.err = err
		close(w.done)
	})
	w.cancel()
}

// Read gives philippseith's client its next bytes: whole records in whatever pieces p has room for.
func (w *wire) Read(p []byte) (int, error) {
	for len(w.upward) == 0 {
		if err := w.next(); err != nil {
			if w.farewell != nil {
				err = w.farewell
			}
			w.end(err)
			// As text: the client reads on for ever, and without a pause, where the chain holds an io.EOF.
			return 0, errors.New(w.err.Error())
		}
	}
	n := copy(p, w.upward)
	w.upward = w.upward[n:]
	return n, nil
}

// next takes one record.
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

// record takes one from what is unread, as the JSON protocol has it. The handshake's answer is JSON in both protocols.
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

// passWhole passes a completion on whose result is the record itself, as a string, and which never is an error: Invoke gets
// the server's own bytes, and can tell the server's errors from the client's.
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

// showLife keeps the client's time-out from striking while the server sends events only, which it does not see: a server
// sends no pings then.
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

// packedHandshake is the handshake of the MessagePack protocol: itself JSON.
const packedHandshake = `{"protocol":"messagepack","version":1}` + "\x1e"

// send writes a record of the JSON protocol in the one that the server is spoken to in.
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

// goodbye recognises the Close message with which the client's loop ends, whatever ended it: a server that is silent for too
// long, for one. It is the only sign of that, and is not sent: its text is the client's own, not the server's business.
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

// leave says goodbye and waits, not for long, until the server has too.
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
