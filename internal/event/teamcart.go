package event

import "encoding/json"

// cartArguments are the positional arguments of a team cart event: none, or (userId, status) for a payment, or (orderId)
// for a conversion.
func (e *Event) cartArguments() ([]json.RawMessage, error) {
	var f struct {
		UserID  *string `json:"userId"`
		Status  *string `json:"status"`
		OrderID *string `json:"orderId"`
	}
	if err := json.Unmarshal(e.Payload, &f); err != nil {
		return nil, e.undeliverable("payload: %v", err)
	}
	switch e.Type {
	case CartPaymentEvent:
		if f.UserID == nil || f.Status == nil {
			return nil, e.undeliverable("payload: userId and status are required for %s", e.Type)
		}
		return []json.RawMessage{appendString(nil, *f.UserID), appendString(nil, *f.Status)}, nil
	case CartConverted:
		if f.OrderID == nil {
			return nil, e.undeliverable("payload: orderId is required for %s", e.Type)
		}
		return []json.RawMessage{appendString(nil, *f.OrderID)}, nil
	default: // the other types have no arguments
		return nil, nil
	}
}
