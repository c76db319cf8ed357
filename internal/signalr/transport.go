package signalr

import (
	"errors"
	"time"

	"github.com/yummyzoom/herald/internal/signalr/wire"
)

// transport carries one connection's bytes. The connection's reader goroutine alone calls receive and linger, its writer
// goroutine alone calls write; the rest may be called by anyone at any time and does not block.
type transport interface {
	name() string
	binary() bool // it can carry binary protocols

	// receive appends what the client has sent next to dst, at most limit bytes, and waits for it. A dst of nil is taken
	// from the server's pool, once something arrives: a connection at rest holds no buffer. The error is errTooLarge,
	// errInterrupted, a *farewellError, a *violationError, or one of the socket.
	receive(dst []byte, limit int) ([]byte, error)

	// write sends frames as they are, and waits for the client to take them.
	write(frames []*wire.Frame) error

	// writeNow sends as many of the frames as can be sent without waiting, which may be none, and returns how many those were
	// and how many bytes of the next one.
	writeNow(frames []*wire.Frame) (whole, part int, err error)

	// farewell is what the transport itself says at the end, behind the protocol's last message.
	farewell(status int) (wire.Frame, bool)

	// linger waits for the client's farewell until the deadline, so that the last message is not lost to a reset.
	linger(deadline time.Time)

	interrupt()            // makes receive return errInterrupted from now on
	limitWrites(time.Time) // makes write fail after that time
	close()                // makes everything fail now
}

// The names of the transports, as negotiate has them.
const (
	nameWebSockets       = "WebSockets"
	nameServerSentEvents = "ServerSentEvents"
	nameLongPolling      = "LongPolling"
)

var errInterrupted = errors.New("connection is ending")

// farewellError says that the client has said goodbye at the transport's level.
type farewellError struct{ status int }

func (e *farewellError) Error() string { return "client closed the transport" }

// violationError says that the client broke the transport's own rules: nothing more can be read.
type violationError struct {
	status int
	reason string
}

func (e *violationError) Error() string { return e.reason }

// ErrClosed is what a connection's methods return once it is closed or closing.
var ErrClosed = errors.New("connection is closed")
