package wire

import "encoding/json"

// Protocol is a hub protocol: how messages are written as bytes. It has no state: what belongs to one connection stays in the
// connection. What it appends, the functions of this package make frames of.
type Protocol interface {
	Name() string
	Slot() int // where a Message keeps its encoding in this protocol: below [ProtocolCount]
	Supports(version int) bool
	Binary() bool

	// Split cuts the first record off data, of which the first scanned bytes are known to hold no record's end. It returns
	// ok false where data does not hold a whole record yet. Its error is [ErrTooLarge] for a record that is, or that announces
	// that it will be, larger than limit bytes with its framing, or wraps [ErrMalformed].
	Split(data []byte, scanned, limit int) (record, rest []byte, ok bool, err error)
	// Parse reads a record. What it returns points into record, but for its strings. Its error wraps [ErrMalformed].
	Parse(record []byte) (Inbound, error)
	// Elements appends the elements of arguments, which Parse has returned, to dst.
	Elements(dst [][]byte, arguments []byte) [][]byte
	// Decode reads an argument, an item or a result. A [json.RawMessage] takes any of them, as JSON.
	Decode(raw []byte, into any) error
	isNull(raw []byte) bool

	// What these append is a whole record with its framing. Their errors are about values that cannot be encoded.
	// The arguments that are objects are what o describes, if it is not nil.
	appendInvocation(b []byte, invocationID, target string, arguments []json.RawMessage, o *Object) []byte
	appendCall(b []byte, target string, arguments []any) ([]byte, error) // an invocation without an id
	appendItem(b []byte, invocationID string, item any) ([]byte, error)
	appendResult(b []byte, invocationID string, result any) ([]byte, error)
	appendEmpty(b []byte, invocationID string) []byte // a completion without a result: of a stream
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
	Unbound      error    // what is wrong with the arguments, where that is the invocation's error
	StreamIDs    []string // of the streams that the client is about to send
	Item         []byte   // encoded, nil where there is none
	Result       []byte   // encoded, nil where there is none
	Err          string
	HasError     bool
	SequenceID   int64 // of an Ack or a Sequence
	HasSequence  bool
}
