package event

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// catalogue holds the program's rows. It is complete before anything reads it, and never changes. Rows from another
// source than Go are to be added here.
var catalogue = func() *rows { //nolint:gochecknoglobals // a constant table
	all, err := newRows(definitions())
	if err != nil {
		panic(err)
	}
	return all
}()

// rows are the catalogue, prepared so that each event needs one look-up by its type.
type rows struct {
	all []*row
	of  map[Type]*row
}

type row struct {
	Definition
	plain   *form            // the form of a type without forms; else it has only the field that selects the form
	forms   map[string]*form // nil for a type without forms
	members []Member
}

// form lists what a payload takes.
type form struct {
	fields  []Field     // in the order in which clients see them
	implied []*implied  // for each of fields; nil: none
	inner   []innerRule // members of the fields' objects that have rules
}

// innerRule is a field that is a member of an object.
type innerRule struct {
	Field
	of   int    // the object's index in the form's fields
	name string // the member's name in the object
}

// implied is [Implied] with its places found and its values written.
type implied struct {
	of     int // the object's index in the form's fields
	member string
	by     int
	values map[string][]byte
	other  []byte
}

// noRow is the row of types that this release does not know.
var noRow = &row{plain: &form{}} //nolint:gochecknoglobals // a constant

// row returns the type's row in the catalogue.
func (t Type) row() *row {
	if r := catalogue.of[t]; r != nil {
		return r
	}
	return noRow
}

func newRows(definitions []Definition) (*rows, error) {
	r := &rows{of: make(map[Type]*row, len(definitions))}
	paths := map[string]bool{}
	for _, d := range definitions {
		one, err := newRow(d)
		if err != nil {
			return nil, fmt.Errorf("event type %q: %w", d.Type, err)
		}
		if r.of[d.Type] != nil {
			return nil, fmt.Errorf("event type %q is there twice", d.Type)
		}
		for i := range d.Endpoints {
			if path := d.Endpoints[i].Path; paths[path] {
				return nil, fmt.Errorf("event type %q: the endpoint %q is there twice", d.Type, path)
			}
			paths[d.Endpoints[i].Path] = true
		}
		r.of[d.Type] = one
		r.all = append(r.all, one)
	}
	return r, nil
}

func newRow(d Definition) (*row, error) {
	if d.Family == Order && d.Fields == nil {
		d.Fields = orderPayload()
	}
	if err := d.check(); err != nil {
		return nil, err
	}
	r := &row{Definition: d}
	names := d.forms()
	selected := func(form string) func(Field) bool {
		return func(f Field) bool { return f.Form != "" && f.Form != form }
	}
	var err error
	if names == nil {
		r.plain, err = newForm(d.Fields)
	} else {
		r.plain, err = newForm(d.Fields[:1])
		r.forms = map[string]*form{}
	}
	for _, name := range names {
		if err == nil {
			r.forms[name], err = newForm(slices.DeleteFunc(slices.Clone(d.Fields), selected(name)))
		}
	}
	for i := range d.Endpoints {
		e := &d.Endpoints[i]
		if err == nil {
			err = r.publishedBy(e)
		}
	}
	r.members = r.ownMembers()
	return r, err
}

// forms returns the names of a type's forms, or nil.
func (d *Definition) forms() []string {
	if !slices.ContainsFunc(d.Fields, func(f Field) bool { return f.Form != "" }) {
		return nil
	}
	return d.Fields[0].Values
}

func sameField(a, b Field) bool { return a.Name == b.Name && a.Kind == b.Kind }

