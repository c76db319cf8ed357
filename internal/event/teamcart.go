package event

import "encoding/json"

// The fields of a team cart event's payload.
const (
	cartUserID = iota
	cartStatus
	cartOrderID
	cartFields
)

var cartNames = []string{"userId", "status", "orderId"} //nolint:gochecknoglobals // a constant table

// cartArguments are the positional arguments of a team cart event: none, or (userId, status) for a payment, or (orderId)
// for a conversion. There is room for the cursor behind them.
func (e *Event) cartArguments() ([]json.RawMessage, error) {
	var f [cartFields]json.RawMessage
	if !scanTexts(e.Payload, cartNames, f[:]) {
		var err error
		if f, err = unmarshalCart(e.Payload); err != nil {
			return nil, e.undeliverable("payload: %v", err)
		}
	}
	switch e.Type {
	case CartPaymentEvent:
		if f[cartUserID] == nil || f[cartStatus] == nil {
			return nil, e.undeliverable("payload: userId and status are required for %s", e.Type)
		}
		return append(make([]json.RawMessage, 0, 3), f[cartUserID], f[cartStatus]), nil
	case CartConverted:
		if f[cartOrderID] == nil {
			return nil, e.undeliverable("payload: orderId is required for %s", e.Type)
		}
		return append(make([]json.RawMessage, 0, 2), f[cartOrderID]), nil
	default: // the other types have no arguments
		return nil, nil
	}
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
