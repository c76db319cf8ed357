package outbox

// Heads remembers the newest sequence of groups from one drain to the next, so that a relay that goes on where it left off itself
// reads none of them again. It belongs to one caller of Begin. The zero value is ready.
//
// Whatever appends to the log takes a step of the state, so the heads of the step that this caller made itself are right, and those of
// any other mean nothing.
type Heads struct {
	step      int64 // of the state
	sequences map[string]int64
}

// maxHeads bounds the memory: some ten megabytes.
const maxHeads = 1 << 17

// at returns the heads of groups where step is the one that was learned, with nil for those that are not known.
func (h *Heads) at(step int64, groups []string) []*int64 {
	known := make([]*int64, len(groups))
	if h == nil {
		return known
	}
	if h.step != step {
		clear(h.sequences)
		h.step = step
	}
	for i, group := range groups {
		if sequence, ok := h.sequences[group]; ok {
			known[i] = &sequence
		}
	}
	return known
}

// learn notes what entries have made of the heads, in the step that their commit was.
func (h *Heads) learn(step int64, e *Entries) {
	if h == nil {
		return
	}
	if h.sequences == nil || len(h.sequences)+len(e.groups) > maxHeads {
		h.sequences = make(map[string]int64)
	}
	h.step = step
	for i, group := range e.groups {
		h.sequences[group] = e.heads[i] + e.counts[i]
	}
}
