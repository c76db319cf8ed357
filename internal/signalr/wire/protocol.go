package wire

import "encoding/json"

// Protocol is a hub protocol: how messages are written as bytes. It has no state; what belongs to one connection
// stays in the connection. The functions of this package make frames of what it appends.
type Protocol interface {
	Name() string
	Slot() int // the index of its encoding in a Message, below [ProtocolCount]
	Supports(version int) bool
	Binary() bool

	// Split cuts the first record off data. The first scanned bytes are known to hold no record's end. ok is false where
	// data does not hold a whole record yet. The error is [ErrTooLarge] for a record that is, or announces to be, larger
	// than limit bytes with its framing, or wraps [ErrMalformed].
	Split(data []byte, scanned, limit int) (record, rest []byte, ok bool, err error)
	// Parse reads a record. Its result points into record, except for strings. Its error wraps [ErrMalformed].
	Parse(record []byte) (Inbound, error)
	// Elements appends the elements of arguments, which Parse has returned, to dst.
	Elements(dst [][]byte, arguments []byte) [][]byte
	// Decode reads an argument, an item or a result. A [json.RawMessage] takes any of them, as JSON.
	Decode(raw []byte, into any) error
	isNull(raw []byte) bool

	// These append a whole record with its framing. Their errors are about values that cannot be encoded. o, unless it
	// is nil, describes the arguments that are objects.
	appendInvocation(b []byte, invocationID, target string, arguments []json.RawMessage, o *Object) []byte
	appendCall(b []byte, target string, arguments []any) ([]byte, error) // an invocation without an id
	appendItem(b []byte, invocationID string, item any) ([]byte, error)
	appendResult(b []byte, invocationID string, result any) ([]byte, error)
	appendEmpty(b []byte, invocationID string) []byte // a completion without a result, that of a stream
	appendError(b []byte, invocationID, text string) []byte
	appendPing(b []byte) []byte
	appendClose(b []byte, text string, allowReconnect bool) []byte
	appendAck(b []byte, sequenceID int64) []byte
	appendSequence(b []byte, sequenceID int64) []byte
}

// ProtocolCount is the number of slots in a Message.
const ProtocolCount = 2

// The types of messages (HubProtocol.md).
const (
	TypeInvocation       = 1
	TypeStreamItem       = 2
	TypeCompletion       = 3
	TypeStreamInvocation = 4
	TypeCancelInvocation = 5
	typePing             = 6
	TypeClose            = 7
	TypeAck              = 8
	TypeSequence         = 9
)

// Inbound is a parsed message. Fields that its type does not have are ignored.
type Inbound struct {
	Kind         int
	InvocationID string
	Target       string
	HasTarget    bool
	Arguments    []byte   // the encoded array, nil where there is none
	Unbound      error    // the fault of the arguments, where that is the invocation's error
	StreamIDs    []string // of the streams that the client is about to send
	Item         []byte   // encoded, nil where there is none
	Result       []byte   // encoded, nil where there is none
	Err          string
	HasError     bool
	SequenceID   int64 // of an Ack or a Sequence
	HasSequence  bool
}
