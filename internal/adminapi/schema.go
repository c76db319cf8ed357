package adminapi

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/yummyzoom/herald/internal/event"
)

// schemaOf is the JSON Schema of a body.
func schemaOf(body []event.BodyField) object {
	var required []any
	var properties object
	for i := range body {
		f := &body[i].Field
		if strings.Contains(f.Name, ".") {
			continue // described with the object
		}
		if !f.Optional {
			required = append(required, f.Name)
		}
		properties = append(properties, member{f.Name, propertyOf(f, body)})
	}
	schema := object{{"type", "object"}}
	if len(required) > 0 {
		schema = append(schema, member{"required", required})
	}
	return append(schema, member{"properties", properties})
}

// propertyOf is the schema of one field.
func propertyOf(f *event.Field, body []event.BodyField) (schema object) {
	types := func(names ...any) {
		if f.Optional {
			names = append(names, "null")
		}
		schema = object{{"type", names[0]}}
		if len(names) > 1 {
			schema = object{{"type", names}}
		}
		if text := f.Description + ofMembers(f, body); text != "" {
			schema = append(schema, member{"description", text})
		}
	}
	const says = `\S` // a character that is not blank
	word := object{{"maxLength", event.MaxWord}, {"pattern", says}}
	switch f.Kind {
	case event.KindText:
		types("string")
		schema = append(schema, member{"pattern", says})
	case event.KindWord:
		types("string")
		schema = append(schema, word...)
	case event.KindMeasure:
		types("string", "number")
		schema = append(schema, word...)
	case event.KindShort:
		types("string")
		schema = append(schema, word[0])
	case event.KindOne:
		types("string")
		schema = append(schema, member{"enum", anyOf(f.Values)})
	case event.KindTime:
		types("string")
		schema = append(schema, member{"format", "date-time"})
	case event.KindUUID:
		types("string")
		schema = append(schema, member{"format", "uuid"})
	case event.KindCount:
		types("integer")
		schema = append(schema, member{"minimum", 0}, member{"maximum", event.MaxCount})
	case event.KindAmount:
		types("number")
		schema = append(schema, member{"minimum", 0})
	case event.KindNumber:
		types("number")
	case event.KindObject:
		types("object")
	}
	return schema
}

// ofMembers describes the members of an object.
func ofMembers(f *event.Field, body []event.BodyField) string {
	var names []string
	for i := range body {
		if name, inner := strings.CutPrefix(body[i].Name, f.Name+"."); inner {
			names = append(names, "`"+name+"`")
		}
	}
	switch last := len(names) - 1; {
	case last < 0:
		return ""
	case last == 0:
		return fmt.Sprintf(" Its %s has at most %d characters where it is a string.", names[0], event.MaxWord)
	default:
		return fmt.Sprintf(" Its %s and %s have at most %d characters where they are strings.",
			strings.Join(names[:last], ", "), names[last], event.MaxWord)
	}
}

func anyOf(values []string) (all []any) {
	for _, v := range values {
		all = append(all, v)
	}
	return all
}

// object is a JSON object whose members keep their order.
type object []member

type member struct {
	name  string
	value any // any value that encoding/json takes, an [object], or a list of those
}

func (o object) has(name string) bool {
	for _, m := range o {
		if m.name == name {
			return true
		}
	}
	return false
}

// inOrder reads JSON and keeps the order of its objects' members.
func inOrder(text string) (any, error) {
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.UseNumber()
	return readInOrder(decoder)
}

func readInOrder(from *json.Decoder) (any, error) {
	token, err := from.Token()
	if err != nil {
		return nil, err //nolint:wrapcheck // the caller names the text
	}
	var o object
	list := []any{}
	for from.More() {
		name := ""
		if token == json.Delim('{') {
			next, err := from.Token()
			if err != nil {
				return nil, err //nolint:wrapcheck // the caller names the text
			}
			name = fmt.Sprint(next)
		} else if token != json.Delim('[') {
			break
		}
		value, err := readInOrder(from)
		if err != nil {
			return nil, err
		}
		o, list = append(o, member{name, value}), append(list, value)
	}
	switch token {
	case json.Delim('{'):
		_, err = from.Token()
		return o, err //nolint:wrapcheck // the caller names the text
	case json.Delim('['):
		_, err = from.Token()
		return list, err //nolint:wrapcheck // the caller names the text
	}
	return token, nil
}
