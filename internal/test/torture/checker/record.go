package checker

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/google/uuid"
)

// record compares a client's processed events with the log.
func (c *check) record(r *Record) {
	first := c.behind(r.After) // index of the first entry that the client is to have
	seen := make([]bool, len(c.Log))
	last := first - 1
	var shift int64 // by how much the client's numbers differ from the log's
	for i, d := range r.Deliveries {
		got := fmt.Sprintf("sequence %d as delivery %d on connection %d", d.Sequence, i, r.connection(i))
		at, there := c.place(d)
		if !there {
			c.stranger(r.Client, d.EventID, got)
			continue
		}
		e := c.Log[at]
		if row := c.relied[at]; row != nil && row.Content != d.Content {
			c.find(WrongContent, r.Client, d.EventID, fmt.Sprintf("content %016x", row.Content),
				fmt.Sprintf("content %016x, %s", d.Content, got))
		}
		for _, revoked := range r.Revocations {
			if i < revoked.Until && e.Position > revoked.Position {
				c.find(AfterRevoked, r.Client, d.EventID, fmt.Sprintf("nothing behind position %d", revoked.Position),
					fmt.Sprintf("position %d, %s", e.Position, got))
				break
			}
		}
		switch s := d.Sequence - e.Sequence; {
		case seen[at] && s == 0:
			c.find(Repeated, r.Client, d.EventID, "once", "again: "+got)
		case seen[at]:
			c.find(DuplicateTwice, r.Client, d.EventID, fmt.Sprintf("sequence %d alone", e.Sequence), got)
		case at < first:
			c.find(Repeated, r.Client, d.EventID, fmt.Sprintf("nothing up to %d, behind which the client joined", r.After), got)
		default:
			if s != shift {
				c.find(Hole, r.Client, d.EventID, fmt.Sprintf("sequence %d", e.Sequence+shift), got)
				shift = s
			}
			if at < last {
				c.find(Inverted, r.Client, d.EventID, fmt.Sprintf("in front of sequence %d", c.Log[last].Sequence), got)
			}
		}
		seen[at] = true
		last = max(last, at)
	}
	c.lost(r, seen, first, last)
}

// lost reports events that a client should have received but did not.
func (c *check) lost(r *Record, seen []bool, first, last int) {
	if r.Complete {
		last = len(c.Log) - 1
	}
	for at := first; at <= last; at++ {
		if !seen[at] && c.relied[at] != nil {
			c.find(Lost, r.Client, c.Log[at].EventID, fmt.Sprintf("sequence %d", c.Log[at].Sequence), r.ending())
		}
	}
}

// ending says how far a client came.
func (r *Record) ending() string {
	if len(r.Deliveries) == 0 {
		return fmt.Sprintf("nothing at all since it joined behind %d", r.After)
	}
	last := r.Deliveries[len(r.Deliveries)-1]
	return fmt.Sprintf("%d events, the last of them sequence %d on connection %d", len(r.Deliveries), last.Sequence,
		r.connection(len(r.Deliveries)-1))
}

// behind returns the index of the first entry with a higher sequence.
func (c *check) behind(sequence int64) int {
	at, _ := slices.BinarySearchFunc(c.Log, sequence+1, bySequence)
	return at
}

// place returns the place of a delivery in the log. An id that has two places there is told apart by its number.
func (c *check) place(d Delivery) (at int, there bool) {
	if at, there = slices.BinarySearchFunc(c.Log, d.Sequence, bySequence); there && c.Log[at].EventID == d.EventID {
		return at, true
	}
	at, there = c.places[d.EventID]
	return at, there && d.EventID != uuid.Nil
}

func bySequence(e Entry, sequence int64) int { return cmp.Compare(e.Sequence, sequence) }
