package event

import "strconv"

// adminObject holds what Herald reads from an admin event's payload.
type adminObject struct {
	*form

	values [mostFields][]byte // the form's fields as the payload has them; nil where missing
	extras bool               // the payload has further fields
}

// owns says whether name is one of the object's own field names.
func (f *form) owns(name []byte) bool {
	switch string(name) {
	case "timestamp", "eventId", "sequence":
		return true
	default:
		return f.index(name) >= 0
	}
}

// adminObject reads the payload, or says why it does not fit. Names match exactly.
func (e *Event) adminObject() (o adminObject, err error) {
	r := e.Type.row()
	var known bool
	if o.form, known = r.formOf(e.Payload); !known {
		selector := &o.fields[0]
		return o, e.undeliverable("payload: %s", selector.misfit(member(e.Payload, selector.Name)))
	}
	s := scanPayload(e.Payload)
	for name, value, ok := s.next(); ok; name, value, ok = s.next() {
		if i := o.index(name); i >= 0 {
			o.values[i] = value
		} else {
			o.extras = o.extras || !o.owns(name)
		}
	}
	if err := s.err(e); err != nil {
		return o, err
	}
	return o, nil
}

func (l Logged) adminArguments(list *argumentList) error {
	o, err := l.adminObject()
	if err != nil {
		return err
	}
	b := appendTimestamp(append(list.begin(), `{"timestamp":`...), l.OccurredOn)
	for i := range o.fields {
		b = append(b, `,"`...)
		b = append(b, o.fields[i].Name...)
		b = append(b, `":`...)
		b = appendValue(b, o.value(i))
	}
	b = append(b, `,"eventId":"`...)
	b = appendUUID(b, l.ID)
	b = append(b, `","sequence":`...)
	b = strconv.AppendInt(b, l.Sequence, 10)
	if o.extras {
		b = appendExtras(b, l.Payload, o.owns)
	}
	list.end(append(b, '}'))
	return nil
}

// value returns the field's value, or the implied value where the payload's text is blank.
func (o *adminObject) value(i int) []byte {
	rule := o.implied[i]
	if rule == nil || isText(o.values[i]) {
		return o.values[i]
	}
	if given := member(o.values[rule.of], rule.member); isText(given) {
		return given
	}
	if value, ok := rule.values[string(textOf(o.values[rule.by]))]; ok {
		return value
	}
	return rule.other
}

// appendValue appends a field's value, or null where there is none.
func appendValue(b, value []byte) []byte {
	if len(value) == 0 {
		return append(b, "null"...)
	}
	return append(b, value...)
}

// member returns the object's member of this name, or nil if there is none or object is no JSON object.
func member(object []byte, wanted string) (found []byte) {
	s := scanUsed(object)
	for name, value, ok := s.next(); ok; name, value, ok = s.next() {
		if string(name) == wanted {
			found = value
		}
	}
	return found
}
