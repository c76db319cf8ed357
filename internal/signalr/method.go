package signalr

import "context"

// Method0 registers f under name. A result of nil completes as a .NET Task method does: with null.
func Method0(h *Hub, name string, f func(ctx context.Context, call *Call) (any, error)) {
	h.register(name, once, func(*binding) boundCall { return f })
}

// Method1 is [Method0] for a method with a parameter. A null where A cannot be null (a number, a struct, an array
// such as a UUID) is a binding failure, as for a .NET value type. A string takes null as the empty string.
//
// A parameter of type [*Upload] is a stream that the client sends. A method with one runs beside the connection's
// invocations, not in their order, on a goroutine of its own. A parameter of type [Optional] need not be sent.
func Method1[A any](h *Hub, name string, f func(ctx context.Context, call *Call, a A) (any, error)) {
	first := parameterOf[A]()
	h.register(name, once, func(in *binding) boundCall {
		a := first.take(in)
		return func(ctx context.Context, call *Call) (any, error) { return f(ctx, call, a) }
	}, first.form)
}

// Method2 is [Method1] for a method with two parameters.
func Method2[A, B any](h *Hub, name string, f func(ctx context.Context, call *Call, a A, b B) (any, error)) {
	first, second := parameterOf[A](), parameterOf[B]()
	h.register(name, once, func(in *binding) boundCall {
		a, b := first.take(in), second.take(in)
		return func(ctx context.Context, call *Call) (any, error) { return f(ctx, call, a, b) }
	}, first.form, second.form)
}

// Method3 is [Method1] for a method with three parameters.
func Method3[A, B, C any](h *Hub, name string, f func(ctx context.Context, call *Call, a A, b B, c C) (any, error)) {
	first, second, third := parameterOf[A](), parameterOf[B](), parameterOf[C]()
	h.register(name, once, func(in *binding) boundCall {
		a, b, c := first.take(in), second.take(in), third.take(in)
		return func(ctx context.Context, call *Call) (any, error) { return f(ctx, call, a, b, c) }
	}, first.form, second.form, third.form)
}
