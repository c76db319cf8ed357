package event

import (
	"encoding/json"
	"strconv"
	"time"
)

// orderFields is the payload of an order event: the fields of OrderStatusBroadcastDto that are not columns.
type orderFields struct {
	OrderNumber           *string    `json:"orderNumber"`
	Status                *string    `json:"status"`
	LastUpdateTimestamp   *time.Time `json:"lastUpdateTimestamp"`
	EstimatedDeliveryTime *time.Time `json:"estimatedDeliveryTime"`
	ActualDeliveryTime    *time.Time `json:"actualDeliveryTime"`
	DeliveredAt           *time.Time `json:"deliveredAt"`
}

func (e *Event) orderFields() (orderFields, error) {
	var f orderFields
	if err := json.Unmarshal(e.Payload, &f); err != nil {
		return f, e.undeliverable("payload: %v", err)
	}
	if f.OrderNumber == nil {
		return f, e.undeliverable("payload: orderNumber is missing")
	}
	if f.Status == nil {
		return f, e.undeliverable("payload: status is missing")
	}
	for _, at := range []struct {
		name string
		time *time.Time
	}{
		{"lastUpdateTimestamp", f.LastUpdateTimestamp},
		{"estimatedDeliveryTime", f.EstimatedDeliveryTime},
		{"actualDeliveryTime", f.ActualDeliveryTime},
		{"deliveredAt", f.DeliveredAt},
	} {
		if at.time != nil && !inRFC3339(*at.time) {
			return f, e.undeliverable("payload: %s is not a time between the years 1 and 9999", at.name)
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
func (l Logged) orderArguments() ([]json.RawMessage, error) {
	f, err := l.orderFields()
	if err != nil {
		return nil, err
	}
	updated := l.OccurredOn
	if f.LastUpdateTimestamp != nil {
		updated = *f.LastUpdateTimestamp
	}
	b := make([]byte, 0, 512)
	b = append(b, `{"orderId":"`...)
	b = append(b, l.ResourceID.String()...)
	b = append(b, `","orderNumber":`...)
	b = appendString(b, *f.OrderNumber)
	b = append(b, `,"status":`...)
	b = appendString(b, *f.Status)
	b = append(b, `,"restaurantId":"`...)
	b = append(b, l.RestaurantID.String()...)
	b = append(b, `","lastUpdateTimestamp":`...)
	b = appendTimestamp(b, updated)
	b = append(b, `,"estimatedDeliveryTime":`...)
	b = appendNullable(b, f.EstimatedDeliveryTime)
	b = append(b, `,"actualDeliveryTime":`...)
	b = appendNullable(b, f.ActualDeliveryTime)
	b = append(b, `,"deliveredAt":`...)
	b = appendNullable(b, f.DeliveredAt)
	b = append(b, `,"occurredOnUtc":`...)
	b = appendTimestamp(b, l.OccurredOn)
	b = append(b, `,"eventId":"`...)
	b = append(b, l.ID.String()...)
	b = append(b, `","sequence":`...)
	b = strconv.AppendInt(b, l.Sequence, 10)
	return []json.RawMessage{append(b, '}')}, nil
}

func appendNullable(b []byte, t *time.Time) []byte {
	if t == nil {
		return append(b, "null"...)
	}
	return appendTimestamp(b, *t)
}

func appendString(b []byte, s string) []byte {
	quoted, err := json.Marshal(s)
	if err != nil { // a string always has a JSON form
		panic(err)
	}
	return append(b, quoted...)
}
