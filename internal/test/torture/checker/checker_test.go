package checker_test

import (
	"slices"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/yummyzoom/herald/internal/test/torture/checker"
)

func TestAValidHistoryHasNoFinding(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		require.Empty(t, findings(valid(t)))
	})
}

// TestWhateverIsTakenOutIsFound: of any valid history, without one delivery of a client that has to have all.
func TestWhateverIsTakenOutIsFound(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		g := valid(t)
		i := slices.IndexFunc(g.Records, func(r checker.Record) bool { return r.Complete && len(r.Deliveries) > 0 })
		if i < 0 {
			t.SkipNow() // rapid draws another one
		}
		r := &g.Records[i]
		r.Revocations = nil // they count deliveries
		at := rapid.IntRange(0, len(r.Deliveries)-1).Draw(t, "which")
		lost := r.Deliveries[at].EventID
		r.Deliveries = slices.Delete(r.Deliveries, at, at+1)
		found := findings(g)
		require.Len(t, found, 1)
		require.Equal(t, [...]any{checker.Lost, r.Client, lost}, [...]any{found[0].Kind, found[0].Client, found[0].EventID})
	})
}

// Special events of history.
const (
	ordinary = 2
	excluded = 5
	twice    = 8
	events   = 12
)

// history is a valid one: three clients of one group, of which the second joined late and the third was shut out
// for a while.
func history() *checker.Group {
	g := &checker.Group{Name: "order:1", Elsewhere: func(u uuid.UUID) string {
		if u == id(1000) {
			return "order:2"
		}
		return ""
	}}
	all := checker.Record{Client: "all", Complete: true, Connections: []int{0, 4}}
	for n := range events {
		row := checker.Row{Seq: int64(n + 1), EventID: id(n), Content: uint64(n), Chain: 1, Version: int64(n + 1)}
		if n == excluded {
			row.Excluded = true
			g.Rows = append(g.Rows, row)
			continue
		}
		e := checker.Entry{Sequence: int64(len(g.Log) + 1), Position: int64(10 + 2*n), EventID: row.EventID, Row: row.Seq}
		if n == twice {
			g.Rows = append(g.Rows, checker.Row{Seq: 100, EventID: row.EventID, Content: 100})
		}
		g.Rows, g.Log = append(g.Rows, row), append(g.Log, e)
		all.Deliveries = append(all.Deliveries,
			checker.Delivery{EventID: e.EventID, Sequence: e.Sequence, Content: row.Content})
	}
	late := checker.Record{Client: "late", Complete: true, After: 3, Deliveries: slices.Clone(all.Deliveries[3:])}
	revoked := checker.Record{
		Client: "revoked", Complete: true, Deliveries: slices.Clone(all.Deliveries),
		Revocations: []checker.Revocation{{Position: g.Log[5].Position - 1, Until: 5}},
	}
	g.Records = []checker.Record{all, late, revoked}
	return g
}

