package transport

import (
	"errors"
	"time"

	"github.com/yummyzoom/herald/internal/signalr/wire"
)

// Transport carries one connection's bytes. Only the connection's reader goroutine calls Receive and Linger. Only its
// writer, one goroutine at a time, calls Write and WriteNow. The other methods are safe for concurrent use and do not
// block.
type Transport interface {
	Name() string
	Binary() bool // it can carry binary protocols

	// Receive waits for what the client sends next and appends it to dst, at most limit bytes. A nil dst is taken from
	// the server's pool once data arrives: a connection at rest holds no buffer. The error is [wire.ErrTooLarge],
	// [ErrInterrupted], a [*FarewellError], a [*ViolationError], or one of the socket.
	Receive(dst []byte, limit int) ([]byte, error)

	// Write sends frames as they are, and waits for the client to take them.
	Write(frames []*wire.Frame) error

	// WriteNow sends as many of the frames as it can without waiting, maybe none. It returns how many whole frames it
	// has sent, and how many bytes of the next one.
	WriteNow(frames []*wire.Frame) (whole, part int, err error)

	// Farewell returns the transport's own last message, which follows the protocol's.
	Farewell(status int) (wire.Frame, bool)

	// Linger waits for the client's farewell until the deadline, so that the last message is not lost to a reset.
	Linger(deadline time.Time)

	Interrupt()            // makes Receive return ErrInterrupted from now on
	LimitWrites(time.Time) // makes Write fail after that time
	Close()                // makes everything fail now
}

// The names of the transports in negotiate.
const (
	NameWebSockets       = "WebSockets"
	NameServerSentEvents = "ServerSentEvents"
	NameLongPolling      = "LongPolling"
)

// ErrInterrupted is what Receive returns after Interrupt.
var ErrInterrupted = errors.New("connection is ending")

// FarewellError says that the client has said goodbye at the transport's level.
type FarewellError struct{ Status int }

func (e *FarewellError) Error() string { return "client closed the transport" }

// ViolationError says that the client broke the transport's own rules, so nothing more can be read.
type ViolationError struct {
	Status int
	reason string
}

func (e *ViolationError) Error() string { return e.reason }

// ErrClosed is what a connection's methods return once it is closed or closing.
var ErrClosed = errors.New("connection is closed")
