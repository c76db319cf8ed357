package broadcast

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/event"
)

// diary is a Journal that keeps every record.
type diary struct {
	begun       []int64
	first       int64
	connections []int32
}

func (d *diary) Begin(position int64) { d.begun = append(d.begun, position) }

func (d *diary) Record(first int64, connections []int32) {
	if d.first == 0 {
		d.first = first
	}
	if first != d.first+int64(len(d.connections)) {
		panic("not contiguous")
	}
	d.connections = append(d.connections, slices.Clone(connections)...)
}

// Acceptance: A-170.
func TestJournalCountsWhoWasHandedEachEntry(t *testing.T) {
	t.Parallel()
	d := &diary{}
	bu := setup(t, Config{Settings: Settings{RingBytes: 1}, Journal: d})
	bu.Start(0)
	require.Equal(t, []int64{0}, d.begun)
	first := bu.publish(cartGroup, 1) // the group has no member
	a, b := bu.client("a"), bu.client("b")
	require.NoError(t, bu.Subscribe(a, cartGroup, event.Plain))
	bu.publish(cartGroup, 1)

	// Two events come while b's replay of the first is under way: they too are handed to b, though later. The replay is
	// not counted.
	bu.log.between = func(string) error { bu.publish(cartGroup, 1); return nil }
	bu.resume(b, cartGroup, after(first))
	bu.log.between = nil
	during := bu.Position() - 2
	require.Positive(t, during)
	bu.publish(cartGroup, 1)
	bu.publish(orderGroup, 1) // this group has no member
	bu.log.revoke(cartGroup, a.user)
	bu.catchUp()
	bu.publish(cartGroup, 1)

	want := []int32{0, 1}
	for range during {
		want = append(want, 2)
	}
	require.Equal(t, append(want, 2, 0, 0, 1), d.connections)
	require.Equal(t, int64(1), d.first)

	require.ErrorIs(t, bu.Broadcast(t.Context(), bu.log.entries[:1]), ErrNotContiguous)
	require.Len(t, d.connections, int(bu.Position()), "what is refused is not counted")

	bu.Reset(t.Context(), 3)
	require.Equal(t, []int64{0, 3}, d.begun)
}
