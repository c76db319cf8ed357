package signalr

import (
	"encoding/binary"
	"encoding/json"
	"sync"
)

// Message is an invocation of a client's method. It is encoded at most once per protocol, as a ready-made WebSocket frame,
// and shared by all the connections that it is sent to. It must not be changed once made, nor may its arguments.
type Message struct {
	target    string
	arguments []json.RawMessage
	encodings [protocolCount]encodedMessage
}

// encodedMessage is a Message in one protocol.
type encodedMessage struct {
	once  sync.Once
	frame frame
}

// NewMessage returns an invocation of target without an id: the client sends no completion. What is no JSON among args reaches
// clients that speak MessagePack as nil.
func NewMessage(target string, args []json.RawMessage) *Message {
	return &Message{target: target, arguments: args}
}

// Size returns the bytes of the JSON frame, its WebSocket header included.
func (m *Message) Size() int { return len(m.frame(jsonProtocol{}).bytes) }

func (m *Message) frame(p protocol) *frame {
	e := &m.encodings[p.slot()]
	e.once.Do(func() {
		size := usualFrame + len(m.target)
		for _, argument := range m.arguments {
			size += len(argument)
		}
		e.frame = newFrameOf(p, size, func(b []byte) []byte { return p.appendInvocation(b, "", m.target, m.arguments) })
		e.frame.numbered = true
	})
	return &e.frame
}

// frame is what waits in a connection's queue: bytes ready to be written.
type frame struct {
	bytes  []byte // a whole WebSocket frame
	header int    // where the payload begins; other transports send the payload alone
	// numbered says that stateful reconnect gives the message an id and keeps it until the client has it.
	numbered bool
}

// maxHeader is the longest header of an unmasked WebSocket frame (RFC 6455, section 5.2).
const maxHeader = 10

// newFrame frames what payload appends. The header is put right before the payload in the same array, so that nothing is
// copied and one frame is one slice.
func newFrame(p protocol, payload func([]byte) []byte) frame {
	return newFrameOf(p, usualFrame, payload)
}

// usualFrame has room for a message without arguments, and for most completions.
const usualFrame = 128

// newFrameOf is newFrame for a message of about that many bytes, which it spares being moved while it grows.
func newFrameOf(p protocol, size int, payload func([]byte) []byte) frame {
	opCode := byte(opText)
	if p.binary() {
		opCode = opBinary
	}
	return frameOf(opCode, payload(make([]byte, maxHeader, size)))
}

// frameOf frames b[maxHeader:].
func frameOf(opCode byte, b []byte) frame {
	const final = 0x80
	size := len(b) - maxHeader
	var start int
	switch {
	case size < 126:
		start = maxHeader - 2
		b[start+1] = byte(size) //nolint:gosec // below 126
	case size <= 0xffff:
		start = maxHeader - 4
		b[start+1] = 126
		binary.BigEndian.PutUint16(b[start+2:], uint16(size))
	default:
		b[1] = 127
		binary.BigEndian.PutUint64(b[2:], uint64(size))
	}
	b[start] = final | opCode
	return frame{bytes: b[start:], header: maxHeader - start}
}

// controlFrame frames a WebSocket control message.
func controlFrame(opCode byte, payload []byte) frame {
	return frameOf(opCode, append(make([]byte, maxHeader, maxHeader+len(payload)), payload...))
}
