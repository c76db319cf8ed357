package wire

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/uuid"
)

// BenchmarkMessagePackResult measures writing a method's result over MessagePack, beside the same over JSON.
func BenchmarkMessagePackResult(b *testing.B) {
	type joined struct {
		Status      string    `json:"status"`
		Replayed    int       `json:"replayed"`
		LastEventID uuid.UUID `json:"lastEventId"`
		Sequence    int64     `json:"sequence"`
	}
	type greeting struct {
		ConnectionID string         `json:"connectionId"`
		Timestamp    time.Time      `json:"timestamp"`
		Hubs         map[string]int `json:"hubs"`
	}
	for name, result := range map[string]any{
		"joined": joined{"resumed", 3, uuid.UUID{1, 2, 3}, 1_000_000},
		"greeting": greeting{
			"VqBUGqoTE5v9ZKwRHFqzkQ", time.Unix(1_800_000_000, 5000).UTC(), map[string]int{"order": 5, "cart": 70000},
		},
		"nil": nil,
	} {
		for protocolName, p := range map[string]Protocol{"json": JSON{}, "messagepack": &messagePack{}} {
			b.Run(name+"/"+protocolName, func(b *testing.B) {
				b.ReportAllocs()
				buffer := make([]byte, 0, 1024)
				for b.Loop() {
					if _, err := p.appendResult(buffer, "17", result); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

// BenchmarkMessagePackEvent measures making an event's frame for all connections that speak MessagePack.
func BenchmarkMessagePackEvent(b *testing.B) {
	text := []byte(`{"orderId":"f47ac10b-58cc-4372-a567-0e02b2c3d479","at":"2026-01-20T10:00:00.123456Z","revenue30d":7.50,` +
		`"data":{"items":[{"name":"Ramen","price":12.5,"notes":null},{"name":"Tea \"green\"","price":3,"notes":["hot","no sugar"]}]},"sequence":7}`)
	o := described()
	p := &messagePack{}
	buffer := make([]byte, 0, 1024)
	b.ReportAllocs()
	for b.Loop() {
		p.appendInvocation(buffer, "", "ReceiveOrderStatusChanged", []json.RawMessage{text}, o)
	}
}
