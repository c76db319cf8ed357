package broadcast

import (
	"sync"

	"github.com/yummyzoom/herald/internal/event"
	"github.com/yummyzoom/herald/internal/signalr"
)

// objects describes, for the protocols, the object that each type of event has for an argument. It is built at the
// first event; the catalogue is complete by then.
var objects = sync.OnceValue(describe) //nolint:gochecknoglobals // a constant table

func describe() map[event.Type]*signalr.Object {
	all := make(map[event.Type]*signalr.Object)
	for _, t := range event.Types() {
		var members []signalr.Member
		for _, m := range t.Members() {
			members = append(members, signalr.Member{Name: m.Name, Form: form(m.Kind)})
		}
		all[t] = signalr.NewObject(members...)
	}
	return all
}

func form(k event.Kind) signalr.Form {
	switch k {
	case event.Instant:
		return signalr.Time
	case event.Numeric:
		return signalr.Number
	case event.Value:
	}
	return signalr.AsItIs
}
