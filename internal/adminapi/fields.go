package adminapi

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/yummyzoom/herald/internal/event"
)

const (
	numberMaximumBytes = 64
	exponentMaximum    = 1000
	// wordMaximum is the outbox's own limit for such fields.
	wordMaximum = event.MaxWord
	// countMaximum is the largest whole number that JavaScript keeps exactly.
	countMaximum = event.MaxCount
)

// body is a request's JSON object. Each method reads one field and notes its errors, so that the sender learns of
// all errors at once. The values that they return are valid only if errors stays empty.
type body struct {
	fields map[string]any
	read   map[string]bool // the fields that the endpoint knows
	errors fieldErrors
}

// value reads a field of the catalogue.
func (b *body) value(f *event.Field) any {
	switch f.Kind {
	case event.KindText:
		return b.text(f.Name)
	case event.KindWord:
		return b.word(f.Name)
	case event.KindOne:
		return b.oneOf(f.Name, f.Values...)
	case event.KindCount:
		return b.count(f.Name)
	case event.KindAmount:
		return b.atLeastZero(f.Name)
	case event.KindNumber:
		return b.number(f.Name)
	case event.KindMeasure:
		return b.textOrNumber(f.Name)
	case event.KindObject:
		if !f.Optional {
			b.required(f.Name)
		}
		return b.object(f.Name)
	case event.KindTime, event.KindUUID, event.KindShort:
	}
	return b.fitting(f)
}

// fitting reads a field with the outbox's rules for it.
func (b *body) fitting(f *event.Field) any {
	value, ok := b.required(f.Name)
	if !ok {
		return nil
	}
	if encoded, err := json.Marshal(value); err != nil || !f.Fits(encoded) {
		b.errors.add(f.Name, "The field must be "+f.Wanted()+".")
	} else {
		b.note(f.Name, checkValue(value, event.PayloadLevel+1))
	}
	return value
}

// field returns the field, or nil.
func (b *body) field(name string) any {
	b.read[name] = true
	return b.fields[name]
}

// extend adds to the payload the body's fields that the endpoint does not know, unchanged. It never replaces one of
// the payload's own.
func (b *body) extend(payload map[string]any) {
	for name, value := range b.fields {
		if _, own := payload[name]; own || b.read[name] {
			continue
		}
		b.note(name, cmp.Or(checkKey(name), checkValue(value, event.PayloadLevel+1)))
		payload[name] = value
	}
}

// err is the [*problem] that names every wrong field, or nil.
func (b *body) err() error {
	if len(b.errors) == 0 {
		return nil
	}
	return invalid(b.errors)
}

// required returns the field, or notes that it is missing.
func (b *body) required(name string) (any, bool) {
	value := b.field(name)
	if value == nil {
		b.errors.add(name, "The field is required."+b.otherCase(name))
		return nil, false
	}
	return value, true
}

// otherCase says that a missing field is there in another case, as .NET writes names by default.
func (b *body) otherCase(name string) string {
	for _, other := range slices.Sorted(maps.Keys(b.fields)) {
		if other != name && strings.EqualFold(other, name) {
			return fmt.Sprintf(" The body has %q: names are camelCase and matched exactly.", other)
		}
	}
	return ""
}

// text reads a string that is not blank.
func (b *body) text(name string) string {
	value, ok := b.required(name)
	if !ok {
		return ""
	}
	s, ok := value.(string)
	switch {
	case !ok:
		b.errors.add(name, "The field must be a string.")
	case strings.Trim(s, event.Blanks) == "":
		b.errors.add(name, "The field must not be empty.")
	default:
		b.note(name, checkText(s))
	}
	return s
}

// word reads a name or an id: a string that is not blank, of at most wordMaximum characters.
func (b *body) word(name string) string {
	s := b.text(name)
	if utf8.RuneCountInString(s) > wordMaximum {
		b.errors[name] = []string{fmt.Sprintf("The field must not have more than %d characters.", wordMaximum)}
	}
	return s
}

// optional reads a string that is not blank, or is null or missing.
func (b *body) optional(name string) string {
	if b.field(name) == nil {
		return ""
	}
	s := b.text(name)
	if len(s) > nameMaximum && len(b.errors[name]) == 0 {
		b.errors.add(name, fmt.Sprintf("The field must not have more than %d bytes.", nameMaximum))
	}
	return s
}

// flag reads a boolean that may be missing.
func (b *body) flag(name string) bool {
	value := b.field(name)
	set, ok := value.(bool)
	if value != nil && !ok {
		b.errors.add(name, "The field must be true or false.")
	}
	return set
}

// nothingElse notes the fields that the endpoint does not know, for endpoints where a misspelt field would change
// the effect.
func (b *body) nothingElse() {
	for name := range b.fields {
		if !b.read[name] {
			b.errors.add(shortened(name), "The field is not known here.")
		}
	}
}

