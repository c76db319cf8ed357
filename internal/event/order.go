package event

import (
	"encoding/json"
	"strconv"
	"time"
)

// orderFields is the payload of an order event: the fields of OrderStatusBroadcastDto that are not columns.
type orderFields struct {
	number, status json.RawMessage // as in the payload, nil where missing or null
	times          [orderTimes]optionalTime
	extras         bool // the payload has further fields
}

type optionalTime struct {
	time.Time

	given bool
}

// The times of an order.
const (
	lastUpdate = iota
	estimatedDelivery
	actualDelivery
	delivered
	orderTimes
)

// orderTimeNames are the fields' names.
var orderTimeNames = [orderTimes]string{ //nolint:gochecknoglobals // a constant table
	"lastUpdateTimestamp", "estimatedDeliveryTime", "actualDeliveryTime", "deliveredAt",
}

// orderFields reads the payload, or says why it does not fit. Names match exactly.
func (e *Event) orderFields() (f orderFields, err error) {
	s := scanPayload(e.Payload)
	for name, value, ok := s.next(); ok; name, value, ok = s.next() {
		at := -1
		switch string(name) {
		case "orderNumber":
			f.number = value
		case "status":
			f.status = value
		case orderTimeNames[lastUpdate]:
			at = lastUpdate
		case orderTimeNames[estimatedDelivery]:
			at = estimatedDelivery
		case orderTimeNames[actualDelivery]:
			at = actualDelivery
		case orderTimeNames[delivered]:
			at = delivered
		default:
			f.extras = f.extras || !isOrderName(name)
		}
		if at < 0 {
			continue
		}
		if f.times[at], ok = readTime(value); !ok {
			return f, e.unfit(orderTimeNames[at], value, "a time in RFC 3339 with an offset, between the years 1 and 9999")
		}
	}
	if err := s.err(e); err != nil {
		return f, err
	}
	if !isString(f.number) {
		return f, e.unfit("orderNumber", f.number, "a string")
	}
	if !isString(f.status) {
		return f, e.unfit("status", f.status, "a string")
	}
	return f, nil
}

// isOrderName says whether name is one of the object's own field names.
func isOrderName(name []byte) bool {
	for i := range orderMembers {
		if orderMembers[i].Name == string(name) {
			return true
		}
	}
	return false
}

// readTime reads a time that may be null.
func readTime(value []byte) (t optionalTime, ok bool) {
	if isNull(value) {
		return t, true
	}
	t.given = true
	if value[0] != '"' || t.UnmarshalJSON(value) != nil {
		return t, false
	}
	// Converting to UTC can move the year beyond four digits.
	year := t.UTC().Year()
	return t, year >= 1 && year <= 9999
}

// orderArguments writes the one argument of an order event: OrderStatusBroadcastDto in the field order of the
// published document, then sequence, then the payload's further fields. It is written by hand because every order
// event passes here for every group.
func (l Logged) orderArguments(list *argumentList) error {
	f, err := l.orderFields()
	if err != nil {
		return err
	}
	updated := l.OccurredOn
	if t := f.times[lastUpdate]; t.given {
		updated = t.Time
	}
	b := append(list.begin(), `{"orderId":"`...)
	b = appendUUID(b, l.ResourceID)
	b = append(b, `","orderNumber":`...)
	b = append(b, f.number...)
	b = append(b, `,"status":`...)
	b = append(b, f.status...)
	b = append(b, `,"restaurantId":"`...)
	b = appendUUID(b, l.RestaurantID)
	b = append(b, `","lastUpdateTimestamp":`...)
	b = appendTimestamp(b, updated)
	b = append(b, `,"estimatedDeliveryTime":`...)
	b = appendNullable(b, f.times[estimatedDelivery])
	b = append(b, `,"actualDeliveryTime":`...)
	b = appendNullable(b, f.times[actualDelivery])
	b = append(b, `,"deliveredAt":`...)
	b = appendNullable(b, f.times[delivered])
	b = append(b, `,"occurredOnUtc":`...)
	b = appendTimestamp(b, l.OccurredOn)
	b = append(b, `,"eventId":"`...)
	b = appendUUID(b, l.ID)
	b = append(b, `","sequence":`...)
	b = strconv.AppendInt(b, l.Sequence, 10)
	if f.extras {
		b = appendExtras(b, l.Payload, isOrderName)
	}
	list.end(append(b, '}'))
	return nil
}

func appendNullable(b []byte, t optionalTime) []byte {
	if !t.given {
		return append(b, "null"...)
	}
	return appendTimestamp(b, t.Time)
}
