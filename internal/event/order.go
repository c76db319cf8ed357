package event

import (
	"encoding/json"
	"strconv"
	"time"
)

// orderFields is the payload of an order event: the fields of OrderStatusBroadcastDto that are not columns.
type orderFields struct {
	number, status json.RawMessage // strings
	times          [orderTimes]optionalTime
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

// orderNames are the fields' names, those of the times in their order first.
var orderNames = []string{ //nolint:gochecknoglobals // a constant table
	"lastUpdateTimestamp", "estimatedDeliveryTime", "actualDeliveryTime", "deliveredAt", "orderNumber", "status",
}

func (e *Event) orderFields() (orderFields, error) {
	f, ok := scanOrder(e.Payload)
	if !ok {
		var err error
		if f, err = unmarshalOrder(e.Payload); err != nil {
			return f, e.undeliverable("payload: %v", err)
		}
	}
	if f.number == nil {
		return f, e.undeliverable("payload: orderNumber is missing")
	}
	if f.status == nil {
		return f, e.undeliverable("payload: status is missing")
	}
	for i, t := range f.times {
		if t.given && !inRFC3339(t.Time) {
			return f, e.undeliverable("payload: %s is not a time between the years 1 and 9999", orderNames[i])
		}
	}
	return f, nil
}

func scanOrder(payload []byte) (f orderFields, ok bool) {
	var values [orderTimes + 2]json.RawMessage
	if !scanTexts(payload, orderNames, values[:]) {
		return f, false
	}
	for i, value := range values[:orderTimes] {
		if value == nil {
			continue
		}
		f.times[i].given = true
		if f.times[i].UnmarshalJSON(value) != nil {
			return f, false
		}
	}
	f.number, f.status = values[orderTimes], values[orderTimes+1]
	return f, true
}

func unmarshalOrder(payload []byte) (f orderFields, err error) {
	var fields struct {
		OrderNumber           *string    `json:"orderNumber"`
		Status                *string    `json:"status"`
		LastUpdateTimestamp   *time.Time `json:"lastUpdateTimestamp"`
		EstimatedDeliveryTime *time.Time `json:"estimatedDeliveryTime"`
		ActualDeliveryTime    *time.Time `json:"actualDeliveryTime"`
		DeliveredAt           *time.Time `json:"deliveredAt"`
	}
	if err := json.Unmarshal(payload, &fields); err != nil {
		return f, err //nolint:wrapcheck // the caller says of what
	}
	f.number, f.status = quote(fields.OrderNumber), quote(fields.Status)
	for i, t := range [orderTimes]*time.Time{
		lastUpdate: fields.LastUpdateTimestamp, estimatedDelivery: fields.EstimatedDeliveryTime,
		actualDelivery: fields.ActualDeliveryTime, delivered: fields.DeliveredAt,
	} {
		if t != nil {
			f.times[i] = optionalTime{*t, true}
		}
	}
	return f, nil
}

// inRFC3339 says whether t has a form in UTC that clients can read: a zone can move its year out of what four digits hold.
func inRFC3339(t time.Time) bool {
	year := t.UTC().Year()
	return year >= 1 && year <= 9999
}

// orderArguments is the one argument of an order event, OrderStatusBroadcastDto in the field order of the published document,
// with sequence behind it. It is written out by hand because every order event of every group passes here.
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
	list.end(append(b, '}'))
	return nil
}

func appendNullable(b []byte, t optionalTime) []byte {
	if !t.given {
		return append(b, "null"...)
	}
	return appendTimestamp(b, t.Time)
}
