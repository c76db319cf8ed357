package event

import (
	"encoding/hex"
	"encoding/json"
	"strconv"
	"time"

	"github.com/google/uuid"
)

// Invocation is a client method with its arguments, each one JSON value.
type Invocation struct {
	Method    string
	Arguments []json.RawMessage
}

// Shape is the form in which a subscription receives the arguments.
type Shape int

const (
	// Plain is the form that the seeds describe.
	Plain Shape = iota
	// WithCursor adds {"eventId","sequence","occurredOnUtc"} behind a team cart event's positional arguments; a client
	// asks for it. Every other family carries these in its object anyway, so its two shapes are the same.
	WithCursor
)

// Shapes returns how many shapes invocations of t have: 2 for team cart events, else 1.
func (t Type) Shapes() int {
	if t.Family() == TeamCart {
		return 2
	}
	return 1
}

// Invocation builds what the clients of l's group receive. It fails with an [*UndeliverableError] where Groups
// would.
func (l Logged) Invocation(shape Shape) (Invocation, error) {
	list := argumentList{b: make([]byte, 0, l.ArgumentsSize())}
	if err := l.appendArguments(&list, shape); err != nil {
		return Invocation{}, err
	}
	inv := Invocation{Method: l.Type.Method()}
	start := 0
	for _, end := range list.ends[:list.count] {
		inv.Arguments = append(inv.Arguments, list.b[start:end:end])
		start = end + len(",")
	}
	return inv, nil
}

// AppendArguments appends the arguments of l's Invocation with commas between them: the form in which nearly all
// clients receive them.
func (l Logged) AppendArguments(b []byte, shape Shape) ([]byte, error) {
	list := argumentList{b: b}
	if err := l.appendArguments(&list, shape); err != nil {
		return nil, err
	}
	return list.b, nil
}

// ArgumentsSize estimates the size of AppendArguments' output in bytes, on the high side.
func (l Logged) ArgumentsSize() int {
	const orderObject, cursorObject = 384, 128 // without the payload's further fields
	if l.Type.Family() == Order {
		return len(l.Payload) + orderObject
	}
	return len(l.Payload) + cursorObject
}

func (l Logged) appendArguments(list *argumentList, shape Shape) error {
	switch l.Type.Family() {
	case Order:
		return l.orderArguments(list)
	case TeamCart:
		if err := l.cartArguments(list); err != nil {
			return err
		}
		if shape == WithCursor {
			l.cursor(list)
		}
		return nil
	case Admin:
		return l.adminArguments(list)
	case Control, Unknown:
	}
	return l.undeliverable("event type %q is not sent to clients", l.Type)
}

// argumentList appends JSON values to b with commas between them. Every event passes here for every group.
type argumentList struct {
	b     []byte
	ends  [maxArguments]int // where each value ends in b
	count int
}

// maxArguments has room for the fields of every team cart event and its cursor.
const maxArguments = mostFields + 1

// begin returns the slice to which the next argument is appended; end takes the result.
func (a *argumentList) begin() []byte {
	if a.count > 0 {
		return append(a.b, ',')
	}
	return a.b
}

func (a *argumentList) end(b []byte) {
	a.b = b
	a.ends[a.count] = len(b)
	a.count++
}

func (a *argumentList) add(argument json.RawMessage) { a.end(append(a.begin(), argument...)) }

func (a *argumentList) addID(id uuid.UUID) {
	a.end(append(appendUUID(append(a.begin(), '"'), id), '"'))
}

func (l Logged) cursor(list *argumentList) {
	b := append(list.begin(), `{"eventId":"`...)
	b = appendUUID(b, l.ID)
	b = append(b, `","sequence":`...)
	b = strconv.AppendInt(b, l.Sequence, 10)
	b = append(b, `,"occurredOnUtc":`...)
	b = appendTimestamp(b, l.OccurredOn)
	list.end(append(b, '}'))
}

// appendTimestamp appends t as RFC 3339 in UTC, ending in Z, in quotes.
func appendTimestamp(b []byte, t time.Time) []byte {
	b = append(b, '"')
	b = t.UTC().AppendFormat(b, time.RFC3339Nano)
	return append(b, '"')
}

func appendUUID(b []byte, id uuid.UUID) []byte {
	b = hex.AppendEncode(b, id[:4])
	b = hex.AppendEncode(append(b, '-'), id[4:6])
	b = hex.AppendEncode(append(b, '-'), id[6:8])
	b = hex.AppendEncode(append(b, '-'), id[8:10])
	return hex.AppendEncode(append(b, '-'), id[10:])
}

// quote returns s as JSON.
func quote(s string) json.RawMessage {
	quoted, err := json.Marshal(s)
	if err != nil { // a string always has a JSON form
		panic(err)
	}
	return quoted
}