// oneOf reads one of a closed set of words.
func (b *body) oneOf(name string, words ...string) string {
	value, ok := b.required(name)
	if !ok {
		return ""
	}
	s, _ := value.(string)
	if !slices.Contains(words, s) {
		b.errors.add(name, "The field must be one of: "+strings.Join(words, ", ")+".")
	}
	return s
}

// number reads a number, in the digits in which it was sent.
func (b *body) number(name string) json.Number {
	value, ok := b.required(name)
	if !ok {
		return ""
	}
	n, ok := value.(json.Number)
	if !ok {
		b.errors.add(name, "The field must be a number.")
		return ""
	}
	b.note(name, checkNumber(n))
	return n
}

// atLeastZero reads a number that cannot be negative.
func (b *body) atLeastZero(name string) json.Number {
	n := b.number(name)
	if f, err := n.Float64(); err == nil && f < 0 {
		b.errors.add(name, "The field must be greater than or equal to 0.")
	}
	return n
}

// count reads a whole number from 0.
func (b *body) count(name string) json.Number {
	n := b.atLeastZero(name)
	if len(b.errors[name]) > 0 {
		return n
	}
	if i, err := strconv.ParseInt(n.String(), 10, 64); err != nil || i > countMaximum {
		b.errors.add(name, fmt.Sprintf("The field must be a whole number of at most %d.", countMaximum))
	}
	return n
}

// textOrNumber reads a value such as "2000ms" or 2000.
func (b *body) textOrNumber(name string) any {
	switch b.field(name).(type) {
	case json.Number:
		return b.number(name)
	case nil, string:
		return b.word(name)
	default:
		b.errors.add(name, "The field must be a string or a number.")
		return nil
	}
}

// inner notes the errors of a member of an object in the body.
func (b *body) inner(f *event.Field, object, name string) {
	members, _ := b.fields[object].(map[string]any)
	value := members[name]
	if encoded, err := json.Marshal(value); err == nil && f.Fits(encoded) {
		return
	}
	if f.Kind == event.KindShort {
		b.errors.add(f.Name, fmt.Sprintf("The field must not have more than %d characters.", wordMaximum))
		return
	}
	b.errors.add(f.Name, "The field must be "+f.Wanted()+".")
}

// object reads an object that may be null or missing.
func (b *body) object(name string) any {
	value := b.field(name)
	if value == nil {
		return nil
	}
	if _, ok := value.(map[string]any); !ok {
		b.errors.add(name, "The field must be an object.")
		return nil
	}
	b.note(name, checkValue(value, event.PayloadLevel+1))
	return value
}

func (b *body) note(name, complaint string) {
	if complaint != "" {
		b.errors.add(name, complaint)
	}
}

// checkValue says why Postgres cannot store value as jsonb, or why clients cannot read it at this level of a
// message; "" if they can.
func checkValue(value any, level int) string {
	switch v := value.(type) {
	case string:
		return checkText(v)
	case json.Number:
		return checkNumber(v)
	case []any:
		if level > event.MaxLevels {
			return tooDeep
		}
		for _, element := range v {
			if complaint := checkValue(element, level+1); complaint != "" {
				return complaint
			}
		}
	case map[string]any:
		if level > event.MaxLevels {
			return tooDeep
		}
		for key, element := range v {
			if complaint := cmp.Or(checkKey(key), checkValue(element, level+1)); complaint != "" {
				return complaint
			}
		}
	}
	return ""
}

// tooDeep is the error for objects and lists that clients cannot read.
const tooDeep = "The field must not be nested so deeply: clients read 64 levels of a message, and this is at the fourth."

func checkKey(key string) string {
	if key == event.ForbiddenKey {
		return "No key may be " + event.ForbiddenKey + ": clients that speak MessagePack end over it."
	}
	return checkText(key)
}

func checkText(s string) string {
	if strings.ContainsRune(s, 0) {
		return "The field must not contain the character U+0000."
	}
	return ""
}

func checkNumber(n json.Number) string {
	if len(n) > numberMaximumBytes {
		return fmt.Sprintf("A number must not have more than %d characters.", numberMaximumBytes)
	}
	f, err := n.Float64()
	mantissa, exponent, _ := strings.Cut(strings.ToLower(n.String()), "e")
	// Zero may have any exponent, but Postgres does not read every exponent.
	power, powerErr := strconv.Atoi(cmp.Or(exponent, "0"))
	unreadable := powerErr != nil || power < -exponentMaximum || power > exponentMaximum
	if err != nil || unreadable || (f == 0 && strings.ContainsAny(mantissa, "123456789")) {
		return "The number is outside the range of a 64-bit floating-point number."
	}
	return ""
}
