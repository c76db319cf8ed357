package event

import (
	"slices"
	"strings"
)

// FieldKind is what a field of a payload has to be. The outbox judges by the same kinds (herald.payload_fields), and so does the REST API.
type FieldKind string

// The kinds.
const (
	KindText   FieldKind = "text"   // a string that says something
	KindWord   FieldKind = "word"   // one of at most MaxWord characters: a name, an id
	KindOne    FieldKind = "one"    // one of the field's Values
	KindTime   FieldKind = "time"   // RFC 3339 with an offset
	KindUUID   FieldKind = "uuid"   // in any of the forms that PostgreSQL reads, and not all zero
	KindCount  FieldKind = "count"  // a whole number from 0 that JavaScript keeps exactly
	KindAmount FieldKind = "amount" // a number from 0 that a 64-bit float holds
	KindNumber FieldKind = "number" // a number that a 64-bit float holds
	KindObject FieldKind = "object" // with whatever belongs to it
	KindShort  FieldKind = "short"  // where it is a string, of at most MaxWord characters; of any other type it may be anything
	// KindMeasure is a number, or a string as of a KindWord: 2000 or "2000ms". Only bodies of the REST API have it.
	KindMeasure FieldKind = "measure"
)

const (
	// MaxWord is how many characters a [KindWord] and a [KindShort] may have.
	MaxWord = 256
	// MaxCount is 2^53-1, the largest whole number that JavaScript keeps exactly.
	MaxCount = 1<<53 - 1
)

// Field is what an event type takes in its payload, by this name: names are matched exactly. What a payload holds beside its type's fields is the
// producer's.
type Field struct {
	Name        string // behind a dot that of a member of the object: data.metric
	Kind        FieldKind
	Optional    bool     // it may be missing, or null
	Values      []string // the allowed ones, of a [KindOne]
	Form        string   // of a type with forms, whose field it is; empty: every form's
	ID          bool     // text that may be an id: one in the canonical form is sent in lower case
	Implied     *Implied // where it is text that says nothing
	Description string
	Example     string // a value, in JSON; empty: it is in no example
}

// Wanted says in words what the field takes, for documents and for whom it has been refused.
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

// Fields returns what an event of type t takes in its payload, in the order in which its clients see it; of a type with
// forms those of each form in turn, behind the field that selects it. Members of an object follow behind all others.
func (t Type) Fields() []Field { return slices.Clone(t.row().Fields) }
