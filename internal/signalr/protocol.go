package signalr

import (
	"encoding/json"
	"strings"
)

// protocol is a hub protocol: how messages are written as bytes. Implementations have no state; what belongs to one
// connection stays in the connection.
type protocol interface {
	name() string
	slot() int // where a Message keeps its encoding in this protocol: below protocolCount
	supports(version int) bool
	binary() bool

	// split cuts the first record off data. It returns ok false where data does not hold a whole record yet.
	split(data []byte) (record, rest []byte, ok bool)
	// parse reads a record. What it returns points into record. Its error wraps errMalformed.
	parse(record []byte) (inbound, error)
	// elements appends the elements of arguments, which parse has returned, to dst.
	elements(dst [][]byte, arguments []byte) [][]byte
	isNull(raw []byte) bool
	decode(raw []byte, into any) error

	appendInvocation(b []byte, target string, arguments []json.RawMessage) []byte
	appendResult(b []byte, invocationID string, result any) ([]byte, error)
	appendError(b []byte, invocationID, text string) []byte
	appendPing(b []byte) []byte
	appendClose(b []byte, text string, allowReconnect bool) []byte
}

// protocolCount is the number of slots in a Message.
const protocolCount = 1

// The types of messages (HubProtocol.md).
const (
	typeInvocation       = 1
	typeStreamItem       = 2
	typeCompletion       = 3
	typeStreamInvocation = 4
	typeCancelInvocation = 5
	typePing             = 6
	typeClose            = 7
)

// inbound is a parsed message. Fields that its type does not have are ignored.
type inbound struct {
	kind         int
	invocationID string
	target       string
	hasTarget    bool
	arguments    []byte // the encoded array, nil where there is none
	streams      int    // how many streamIds
	hasItem      bool
	hasResult    bool
	err          string
	hasError     bool
}

// protocolNamed finds the protocol that a handshake asks for; like .NET it ignores the name's case.
func protocolNamed(name string) (protocol, bool) {
	if strings.EqualFold(name, jsonProtocol{}.name()) {
		return jsonProtocol{}, true
	}
	return nil, false
}
