package broadcast

import (
	"bytes"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/event"
	"github.com/yummyzoom/herald/internal/signalr"
)

// writer is a connection that notes what each flush finds in its queue.
type writer struct {
	quiet

	mu      sync.Mutex
	queued  int
	flushed []int
	busy    bool // its own writer is running: a sender need not flush
}

func (w *writer) Queue(*signalr.Message) (flush bool, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.queued++
	return w.queued == 1 && !w.busy, nil
}

func (w *writer) Flush() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.flushed = append(w.flushed, w.queued)
	w.queued = 0
}

// follow returns a broadcaster whose group has this many members.
func follow(t *testing.T, members int) (*Broadcaster, []*writer) {
	t.Helper()
	b, err := New(Config{Logger: discard()}, newEventLog())
	require.NoError(t, err)
	writers := make([]*writer, members)
	for i := range writers {
		writers[i] = &writer{quiet: quiet{t.Context()}}
		require.NoError(t, b.Subscribe(writers[i], orderGroup, event.Plain))
	}
	return b, writers
}

// events returns n events of one group, each with size extra bytes of payload.
func events(log *eventLog, n, size int) []event.Logged {
	batch := make([]event.Logged, n)
	for i := range batch {
		batch[i] = log.publish(orderGroup)
		batch[i].Payload = append(batch[i].Payload, bytes.Repeat([]byte{' '}, size)...)
	}
	return batch
}

// Every member is written to once in a batch, whether the caller does it alone or with helpers.
func TestBatchIsWrittenAtOnce(t *testing.T) {
	t.Parallel()
	for _, members := range []int{1, flushShare - 1, flushShare, 1000} {
		b, writers := follow(t, members)
		log := newEventLog()
		for range 3 {
			require.NoError(t, b.Broadcast(t.Context(), events(log, 10, 0)))
		}
		for _, w := range writers {
			require.Equal(t, []int{10, 10, 10}, w.flushed, "%d members", members)
		}
		require.NotContains(
			t, b.unflushed.conns[:cap(b.unflushed.conns)], writers[0], "a connection is held that is flushed",
		)
	}
}

// A batch that is large beside a queue is written in parts.
func TestLargeBatchIsWrittenInParts(t *testing.T) {
	t.Parallel()
	b, writers := follow(t, 2)
	require.NoError(t, b.Broadcast(t.Context(), events(newEventLog(), 4, flushBytes/2-entryOverhead-500)))
	require.Equal(t, []int{2, 2}, writers[0].flushed)

	b, writers = follow(t, 2)
	require.NoError(t, b.Broadcast(t.Context(), events(newEventLog(), 3, 4*flushBytes)))
	require.Equal(t, []int{1, 1, 1}, writers[1].flushed)

	const many = 2000
	b, writers = follow(t, many)
	per := flushMessages/many + 1
	require.NoError(t, b.Broadcast(t.Context(), events(newEventLog(), 2*per, 0)))
	require.Equal(t, []int{per, per}, writers[0].flushed)
}

func TestBusyWriterIsLeftAlone(t *testing.T) {
	t.Parallel()
	b, writers := follow(t, 2)
	writers[1].busy = true
	require.NoError(t, b.Broadcast(t.Context(), events(newEventLog(), 2, 0)))
	require.Equal(t, []int{2}, writers[0].flushed)
	require.Empty(t, writers[1].flushed)
}
