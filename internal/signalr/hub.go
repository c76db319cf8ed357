package signalr

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Hub is a set of methods that clients of one path may call. Register everything before the hub is served; from then
// on it must not change.
type Hub struct {
	name           string
	methods        map[string]*method // by lower-cased name
	exact          map[string]*method // by the name as it was registered
	onConnected    func(ctx context.Context, c *Conn) error
	onDisconnected func(c *Conn, err error)
	onFailed       func(c *Conn, text string)
	onRefresh      func(ctx context.Context, c *Conn, u User) error
}

// NewHub returns a hub without methods. Its name appears in logs and metrics.
func NewHub(name string) *Hub {
	return &Hub{
		name:           name,
		methods:        make(map[string]*method),
		exact:          make(map[string]*method),
		onConnected:    func(context.Context, *Conn) error { return nil },
		onDisconnected: func(*Conn, error) {},
		onFailed:       func(*Conn, string) {},
		onRefresh:      func(ctx context.Context, c *Conn, u User) error { return c.Replace(ctx, u, func() {}) },
	}
}

// Name returns the name that [NewHub] was given.
func (h *Hub) Name() string { return h.name }

// Methods returns the names of the methods as they were registered, sorted.
func (h *Hub) Methods() []string { return slices.Sorted(maps.Keys(h.exact)) }

// OnConnected sets what runs after the handshake response was queued and before any invocation is read. An error
// closes the connection for good: the client is not asked to reconnect.
func (h *Hub) OnConnected(f func(ctx context.Context, c *Conn) error) { h.onConnected = f }

// OnDisconnected sets what runs once the connection has ended and no hub method runs any more: exactly once for every
// connection for which OnConnected was called, even where that failed. err is nil where the client or the server said
// goodbye. The connection's context is cancelled by then.
func (h *Hub) OnDisconnected(f func(c *Conn, err error)) { h.onDisconnected = f }

// OnFailed sets what runs for each invocation that fails, before its completion and with its text. The method, its
// arguments or its result may be at fault, and the invocation may be one that wants no completion.
func (h *Hub) OnFailed(f func(c *Conn, text string)) { h.onFailed = f }

// OnRefresh sets what decides about the new credentials that a client sends for its connection to the hub's path +
// "/refresh". f calls [Conn.Replace] and returns its errors, or [ErrForbidden]. Config.Authenticate has accepted u.
// ctx is the request's: work that must not stay half done when the client hangs up belongs on the connection's
// context.
func (h *Hub) OnRefresh(f func(ctx context.Context, c *Conn, u User) error) { h.onRefresh = f }

// register panics where name is empty or taken: .NET refuses to start, too. It also panics where a required parameter
// stands behind an optional one.
func (h *Hub) register(name string, r results, decode func(*binding) boundCall, forms ...form) {
	key := strings.ToLower(name)
	if name == "" || h.methods[key] != nil {
		panic(fmt.Sprintf("signalr: hub %q: method name %q is empty or already registered", h.name, name))
	}
	m := &method{name: name, results: r, decode: decode}
	for _, f := range forms {
		switch f {
		case streamed:
		case optional:
			m.most++
		case required:
			if m.most > m.required {
				panic(fmt.Sprintf("signalr: hub %q: method %q has an optional parameter before one that is not", h.name, name))
			}
			m.required++
			m.most++
		}
	}
	h.methods[key], h.exact[name] = m, m
}

// lookup ignores case, as .NET does. The error is a [*HubError], whose message reaches the caller.
func (h *Hub) lookup(target string) (*method, error) {
	m := h.exact[target] // as nearly all clients write it
	if m == nil {
		m = h.methods[strings.ToLower(target)]
	}
	if m == nil {
		return nil, &HubError{Message: "Method does not exist."}
	}
	return m, nil
}
