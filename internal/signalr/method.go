package signalr

import (
	"context"
	"reflect"
)

// Call is one invocation of a hub method.
type Call struct {
	Conn   *Conn
	Method string // in the caller's casing

	invocationID string // empty: the caller wants no completion
	completed    bool
}

// Complete sends the completion at once, before the method returns; what the method returns is then ignored. It does
// nothing for an invocation without an id, or the second time. It must be called on the method's own goroutine.
func (c *Call) Complete(result any) { c.Conn.complete(c, result, nil) }

// method is a hub method with the decoding of its arguments prepared.
type method struct {
	name string
	// bind decodes the arguments and returns the call that is ready to be made. Its error is a binding failure: nothing
	// of the method has run.
	bind func(p protocol, arguments [][]byte) (boundCall, error)
}

type boundCall func(ctx context.Context, call *Call) (any, error)

// Method0 registers f under name. A result of nil completes as a .NET Task method does: with null.
func Method0(h *Hub, name string, f func(ctx context.Context, call *Call) (any, error)) {
	h.register(name, func(_ protocol, arguments [][]byte) (boundCall, error) {
		if err := checkCount(arguments, 0); err != nil {
			return nil, err
		}
		return f, nil
	})
}

// Method1 is [Method0] for a method with an argument. A null where A cannot be null (a number, a struct, an array such as a
// UUID) is a binding failure, as for a .NET value type; a string takes null as the empty string.
func Method1[A any](h *Hub, name string, f func(ctx context.Context, call *Call, a A) (any, error)) {
	first := argumentOf[A]()
	h.register(name, func(p protocol, arguments [][]byte) (boundCall, error) {
		if err := checkCount(arguments, 1); err != nil {
			return nil, err
		}
		a, err := first.decode(p, arguments[0])
		if err != nil {
			return nil, err
		}
		return func(ctx context.Context, call *Call) (any, error) { return f(ctx, call, a) }, nil
	})
}

// Method2 is [Method1] for a method with two arguments.
func Method2[A, B any](h *Hub, name string, f func(ctx context.Context, call *Call, a A, b B) (any, error)) {
	first, second := argumentOf[A](), argumentOf[B]()
	h.register(name, func(p protocol, arguments [][]byte) (boundCall, error) {
		if err := checkCount(arguments, 2); err != nil {
			return nil, err
		}
		a, err := first.decode(p, arguments[0])
		if err != nil {
			return nil, err
		}
		b, err := second.decode(p, arguments[1])
		if err != nil {
			return nil, err
		}
		return func(ctx context.Context, call *Call) (any, error) { return f(ctx, call, a, b) }, nil
	})
}

// argument is a parameter of a hub method.
type argument[A any] struct {
	nullable bool
}

func argumentOf[A any]() argument[A] {
	switch reflect.TypeFor[A]().Kind() { //nolint:exhaustive // the kinds that can hold nothing, and string, which .NET lets be null
	case reflect.Pointer, reflect.Interface, reflect.Map, reflect.Slice, reflect.String:
		return argument[A]{nullable: true}
	default:
		return argument[A]{}
	}
}

func (x argument[A]) decode(p protocol, raw []byte) (A, error) {
	var a A
	if !x.nullable && p.isNull(raw) {
		return a, bindingErrorf("null given for %T", a)
	}
	if err := p.decode(raw, &a); err != nil {
		return a, bindingErrorf("decoding %T: %v", a, err)
	}
	return a, nil
}

func checkCount(arguments [][]byte, want int) error {
	if len(arguments) != want {
		return bindingErrorf("invocation provides %d argument(s) but target expects %d", len(arguments), want)
	}
	return nil
}
