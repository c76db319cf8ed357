package checker

import "github.com/google/uuid"

// Row is an event that a producer committed, as far as it concerns one group. An event id that was published
// several times has several rows.
type Row struct {
	Seq     int64 // the row's own number, which the log refers to
	EventID uuid.UUID
	Content uint64 // a digest of the content that clients are to receive

	// Chain and Version give the order of the producers' own transactions: within a chain, versions were committed in
	// ascending order. Chain 0: in no chain.
	Chain   uint64
	Version int64

	// Excluded says that the event is about this group's resource, but its audience leaves the group out.
	Excluded bool
}

// Entry is a place in the log.
type Entry struct {
	Sequence int64
	Position int64
	EventID  uuid.UUID
	Row      int64 // Seq of the row that was relayed
}

// Delivery is an event that a client has processed.
type Delivery struct {
	EventID  uuid.UUID
	Sequence int64
	Content  uint64
}

// Record is the list of events that one client processed of one group.
type Record struct {
	Client     string
	After      int64 // the sequence behind which the client joined
	Complete   bool  // the client is entitled to everything up to the head, and had the time to receive it
	Deliveries []Delivery

	// Connections holds, for each connection, the index of its first delivery. Ascending.
	Connections []int

	Revocations []Revocation
}

// Revocation is a period during which the client may not have the group.
type Revocation struct {
	Position int64 // of the revocation in the log: nothing behind it may be sent
	Until    int   // index of the first delivery after the grant was given again
}

// connection returns the number, from 1, of the connection that brought the i-th delivery; 0 where it is not known.
func (r *Record) connection(i int) int {
	n := 0
	for n < len(r.Connections) && r.Connections[n] <= i {
		n++
	}
	return n
}
