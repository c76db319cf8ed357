package transport

import (
	"errors"
	"time"

	"github.com/yummyzoom/herald/internal/signalr/wire"
)

// Transport carries one connection's bytes. The connection's reader goroutine alone calls Receive and Linger, its writer
// goroutine alone calls Write; the rest may be called by anyone at any time and does not block.
type Transport interface {
	Name() string
	Binary() bool // it can carry binary protocols

	// Receive appends what the client has sent next to dst, at most limit bytes, and waits for it. A dst of nil is taken
	// from the server's pool, once something arrives: a connection at rest holds no buffer. The error is
	// [wire.ErrTooLarge], [ErrInterrupted], a [*FarewellError], a [*ViolationError], or one of the socket.
	Receive(dst []byte, limit int) ([]byte, error)

	// Write sends frames as they are, and waits for the client to take them.
	Write(frames []*wire.Frame) error

	// WriteNow sends as many of the frames as can be sent without waiting, which may be none, and returns how many those were
	// and how many bytes of the next one.
	WriteNow(frames []*wire.Frame) (whole, part int, err error)

	// Farewell is what the transport itself says at the end, behind the protocol's last message.
	Farewell(status int) (wire.Frame, bool)

	// Linger waits for the client's farewell until the deadline, so that the last message is not lost to a reset.
	Linger(deadline time.Time)

	Interrupt()            // makes Receive return ErrInterrupted from now on
	LimitWrites(time.Time) // makes Write fail after that time
	Close()                // makes everything fail now
}

// The names of the transports, as negotiate has them.
const (
	NameWebSockets       = "WebSockets"
	NameServerSentEvents = "ServerSentEvents"
	NameLongPolling      = "LongPolling"
)

// ErrInterrupted is what Receive returns behind Interrupt.
var ErrInterrupted = errors.New("connection is ending")

// FarewellError says that the client has said goodbye at the transport's level.
type FarewellError struct{ Status int }

func (e *FarewellError) Error() string { return "client closed the transport" }

// ViolationError says that the client broke the transport's own rules: nothing more can be read.
type ViolationError struct {
	Status int
	reason string
}

func (e *ViolationError) Error() string { return e.reason }

// ErrClosed is what a connection's methods return once it is closed or closing.
var ErrClosed = errors.New("connection is closed")
