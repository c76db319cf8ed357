package torture

import (
	"encoding/json"
	"fmt"
	"hash/fnv"
	"strconv"
	"strings"
)

// An event says where it comes from: its chain and its version in that, "17.4"; "0.0" where it is in none; and for an event
// that has to wait "0.1767225600000000", the microsecond before which it must not arrive.
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

// digest is what an event's content is compared by.
func digest(method string, parts ...string) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(method)) // a hash takes everything
	for _, part := range parts {
		_, _ = h.Write([]byte{0})
		_, _ = h.Write([]byte(part))
	}
	return h.Sum64()
}

// methods are the client methods that the published documents name for the outbox's event types.
func methodOf(eventType string) string {
	switch eventType {
	case "OrderPlaced", "OrderPaymentSucceeded", "OrderPaymentFailed", "OrderStatusChanged", "CartUpdated":
		return "Receive" + eventType
	case "CartLocked", "CartPaymentEvent", "CartReadyToConfirm", "CartConverted", "CartExpired":
		return "Receive" + strings.TrimPrefix(eventType, "Cart")
	default:
		return eventType
	}
}

// committedRow is what the outbox has of an event's content.
type committedRow struct {
	eventType, resource, restaurant      string
	orderNumber, status, userID, orderID string
	message, action, users, description  string
}

func (r committedRow) origin() string {
	for _, text := range []string{r.orderNumber, r.userID, r.message, r.action, r.users, r.description} {
		if text != "" {
			return text
		}
	}
	return ""
}

func (r committedRow) digest() uint64 {
	method := methodOf(r.eventType)
	switch {
	case strings.HasPrefix(r.eventType, "Order"):
		return digest(method, r.resource, r.orderNumber, r.status, r.restaurant)
	case r.eventType == "CartPaymentEvent":
		return digest(method, r.userID, r.status)
	case r.eventType == "CartConverted":
		return digest(method, r.orderID)
	case strings.HasPrefix(r.eventType, "Cart"):
		return digest(method)
	default:
		return digest(method, r.origin())
	}
}

// readContent digests what a client was sent, and finds the event's origin where that is sent at all.
func readContent(method string, arguments []json.RawMessage) (content uint64, from string, err error) {
	var o struct {
		OrderID, OrderNumber, Status, RestaurantID, Message, Action, Description string
		TotalUsers, ActiveUsers                                                  *int64
	}
	text := make([]string, 2)
	switch method {
	case "ReceivePaymentEvent", "ReceiveConverted":
		for i := range min(len(text), len(arguments)-1) { // behind them stands the cursor
			if err := json.Unmarshal(arguments[i], &text[i]); err != nil {
				return 0, "", fmt.Errorf("reading %s: %w", method, err)
			}
		}
		if method == "ReceiveConverted" {
			return digest(method, text[0]), "", nil
		}
		return digest(method, text[0], text[1]), text[0], nil
	case "ReceiveCartUpdated", "ReceiveLocked", "ReceiveReadyToConfirm", "ReceiveExpired":
		return digest(method), "", nil
	}
	if err := json.Unmarshal(arguments[0], &o); err != nil {
		return 0, "", fmt.Errorf("reading %s: %w", method, err)
	}
	if strings.HasPrefix(method, "Receive") {
		return digest(method, o.OrderID, o.OrderNumber, o.Status, o.RestaurantID), o.OrderNumber, nil
	}
	from = o.Message + o.Action + o.Description // each admin event has one of them, or two numbers
	if o.TotalUsers != nil && o.ActiveUsers != nil {
		from = fmt.Sprintf("%d.%d", *o.TotalUsers, *o.ActiveUsers)
	}
	return digest(method, from), from, nil
}
