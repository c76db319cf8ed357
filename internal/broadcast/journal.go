package broadcast

// Journal records the delivery of every entry. The caller of Broadcast calls it once a batch. It must not block.
type Journal interface {
	// Begin: the broadcaster now stands at position, whatever its position was before.
	Begin(position int64)
	// Record: the entries at positions first, first+1, … have been handed to this many connections each: queued, or
	// kept until a replay to that connection has ended. Replayed events are not counted. The Broadcaster reuses the
	// slice after Record has returned.
	Record(first int64, connections []int32)
}

type noJournal struct{}

func (noJournal) Begin(int64)           {}
func (noJournal) Record(int64, []int32) {}
