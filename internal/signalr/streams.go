package signalr

import (
	"context"
	"errors"
	"slices"
	"sync"

	"github.com/yummyzoom/herald/internal/signalr/wire"
)

// streams are a connection's streams, in both directions. A connection without any keeps the zero value.
//
// Only the reader starts streams. What belongs to a call (ids, slots, and items that were received and not read) is
// released when the method, and the sequence that it has returned, are over.
type streams struct {
	running sync.WaitGroup // the goroutines of calls: the connection is not over before they are
	room    chan struct{}  // holds one: an upload has been read from, or has ended

	mu sync.Mutex
	// open counts the slots in use: a call's stream to the client and each of its uploads, until the call is over.
	open    int
	sending map[string]*streaming // by invocation id
	uploads map[string]*upload    // those that may still receive, by stream id
	waiting int                   // bytes of received items that were not yet read
}

// streaming is a call as its connection's streams know it.
type streaming struct {
	invocationID string // empty: the caller wants no completion

	// Of calls that stream, one way or both.
	ctx     context.Context //nolint:containedctx // it is the call's lifetime, which its uploads heed
	cancel  context.CancelFunc
	uploads []*upload
	slots   int
}

var (
	errInvocationInUse = errors.New("the client uses the id of an invocation twice")
	errTooManyStreams  = &HubError{Message: textTooManyStreams}
)

// begin takes in a call that streams: one stream to the client where toClient is true, and those with the ids from
// the client. limit bounds the streams altogether. parent is the connection's context. The error says why the call
// cannot begin.
func (s *streams) begin(parent context.Context, call *streaming, toClient bool, ids []string, limit int) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.uploads == nil {
		s.room = make(chan struct{}, 1)
		s.sending, s.uploads = make(map[string]*streaming), make(map[string]*upload)
	}
	slots := len(ids)
	if toClient {
		slots++
		if s.sending[call.invocationID] != nil {
			return errInvocationInUse
		}
	}
	for i, id := range ids {
		// .NET lets the stream that has the id go on, and it never receives anything again.
		if s.uploads[id] != nil || slices.Contains(ids[:i], id) {
			return &HubError{Message: textStreamInUse(id)}
		}
	}
	if s.open+slots > limit {
		return errTooManyStreams
	}
	call.ctx, call.cancel = context.WithCancel(parent)
	call.slots = slots
	s.open += slots
	if toClient {
		s.sending[call.invocationID] = call
	}
	for i, id := range ids {
		u := call.uploads[i]
		u.streams, u.connection, u.ctx, u.id = s, parent, call.ctx, id
		s.uploads[id] = u
	}
	return nil
}

// release gives back what begin has taken.
func (s *streams) release(call *streaming) {
	if call.slots == 0 {
		return
	}
	call.cancel()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open -= call.slots
	call.slots = 0
	if s.sending[call.invocationID] == call {
		delete(s.sending, call.invocationID)
	}
	for _, u := range call.uploads {
		s.drop(u, context.Canceled)
	}
}

// cancel tells the stream to the client that the client wants it no more. It returns false where there is none.
func (s *streams) cancel(invocationID string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	call := s.sending[invocationID]
	if call != nil {
		call.cancel()
	}
	return call != nil
}

// upload is a stream from the client, whatever its item type.
type upload struct {
	protocol   wire.Protocol
	streams    *streams        // the connection's
	connection context.Context //nolint:containedctx // the connection's lifetime
	ctx        context.Context //nolint:containedctx // of the call that the stream belongs to
	id         string
	more       chan struct{} // holds one: next may look again

	// Guarded by streams.mu.
	items [][]byte // encoded
	ended bool     // there will be no more
	err   error    // why, unless the client has completed the stream
}

// drop is end with the lock held.
func (s *streams) drop(u *upload, err error) {
	if s.uploads[u.id] == u {
		delete(s.uploads, u.id)
	}
	for _, item := range u.items {
		s.waiting -= len(item)
	}
	u.items, u.ended, u.err = nil, true, err
	signal(u.more)
	signal(s.room)
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
