package event

import "strconv"

// adminObject is what an admin event's payload is read into.
type adminObject struct {
	fields []Field
	values [mostFields][]byte // of fields, as they stand in the payload; nil where missing
	extras bool               // there is more
}

// value returns the value of the field of this name.
func (o *adminObject) value(name string) []byte {
	for i := range o.fields {
		if o.fields[i].Name == name {
			return o.values[i]
		}
	}
	return nil
}

// owns says whether a field of the payload has the name of one of the object's own.
func (o *adminObject) owns(name []byte) bool {
	switch string(name) {
	case "timestamp", "eventId", "sequence":
		return true
	default:
		return indexOf(o.fields, name) >= 0
	}
}

// adminObject reads the payload, or says why it does not fit. Names are matched exactly.
func (e *Event) adminObject() (o adminObject, err error) {
	o.fields = adminTypeFields[e.Type]
	if e.Type == AdminNotification {
		kind := member(e.Payload, "type")
		var known bool
		if o.fields, known = adminNotificationFields[unquote(kind)]; !known {
			return o, e.undeliverable("payload: %s", notificationType.misfit(kind))
		}
	}
	s := scanPayload(e.Payload)
	for name, value, ok := s.next(); ok; name, value, ok = s.next() {
		if i := indexOf(o.fields, name); i >= 0 {
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
		f, value := &o.fields[i], orNull(o.values[i])
		if l.Type == SystemAlert && f.Name == "severity" {
			value = severity(&o)
		}
		b = append(b, `,"`...)
		b = append(b, f.Name...)
		b = append(b, `":`...)
		b = append(b, value...)
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

// severity is that beside type and message where given, else data.severity, else what the alert's type implies.
func severity(o *adminObject) []byte {
	if given := o.value("severity"); isText(given) {
		return given
	}
	if given := member(o.value("data"), "severity"); isText(given) {
		return given
	}
	switch unquote(o.value("type")) {
	case "warning":
		return []byte(`"medium"`)
	case "error":
		return []byte(`"high"`)
	default:
		return []byte(`"low"`)
	}
}

// member returns the member of this name of an object, or nil for none and for what is no object.
func member(object []byte, wanted string) (found []byte) {
	s := scanUsed(object)
	for name, value, ok := s.next(); ok; name, value, ok = s.next() {
		if string(name) == wanted {
			found = value
		}
	}
	return found
}
