package event

import (
	"bytes"
	"encoding/hex"
	"encoding/json"

	"github.com/google/uuid"
)

// cartArguments writes the positional arguments of a team cart event: its fields, in their order. Ids take their
// canonical form. The payload's further fields are not sent.
func (e *Event) cartArguments(list *argumentList) error {
	f := e.Type.row().plain
	var values [mostFields][]byte
	s := scanUsed(e.Payload)
	for name, value, ok := s.next(); ok; name, value, ok = s.next() {
		if i := f.index(name); i >= 0 {
			values[i] = value
		}
	}
	if err := s.err(e); err != nil {
		return err
	}
	for i := range f.fields {
		if err := e.cartArgument(list, &f.fields[i], values[i]); err != nil {
			return err
		}
	}
	return nil
}

// cartArgument writes one argument. The outbox may no longer accept its text; the event is in the log, so it is
// sent.
func (e *Event) cartArgument(list *argumentList, f *Field, value []byte) error {
	const canonical = len(`"00000000-0000-0000-0000-000000000000"`)
	var id uuid.UUID
	isID := false
	if f.ID || f.Kind == KindUUID {
		id, isID = parseID(value)
	}
	switch {
	case f.Optional && isNull(value):
		list.add(json.RawMessage("null"))
	case f.Kind == KindUUID && !isID:
		return e.unfit(f.Name, value, "a UUID")
	case (f.Kind == KindText || f.Kind == KindWord) && !isString(value):
		return e.unfit(f.Name, value, "a string")
	case f.Kind == KindUUID, f.ID && isID && len(value) == canonical: // any other text is the platform's own form
		list.addID(id)
	default:
		list.add(orNull(value))
	}
	return nil
}

// parseID reads a UUID from a JSON string, in any form that PostgreSQL reads, or as a URN: with or without braces,
// in either case, with or without a hyphen behind any four digits.
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
