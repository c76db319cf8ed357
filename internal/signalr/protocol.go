package signalr

import (
	"encoding/json"
)

// protocol is a hub protocol: how messages are written as bytes. Implementations have no state but what they remember of Go's
// types; what belongs to one connection stays in the connection.
type protocol interface {
	name() string
	slot() int // where a Message keeps its encoding in this protocol: below protocolCount
	supports(version int) bool
	binary() bool

	// split cuts the first record off data, of which the first scanned bytes are known to hold no record's end. It returns
	// ok false where data does not hold a whole record yet. Its error is wire.ErrTooLarge for a record that is, or that announces
	// that it will be, larger than limit bytes with its framing, or wraps wire.ErrMalformed.
	split(data []byte, scanned, limit int) (record, rest []byte, ok bool, err error)
	// parse reads a record. What it returns points into record, but for its strings. Its error wraps wire.ErrMalformed.
	parse(record []byte) (inbound, error)
	// elements appends the elements of arguments, which parse has returned, to dst.
	elements(dst [][]byte, arguments []byte) [][]byte
	isNull(raw []byte) bool
	// decode reads an argument, an item or a result. A [json.RawMessage] takes any of them, as JSON.
	decode(raw []byte, into any) error

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

// protocolCount is the number of slots in a Message.
const protocolCount = 2

// The types of messages (HubProtocol.md).
const (
	typeInvocation       = 1
	typeStreamItem       = 2
	typeCompletion       = 3
	typeStreamInvocation = 4
	typeCancelInvocation = 5
	typePing             = 6
	typeClose            = 7
	typeAck              = 8
	typeSequence         = 9
)

// inbound is a parsed message. Fields that its type does not have are ignored.
type inbound struct {
	kind         int
	invocationID string
	target       string
	hasTarget    bool
	arguments    []byte   // the encoded array, nil where there is none
	unbound      error    // what is wrong with the arguments, where that is the invocation's error
	streamIDs    []string // of the streams that the client is about to send
	item         []byte   // encoded, nil where there is none
	result       []byte   // encoded, nil where there is none
	err          string
	hasError     bool
	sequenceID   int64 // of an Ack or a Sequence
	hasSequence  bool
}
