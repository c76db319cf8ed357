package signalr

import (
	"context"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/yummyzoom/herald/internal/signalr/door"
	"github.com/yummyzoom/herald/internal/signalr/transport"
	"github.com/yummyzoom/herald/internal/signalr/wire"
)

// Conn is one client's connection. Its methods may be called by anyone at any time.
type Conn struct {
	host *host
	hub  *Hub
	identity
	half

	ctx    context.Context //nolint:containedctx // it is the connection's lifetime, which Context hands out
	cancel context.CancelFunc
	drain  func() // what the writer runs, bound once so that starting it allocates nothing

	reader
	stateful *stateful // nil without stateful reconnect; set before the greeting
	streams  streams
	awaited  awaited
	clocks   clocks
	index    int // the registry's: where in its list

	expires  atomic.Int64 // when the user's credentials do, in nanoseconds since 1970; 0: never
	greeted  atomic.Bool  // the handshake is done
	retiring atomic.Bool  // the reader ends the connection, for the shutdown, when it is through with what it has read

	mu        sync.Mutex
	transport transport.Transport // with stateful reconnect one after the other
	detached  int64               // since when transport is lost, in nanoseconds since the server was made; 0: it is not
	user      User
	value     any
	queue     queue
	ending    *ending       // why it ends; nil while it is open
	flushed   chan struct{} // closed when the writer has written its last; made at the end
}

// identity says which connection it is, and whose limits it counts in. It is set before anybody knows of the connection.
type identity struct {
	id      string
	ticket  door.Ticket // what it was opened with; zero: without negotiation
	address netip.Addr
	seat    door.Seat // the registry's
}

// half makes a connection one of a half-transport; set before anybody knows of it.
type half struct {
	posts *transport.Inbox       // where its POST requests go; nil: WebSockets
	polls *transport.LongPolling // its transport, where that is fetched: nobody is there at times; nil: any other
}

// reader is the state of the connection's reader.
type reader struct {
	protocol  wire.Protocol   // nil until the handshake; the others see it behind onConnected only
	reading   context.Context //nolint:containedctx // what hub code on the reader is given
	connected bool            // the hub knows the connection
	arrived   int64           // when what it handles was read
	meter     meter           // what the client has spent
}

// ID returns the connection's public id: the connectionId of negotiate.
func (c *Conn) ID() string { return c.id }

// Hub returns the hub that the connection belongs to.
func (c *Conn) Hub() *Hub { return c.hub }

// Context returns a context that is cancelled when the connection ends.
func (c *Conn) Context() context.Context { return c.ctx }

// RemoteAddr returns the client's network address: by a trusted proxy's word, else as the HTTP server knows it. It is invalid
// where that has none.
func (c *Conn) RemoteAddr() netip.Addr { return c.address }

func (c *Conn) now() int64 { return int64(time.Since(c.host.epoch)) }
