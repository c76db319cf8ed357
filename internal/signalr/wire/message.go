package wire

import (
	"encoding/json"
	"sync"
	"sync/atomic"
)

// Message is an invocation of a client's method. It is encoded at most once per protocol, as a ready-made WebSocket
// frame, and shared by all the connections that it is sent to. Neither it nor its arguments may be changed once it is
// made.
type Message struct {
	target    string
	arguments []json.RawMessage // nil where only the JSON frame has them
	listed    int               // where their list begins in the JSON frame's bytes, or 0
	object    *Object           // describes the arguments that are objects, or nil
	encodings [ProtocolCount]encodedMessage
}

// encodedMessage is a Message in one protocol.
type encodedMessage struct {
	ready atomic.Bool // the frame is made; else mu is needed
	mu    sync.Mutex
	frame Frame
}

// NewMessage returns an invocation of target without an id: the client sends no completion. An argument that is not
// JSON reaches clients that speak MessagePack as nil.
func NewMessage(target string, args []json.RawMessage) *Message {
	return &Message{target: target, arguments: args}
}

// NewMessageOf is NewMessage for arguments that are appended as JSON values with commas between them, about size
// bytes. Nothing of them is copied or kept beside the JSON frame, which is made at once. o, unless it is nil,
// describes the arguments that are objects. It returns the error of appendArguments.
func NewMessageOf(target string, size int, o *Object, appendArguments func([]byte) ([]byte, error)) (*Message, error) {
	b := make([]byte, MaxHeader, MaxHeader+invocationOverhead+len(target)+size)
	b = appendInvocationStart(b, "", target)
	start := len(b)
	b, err := appendArguments(b)
	if err != nil {
		return nil, err
	}
	m := &Message{target: target, object: o}
	e := &m.encodings[JSON{}.Slot()]
	e.frame = FrameOf(OpText, append(b, invocationEnd...))
	e.frame.Numbered = true
	m.listed = start - (MaxHeader - int(e.frame.Header))
	e.ready.Store(true)
	return m, nil
}

// list returns the arguments.
func (m *Message) list() []json.RawMessage {
	if m.listed == 0 {
		return m.arguments
	}
	list := m.encodings[JSON{}.Slot()].frame.Bytes[m.listed-1:]
	var arguments []json.RawMessage
	list = list[:len(list)-len(invocationEnd)+1] // from the opening bracket to the closing one
	// An argument may nest as deeply as on its own. One that is not JSON ends the list, see NewMessage.
	eachElement(list, maxNesting+1, func(raw []byte) { arguments = append(arguments, raw) })
	return arguments
}

// Size returns the bytes of the JSON frame, its WebSocket header included.
func (m *Message) Size() int { return len(m.Frame(JSON{}).Bytes) }

// Frame returns the message in a protocol. All connections share it.
func (m *Message) Frame(p Protocol) *Frame {
	e := &m.encodings[p.Slot()]
	if !e.ready.Load() {
		m.encode(e, p)
	}
	return &e.frame
}

// encode does what sync.Once would do, without a closure for each message.
func (m *Message) encode(e *encodedMessage, p Protocol) {
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
	b := p.appendInvocation(make([]byte, MaxHeader, size), "", m.target, arguments, m.object)
	e.frame = FrameOf(opCodeOf(p), b)
	e.frame.Numbered = true
	e.ready.Store(true)
}

// invocationOverhead is room for all of an invocation but its target and arguments.
const invocationOverhead = 64
