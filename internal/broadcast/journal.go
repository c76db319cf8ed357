package broadcast

// Journal is told what has become of every entry, by the caller of Broadcast, once a batch. It must not block.
type Journal interface {
	// Begin: the broadcaster now stands at position, wherever it stood before.
	Begin(position int64)
	// Record: the entries at positions first, first+1, … have been handed to so many connections each, as they came: queued, or
	// kept until a replay to that connection has ended. What resumes replay is not counted. The slice is the Broadcaster's own: it
	// is used again when Record has returned.
	Record(first int64, connections []int32)
}

type noJournal struct{}

func (noJournal) Begin(int64)           {}
func (noJournal) Record(int64, []int32) {}
