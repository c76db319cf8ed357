package signalr

import (
	"context"
	"fmt"
)

// method is a hub method with all that can be decided about its parameters decided.
type method struct {
	name     string
	results  results
	required int // how many arguments it needs
	most     int // how many it takes
	// decode takes the arguments and returns the call that is ready to be made, unless the binding has failed: nothing of
	// the method has run.
	decode func(in *binding) boundCall
}

// boundCall makes the call. Where many results come of it, it returns items.
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
	protocol  protocol
	arguments [][]byte // those that are still to be bound
	uploads   []*upload
	err       error // a binding failure; from then on nothing is bound

	space [4][]byte
}

// bind decodes the arguments. Its error is a binding failure.
func (m *method) bind(p protocol, arguments []byte) (boundCall, []*upload, error) {
	in := &binding{protocol: p}
	in.arguments = p.elements(in.space[:0], arguments)
	if n := len(in.arguments); n < m.required || n > m.most {
		return nil, nil, bindingErrorf("invocation provides %d argument(s) but target expects %d", n, m.most)
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

// parameter is a parameter of a hub method.
type parameter[A any] struct {
	form     form
	argument argument[A]
	upload   func(in *binding) any
	optional func(p protocol, raw []byte, into any) error
}

// What a parameter's type may be besides something that is decoded. The methods are called at registration, on nil.
type (
	uploadType interface {
		uploads() func(in *binding) any
	}
	optionalType interface {
		decoder() func(p protocol, raw []byte, into any) error
	}
)

func parameterOf[A any]() parameter[A] {
	var a A
	if u, ok := any(a).(uploadType); ok {
		return parameter[A]{form: streamed, upload: u.uploads()}
	}
	if o, ok := any(&a).(optionalType); ok {
		return parameter[A]{form: optional, optional: o.decoder()}
	}
	return parameter[A]{form: required, argument: argumentOf[A]()}
}

func (x *parameter[A]) take(in *binding) A {
	var a A
	switch {
	case in.err != nil:
	case x.form == streamed:
		a, _ = x.upload(in).(A) // it is one: an A has made it
	case x.form == optional:
		return x.takeOptional(in)
	default:
		a, in.err = x.argument.decode(in.protocol, in.next())
	}
	return a
}

func (x *parameter[A]) takeOptional(in *binding) A {
	var a A
	if len(in.arguments) > 0 {
		in.err = x.optional(in.protocol, in.next(), &a)
	}
	return a
}

// argumentOf panics for the types that are parameters of their own kind, which would be decoded as if they were data.
func argumentOf[A any]() argument[A] {
	var a A
	for _, v := range []any{a, &a} {
		_, isUpload := v.(uploadType)
		_, isOptional := v.(optionalType)
		if isUpload || isOptional {
			panic(fmt.Sprintf("signalr: %T cannot be decoded: parameters are *Upload[T] or Optional[T], and not one in the other", a))
		}
	}
	return newArgument[A]()
}