func (d *Definition) check() error {
	switch {
	case d.Type == "":
		return errors.New("it has no name")
	case d.Family == Unknown:
		return errors.New("it has no family")
	case (d.Method == "") != (d.Family == Control):
		return errors.New("clients are sent a method, but of Herald's own events none")
	case d.Group.IsZero() == (d.Family == Admin):
		return errors.New("an admin event, and no other, has the group of its row")
	case d.Family == Order && !slices.EqualFunc(d.Fields, orderPayload(), sameField):
		return errors.New("an order event takes what every order event takes")
	case (len(d.Endpoints) > 0 || d.forms() != nil) && d.Family != Admin:
		return errors.New("only admin events are published over REST, or have forms")
	}
	for i := range d.Fields {
		f := &d.Fields[i]
		switch {
		case (f.Kind == KindOne) != (len(f.Values) > 0):
			return fmt.Errorf("the field %q is one of its values, or has none", f.Name)
		case f.Form != "" && !slices.Contains(d.Fields[0].Values, f.Form):
			return fmt.Errorf("the field %q is of the form %q, which the first field does not have", f.Name, f.Form)
		}
	}
	return nil
}

// newForm resolves the fields' references to each other.
func newForm(fields []Field) (*form, error) {
	f := &form{}
	for _, field := range fields {
		if !strings.Contains(field.Name, ".") {
			f.fields = append(f.fields, field)
		}
	}
	if len(f.fields) > mostFields {
		return nil, fmt.Errorf("more than %d fields", mostFields)
	}
	for _, field := range fields {
		if object, name, inner := strings.Cut(field.Name, "."); inner {
			at := f.index([]byte(object))
			if at < 0 || f.fields[at].Kind != KindObject {
				return nil, fmt.Errorf("the field %q is of no object", field.Name)
			}
			f.inner = append(f.inner, innerRule{field, at, name})
		}
	}
	for i := range f.fields {
		rule, err := f.imply(f.fields[i].Implied)
		if err != nil {
			return nil, err
		}
		f.implied = append(f.implied, rule)
	}
	return f, nil
}

func (f *form) imply(from *Implied) (*implied, error) {
	if from == nil {
		return nil, nil //nolint:nilnil // a field that has none
	}
	object, name, _ := strings.Cut(from.Member, ".")
	rule := &implied{
		of: f.index([]byte(object)), member: name, by: f.index([]byte(from.By)),
		values: map[string][]byte{}, other: quote(from.Otherwise),
	}
	if rule.of < 0 || rule.by < 0 {
		return nil, fmt.Errorf("a value that follows from %q and %q, which are no fields", from.Member, from.By)
	}
	for value, implied := range from.Values {
		rule.values[value] = quote(implied)
	}
	return rule, nil
}

// index returns the place of the field of this name, or -1.
func (f *form) index(name []byte) int {
	for i := range f.fields {
		if f.fields[i].Name == string(name) {
			return i
		}
	}
	return -1
}

// formOf returns the form of a payload. ok is false if its type has forms and none has that name.
func (r *row) formOf(payload []byte) (f *form, ok bool) {
	if r.forms == nil {
		return r.plain, true
	}
	f, ok = r.forms[string(textOf(member(payload, r.plain.fields[0].Name)))]
	if !ok {
		return r.plain, false
	}
	return f, true
}

// publishedBy completes an endpoint of the type, or reports what the endpoint has and the type does not.
func (r *row) publishedBy(e *Endpoint) error {
	f, known := r.forms[e.Form]
	if r.forms == nil {
		f, known = r.plain, e.Form == ""
	}
	switch {
	case e.Path == "" || e.Message == "" || e.OperationID == "" || e.Tag == "" || e.Summary == "":
		return fmt.Errorf("the endpoint %q needs a path, a message, an operation, a tag and a summary", e.Path)
	case !known:
		return fmt.Errorf("the endpoint %q publishes the form %q, which there is not", e.Path, e.Form)
	case e.Statistics != nil && (e.Form != "" || len(e.Statistics) != len(f.fields)):
		return fmt.Errorf("the endpoint %q takes each field from one of the statistics", e.Path)
	case (e.Statistics == nil) != (e.Schema != ""):
		return fmt.Errorf("the endpoint %q takes either statistics or a body, which has a schema", e.Path)
	}
	var inner []Field
	for i := range f.inner {
		inner = append(inner, f.inner[i].Field)
	}
	e.complete(f.fields, inner)
	return nil
}
