package event

import (
	"encoding/json"
	"strconv"
	"strings"
)

// Example returns a payload of an event of type t in one of its [Type.Forms], made of the fields' examples: all of
// them if full, else only those of required fields.
func (t Type) Example(form string, full bool) json.RawMessage {
	r := t.row()
	b := []byte{'{'}
	for i := range r.Fields {
		f := &r.Fields[i]
		value := f.Example
		if form != "" && i == 0 {
			value = strconv.Quote(form)
		}
		if value == "" || f.Form != "" && f.Form != form || f.Optional && !full || strings.Contains(f.Name, ".") {
			continue
		}
		b = appendExample(b, f.Name, value)
	}
	return append(b, '}')
}

func appendExample(b []byte, name, value string) []byte {
	if len(b) > 1 {
		b = append(b, ',')
	}
	b = append(appendName(b, []byte(name)), ':')
	return append(b, value...)
}

// example returns a body of the fields' own examples.
func (e *Endpoint) example() string {
	b := []byte{'{'}
	for i := range e.Body {
		if f := &e.Body[i]; f.Example != "" {
			b = appendExample(b, f.Name, f.Example)
		}
	}
	return string(append(b, '}'))
}
