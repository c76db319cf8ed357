package signalr

import "github.com/yummyzoom/herald/internal/signalr/wire"

// keptQueue is how many entries an idle connection's queue keeps room for.
const keptQueue = 16

// queue is what waits for a connection's writer, and what the writer has taken. The connection's lock guards it.
type queue struct {
	frames  []*wire.Frame // what the writer takes next
	spare   []*wire.Frame // what the writer took last, empty
	bytes   int           // in frames and in the writer's hands
	taking  int           // bytes that are in the writer's hands
	writing bool          // the writer runs
	broken  bool          // the writer has failed for good
	room    chan struct{} // closed when bytes shrinks; nil where nothing waits for that
}

// fits says whether size more bytes stay within limit. A single message in an empty queue may be larger: else it
// could never be delivered, however often the client came back.
func (q *queue) fits(size, limit int) bool { return q.bytes == 0 || q.bytes+size <= limit }

// push is a pointer append.
func (q *queue) push(f *wire.Frame) {
	q.frames = append(q.frames, f)
	q.bytes += len(f.Bytes)
}

// drop discards what the writer has not taken.
func (q *queue) drop() {
	for _, f := range q.frames {
		q.bytes -= len(f.Bytes)
	}
	clear(q.frames)
	q.frames = q.frames[:0]
}

// begin marks the writer as running, and reports whether the caller has to start it.
func (q *queue) begin() (start bool) {
	start = !q.writing
	q.writing = true
	return start
}

// take hands the writer the whole queue.
func (q *queue) take() []*wire.Frame {
	batch := q.frames
	q.frames, q.spare = q.spare[:0], nil
	q.taking = q.bytes
	return batch
}

// takeNumbered hands the writer the frames that stateful reconnect lets it write: numbered ones only while fewer than
// limit bytes are unacknowledged.
func (q *queue) takeNumbered(s *stateful, p wire.Protocol, limit int) (batch []*wire.Frame) {
	batch, q.frames = s.batch(p, q.spare[:0], q.frames, limit)
	q.spare = nil
	q.taking = q.bytes - wire.Size(q.frames)
	return batch
}

// wrote accounts for a batch that was written, or whose write failed.
func (q *queue) wrote(batch []*wire.Frame) {
	q.spare = batch[:0]
	q.bytes -= q.taking
	q.taking = 0
	q.wake()
}

// rest marks the writer as finished.
func (q *queue) rest() {
	q.writing = false
	if cap(q.frames) > keptQueue && len(q.frames) == 0 { // with stateful reconnect, frames may still wait
		q.frames = nil
	}
	if cap(q.spare) > keptQueue {
		q.spare = nil
	}
}

// wait returns a channel that is closed when bytes shrinks, or the connection ends.
func (q *queue) wait() <-chan struct{} {
	if q.room == nil {
		q.room = make(chan struct{})
	}
	return q.room
}

// wake closes that channel.
func (q *queue) wake() {
	if q.room != nil {
		close(q.room)
		q.room = nil
	}
}
