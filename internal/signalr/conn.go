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

// Conn is one client's connection. Its methods are safe for concurrent use.
type Conn struct {
	host *host
	hub  *Hub
	identity
	half

	ctx    context.Context //nolint:containedctx // it is the connection's lifetime, which Context hands out
	cancel context.CancelFunc
	drain  func() // the writer, bound once so that starting it allocates nothing

	reader
	stateful *stateful // nil without stateful reconnect; set before the greeting
	streams  streams
	awaited  awaited
	clocks   clocks
	index    int // the registry's: where in its list

	expires  atomic.Int64 // when the user's credentials expire, in nanoseconds since 1970; 0: never
	greeted  atomic.Bool  // the handshake is done
	retiring atomic.Bool  // a shutdown: the reader ends the connection once it has handled what it has read

	mu        sync.Mutex
	transport transport.Transport // with stateful reconnect, one after the other
	detached  int64               // when transport was lost, in nanoseconds since the server was made; 0: it is there
	user      User
	value     any
	queue     queue
	ending    *ending       // why it ends; nil while it is open
	flushed   chan struct{} // closed when the writer has written its last; made at the end
}

// identity names the connection and the limits that count it. It is set before any other goroutine knows the
// connection.
type identity struct {
	id      string
	ticket  door.Ticket // what it was opened with; zero: without negotiation
	address netip.Addr
	seat    door.Seat // the registry's
}

// half is what a connection of a half-transport has. It is set before any other goroutine knows the connection.
type half struct {
	posts *transport.Inbox       // where its POST requests go; nil for WebSockets
	polls *transport.LongPolling // its transport where the client polls, so that at times no request is there; else nil
}

// reader is the state of the connection's reader.
type reader struct {
	protocol  wire.Protocol   // nil until the handshake; other goroutines see it only behind onConnected
	reading   context.Context //nolint:containedctx // what hub code on the reader is given
	connected bool            // the hub knows the connection
	arrived   int64           // when the data in hand was read
	meter     meter           // what the client has spent
}

// ID returns the connection's public id: the connectionId of negotiate.
func (c *Conn) ID() string { return c.id }

// Hub returns the hub that the connection belongs to.
func (c *Conn) Hub() *Hub { return c.hub }

// Context returns a context that is cancelled when the connection ends.
func (c *Conn) Context() context.Context { return c.ctx }

// RemoteAddr returns the client's network address: as a trusted proxy states it, else as the HTTP server knows it. It
// is invalid where the HTTP server knows none.
func (c *Conn) RemoteAddr() netip.Addr { return c.address }

func (c *Conn) now() int64 { return int64(time.Since(c.host.epoch)) }
