package retention_test

import (
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/retention"
	"github.com/yummyzoom/herald/internal/test/fixture"
)

// advanced is a clock that was set forward within the last day.
type advanced struct{}

func (advanced) Advanced(within time.Duration) bool { return within >= 24*time.Hour }

// A clock that jumps ahead makes everything old. Whether it is right now or was right before, dropping a day later
// is soon enough.
func TestNothingIsDroppedBehindAClockThatWasSetForward(t *testing.T) {
	t.Parallel()
	b := setup(t)
	id := b.Relayed(t, fixture.Order())
	b.Age(t, 9)
	days := retention.New(b.Pool, retention.Config{Clock: advanced{}, Logger: slog.New(slog.DiscardHandler)})
	done, err := days.Run(t.Context())
	require.NoError(t, err)
	require.Equal(t, retention.Retired{}, done)
	require.False(t, b.Gone(t, id))
	b.Retire(t)
	require.True(t, b.Gone(t, id))
}
