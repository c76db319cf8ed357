package transport

import (
	"context"
	"errors"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/yummyzoom/herald/internal/signalr/wire"
)

const (
	// bodyGrace and bodyRate bound how slowly a body may arrive: Kestrel's MinRequestBodyDataRate.
	bodyGrace = 5 * time.Second
	bodyRate  = 240 // bytes a second
	// maxWaitingPosts is how many POST requests of one connection may wait for their turn. Clients send one at a time.
	maxWaitingPosts = 64
)

var (
	errBodyBroken = errors.New("body of the request broke off, or arrives too slowly")
	// ErrTooManyPosts is the error of a POST request that finds too many waiting already.
	ErrTooManyPosts = errors.New("too many requests wait for their turn")
)

// Inbox joins the bodies of a connection's POST requests to one stream, in the order in which the requests came. It
// bounds how much is read ahead of the connection's reader; beyond that the requests wait.
type Inbox struct {
	Expires int64 // nanoseconds since 1970: when it is dropped unless a connection uses it
	buffers *Buffers
	Largest int64 // bytes of a body

	turn    chan struct{} // holds one while a request has its turn; the others wait for it in order
	arrived chan struct{} // tells the reader that data has arrived
	room    chan struct{} // tells the request that there may be room
	ended   chan struct{} // closed when nothing is taken any more

	mu       sync.Mutex
	over     bool   // ended is closed
	pending  []byte // what the reader has not taken; nil at rest
	start    int    // how many bytes of pending the reader has taken
	err      error  // the reader's error behind pending
	requests int
	reading  *http.ResponseController // of the request whose body is being read
}

// NewInbox returns an inbox of a connection that is still to come. expires is in nanoseconds since 1970.
func NewInbox(expires int64, b *Buffers) *Inbox {
	return &Inbox{
		Expires: expires, buffers: b, Largest: int64(b.largest) * maxFrame,
		turn: make(chan struct{}, 1), arrived: make(chan struct{}, 1), room: make(chan struct{}, 1),
		ended: make(chan struct{}),
	}
}

// read is Receive of the half-transports. The client says goodbye by closing gone.
func (b *Inbox) read(dst []byte, limit int, gone <-chan struct{}) ([]byte, error) {
	for {
		dst, done, err := b.take(dst, limit)
		if done || err != nil {
			return dst, err
		}
		select {
		case <-b.arrived:
		case <-b.ended:
		case <-gone:
			return dst, &FarewellError{}
		}
	}
}

func (b *Inbox) take(dst []byte, limit int) (_ []byte, done bool, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.over {
		return dst, false, ErrInterrupted
	}
	if b.pending == nil {
		return dst, false, b.err
	}
	n := min(limit, len(b.pending)-b.start)
	if dst == nil && n == len(b.pending) {
		dst, b.pending = b.pending, nil // without a copy: most requests are one small record
	} else {
		if dst == nil {
			dst = b.buffers.get()
		}
		dst = append(dst, b.pending[b.start:b.start+n]...)
		if b.start += n; b.start == len(b.pending) {
			b.buffers.Put(b.pending)
			b.pending, b.start = nil, 0
		}
	}
	tell(b.room)
	return dst, true, nil
}

// Post takes a request's body, and says whether the connection has been handed any of it. The error is that of the
// context, ErrClosed, [wire.ErrTooLarge], errBodyBroken or ErrTooManyPosts.
func (b *Inbox) Post(
	ctx context.Context, controller *http.ResponseController, body io.Reader,
) (begun bool, err error) {
	_ = controller.SetReadDeadline(time.Time{}) // waiting for the turn has no deadline
	if err := b.enter(ctx); err != nil {
		return false, err
	}
	defer b.leave()
	total, err := b.copy(ctx, controller, body)
	if err != nil && total > 0 {
		b.fail(err) // the next body does not continue this one
	}
	return total > 0, err
}

