package signalr

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/signalr/door"
)

// A listing, and a disconnecting by it, leaves out no connection that stays, whichever leave meanwhile.
func TestEachLeavesOutNoneThatStays(t *testing.T) {
	t.Parallel()
	const count = 3*chunk + 100
	for name, leaves := range map[string]func(index int) bool{
		"the first":         func(index int) bool { return index < chunk },
		"the last":          func(index int) bool { return index >= count-chunk },
		"every other":       func(index int) bool { return index%2 == 0 },
		"one in the middle": func(index int) bool { return index == count/2 },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRegistry(door.NewOccupancy(0, 0, 0))
			conns := make([]*Conn, count)
			for i := range conns {
				conns[i] = &Conn{}
				require.True(t, r.add(conns[i]))
			}
			seen, left := map[*Conn]bool{}, map[*Conn]bool{}
			r.each(func(c *Conn) {
				seen[c] = true
				if len(seen) == chunk/2 || len(seen) == chunk+chunk/2 { // in the middle of two chunks
					for i, leaving := range conns {
						if leaves(i) && !left[leaving] {
							left[leaving] = true
							r.remove(leaving)
						}
					}
				}
			})
			for i, c := range conns {
				require.True(t, seen[c] || left[c], "number %d was left out", i)
			}
		})
	}
}
