package event

import (
	"encoding/json"

	"github.com/google/uuid"
)

// The fields of a team cart event's payload.
const (
	cartUserID = iota
	cartStatus
	cartOrderID
	cartFields
)

var cartNames = []string{"userId", "status", "orderId"} //nolint:gochecknoglobals // a constant table

// cartFields reads a team cart event's payload.
func (e *Event) cartFields() (f [cartFields]json.RawMessage, err error) {
	if !scanTexts(e.Payload, cartNames, f[:]) {
		if f, err = unmarshalCart(e.Payload); err != nil {
			return f, e.undeliverable("payload: %v", err)
		}
	}
	if e.Type == CartPaymentEvent && (f[cartUserID] == nil || f[cartStatus] == nil) {
		return f, e.undeliverable("payload: userId and status are required for %s", e.Type)
	}
	if e.Type == CartConverted && f[cartOrderID] == nil {
		return f, e.undeliverable("payload: orderId is required for %s", e.Type)
	}
	if e.Type == CartConverted && !isUUID(f[cartOrderID]) {
		return f, e.undeliverable("payload: orderId of %s is %.64s, not a UUID", e.Type, f[cartOrderID])
	}
	return f, nil
}

// isUUID says whether a JSON string is a UUID in its canonical form.
func isUUID(quoted json.RawMessage) bool {
	const canonical = len(`"00000000-0000-0000-0000-000000000000"`)
	if len(quoted) != canonical {
		return false
	}
	_, err := uuid.ParseBytes(quoted[1 : canonical-1])
	return err == nil
}

// cartArguments are the positional arguments of a team cart event: none, or (userId, status) for a payment, or (orderId)
// for a conversion.
func (e *Event) cartArguments(list *argumentList) error {
	f, err := e.cartFields()
	if err != nil {
		return err
	}
	// The other types have no arguments.
	//exhaustive:ignore
	switch e.Type {
	case CartPaymentEvent:
		list.add(f[cartUserID])
		list.add(f[cartStatus])
	case CartConverted:
		list.add(f[cartOrderID])
	}
	return nil
}

func unmarshalCart(payload []byte) (f [cartFields]json.RawMessage, err error) {
	var fields struct {
		UserID  *string `json:"userId"`
		Status  *string `json:"status"`
		OrderID *string `json:"orderId"`
	}
	if err := json.Unmarshal(payload, &fields); err != nil {
		return f, err //nolint:wrapcheck // the caller says of what
	}
	return [...]json.RawMessage{
		cartUserID: quote(fields.UserID), cartStatus: quote(fields.Status), cartOrderID: quote(fields.OrderID),
	}, nil
}