// enter waits for the request's turn. The runtime serves the waiters of a channel in order.
func (b *Inbox) enter(ctx context.Context) error {
	b.mu.Lock()
	if b.requests > maxWaitingPosts {
		b.mu.Unlock()
		return ErrTooManyPosts
	}
	b.requests++
	b.mu.Unlock()
	var err error
	select {
	case b.turn <- struct{}{}:
		return nil
	case <-b.ended:
		err = ErrClosed
	case <-ctx.Done():
		err = context.Cause(ctx)
	}
	b.mu.Lock()
	b.requests--
	b.mu.Unlock()
	return err
}

func (b *Inbox) leave() {
	b.mu.Lock()
	b.requests--
	b.mu.Unlock()
	<-b.turn
}

// copy hands the body over, and returns how many bytes it has handed over.
func (b *Inbox) copy(
	ctx context.Context, controller *http.ResponseController, body io.Reader,
) (total int64, err error) {
	allowance := bodyGrace // how long the client may still keep the server waiting
	for {
		buffer := b.buffers.get()
		chunk := buffer[:min(cap(buffer), growth)]
		from := time.Now()
		if !b.await(controller, from.Add(allowance)) {
			return total, ErrClosed
		}
		n, readErr := body.Read(chunk)
		if !b.awaited(controller) {
			return total, ErrClosed
		}
		allowance += time.Duration(n)*(time.Second/bodyRate) - time.Since(from)
		if total+int64(n) > b.Largest {
			return total, wire.ErrTooLarge
		}
		if n == 0 {
			b.buffers.Put(buffer)
		} else if err := b.hand(ctx, chunk[:n]); err != nil {
			return total, err
		}
		total += int64(n)
		switch {
		case readErr == nil:
		case errors.Is(readErr, io.EOF):
			return total, nil
		default:
			return total, errBodyBroken
		}
	}
}

// await limits the read that is about to begin, so that the connection's end can interrupt it. It returns false where
// the end has come. Where requests cannot be given deadlines, the HTTP server must limit them itself.
func (b *Inbox) await(controller *http.ResponseController, deadline time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.over {
		return false
	}
	b.reading = controller
	_ = controller.SetReadDeadline(deadline)
	return true
}

// awaited lifts the deadline again: under HTTP/2 it would break the body even while it is not being read.
func (b *Inbox) awaited(controller *http.ResponseController) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.reading = nil
	if !b.over {
		_ = controller.SetReadDeadline(time.Time{})
	}
	return !b.over
}

// hand gives chunk to the reader, as soon as there is room.
func (b *Inbox) hand(ctx context.Context, chunk []byte) error {
	for {
		if taken, err := b.offer(chunk); taken || err != nil {
			return err
		}
		select {
		case <-b.room:
		case <-b.ended:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

func (b *Inbox) offer(chunk []byte) (taken bool, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.over, b.err != nil:
		return false, ErrClosed
	case b.pending == nil:
		b.pending, b.start = chunk, 0
	case len(b.pending)+len(chunk) <= growth:
		b.pending = append(b.pending, chunk...)
		b.buffers.Put(chunk)
	default:
		return false, nil
	}
	tell(b.arrived)
	return true, nil
}

// fail tells the reader, behind the bytes that were handed over, that the rest of the body will not come.
func (b *Inbox) fail(err error) {
	if !errors.Is(err, wire.ErrTooLarge) {
		err = wire.Malformedf("POST request is incomplete: %v", err)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.err = err
	tell(b.arrived)
}

// Interrupt ends the inbox for the reader and for the requests.
func (b *Inbox) Interrupt() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.over {
		return
	}
	b.over = true
	b.pending = nil
	if b.reading != nil {
		_ = b.reading.SetReadDeadline(longAgo())
	}
	close(b.ended)
}

// tell wakes the one that waits for c, now or next.
func tell(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// longAgo is a deadline that makes a running read or write fail.
func longAgo() time.Time { return time.Unix(1, 0) }
