package event

import (
	"maps"
	"slices"
)

// Definition is a row of the catalogue: all that Herald knows of an event type. What a type does follows from its
// family.
type Definition struct {
	Type   Type
	Family Family
	Method string // the client method that it invokes; none of a Control event
	Group  Group  // whose members receive it: of an Admin event. An order's and a team cart's follow from its ids
	// Fields are what it takes in its payload, in the order in which its clients see them; members of an object behind
	// all others. Where some have a Form, the first field selects it. An order event's default to [orderPayload].
	Fields    []Field
	Endpoints []Endpoint // by which administrators publish it: of an Admin event
}

// Implied is the value of a text field that the payload leaves out.
type Implied struct {
	Member    string            // of an object of the payload: data.severity. Taken where it says something
	By        string            // otherwise it follows from this field,
	Values    map[string]string // by its value,
	Otherwise string            // or is this
}

// Endpoint is a POST of the admin REST API that publishes an event of the type. It takes the role of administrators, and
// an Idempotency-Key header that becomes the event's id. Its answer has the Message and the event's id.
type Endpoint struct {
	Path    string // behind /api/admin/realtime/
	Message string
	Form    string // which it publishes: of a type with forms
	// Fixed are fields of the payload that the endpoint sets itself, to texts in which {name} stands for a field of the
	// body.
	Fixed map[string]string
	// Body is what the body takes. Defaults to the fields of the type, or of the form, without the Fixed ones.
	Body []BodyField
	// Statistics are the platform's statistics that the payload's fields are taken from, in their order: the endpoint
	// takes no body then.
	Statistics []string
	Answers    []string // the fields that the answer repeats

	// What the OpenAPI document says. Schema is the name of the body's.
	OperationID, Tag, Summary, Remark, Schema string
	// Examples are bodies that are accepted. Default to one of the fields' own examples.
	Examples []Example
}

// BodyField is a field of a body, and where in the payload it goes: the name of a field, or that of an object's member,
// as data.metric.
type BodyField struct {
	Field

	To string
}

// Example is a body, in JSON.
type Example struct{ Name, Value string }

// complete fills in what follows from the type's fields in the endpoint's form.
func (e *Endpoint) complete(fields, inner []Field) {
	if e.Form != "" {
		fixed := map[string]string{fields[0].Name: e.Form}
		maps.Copy(fixed, e.Fixed)
		e.Fixed = fixed
	}
	if e.Body == nil && e.Statistics == nil {
		for _, f := range slices.Concat(fields, inner) {
			if _, fixed := e.Fixed[f.Name]; !fixed {
				e.Body = append(e.Body, BodyField{f, f.Name})
			}
		}
	}
	if e.Examples == nil && e.Statistics == nil {
		e.Examples = []Example{{"published", e.example()}}
	}
}
