package event

// appendExtras appends, to an object that is not closed yet, the payload's fields that own does not know: unchanged,
// in the payload's order. The payload has been read before and has no problem.
func appendExtras(b, payload []byte, own func(name []byte) bool) []byte {
	s := scanPayload(payload)
	for name, value, ok := s.next(); ok; name, value, ok = s.next() {
		if own(name) {
			continue
		}
		b = append(b, ',')
		b = appendName(b, name)
		b = append(b, ':')
		b = append(b, value...)
	}
	return b
}

// appendName appends a member's name as JSON. Hardly any name needs an escape.
func appendName(b, name []byte) []byte {
	for _, c := range name {
		if c < ' ' || c == '"' || c == '\\' {
			return append(b, quote(string(name))...)
		}
	}
	b = append(b, '"')
	b = append(b, name...)
	return append(b, '"')
}
