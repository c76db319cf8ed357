package transport

import (
	"encoding/binary"
	"errors"
	"io"
	"net"
	"slices"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/gobwas/ws"

	"github.com/yummyzoom/herald/internal/signalr/wire"
)

const (
	// readAhead is the buffer that a WebSocket keeps at rest. The frame of a ping or a usual invocation fits in it, so
	// reading one takes one system call.
	readAhead = 256
	// growth is how far ahead of the received bytes memory is allocated for a message. A client that announces a large
	// one and sends nothing holds no more than this.
	growth = 4 << 10
	// maxFrame times the largest message is the longest frame that is read: no client sends a longer one.
	maxFrame = 64
)

// webSocket is the transport of RFC 6455, without extensions. It treats the data of all messages as one stream of
// records, as .NET does: fragments and records need not coincide.
type webSocket struct {
	conn    net.Conn
	raw     syscall.RawConn // below conn; nil where it cannot be used
	buffers *Buffers
	idle    func(pong wire.Frame) error

	// The reader's.
	early      []byte  // read before the connection became a WebSocket
	left       int64   // how much of the frame's payload is unread
	masked     int     // how much of the frame's payload was read
	mask       [4]byte // of that frame
	start, end uint16  // the unread part of ahead
	fragmented bool
	header     [ws.MaxHeaderSize]byte
	ahead      [readAhead]byte

	interrupted atomic.Bool
}

func (*webSocket) Name() string { return NameWebSockets }
func (*webSocket) Binary() bool { return true }

// newWebSocket starts with what the HTTP server has already read from conn. Receive calls idle for each frame that
// carries no part of a message, with the answer where the frame was a ping. An error of idle ends Receive.
func newWebSocket(conn net.Conn, b *Buffers, early []byte, idle func(pong wire.Frame) error) *webSocket {
	return &webSocket{conn: conn, raw: rawSocket(conn), buffers: b, early: early, idle: idle}
}

// Read makes the transport the source that frames are read from.
func (t *webSocket) Read(p []byte) (int, error) {
	if len(t.early) > 0 {
		n := copy(p, t.early)
		t.early = t.early[n:]
		return n, nil
	}
	if t.start == t.end {
		if len(p) >= len(t.ahead) {
			return t.conn.Read(p) //nolint:wrapcheck // io.Reader: errors pass as they are
		}
		n, err := t.conn.Read(t.ahead[:])
		if n == 0 {
			return 0, err //nolint:wrapcheck // as above
		}
		t.start, t.end = 0, uint16(n) //nolint:gosec // readAhead at most
	}
	n := copy(p, t.ahead[t.start:t.end])
	t.start += uint16(n) //nolint:gosec // as above
	return n, nil
}

// await waits until something can be read. A connection at rest waits here, and not below the reading of a frame's
// header. The runtime halves the stack of a waiting goroutine while it uses less than a quarter of it, of which 800
// bytes are the runtime's own reserve. From 8 KiB to 4 KiB that leaves the calls of this goroutine 1,248 bytes; with
// the header's reading among them they would need 1,304.
func (t *webSocket) await() error {
	if len(t.early) > 0 || t.start < t.end {
		return nil
	}
	n, err := t.conn.Read(t.ahead[:])
	t.start, t.end = 0, uint16(n) //nolint:gosec // readAhead at most
	if n > 0 {
		return nil // the next read returns the error again
	}
	return err //nolint:wrapcheck // as in Read
}

// Receive returns a frame's payload, or as much of it as the limit allows: a frame may hold many records, which
// together may exceed the limit of one.
func (t *webSocket) Receive(dst []byte, limit int) ([]byte, error) {
	for t.left == 0 {
		if err := t.await(); err != nil {
			return dst, t.failed(err)
		}
		h, err := t.readHeader()
		if err != nil {
			return dst, t.failed(err)
		}
		var pong wire.Frame
		if h.OpCode.IsControl() {
			pong, err = t.control(h)
		} else {
			t.fragmented = !h.Fin
			t.left, t.mask, t.masked = h.Length, h.Mask, 0
			if h.Length > int64(t.buffers.largest)*maxFrame {
				return dst, wire.ErrTooLarge
			}
		}
		if err == nil && t.left == 0 {
			err = t.idle(pong)
		}
		if err != nil {
			return dst, t.failed(err)
		}
	}
	if dst == nil {
		dst = t.buffers.get()
	}
	length := int(min(t.left, int64(limit)))
	dst, err := t.payload(dst, length, t.mask, t.masked)
	t.left -= int64(length)
	t.masked += length
	return dst, t.failed(err)
}

