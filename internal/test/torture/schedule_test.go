package torture_test

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/yummyzoom/herald/internal/test/torture"
)

func TestTheSeedDecidesTheSchedule(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		seed, nodes := rapid.Uint64().Draw(t, "seed"), rapid.IntRange(1, 5).Draw(t, "nodes")
		n := rapid.IntRange(0, 3*len(torture.FaultKinds())).Draw(t, "faults")
		schedule := torture.Schedule(seed, n, nodes, time.Second)
		require.Equal(t, schedule, torture.Schedule(seed, n, nodes, time.Second))
		require.Len(t, schedule, n)
		times := map[torture.FaultKind]int{}
		last := 0.0
		for _, f := range schedule {
			require.True(t, f.At >= last && f.At < 1 && f.Node >= 0 && f.Node < nodes && f.For > 0 && f.For <= time.Second, f)
			last = f.At
			times[f.Kind]++
		}
		for _, kind := range torture.FaultKinds() {
			require.GreaterOrEqual(t, times[kind], n/len(torture.FaultKinds()),
				"each kind comes as often as any other: %s", kind)
		}
		if n > 0 {
			require.False(t, slices.Equal(schedule, torture.Schedule(seed+1, n, nodes, time.Second)))
		}
	})
}
