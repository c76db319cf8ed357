package eventlog_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/event"
	"github.com/yummyzoom/herald/internal/eventlog"
	"github.com/yummyzoom/herald/internal/test/fixture"
)

// However large the events are, a read holds no more than it may, or a single event. Read after read returns them,
// each once and in order.
//
// Acceptance: A-452.
func TestAReadOfAGroupIsBoundedInBytes(t *testing.T) {
	t.Parallel()
	b := fixture.New(t)
	const events = 400
	// Small events, then large ones, then some of every size.
	b.Exec(t, `INSERT INTO herald.outbox (event_type, resource_id, restaurant_id, customer_id, payload)
		SELECT 'OrderPlaced', $1, $2, 'user-1', jsonb_build_object('orderNumber', n::text, 'status', repeat('x',
			CASE WHEN n < 150 THEN 1 WHEN n < 200 THEN 60000 ELSE (n * 7919) % 60000 END)) FROM generate_series(1, $3::int) n`,
		fixture.OrderID, fixture.RestaurantID, events)
	b.Relay(t)
	log := eventlog.NewReader(b.Pool)
	for _, test := range []struct{ limit, maxBytes int }{
		{1000, 1 << 20},
		{1000, 128 << 10},
		{1000, 1},
		{7, 1 << 20},
		{1000, math.MaxInt32},
	} {
		reads := 0
		for after := int64(0); after < events; reads++ {
			entries, err := log.Read(t.Context(), event.OrderGroup(fixture.OrderID), after, math.MaxInt64, test.limit,
				test.maxBytes)
			require.NoError(t, err)
			require.NotEmpty(t, entries)
			require.LessOrEqual(t, len(entries), test.limit)
			bytes := 0
			for _, e := range entries {
				after++
				require.Equal(t, after, e.Sequence)
				bytes += len(e.Payload)
			}
			require.True(t, bytes <= test.maxBytes || len(entries) == 1, "%d entries of %d bytes", len(entries), bytes)
		}
		require.True(t, test.maxBytes < math.MaxInt32 || reads == 1, "%d reads of what fits into one", reads)
	}
}