func TestEachKindOfViolationIsFound(t *testing.T) {
	t.Parallel()
	require.Empty(t, findings(history()))
	extra := func(r *checker.Record, u uuid.UUID, sequence int64) {
		r.Deliveries = append(r.Deliveries, checker.Delivery{EventID: u, Sequence: sequence})
	}
	for _, plant := range []struct {
		name   string
		in     func(g *checker.Group, all, late, revoked *checker.Record)
		kind   checker.Kind
		client string
		id     uuid.UUID
	}{
		{"an event is lost", func(_ *checker.Group, all, _, _ *checker.Record) {
			all.Deliveries = slices.Delete(all.Deliveries, ordinary, ordinary+1)
		}, checker.Lost, "all", id(ordinary)},
		{"the last event is lost", func(_ *checker.Group, all, _, _ *checker.Record) {
			all.Deliveries = all.Deliveries[:len(all.Deliveries)-1]
		}, checker.Lost, "all", id(events - 1)},
		{"the first event after joining is lost", func(_ *checker.Group, _, late, _ *checker.Record) {
			late.Deliveries = late.Deliveries[1:]
		}, checker.Lost, "late", id(3)},
		{"an event is repeated", func(_ *checker.Group, all, _, _ *checker.Record) {
			all.Deliveries = slices.Insert(all.Deliveries, ordinary, all.Deliveries[ordinary])
		}, checker.Repeated, "all", id(ordinary)},
		{"an event is repeated at the end", func(_ *checker.Group, all, _, _ *checker.Record) {
			all.Deliveries = append(all.Deliveries, all.Deliveries[ordinary])
		}, checker.Repeated, "all", id(ordinary)},
		{"an event from before the client joined", func(_ *checker.Group, all, late, _ *checker.Record) {
			late.Deliveries = slices.Insert(late.Deliveries, 0, all.Deliveries[2])
		}, checker.Repeated, "late", id(2)},
		{"two events are inverted", func(_ *checker.Group, all, _, _ *checker.Record) {
			all.Deliveries[2], all.Deliveries[3] = all.Deliveries[3], all.Deliveries[2]
		}, checker.Inverted, "all", id(2)},
		{"an event of a transaction that was not committed", func(_ *checker.Group, all, _, _ *checker.Record) {
			extra(all, id(2000), events)
		}, checker.Uncommitted, "all", id(2000)},
		{"an event of a foreign group", func(_ *checker.Group, all, _, _ *checker.Record) {
			extra(all, id(1000), 3)
		}, checker.Foreign, "all", id(1000)},
		{"wrong content", func(_ *checker.Group, _, late, _ *checker.Record) {
			late.Deliveries[1].Content++
		}, checker.WrongContent, "late", id(4)},
		{"the content of the other row under the same id", func(_ *checker.Group, all, _, _ *checker.Record) {
			all.Deliveries[twice-1].Content = 100
		}, checker.WrongContent, "all", id(twice)},
		{"a hole in the sequences", func(_ *checker.Group, all, _, _ *checker.Record) {
			for i := range all.Deliveries[4:] {
				all.Deliveries[4+i].Sequence++
			}
		}, checker.Hole, "all", id(4)},
		{"an event after a revocation", func(_ *checker.Group, _, _, revoked *checker.Record) {
			revoked.Revocations[0].Until++
		}, checker.AfterRevoked, "revoked", id(6)},
		{"a duplicate id is delivered twice", func(_ *checker.Group, all, _, _ *checker.Record) {
			all.Deliveries = append(all.Deliveries, checker.Delivery{EventID: id(twice), Sequence: events, Content: twice})
		}, checker.DuplicateTwice, "all", id(twice)},
		{"an event of another audience", func(_ *checker.Group, all, _, _ *checker.Record) {
			extra(all, id(excluded), events)
		}, checker.WrongAudience, "all", id(excluded)},
		{"an event that the log has lost", func(g *checker.Group, all, late, revoked *checker.Record) {
			lost := len(g.Log) - 1
			g.Log = g.Log[:lost]
			for _, r := range []*checker.Record{all, late, revoked} {
				r.Deliveries = r.Deliveries[:len(r.Deliveries)-1]
			}
		}, checker.Lost, checker.Log, id(events - 1)},
		{
			"the log has an event that was not committed, which only some clients have",
			func(g *checker.Group, _, _, revoked *checker.Record) {
				revoked.Deliveries, revoked.Revocations = slices.Delete(revoked.Deliveries, ordinary, ordinary+1), nil
				g.Rows = slices.DeleteFunc(g.Rows, func(r checker.Row) bool { return r.EventID == id(ordinary) })
			}, checker.Uncommitted, checker.Log, id(ordinary),
		},
		{"the log stands for a row that was rolled back", func(g *checker.Group, _, _, _ *checker.Record) {
			g.Log[ordinary].Row = 4711
		}, checker.Uncommitted, checker.Log, id(ordinary)},
		{"the log has an event of another audience", func(g *checker.Group, _, _, _ *checker.Record) {
			at := slices.IndexFunc(g.Rows, func(r checker.Row) bool { return r.EventID == id(ordinary) })
			g.Rows[at].Excluded = true
		}, checker.WrongAudience, checker.Log, id(ordinary)},
		{"the log has a hole", func(g *checker.Group, all, late, revoked *checker.Record) {
			for i := range g.Log[6:] {
				g.Log[6+i].Sequence++
			}
			g.Records = nil // their findings would be right
		}, checker.Hole, checker.Log, id(7)},
		{"the log has a duplicate id twice", func(g *checker.Group, all, late, revoked *checker.Record) {
			last := g.Log[len(g.Log)-1]
			g.Log = append(g.Log,
				checker.Entry{Sequence: last.Sequence + 1, Position: last.Position + 1, EventID: id(twice), Row: 100})
			for _, r := range []*checker.Record{all, late, revoked} {
				r.Deliveries = append(r.Deliveries,
					checker.Delivery{EventID: id(twice), Sequence: last.Sequence + 1, Content: 100})
			}
		}, checker.DuplicateTwice, checker.Log, id(twice)},
		{"the log inverts two transactions", func(g *checker.Group, _, _, _ *checker.Record) {
			a := slices.IndexFunc(g.Rows, func(r checker.Row) bool { return r.EventID == id(2) })
			b := slices.IndexFunc(g.Rows, func(r checker.Row) bool { return r.EventID == id(3) })
			g.Rows[a].Version, g.Rows[b].Version = g.Rows[b].Version, g.Rows[a].Version
		}, checker.Inverted, checker.Log, id(3)},
		{"positions are not in the order of sequences", func(g *checker.Group, _, _, _ *checker.Record) {
			g.Log[len(g.Log)-1].Position = g.Log[0].Position
		}, checker.Inverted, checker.Log, id(events - 1)},
	} {
		t.Run(plant.name, func(t *testing.T) {
			t.Parallel()
			g := history()
			plant.in(g, &g.Records[0], &g.Records[1], &g.Records[2])
			found := findings(g)
			require.Len(t, found, 1)
			require.Equal(t, plant.kind, found[0].Kind, found[0])
			require.Equal(t, plant.client, found[0].Client, found[0])
			require.Equal(t, plant.id, found[0].EventID, found[0])
			require.Equal(t, g.Name, found[0].Group)
			require.NotEmpty(t, found[0].Expected)
			require.NotEmpty(t, found[0].Got)
		})
	}
}
