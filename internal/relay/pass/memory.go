package pass

import (
	"maps"
	"time"

	"github.com/google/uuid"
)

// Memory is what a relay need not read again while it goes on where it left off itself: the newest sequences of
// groups, and the customers to whom orders have been granted. It belongs to one caller of Begin. The zero value is
// ready.
//
// Every transaction that appends to the log takes a step of the state. So what this caller learned with its own step
// is right while that step is the newest, and means nothing after any other.
type Memory struct {
	step      int64 // of the state
	since     time.Time
	sequences map[string]int64
	customers map[uuid.UUID]string // of orders
}

const (
	// maxRemembered bounds each part of the memory, to some ten megabytes.
	maxRemembered = 1 << 16
	// forgetAfter is far below any retention: a group that is remembered has an entry in the log, so the grants of its
	// order stay.
	forgetAfter = time.Hour
)

// recall forgets everything unless step is the step in which it was learned.
func (m *Memory) recall(step int64) {
	if m != nil && (m.step != step || time.Since(m.since) > forgetAfter) {
		clear(m.sequences)
		clear(m.customers)
		m.step, m.since = step, time.Now()
	}
}

// heads returns the newest sequences of groups, with -1 for unknown groups, and whether all are known.
func (m *Memory) heads(groups []string) (sequences []int64, all bool) {
	sequences, all = make([]int64, len(groups)), true
	for i, group := range groups {
		sequence, ok := int64(-1), false
		if m != nil {
			sequence, ok = m.sequences[group]
		}
		if !ok {
			sequence, all = -1, false
		}
		sequences[i] = sequence
	}
	return sequences, all
}

// customer returns the customer of an order, where it is known.
func (m *Memory) customer(order uuid.UUID) (customer string, known bool) {
	if m != nil {
		customer, known = m.customers[order]
	}
	return customer, known
}

// learn notes what entries have changed, in the step of their commit.
func (m *Memory) learn(step int64, e *Entries) {
	if m == nil {
		return
	}
	if m.sequences == nil || len(m.sequences)+len(e.groups) > maxRemembered {
		m.sequences = make(map[string]int64)
	}
	if m.customers == nil || len(m.customers)+len(e.customers) > maxRemembered {
		m.customers = make(map[uuid.UUID]string)
	}
	m.step = step
	for i, group := range e.groups {
		m.sequences[group] = e.heads[i] + e.counts[i]
	}
	maps.Copy(m.customers, e.customers)
}
