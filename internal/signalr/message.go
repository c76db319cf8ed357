package signalr

import (
	"encoding/binary"
	"encoding/json"
	"sync"
	"sync/atomic"
)

// Message is an invocation of a client's method. It is encoded at most once per protocol, as a ready-made WebSocket frame,
// and shared by all the connections that it is sent to. It must not be changed once made, nor may its arguments.
type Message struct {
	target    string
	arguments []json.RawMessage // nil where they are in the JSON frame alone
	listed    int               // where their list begins in the JSON frame's bytes, or 0
	object    *Object           // what those that are objects are, or nil
	encodings [protocolCount]encodedMessage
}

// encodedMessage is a Message in one protocol.
type encodedMessage struct {
	ready atomic.Bool // the frame is made; else mu is needed
	mu    sync.Mutex
	frame frame
}

// NewMessage returns an invocation of target without an id: the client sends no completion. What is no JSON among args reaches
// clients that speak MessagePack as nil.
func NewMessage(target string, args []json.RawMessage) *Message {
	return &Message{target: target, arguments: args}
}

// NewMessageOf is NewMessage for arguments that are appended as JSON values with commas between them, about size bytes; nothing of
// them is copied or kept beside the JSON frame, which is made at once. Arguments that are objects are what o describes, where that is not
// nil. It returns the error of appendArguments.
func NewMessageOf(target string, size int, o *Object, appendArguments func([]byte) ([]byte, error)) (*Message, error) {
	b := make([]byte, maxHeader, maxHeader+invocationOverhead+len(target)+size)
	b = appendInvocationStart(b, "", target)
	start := len(b)
	b, err := appendArguments(b)
	if err != nil {
		return nil, err
	}
	m := &Message{target: target, object: o}
	e := &m.encodings[jsonProtocol{}.slot()]
	e.frame = frameOf(opText, append(b, invocationEnd...))
	e.frame.numbered = true
	m.listed = start - (maxHeader - int(e.frame.header))
	e.ready.Store(true)
	return m, nil
}

// list returns the arguments.
func (m *Message) list() []json.RawMessage {
	if m.listed == 0 {
		return m.arguments
	}
	list := m.encodings[jsonProtocol{}.slot()].frame.bytes[m.listed-1:]
	var arguments []json.RawMessage
	list = list[:len(list)-len(invocationEnd)+1] // from the bracket to the bracket
	// An argument may nest as deeply as it could on its own; one that is no JSON ends the list, see NewMessage.
	eachElement(list, maxNesting+1, func(raw []byte) { arguments = append(arguments, raw) })
	return arguments
}

// Size returns the bytes of the JSON frame, its WebSocket header included.
func (m *Message) Size() int { return len(m.frame(jsonProtocol{}).bytes) }

func (m *Message) frame(p protocol) *frame {
	e := &m.encodings[p.slot()]
	if !e.ready.Load() {
		m.encode(e, p)
	}
	return &e.frame
}

// encode is what sync.Once would do, without a closure for each message.
func (m *Message) encode(e *encodedMessage, p protocol) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.ready.Load() {
		return
	}
	size := invocationOverhead + len(m.target)
	arguments := m.list()
	for _, argument := range arguments {
		size += len(argument) + 1
	}
	b := p.appendInvocation(make([]byte, maxHeader, size), "", m.target, arguments, m.object)
	e.frame = frameOf(opCodeOf(p), b)
	e.frame.numbered = true
	e.ready.Store(true)
}

// frame is what waits in a connection's queue: bytes ready to be written.
type frame struct {
	bytes  []byte // a whole WebSocket frame
	header uint8  // where the payload begins; other transports send the payload alone
	// numbered says that stateful reconnect gives the message an id and keeps it until the client has it.
	numbered bool
}

// maxHeader is the longest header of an unmasked WebSocket frame (RFC 6455, section 5.2).
const maxHeader = 10

// newFrame frames what payload appends. The header is put right before the payload in the same array, so that nothing is
// copied and one frame is one slice.
func newFrame(p protocol, payload func([]byte) []byte) frame {
	return frameOf(opCodeOf(p), payload(make([]byte, maxHeader, usualFrame)))
}

// invocationOverhead has room for what an invocation is beside its target and arguments.
const invocationOverhead = 64

// usualFrame has room for a message without arguments, and for most completions.
const usualFrame = 128

func opCodeOf(p protocol) byte {
	if p.binary() {
		return opBinary
	}
	return opText
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
	return frame{bytes: b[start:], header: uint8(maxHeader - start)}
}

// controlFrame frames a WebSocket control message.
func controlFrame(opCode byte, payload []byte) frame {
	return frameOf(opCode, append(make([]byte, maxHeader, maxHeader+len(payload)), payload...))
}
