package checker

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/google/uuid"
)

// Group is all data about one group.
type Group struct {
	Name    string
	Rows    []Row    // in any order; [Group.Check] sorts them
	Log     []Entry  // by ascending sequence
	Records []Record // of each client that followed it

	// Elsewhere names the other groups for which an event was committed that is not this group's. Nil, or an empty
	// answer: none.
	Elsewhere func(uuid.UUID) string
}

// Check reports all findings.
func (g *Group) Check(report func(Finding)) {
	c := &check{Group: g, report: report, places: make(map[uuid.UUID]int, len(g.Log))}
	slices.SortFunc(g.Rows, func(a, b Row) int {
		return cmp.Or(slices.Compare(a.EventID[:], b.EventID[:]), cmp.Compare(a.Seq, b.Seq))
	})
	c.log()
	for i := range g.Records {
		c.record(&g.Records[i])
	}
}

// check is one call of Check.
type check struct {
	*Group

	report func(Finding)
	places map[uuid.UUID]int // the first place of an event in the log
	relied []*Row            // for each entry of the log its row; nil where there is none
}

func (c *check) find(kind Kind, client string, id uuid.UUID, expected, got string) {
	c.report(Finding{kind, client, c.Name, id, expected, got})
}

// rowsOf returns the rows that were committed under an event id.
func (c *check) rowsOf(id uuid.UUID) []Row {
	first, found := slices.BinarySearchFunc(c.Rows, id,
		func(r Row, id uuid.UUID) int { return slices.Compare(r.EventID[:], id[:]) })
	if !found {
		return nil
	}
	last := first
	for last < len(c.Rows) && c.Rows[last].EventID == id {
		last++
	}
	return c.Rows[first:last]
}

// stranger reports an event that does not belong to the group.
func (c *check) stranger(client string, id uuid.UUID, got string) {
	rows := c.rowsOf(id)
	if slices.ContainsFunc(rows, func(r Row) bool { return !r.Excluded }) {
		c.find(Uncommitted, client, id, "nothing: it was committed, but has no place in the log", got)
		return
	}
	if len(rows) > 0 {
		c.find(WrongAudience, client, id, "nothing: the audience leaves the group out", got)
		return
	}
	elsewhere := ""
	if c.Elsewhere != nil {
		elsewhere = c.Elsewhere(id)
	}
	if elsewhere == "" {
		c.find(Uncommitted, client, id, "nothing: no such event was committed", got)
		return
	}
	c.find(Foreign, client, id, "nothing: it was committed for "+elsewhere, got)
}

// log compares the log with the rows.
func (c *check) log() {
	c.relied = make([]*Row, len(c.Log))
	versions := map[uint64]int64{}
	var shift int64 // by how much the numbers differ from the places
	for i, e := range c.Log {
		got := fmt.Sprintf("sequence %d, position %d", e.Sequence, e.Position)
		if s := e.Sequence - int64(i) - 1; s != shift {
			c.find(Hole, Log, e.EventID, fmt.Sprintf("sequence %d", int64(i)+1+shift), got)
			shift = s
		}
		if i > 0 && e.Position <= c.Log[i-1].Position {
			c.find(Inverted, Log, e.EventID, fmt.Sprintf("a position behind %d", c.Log[i-1].Position), got)
		}
		if first, twice := c.places[e.EventID]; twice {
			c.find(DuplicateTwice, Log, e.EventID, fmt.Sprintf("sequence %d alone", c.Log[first].Sequence), got)
			continue
		}
		c.places[e.EventID] = i
		row := c.rely(e, got)
		if row == nil {
			continue
		}
		c.relied[i] = row
		if row.Chain == 0 {
			continue
		}
		if before := versions[row.Chain]; row.Version <= before {
			c.find(Inverted, Log, e.EventID,
				fmt.Sprintf("version %d of chain %x in front of version %d", row.Version, row.Chain, before), got)
		} else {
			versions[row.Chain] = row.Version
		}
	}
	c.missing()
}

// rely returns the row of an entry, or reports what is wrong with it.
func (c *check) rely(e Entry, got string) *Row {
	rows := c.rowsOf(e.EventID)
	at := slices.IndexFunc(rows, func(r Row) bool { return r.Seq == e.Row })
	switch {
	case len(rows) == 0:
		c.stranger(Log, e.EventID, got)
		return nil
	case at < 0:
		c.find(Uncommitted, Log, e.EventID, fmt.Sprintf("one of its %d committed rows", len(rows)),
			fmt.Sprintf("%s, row %d", got, e.Row))
		return nil
	case rows[at].Excluded:
		c.stranger(Log, e.EventID, got)
		return nil
	}
	return &rows[at]
}

// missing reports the committed events that have no place in the log.
func (c *check) missing() {
	var last uuid.UUID
	for _, row := range c.Rows {
		if row.Excluded || row.EventID == last {
			continue
		}
		last = row.EventID
		if _, there := c.places[row.EventID]; !there {
			c.find(Lost, Log, row.EventID, fmt.Sprintf("a place for row %d", row.Seq), "none")
		}
	}
}
