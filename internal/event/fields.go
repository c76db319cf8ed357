package event

import (
	"slices"
	"strings"
)

// FieldKind says which values a payload field accepts. The outbox (herald.payload_fields) and the REST API use the
// same kinds.
type FieldKind string

// The kinds.
const (
	KindText   FieldKind = "text"   // a string that is not blank
	KindWord   FieldKind = "word"   // a text of at most MaxWord characters: a name, an id
	KindOne    FieldKind = "one"    // one of the field's Values
	KindTime   FieldKind = "time"   // RFC 3339 with an offset
	KindUUID   FieldKind = "uuid"   // in any form that PostgreSQL reads, and not all zero
	KindCount  FieldKind = "count"  // a whole number from 0 that JavaScript keeps exactly
	KindAmount FieldKind = "amount" // a number from 0 that a 64-bit float holds
	KindNumber FieldKind = "number" // a number that a 64-bit float holds
	KindObject FieldKind = "object" // with any members
	KindShort  FieldKind = "short"  // a string of at most MaxWord characters, or a value of any other type
	// KindMeasure is a number, or a string as for KindWord: 2000 or "2000ms". Only bodies of the REST API use it.
	KindMeasure FieldKind = "measure"
)

const (
	// MaxWord is how many characters a [KindWord] and a [KindShort] may have.
	MaxWord = 256
	// MaxCount is 2^53-1, the largest whole number that JavaScript keeps exactly.
	MaxCount = 1<<53 - 1
)

// Field is a payload field that an event type takes. Names match exactly. Further fields of a payload are the
// producer's.
type Field struct {
	Name        string // data.metric for a member of the object data
	Kind        FieldKind
	Optional    bool     // may be missing or null
	Values      []string // the allowed values of a [KindOne]
	Form        string   // the form that has the field, of a type with forms; empty: every form
	ID          bool     // the text may be an id: one in the canonical form is sent in lower case
	Implied     *Implied // the value where the text is blank
	Description string
	Example     string // a value, in JSON; empty: the field is in no example
}

// Wanted says in words what the field takes, for documents and error messages.
func (f *Field) Wanted() string {
	switch f.Kind {
	case KindText:
		return "a string that is not empty"
	case KindWord:
		return "a string that is not empty, of at most 256 characters"
	case KindOne:
		return "one of " + strings.Join(f.Values, ", ")
	case KindTime:
		return "a time in RFC 3339 with an offset, such as 2025-01-20T10:05:00Z"
	case KindUUID:
		return "a UUID, and not the all-zero one"
	case KindCount:
		return "a whole number from 0 to 9007199254740991"
	case KindAmount:
		return "a number from 0 that a 64-bit float holds"
	case KindNumber:
		return "a number that a 64-bit float holds"
	case KindObject:
		return "an object"
	case KindMeasure:
		return "a number, or a string that is not empty, of at most 256 characters"
	default:
		return "a string of at most 256 characters"
	}
}

// Fields returns the payload fields of an event of type t, in the order in which clients see them. Of a type with
// forms it returns the fields of each form in turn, behind the field that selects the form. Members of an object
// come last.
func (t Type) Fields() []Field { return slices.Clone(t.row().Fields) }
