package event_test

import (
	"testing"

	"github.com/yummyzoom/herald/internal/event"
)

// The cost of one event: its groups, computed once, and its arguments, once for each group and shape.
func BenchmarkEvent(b *testing.B) {
	for _, test := range []struct {
		name  string
		event *event.Event
	}{
		{"order", orderEvent(event.OrderStatusChanged, preparing)},
		{"cart", cartEvent(event.CartPaymentEvent, `{"userId": "user-1", "status": "Paid"}`)},
		{"alert", adminEvent(event.SystemAlert, `{"type": "info", "message": "m", "data": {"severity": "low"}}`)},
		{"notification", adminEvent(event.AdminNotification,
			`{"type": "role-assignment", "userId": "u", "roleName": "r", "action": "assigned"}`)},
		{"revenue", adminEvent(event.RevenueUpdate, `{"dailyRevenue": 1, "totalRevenue30d": 2}`)},
	} {
		b.Run(test.name+"/groups", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := test.event.Groups(); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(test.name+"/arguments", func(b *testing.B) {
			logged := event.Logged{Event: test.event, Sequence: sequence}
			into := make([]byte, 0, logged.ArgumentsSize())
			b.ReportAllocs()
			for b.Loop() {
				if _, err := logged.AppendArguments(into, event.Plain); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
