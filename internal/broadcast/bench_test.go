package broadcast

import (
	"context"
	"fmt"
	"testing"

	"github.com/google/uuid"

	"github.com/yummyzoom/herald/internal/event"
	"github.com/yummyzoom/herald/internal/eventlog"
)

// BenchmarkBroadcast sends one event to groups of several sizes. The difference between two sizes is the cost of the
// members.
func BenchmarkBroadcast(b *testing.B) {
	for _, members := range []int{1, 10, 1000} {
		b.Run(fmt.Sprintf("members=%d", members), func(b *testing.B) {
			bc, err := New(Config{Logger: discard()}, newEventLog())
			if err != nil {
				b.Fatal(err)
			}
			for range members {
				if err := bc.Subscribe(&quiet{b.Context()}, orderGroup, event.Plain); err != nil {
					b.Fatal(err)
				}
			}
			batch := []event.Logged{newEventLog().publish(orderGroup)}
			b.ReportAllocs()
			for b.Loop() {
				if err := bc.Broadcast(b.Context(), batch); err != nil {
					b.Fatal(err)
				}
				batch[0].Position++
				batch[0].Sequence++
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*members), "ns/message")
		})
	}
}

// BenchmarkResumeFromRing is a client that comes back several events later.
func BenchmarkResumeFromRing(b *testing.B) {
	for _, behind := range []int{0, 10, 1000} {
		b.Run(fmt.Sprintf("behind=%d", behind), func(b *testing.B) {
			log := newEventLog()
			bc, err := New(Config{Logger: discard()}, log)
			if err != nil {
				b.Fatal(err)
			}
			for range behind + 1 {
				log.publish(orderGroup)
			}
			if err := bc.Broadcast(context.Background(), log.entries); err != nil {
				b.Fatal(err)
			}
			c, cur := &quiet{b.Context()}, eventlog.Cursor{Kind: eventlog.After, EventID: log.entries[0].ID}
			b.ReportAllocs()
			for b.Loop() {
				if err := bc.Resume(b.Context(), c, orderGroup, cur, event.Plain, func(Result) {}); err != nil {
					b.Fatal(err)
				}
				bc.Unsubscribe(c, orderGroup)
			}
		})
	}
}

// BenchmarkSubscribe is the cost of joining and leaving a group with no other member.
func BenchmarkSubscribe(b *testing.B) {
	bc, err := New(Config{Logger: discard()}, newEventLog())
	if err != nil {
		b.Fatal(err)
	}
	c, g := &quiet{b.Context()}, event.OrderGroup(uuid.New())
	b.ReportAllocs()
	for b.Loop() {
		if err := bc.Subscribe(c, g, event.Plain); err != nil {
			b.Fatal(err)
		}
		bc.Unsubscribe(c, g)
	}
}
