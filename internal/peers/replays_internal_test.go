package peers

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestEachNumberIsTakenOnce(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var w window
		taken, highest := map[uint64]bool{}, uint64(0)
		for range rapid.IntRange(1, 60).Draw(t, "requests") {
			n := rapid.OneOf(rapid.Uint64Range(0, 4*windowSize), rapid.Uint64Range(0, 70)).Draw(t, "number")
			took := w.take(n)
			require.False(t, took && (n == 0 || taken[n]), "%d is taken twice", n)
			require.True(t, took || n == 0 || taken[n] || n+windowSize <= highest, "%d is refused", n)
			if took {
				taken[n], highest = true, max(highest, n)
			}
		}
	})
}

func TestNodesThatSpeakAreBounded(t *testing.T) {
	t.Parallel()
	now := time.Now()
	r := newReplays()
	r.now = func() time.Time { return now }
	for range mostSpeakers {
		require.Empty(t, r.take(uuid.New(), 1))
	}
	require.Equal(t, TooManyPeers, r.take(uuid.New(), 1))
	require.Len(t, r.speakers, mostSpeakers)
	now = now.Add(4*validity + time.Second)
	require.Empty(t, r.take(uuid.New(), 1), "those that have been silent give their places")
	require.Len(t, r.speakers, 1)
}
