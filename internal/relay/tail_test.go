package relay_test

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/event"
	"github.com/yummyzoom/herald/internal/eventlog"
	"github.com/yummyzoom/herald/internal/relay"
)

// memoryLog is a log whose entries are only positions.
type memoryLog struct {
	mu      sync.Mutex
	entries []event.Logged
	failing int // reads that fail first
	state   eventlog.State
	// retained is the position up to which the entries are gone.
	retained int
}

func (l *memoryLog) append(n int) []event.Logged {
	l.mu.Lock()
	defer l.mu.Unlock()
	first := len(l.entries)
	for range n {
		l.entries = append(l.entries, event.Logged{Position: int64(len(l.entries) + 1)})
	}
	return l.entries[first:]
}

func (l *memoryLog) ReadFrom(_ context.Context, after int64, limit int) ([]event.Logged, int64, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.failing > 0 {
		l.failing--
		return nil, 0, errors.New("the database is away")
	}
	rest := l.entries[min(max(int(after), l.retained), len(l.entries)):]
	if len(rest) == 0 {
		return nil, 0, nil
	}
	return rest[:min(limit, len(rest))], l.state.Epoch, nil
}

func (l *memoryLog) State(context.Context) (eventlog.State, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.state, nil
}

func (l *memoryLog) newest() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return int64(len(l.entries))
}

// recorder is a broadcaster that insists on the order.
type recorder struct {
	tb testing.TB

	mu       sync.Mutex
	position int64
	resets   []int64
	moved    chan struct{}
}

func (r *recorder) Position() int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.position
}

func (r *recorder) Broadcast(_ context.Context, batch []event.Logged) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, l := range batch {
		if l.Position != r.position+1 {
			r.tb.Errorf("position %d was broadcast behind %d", l.Position, r.position)
		}
		r.position = l.Position
	}
	select {
	case r.moved <- struct{}{}:
	default:
	}
	return nil
}

func (r *recorder) Reset(_ context.Context, position int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.position = position
	r.resets = append(r.resets, position)
}

func (r *recorder) await(t *testing.T, position int64) {
	t.Helper()
	deadline := time.After(patience)
	for r.Position() < position {
		select {
		case <-r.moved:
		case <-deadline:
			t.Fatalf("position %d was not reached, only %d", position, r.Position())
		}
	}
}

func tailOf(t *testing.T, log *memoryLog) (*relay.Tail, *recorder) {
	t.Helper()
	to := &recorder{tb: t, moved: make(chan struct{}, 1)}
	tail, err := relay.NewTail(relay.TailConfig{
		Log: log, Broadcaster: to, PollInterval: time.Hour,
		Logger: slog.New(slog.DiscardHandler),
	})
	require.NoError(t, err)
	return tail, to
}

func runTail(t *testing.T, tail *relay.Tail) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() { _ = tail.Run(ctx) })
	t.Cleanup(func() { cancel(); wg.Wait() })
}

func TestTheTailFollowsWhatItsOwnRelayHandsOver(t *testing.T) {
	t.Parallel()
	var log memoryLog
	tail, to := tailOf(t, &log)
	runTail(t, tail)
	for range 10 {
		tail.Offer(0, log.append(3))
	}
	to.await(t, 30)
}

func TestTheTailReadsWhatAnotherNodeHasRelayed(t *testing.T) {
	t.Parallel()
	var log memoryLog
	tail, to := tailOf(t, &log)
	runTail(t, tail)
	log.append(2500) // more than one read
	tail.Told(2500)
	to.await(t, 2500)
	tail.Told(7) // long known
	log.append(1)
	tail.Offer(0, log.append(1)) // a batch of its own, with another node's before it
	to.await(t, 2502)
}

func TestTheTailReadsWhatItHadNoRoomFor(t *testing.T) {
	t.Parallel()
	var log memoryLog
	tail, to := tailOf(t, &log)
	for range 200 { // before the tail follows
		tail.Offer(0, log.append(2))
	}
	runTail(t, tail)
	to.await(t, 400)
}

func TestTheTailGoesOnWhenTheDatabaseIsBack(t *testing.T) {
	t.Parallel()
	log := memoryLog{failing: 2}
	tail, to := tailOf(t, &log)
	log.append(5)
	runTail(t, tail)
	require.Eventually(t, func() bool { // as a listener does that reconnects
		tail.Look()
		return to.Position() == 5
	}, patience, time.Millisecond)
}
