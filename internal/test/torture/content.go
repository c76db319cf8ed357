package torture

import (
	"encoding/json"
	"fmt"
	"hash/fnv"
	"strconv"
	"strings"

	"github.com/yummyzoom/herald/internal/event"
)

// An event carries its origin: its chain and its version in the chain, "17.4"; "0.0" where it is in no chain; and
// for an event that has to wait "0.1767225600000000", the microsecond before which it must not arrive.
type origin struct {
	chain   uint64
	version int64
}

func parseOrigin(text string) (o origin, err error) {
	chain, version, _ := strings.Cut(text, ".")
	if o.chain, err = strconv.ParseUint(chain, 10, 64); err != nil {
		return o, fmt.Errorf("not an origin: %q", text)
	}
	if o.version, err = strconv.ParseInt(version, 10, 64); err != nil {
		return o, fmt.Errorf("not an origin: %q", text)
	}
	return o, nil
}

// notBefore is the microsecond before which the event must not arrive; 0: none.
func (o origin) notBefore() int64 {
	if o.chain == 0 {
		return o.version
	}
	return 0
}

// digest is the hash by which events' contents are compared.
func digest(method string, parts ...string) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(method)) // a hash never fails
	for _, part := range parts {
		_, _ = h.Write([]byte{0})
		_, _ = h.Write([]byte(part))
	}
	return h.Sum64()
}

// committedRow is the content of an event as the outbox has it.
type committedRow struct {
	eventType            event.Type
	resource, restaurant string
	origin               string
	payload              map[string]json.RawMessage
}

func (r committedRow) digest() uint64 {
	method := r.eventType.Method()
	switch r.eventType.Family() {
	case event.Order:
		return digest(method, r.resource, textOf(r.payload["orderNumber"]), textOf(r.payload["status"]), r.restaurant)
	case event.TeamCart:
		var arguments []string
		for _, f := range r.eventType.Fields() {
			arguments = append(arguments, textOf(r.payload[f.Name]))
		}
		return digest(method, arguments...)
	default:
		return digest(method, r.origin)
	}
}

// textOf is a text without its quotes, and any other value unchanged.
func textOf(value json.RawMessage) string {
	var text string
	if json.Unmarshal(value, &text) != nil {
		return string(value)
	}
	return text
}

// readContent digests the event that a client received, and finds its origin where the event carries one.
func readContent(method string, arguments []json.RawMessage) (content uint64, from string, err error) {
	t, known := typeOf[method]
	if !known {
		return 0, "", fmt.Errorf("no event has the method %s", method)
	}
	switch t.Family() {
	case event.Order:
		var o struct{ OrderID, OrderNumber, Status, RestaurantID string }
		if err := json.Unmarshal(arguments[0], &o); err != nil {
			return 0, "", fmt.Errorf("reading %s: %w", method, err)
		}
		return digest(method, o.OrderID, o.OrderNumber, o.Status, o.RestaurantID), o.OrderNumber, nil
	case event.TeamCart:
		var texts []string
		for i, f := range t.Fields() { // the cursor stands behind these fields
			if i >= len(arguments) {
				return 0, "", fmt.Errorf("reading %s: it has %d arguments", method, len(arguments))
			}
			texts = append(texts, textOf(arguments[i]))
			if f.Name == cartOrigin {
				from = texts[i]
			}
		}
		return digest(method, texts...), from, nil
	default:
		var o map[string]json.RawMessage
		if err := json.Unmarshal(arguments[0], &o); err != nil {
			return 0, "", fmt.Errorf("reading %s: %w", method, err)
		}
		from = carriersOf[t].read(o)
		return digest(method, from), from, nil
	}
}

// typeOf finds a type by its client method.
var typeOf = func() map[string]event.Type {
	types := map[string]event.Type{}
	for _, t := range event.Types() {
		types[t.Method()] = t
	}
	return types
}()
