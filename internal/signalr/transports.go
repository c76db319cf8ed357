package signalr

import (
	"github.com/yummyzoom/herald/internal/signalr/door"
	"github.com/yummyzoom/herald/internal/signalr/transport"
)

// Transports is a set of transports.
type Transports uint8

// The transports, in the order in which clients are offered them.
const (
	WebSockets Transports = 1 << iota
	ServerSentEvents
	LongPolling

	AllTransports = WebSockets | ServerSentEvents | LongPolling
)

func (t Transports) has(one Transports) bool { return t&one != 0 }

// available returns the transports that negotiate offers (HttpConnectionDispatcher.WriteNegotiatePayload).
func (t Transports) available() []door.Offer {
	both, text := []string{"Text", "Binary"}, []string{"Text"}
	offers := make([]door.Offer, 0, 3)
	for _, offer := range []struct {
		one  Transports
		what door.Offer
	}{
		{WebSockets, door.Offer{Transport: transport.NameWebSockets, Formats: both}},
		{ServerSentEvents, door.Offer{Transport: transport.NameServerSentEvents, Formats: text}},
		{LongPolling, door.Offer{Transport: transport.NameLongPolling, Formats: both}},
	} {
		if t.has(offer.one) {
			offers = append(offers, offer.what)
		}
	}
	return offers
}
