package signalr

import "github.com/yummyzoom/herald/internal/signalr/wire"

// keptQueue is how many entries an idle connection's queue keeps room for.
const keptQueue = 16

// queue is what waits to be written to a connection, and what its writer has taken of it. The connection's lock guards it.
type queue struct {
	frames  []*wire.Frame // what the writer takes next
	spare   []*wire.Frame // what the writer took last, empty
	bytes   int           // in frames and in the writer's hands
	taking  int           // bytes that are in the writer's hands
	writing bool          // the writer runs
	broken  bool          // the writer has failed for good
	room    chan struct{} // closed when bytes shrinks; nil where nobody waits
}

// fits says whether size more bytes stay within limit. A message on its own may be larger: it could not be delivered otherwise, however
// often the client came back.
func (q *queue) fits(size, limit int) bool { return q.bytes == 0 || q.bytes+size <= limit }

// push is a pointer append.
func (q *queue) push(f *wire.Frame) {
	q.frames = append(q.frames, f)
	q.bytes += len(f.Bytes)
}

// drop lets go of what the writer has not taken.
func (q *queue) drop() {
	for _, f := range q.frames {
		q.bytes -= len(f.Bytes)
	}
	clear(q.frames)
	q.frames = q.frames[:0]
}

// begin says that the writer runs, and reports whether the caller has to start it.
func (q *queue) begin() (start bool) {
	start = !q.writing
	q.writing = true
	return start
}

// take hands the writer all that waits.
func (q *queue) take() []*wire.Frame {
	batch := q.frames
	q.frames, q.spare = q.spare[:0], nil
	q.taking = q.bytes
	return batch
}

// takeNumbered hands the writer what may be written with stateful reconnect, while limit bytes are unacknowledged.
func (q *queue) takeNumbered(s *stateful, p wire.Protocol, limit int) (batch []*wire.Frame) {
	batch, q.frames = s.batch(p, q.spare[:0], q.frames, limit)
	q.spare = nil
	q.taking = q.bytes - wire.Size(q.frames)
	return batch
}

// wrote accounts for a batch that has been written, or could not be.
func (q *queue) wrote(batch []*wire.Frame) {
	q.spare = batch[:0]
	q.bytes -= q.taking
	q.taking = 0
	q.wake()
}

// rest is for a writer whose work is done.
func (q *queue) rest() {
	q.writing = false
	if cap(q.frames) > keptQueue && len(q.frames) == 0 { // with stateful reconnect something may have to wait
		q.frames = nil
	}
	if cap(q.spare) > keptQueue {
		q.spare = nil
	}
}

// wait returns what is closed when it is worth looking again.
func (q *queue) wait() <-chan struct{} {
	if q.room == nil {
		q.room = make(chan struct{})
	}
	return q.room
}

// wake lets those look again that wait.
func (q *queue) wake() {
	if q.room != nil {
		close(q.room)
		q.room = nil
	}
}