// readHeader reads a frame's header, and checks it before memory is allocated for the payload.
func (t *webSocket) readHeader() (ws.Header, error) {
	h, err := ws.ReadHeaderBuffer(t, t.header[:])
	if err != nil {
		if errors.Is(err, ws.ErrHeaderLengthMSB) {
			err = &ViolationError{Status: int(ws.StatusProtocolError), reason: err.Error()}
		}
		return h, err
	}
	state := ws.StateServerSide
	if t.fragmented {
		state = state.Set(ws.StateFragmented)
	}
	if err := ws.CheckHeader(h, state); err != nil {
		return h, &ViolationError{Status: int(ws.StatusProtocolError), reason: err.Error()}
	}
	return h, nil
}

func (t *webSocket) payload(dst []byte, length int, mask [4]byte, masked int) ([]byte, error) {
	for done := 0; done < length; {
		from := len(dst)
		if cap(dst) == from {
			dst = slices.Grow(dst, min(length-done, growth))
		}
		dst = dst[:from+min(length-done, cap(dst)-from)]
		if _, err := io.ReadFull(t, dst[from:]); err != nil {
			return dst[:from], err //nolint:wrapcheck // failed tells the errors apart
		}
		ws.Cipher(dst[from:], mask, masked+done)
		done += len(dst) - from
	}
	return dst, nil
}

// control handles a control frame, and returns the answer to a ping.
func (t *webSocket) control(h ws.Header) (pong wire.Frame, err error) {
	var space [ws.MaxControlFramePayloadSize]byte
	payload, err := t.payload(space[:0], int(h.Length), h.Mask, 0)
	if err != nil {
		return wire.Frame{}, err
	}
	switch h.OpCode {
	case ws.OpPing:
		return wire.ControlFrame(byte(ws.OpPong), payload), nil
	case ws.OpClose:
		status, reason := ws.ParseCloseFrameData(payload)
		if len(payload) > 0 {
			if err := ws.CheckCloseFrameData(status, reason); err != nil {
				return wire.Frame{}, &ViolationError{Status: int(ws.StatusProtocolError), reason: err.Error()}
			}
		}
		return wire.Frame{}, &FarewellError{Status: int(status)}
	default: // a pong: having read it is all that counts
		return wire.Frame{}, nil
	}
}

// failed turns the error of an interrupted socket into ErrInterrupted.
func (t *webSocket) failed(err error) error {
	if err != nil && t.interrupted.Load() && errors.Is(err, errDeadline) {
		return ErrInterrupted
	}
	return err
}

func (t *webSocket) Interrupt() {
	t.interrupted.Store(true)
	_ = t.conn.SetReadDeadline(time.Unix(1, 0)) // fails only on a closed socket, which interrupts as well
}

func (t *webSocket) LimitWrites(deadline time.Time) { _ = t.conn.SetWriteDeadline(deadline) }

func (t *webSocket) Close() { _ = t.conn.Close() }

func (t *webSocket) Farewell(status int) (wire.Frame, bool) {
	if status == 0 { // the client gave none
		status = int(ws.StatusNormalClosure) // as ManagedWebSocket answers a close without a status
	}
	var payload [2]byte
	binary.BigEndian.PutUint16(payload[:], uint16(status))
	return wire.ControlFrame(byte(ws.OpClose), payload[:]), true
}

func (t *webSocket) Linger(deadline time.Time) {
	t.interrupted.Store(false)
	if t.conn.SetReadDeadline(deadline) != nil {
		return
	}
	if _, err := io.CopyN(io.Discard, t, t.left); err != nil {
		return
	}
	// Frames first, to see the client's Close; once they cannot be told apart, all bytes.
	for {
		h, err := t.readHeader()
		if err == nil {
			if !h.OpCode.IsControl() {
				t.fragmented = !h.Fin
			}
			_, err = io.CopyN(io.Discard, t, h.Length) // what is left unread would reset the connection
		}
		if err != nil {
			break
		}
		if h.OpCode == ws.OpClose {
			return
		}
	}
	_, _ = io.Copy(io.Discard, t.conn)
}
