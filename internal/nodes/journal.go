package nodes

import (
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/yummyzoom/herald/internal/postgres/dbsqlc"
)

const (
	// stretchEntries is how many entries one row of the journal covers at most: 64 KiB of counts.
	stretchEntries = 1 << 14
	// journalEntries is how many counts are kept while the database takes none: 1 MiB, 13 s at 20,000 entries a second.
	journalEntries = 1 << 18
)

// Journal notes to how many connections this node has handed each entry of the log, until the next heartbeat writes
// it. A stretch that the database does not take in time keeps its place and gives up its counts, oldest first. So
// memory stays bounded, and what is written stays contiguous.
type Journal struct {
	mu      sync.Mutex
	end     int64 // the newest position noted
	waiting []stretch
	counted int // counts in waiting

	// What has been handed to the database without an answer. It is sent again unchanged, because it may be there
	// already.
	sent    []stretch
	sentEnd int64
	number  int64 // of the newest row sent
}

// stretch is a row of herald.broadcast_journal: a run of entries, or none where a run begins.
type stretch struct {
	number      int64
	first, last int64
	connections []int32 // nil where they are not recorded
	at          time.Time
}

// Begin notes that the broadcaster now stands at position, wherever it stood before.
func (j *Journal) Begin(position int64) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.begin(position)
}

func (j *Journal) begin(position int64) {
	j.end = position
	j.waiting = append(j.waiting, stretch{first: position + 1, last: position, connections: []int32{}, at: time.Now()})
}

// Record notes to how many connections each of the entries from position first on was handed. It keeps no reference
// to connections.
func (j *Journal) Record(first int64, connections []int32) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if first != j.end+1 {
		j.begin(first - 1)
	}
	now := time.Now()
	for len(connections) > 0 {
		s := j.open()
		n := min(len(connections), stretchEntries-len(s.connections))
		s.connections = append(s.connections, connections[:n]...)
		s.last += int64(n)
		s.at = now
		j.end += int64(n)
		j.counted += n
		connections = connections[n:]
	}
	if j.counted > journalEntries {
		j.forget()
	}
}

// open returns the last stretch where it takes more entries, else a new one.
func (j *Journal) open() *stretch {
	if n := len(j.waiting); n > 0 {
		if s := &j.waiting[n-1]; s.first <= s.last && s.connections != nil && len(s.connections) < stretchEntries {
			return s
		}
	}
	j.waiting = append(j.waiting, stretch{first: j.end + 1, last: j.end})
	return &j.waiting[len(j.waiting)-1]
}

// forget gives up the oldest half of the counts. Stretches without counts that continue each other become one.
func (j *Journal) forget() {
	kept := j.waiting[:0]
	for _, s := range j.waiting {
		if len(s.connections) > 0 && j.counted > journalEntries/2 {
			j.counted -= len(s.connections)
			s.connections = nil
		}
		if n := len(kept); n > 0 && s.connections == nil && kept[n-1].connections == nil {
			kept[n-1].last, kept[n-1].at = s.last, s.at
			continue
		}
		kept = append(kept, s)
	}
	clear(j.waiting[len(kept):])
	j.waiting = kept
}

// take returns the rows to write, in order, and the position where this node's journal ends with them. They stay the
// same until written is called.
func (j *Journal) take() (rows []stretch, end int64) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if len(j.sent) == 0 {
		for i := range j.waiting {
			j.number++
			j.waiting[i].number = j.number
		}
		j.sent, j.sentEnd = j.waiting, j.end
		j.waiting, j.counted = nil, 0
	}
	return j.sent, j.sentEnd
}

// written notes that the rows of take are in the database, and reports whether more have come since.
func (j *Journal) written() (more bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.sent = nil
	return len(j.waiting) > 0
}

// queueJournal adds the statements that write rows. A row that an earlier statement wrote, whose answer was lost,
// stays as it is.
func queueJournal(batch *pgx.Batch, node uuid.UUID, host string, rows []stretch) {
	for _, s := range rows {
		batch.Queue(dbsqlc.JournalAppend, node, s.number, host, s.first, s.last, time.Since(s.at).Seconds(), s.connections)
	}
}
