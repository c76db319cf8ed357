package door

import (
	"testing"
	"time"
)

// BenchmarkTicket measures what negotiate pays for a connection token, and then every request that shows it.
func BenchmarkTicket(b *testing.B) {
	t := &Tickets{sealer: NewSealer(NewOwnKey()), node: "sixteen bytes   ", lifetime: time.Minute, now: time.Now}
	encoded, _ := t.Issue("orders", "f47ac10b-58cc-4372-a567-0e02b2c3d479", false)
	b.Logf("%d characters", len(encoded))
	b.Run("issue", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			t.Issue("orders", "f47ac10b-58cc-4372-a567-0e02b2c3d479", false)
		}
	})
	b.Run("check", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			t.Check(b.Context(), "orders", "f47ac10b-58cc-4372-a567-0e02b2c3d479", encoded)
		}
	})
}
