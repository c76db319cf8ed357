package event

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/google/uuid"
)

// mostFields has room for the fields of every event type.
const mostFields = 16

// checkPayload checks each field of the payload that the event's type takes in its form, before the event gets its
// place in the log. It names every field that is wrong.
func (e *Event) checkPayload() error {
	r := e.Type.row()
	scanner := scanPayload(e.Payload)
	switch r.Family {
	case TeamCart:
		scanner = scanUsed(e.Payload)
	case Control, Unknown:
		return nil
	case Order, Admin:
	}
	f, _ := r.formOf(e.Payload) // without a form, the field that selects it does not fit
	var values [mostFields][]byte
	for name, value, ok := scanner.next(); ok; name, value, ok = scanner.next() {
		if i := f.index(name); i >= 0 {
			values[i] = value
		}
	}
	if err := scanner.err(e); err != nil {
		return err
	}
	var wrong []string
	for i := range f.fields {
		if field := &f.fields[i]; !field.fits(values[i]) {
			wrong = append(wrong, field.misfit(values[i]))
		}
	}
	for i := range f.inner {
		field := &f.inner[i]
		if value := member(values[field.of], field.name); !field.fits(value) {
			wrong = append(wrong, field.misfit(value))
		}
	}
	if len(wrong) > 0 {
		return e.undeliverable("payload: %s", strings.Join(wrong, "; "))
	}
	return nil
}

// misfit says why the value does not fit.
func (f *Field) misfit(value []byte) string {
	if isNull(value) {
		return f.Name + " is missing"
	}
	return fmt.Sprintf("%s is %.64s, not %s", f.Name, value, f.Wanted())
}

// Fits says whether the field accepts this JSON value: null, or nothing, stands for a missing field.
func (f *Field) Fits(value []byte) bool { return f.fits(value) }

// fits says whether the field accepts this value, as it stands in the payload. herald.payload_problems and the REST
// API follow the same rules.
func (f *Field) fits(value []byte) bool {
	if isNull(value) {
		return f.Optional
	}
	switch f.Kind {
	case KindText:
		return isText(value)
	case KindWord:
		return isText(value) && isShort(value)
	case KindOne:
		return isString(value) && slices.Contains(f.Values, string(textOf(value)))
	case KindTime:
		return isTime(value)
	case KindUUID:
		id, ok := parseID(value)
		return ok && id != uuid.Nil
	case KindCount:
		return isCount(value)
	case KindAmount:
		return isNumber(value) && isFloat(value) && (value[0] != '-' || isZero(value))
	case KindNumber:
		return isNumber(value) && isFloat(value)
	case KindObject:
		return value[0] == '{'
	case KindMeasure:
		return isNumber(value) && isFloat(value) || isText(value) && isShort(value)
	default: // KindShort
		return !isString(value) || isShort(value)
	}
}

// isShort says whether a string has at most MaxWord characters.
func isShort(value []byte) bool {
	return len(value)-len(`""`) <= MaxWord || utf8.RuneCountInString(unquote(value)) <= MaxWord
}

// isTime says whether the value is a time of the years 1 to 9999 in every zone. As in herald.payload_problems, a
// time on the first or last day of that range has to be in UTC.
func isTime(value []byte) bool {
	t, ok := readTime(value)
	if !ok || bytes.IndexByte(value, ',') >= 0 { // package time reads a comma as a point
		return false
	}
	if text := value[1:]; bytes.HasPrefix(text, []byte("0001-01-01")) || bytes.HasPrefix(text, []byte("9999-12-31")) {
		_, offset := t.Zone()
		return offset == 0
	}
	return true
}

func isCount(value []byte) bool {
	if value[0] < '0' || value[0] > '9' {
		return false
	}
	n, err := strconv.ParseUint(string(value), 10, 64)
	return err == nil && n <= MaxCount
}

// isFloat says whether a 64-bit float holds the number; a number that is not zero must not become zero.
func isFloat(value []byte) bool {
	n, err := strconv.ParseFloat(string(value), 64)
	return err == nil && (n != 0 || isZero(value))
}

func isZero(value []byte) bool {
	mantissa, _, _ := bytes.Cut(bytes.ToLower(value), []byte("e"))
	return !bytes.ContainsAny(mantissa, "123456789")
}
