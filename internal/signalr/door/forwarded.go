package door

import "context"

type forwardedKey struct{}

// WithForwarded marks the context of a request that another node has handed on. Such a request is answered here: it
// is never handed on again, and its RemoteAddr is the client's whatever its headers say.
func WithForwarded(ctx context.Context) context.Context {
	return context.WithValue(ctx, forwardedKey{}, true)
}

// Forwarded says whether the request with that context comes from another node.
func Forwarded(ctx context.Context) bool {
	forwarded, _ := ctx.Value(forwardedKey{}).(bool)
	return forwarded
}
