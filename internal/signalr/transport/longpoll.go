package transport

import (
	"errors"
	"net/http"
	"sync"
	"time"

	"github.com/yummyzoom/herald/internal/signalr/wire"
)

// maxResponse is how many bytes of messages one poll is given, unless a single message is larger.
const maxResponse = 64 << 10

var (
	errNobodyThere = errors.New("client of the poll is gone")
	errNotFetched  = errors.New("nobody has come for the messages in time")
)

// LongPolling is the half-transport whose client fetches the messages: each GET request is given the waiting
// messages, or waits for some. The writer waits while there is no request. The request's goroutine writes the
// messages, so a request whose client is gone gives them back.
type LongPolling struct {
	*Inbox
	pollTimeout  time.Duration
	writeTimeout time.Duration
	now          func() int64 // the connection's clock

	over   chan struct{} // closed when all messages are sent: polls are told so
	parted chan struct{} // closed when the client knows that all are sent
	broken chan struct{} // closed when writing must fail

	mu      sync.Mutex
	waiting *poll                    // the request that waits and was given nothing; nil: none
	wanted  chan struct{}            // closed when a request comes to wait; nil where the writer does not wait
	writing *http.ResponseController // of the request that is being answered with messages
	present int                      // requests
	since   int64                    // when the last one left
	limit   *time.Timer              // of writes; set when the connection ends
}

// poll is a request that waits for messages.
type poll struct {
	given      chan []*wire.Frame // receives once at most
	taken      chan error         // receives once, where something was given
	superseded chan struct{}      // closed when another poll has taken its place
}

// NewLongPolling takes two time-outs, of a poll without messages and of writing one with messages, and the
// connection's clock.
func NewLongPolling(box *Inbox, pollTimeout, writeTimeout time.Duration, now func() int64) *LongPolling {
	return &LongPolling{
		Inbox: box, pollTimeout: pollTimeout, writeTimeout: writeTimeout, now: now, since: now(),
		over: make(chan struct{}), parted: make(chan struct{}), broken: make(chan struct{}),
	}
}

// Name implements [Transport].
func (*LongPolling) Name() string { return NameLongPolling }

// Binary implements [Transport].
func (*LongPolling) Binary() bool { return true }

// Receive never says that the client is gone: it may be between two polls.
func (t *LongPolling) Receive(dst []byte, limit int) ([]byte, error) { return t.read(dst, limit, nil) }

// WriteNow leaves all frames to Write, which waits for a request.
func (*LongPolling) WriteNow([]*wire.Frame) (whole, part int, err error) { return 0, 0, nil }

// Write returns when all frames have been fetched.
func (t *LongPolling) Write(frames []*wire.Frame) error {
	for len(frames) > 0 {
		n := fitting(frames)
		if err := t.deliver(frames[:n]); err != nil {
			return err
		}
		frames = frames[n:]
	}
	return nil
}

// fitting returns how many frames go into one response.
func fitting(frames []*wire.Frame) int {
	size := 0
	for i, f := range frames {
		if size += len(f.Payload()); i > 0 && size > maxResponse {
			return i
		}
	}
	return len(frames)
}

// deliver gives frames to the next poll that can take them.
func (t *LongPolling) deliver(frames []*wire.Frame) error {
	for {
		p, err := t.next()
		if err != nil {
			return err
		}
		p.given <- frames
		if err := <-p.taken; !errors.Is(err, errNobodyThere) {
			return err
		}
	}
}

// next takes the poll that waits, or waits for one.
func (t *LongPolling) next() (*poll, error) {
	for {
		p, wanted, err := t.takeWaiting()
		if p != nil || err != nil {
			return p, err
		}
		select {
		case <-wanted:
		case <-t.broken:
		}
	}
}

func (t *LongPolling) takeWaiting() (*poll, chan struct{}, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if closed(t.broken) {
		return nil, nil, errNotFetched
	}
	if p := t.waiting; p != nil {
		t.waiting = nil
		return p, nil, nil
	}
	t.wanted = make(chan struct{})
	return nil, t.wanted, nil
}

// Absent returns for how long there has been no request, in nanoseconds.
func (t *LongPolling) Absent(now int64) int64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.present > 0 {
		return 0
	}
	return now - t.since
}

// Farewell returns none: the farewell is a poll that is answered with 204.
func (*LongPolling) Farewell(int) (wire.Frame, bool) { return wire.Frame{}, false }

// Linger lets a poll tell the client that all messages are sent.
func (t *LongPolling) Linger(deadline time.Time) {
	t.mu.Lock()
	closeOnce(t.over)
	t.mu.Unlock()
	timer := time.NewTimer(time.Until(deadline))
	defer timer.Stop()
	select {
	case <-t.parted:
	case <-timer.C:
	}
}

// Part is the client's own goodbye: it does not fetch the rest. A request that is being answered goes on.
func (t *LongPolling) Part() {
	t.mu.Lock()
	defer t.mu.Unlock()
	closeOnce(t.over)
	closeOnce(t.parted)
	closeOnce(t.broken)
}

// LimitWrites implements [Transport]. A connection calls it once.
func (t *LongPolling) LimitWrites(deadline time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.limit = time.AfterFunc(time.Until(deadline), t.breakOff)
}

// breakOff makes a running write and all later ones fail.
func (t *LongPolling) breakOff() {
	t.mu.Lock()
	defer t.mu.Unlock()
	closeOnce(t.broken)
	if t.writing != nil {
		_ = t.writing.SetWriteDeadline(longAgo()) // Server.unlimited has checked that it can be set
	}
	if t.limit != nil {
		t.limit.Stop()
	}
}

// Close implements [Transport].
func (t *LongPolling) Close() {
	t.Interrupt()
	t.breakOff()
	t.mu.Lock()
	defer t.mu.Unlock()
	closeOnce(t.over)
}

func closed(c chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// closeOnce closes c, unless it is closed. All its callers hold the same lock.
func closeOnce(c chan struct{}) {
	if !closed(c) {
		close(c)
	}
}
