package event

import (
	"bytes"
	"encoding/hex"
	"encoding/json"

	"github.com/google/uuid"
)

// cartFields are those of a team cart event's payload that its type uses, as they stand there.
type cartFields struct{ userID, status, orderID json.RawMessage }

// cartFields reads them, or says why the payload does not fit. Whatever else it has is nobody's.
func (e *Event) cartFields() (f cartFields, err error) {
	s := scanUsed(e.Payload)
	for name, value, ok := s.next(); ok; name, value, ok = s.next() {
		switch string(name) {
		case "userId":
			f.userID = value
		case "status":
			f.status = value
		case "orderId":
			f.orderID = value
		}
	}
	if err := s.err(e); err != nil {
		return f, err
	}
	// The other types use none.
	//exhaustive:ignore
	switch e.Type {
	case CartPaymentEvent:
		if !isString(f.userID) {
			return f, e.unfit("userId", f.userID, "a string")
		}
		if !isString(f.status) {
			return f, e.unfit("status", f.status, "a string")
		}
	case CartConverted:
		if _, ok := parseID(f.orderID); !ok {
			return f, e.unfit("orderId", f.orderID, "a UUID")
		}
	}
	return f, nil
}

// cartArguments are the positional arguments of a team cart event: none, or (userId, status) for a payment, or (orderId)
// for a conversion. Ids are in their canonical form.
func (e *Event) cartArguments(list *argumentList) error {
	f, err := e.cartFields()
	if err != nil {
		return err
	}
	// The other types have no arguments.
	//exhaustive:ignore
	switch e.Type {
	case CartPaymentEvent:
		if id, ok := parseID(f.userID); ok && len(f.userID) == len(`"00000000-0000-0000-0000-000000000000"`) { // any other text is the platform's own form
			list.addID(id)
		} else {
			list.add(f.userID)
		}
		list.add(f.status)
	case CartConverted:
		id, _ := parseID(f.orderID) // checked above
		list.addID(id)
	}
	return nil
}

// parseID reads a UUID from a JSON string, in any of the forms that PostgreSQL reads, or as a URN: with braces or without, in either case, with a
// hyphen behind any four digits or without.
func parseID(value []byte) (id uuid.UUID, ok bool) {
	const urn, digits, group = "urn:uuid:", 32, 4
	if !isString(value) {
		return id, false
	}
	text := value[1 : len(value)-1] // an id needs no escapes
	if len(text) >= len(urn) && bytes.EqualFold(text[:len(urn)], []byte(urn)) {
		text = text[len(urn):]
	} else if inner, braced := bytes.CutPrefix(text, []byte("{")); braced {
		if text, ok = bytes.CutSuffix(inner, []byte("}")); !ok {
			return id, false
		}
	}
	var plain [digits]byte
	n := 0
	for i, c := range text {
		if c == '-' && n > 0 && n%group == 0 && text[i-1] != '-' && n < digits {
			continue
		}
		if n == digits {
			return id, false
		}
		plain[n] = c
		n++
	}
	if n != digits {
		return id, false
	}
	_, err := hex.Decode(id[:], plain[:])
	return id, err == nil
}
