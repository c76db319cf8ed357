package outbox_test

import (
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/outbox"
)

// advanced is a clock that was set forward within the last day.
type advanced struct{}

func (advanced) Advanced(within time.Duration) bool { return within >= 24*time.Hour }

// A clock that jumps ahead makes everything old. Whether it is right now or was right before, a day later is soon enough.
func TestNothingIsDroppedBehindAClockThatWasSetForward(t *testing.T) {
	t.Parallel()
	b := setup(t)
	id := b.relayed(t, order())
	b.age(t, 9)
	retention := outbox.NewRetention(b.pool, outbox.RetentionConfig{Clock: advanced{}, Logger: slog.New(slog.DiscardHandler)})
	done, err := retention.Run(t.Context())
	require.NoError(t, err)
	require.Equal(t, outbox.Retired{}, done)
	require.False(t, b.gone(t, id))
	b.retire(t)
	require.True(t, b.gone(t, id))
}
