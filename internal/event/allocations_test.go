package event_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/event"
)

// Every event passes here once for every group. Only the message's own bytes are allocated, whatever else the
// payload holds.
//
//nolint:paralleltest // it counts the allocations of the process
func TestEncodingAnEventAllocatesNothing(t *testing.T) {
	for name, e := range map[string]*event.Event{
		"order":            orderEvent(event.OrderPlaced, placed),
		"order with times": orderEvent(event.OrderStatusChanged, preparing),
		"order with extras": orderEvent(
			event.OrderStatusChanged,
			`{"note": "ü", "total": 12.50, "status": "Placed", "orderNumber": "YZ-1", "items": [{"id": 1}]}`,
		),
		"cart":    cartEvent(event.CartUpdated, `{"x": [1, 2]}`),
		"payment": cartEvent(event.CartPaymentEvent, `{"userId": "user-1", "status": "Paid"}`),
		"revenue": adminEvent(event.RevenueUpdate, `{"dailyRevenue": 1, "totalRevenue30d": 2, "currency": "USD"}`),
	} {
		logged := event.Logged{Event: e, Sequence: sequence}
		b := make([]byte, 0, logged.ArgumentsSize())
		require.Zero(t, testing.AllocsPerRun(100, func() {
			written, err := logged.AppendArguments(b, event.WithCursor)
			if err != nil || &written[0] != &b[:1][0] {
				t.Error("it did not fit", err)
			}
		}), name)
		if e.Type.Family() == event.Order { // the list of groups and their names
			require.LessOrEqual(t, testing.AllocsPerRun(100, func() { _, _ = e.Groups() }), 5.0, name)
		}
	}
}
