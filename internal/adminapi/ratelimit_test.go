package adminapi

import (
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestLimiterForgets(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 20, 10, 30, 0, 0, time.UTC)
	l := newLimiter(1, 1)
	for i := range 10 * limiterGenerationSize {
		l.wait(now, strconv.Itoa(i), "alert")
		require.LessOrEqual(t, len(l.current)+len(l.previous), 2*limiterGenerationSize)
	}
}

func TestLimiterRemembersTheBusyThroughAGeneration(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 20, 10, 30, 0, 0, time.UTC)
	l := newLimiter(1, 1)
	require.Zero(t, l.wait(now, "busy", "alert"))
	for i := range 3 * limiterGenerationSize {
		l.wait(now, strconv.Itoa(i), "alert")
		require.NotZero(t, l.wait(now, "busy", "alert"), i)
	}
}
