package signalr

import (
	"context"
	"errors"
	"net/http"
	"net/netip"
)

// ErrNodeGone is what Config.Forward returns, wrapped, where the node that owns a connection is not there any more.
var ErrNodeGone = errors.New("the node that owns the connection is gone")

type forwardedKey struct{}

// WithForwarded marks the context of a request that came from another node: it is never forwarded again.
func WithForwarded(ctx context.Context) context.Context {
	return context.WithValue(ctx, forwardedKey{}, true)
}

// Forwarded says whether a request came from another node.
func Forwarded(ctx context.Context) bool { return ctx.Value(forwardedKey{}) != nil }

// ClientAddress returns who sends r, as the limits count it: by a trusted proxy's word where there is one.
func (s *Server) ClientAddress(r *http.Request) netip.Addr { return s.clientAddress(r) }

// FromTrusted says whether r came from a trusted proxy.
func (s *Server) FromTrusted(r *http.Request) bool { return s.trusts(parseAddress(r.RemoteAddr)) }
