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
	// WithCursor adds {"eventId","sequence","occurredOnUtc"} behind a team cart event's positional arguments. Every other
	// family carries these in its object anyway, so for them the two shapes are the same.
	WithCursor
)

// Shapes returns how many shapes invocations of t have: 2 for team cart events, else 1.
func (t Type) Shapes() int {
	if t.Family() == TeamCart {
		return 2
	}
	return 1
}

// Invocation builds what the clients of l's group receive, or fails with an [*UndeliverableError] where Groups would.
func (l Logged) Invocation(shape Shape) (Invocation, error) {
	inv := Invocation{Method: l.Type.Method()}
	var err error
	switch l.Type.Family() {
	case Order:
		inv.Arguments, err = l.orderArguments()
	case TeamCart:
		inv.Arguments, err = l.cartArguments()
		if shape == WithCursor && err == nil {
			inv.Arguments = append(inv.Arguments, l.cursor())
		}
	case Admin:
		inv.Arguments, err = l.adminArguments()
	case Control, Unknown:
		err = l.undeliverable("event type %q is not sent to clients", l.Type)
	}
	return inv, err
}

func (l Logged) cursor() json.RawMessage {
	b := append(make([]byte, 0, 128), `{"eventId":"`...)
	b = appendUUID(b, l.ID)
	b = append(b, `","sequence":`...)
	b = strconv.AppendInt(b, l.Sequence, 10)
	b = append(b, `,"occurredOnUtc":`...)
	b = appendTimestamp(b, l.OccurredOn)
	return append(b, '}')
}

// appendTimestamp appends t as RFC 3339 in UTC, ending in Z, in quotes.
func appendTimestamp(b []byte, t time.Time) []byte {
	b = append(b, '"')
	b = t.UTC().AppendFormat(b, time.RFC3339Nano)
	return append(b, '"')
}

func appendUUID(b []byte, id uuid.UUID) []byte {
	b = hex.AppendEncode(b, id[:4])
	for _, part := range [][]byte{id[4:6], id[6:8], id[8:10], id[10:]} {
		b = hex.AppendEncode(append(b, '-'), part)
	}
	return b
}

// quote returns s as JSON, or nil.
func quote(s *string) json.RawMessage {
	if s == nil {
		return nil
	}
	quoted, err := json.Marshal(*s)
	if err != nil { // a string always has a JSON form
		panic(err)
	}
	return quoted
}
