package signalr

import (
	"context"
	"time"

	"github.com/yummyzoom/herald/internal/signalr/wire"
)

// Call is one invocation of a hub method.
type Call struct {
	Conn   *Conn
	Method string // in the caller's casing

	streaming

	completed bool // Complete has nothing to do any more
	method    *method
	started   time.Time
}

// method is a hub method; all that can be decided about its parameters is decided.
type method struct {
	name     string
	results  results
	required int // how many arguments it needs
	most     int // how many it takes
	// decode takes the arguments and returns the call, ready to be made, unless the binding has failed. It runs nothing
	// of the method.
	decode func(in *binding) boundCall
}

// boundCall makes the call. A streaming method's returns items.
type boundCall func(ctx context.Context, call *Call) (any, error)

type results bool

const (
	once results = false // one result, in the completion
	many results = true  // a stream of items
)

// form is where the value of a parameter comes from.
type form int

const (
	required form = iota // an argument
	optional             // an argument that may be missing, as may all behind it
	streamed             // a stream id
)

// binding is the state of binding one invocation's arguments to a method's parameters.
type binding struct {
	protocol  wire.Protocol
	arguments [][]byte // those that are still to be bound
	uploads   []*upload
	err       error // a binding failure; from then on nothing is bound

	space [4][]byte
}

// bind decodes the arguments. Its error is a binding failure.
func (m *method) bind(p wire.Protocol, arguments []byte) (boundCall, []*upload, error) {
	in := &binding{protocol: p}
	in.arguments = p.Elements(in.space[:0], arguments)
	if n := len(in.arguments); n < m.required || n > m.most {
		return nil, nil, wire.BindingErrorf("invocation provides %d argument(s) but target expects %d", n, m.most)
	}
	bound := m.decode(in)
	return bound, in.uploads, in.err
}

// next takes the next argument.
func (in *binding) next() []byte {
	raw := in.arguments[0]
	in.arguments = in.arguments[1:]
	return raw
}
