package checker_test

import (
	"encoding/binary"
	"slices"

	"github.com/google/uuid"
	"pgregory.net/rapid"

	"github.com/yummyzoom/herald/internal/test/torture/checker"
)

// id is the n-th event's.
func id(n int) uuid.UUID {
	u := uuid.UUID{0: 1}
	binary.BigEndian.PutUint64(u[8:], uint64(n)+1)
	return u
}

// valid draws a history without findings: some events are published twice or are not for this group; some clients
// come late, reconnect, or are shut out for a while.
func valid(t *rapid.T) *checker.Group {
	g := &checker.Group{Name: "order:1"}
	versions := map[uint64]int64{}
	events := rapid.IntRange(0, 40).Draw(t, "events")
	var position int64
	for n := range events {
		row := checker.Row{Seq: int64(2*n + 1), EventID: id(n), Content: rapid.Uint64().Draw(t, "content")}
		if rapid.IntRange(0, 9).Draw(t, "for others") == 0 {
			row.Excluded = true
			g.Rows = append(g.Rows, row)
			continue
		}
		if row.Chain = rapid.Uint64Range(0, 3).Draw(t, "chain"); row.Chain > 0 {
			versions[row.Chain] += rapid.Int64Range(1, 3).Draw(t, "step")
			row.Version = versions[row.Chain]
		}
		position += rapid.Int64Range(1, 3).Draw(t, "positions")
		entry := checker.Entry{
			Sequence: int64(len(g.Log) + 1), Position: position, EventID: row.EventID, Row: row.Seq,
		}
		if rapid.IntRange(0, 4).Draw(t, "twice") == 0 {
			g.Rows = append(g.Rows, checker.Row{Seq: row.Seq + 1, EventID: row.EventID, Content: row.Content + 1})
		}
		g.Rows, g.Log = append(g.Rows, row), append(g.Log, entry)
	}
	for range rapid.IntRange(0, 4).Draw(t, "clients") {
		g.Records = append(g.Records, record(t, g))
	}
	return g
}

// record draws the record of a client without findings.
func record(t *rapid.T, g *checker.Group) checker.Record {
	r := checker.Record{
		Client:   rapid.StringMatching(`[a-z]{3}`).Draw(t, "client"),
		Complete: rapid.Bool().Draw(t, "complete"),
	}
	r.After = rapid.Int64Range(0, int64(len(g.Log))).Draw(t, "after")
	last := len(g.Log)
	if !r.Complete {
		last = rapid.IntRange(int(r.After), len(g.Log)).Draw(t, "last")
	}
	for _, e := range g.Log[r.After:last] {
		if rapid.IntRange(0, 9).Draw(t, "cut") == 0 {
			r.Connections = append(r.Connections, len(r.Deliveries))
		}
		if rapid.IntRange(0, 9).Draw(t, "revoked") == 0 {
			r.Revocations = append(r.Revocations, checker.Revocation{Position: e.Position - 1, Until: len(r.Deliveries)})
		}
		row := g.Rows[slices.IndexFunc(g.Rows, func(row checker.Row) bool { return row.Seq == e.Row })]
		r.Deliveries = append(r.Deliveries, checker.Delivery{EventID: e.EventID, Sequence: e.Sequence, Content: row.Content})
	}
	return r
}

// findings are those of a history.
func findings(g *checker.Group) (all []checker.Finding) {
	g.Check(func(f checker.Finding) { all = append(all, f) })
	return all
}
