package event

import (
	"maps"
	"slices"
)

// Definition is a row of the catalogue: all that Herald knows of an event type. The type's behaviour follows from
// its family.
type Definition struct {
	Type   Type
	Family Family
	Method string // the client method that the event invokes; none for a Control event
	Group  Group  // the receivers of an Admin event; those of an order or team cart event follow from its ids
	// Fields are the payload's fields, in the order in which clients see them; members of an object come last. Where
	// some fields have a Form, the first field selects it. An order event's default to [orderPayload].
	Fields    []Field
	Endpoints []Endpoint // the REST endpoints that publish an Admin event
}

// Implied is the value of a text field that is missing or blank in the payload.
type Implied struct {
	// a member of an object in the payload, as data.severity; used where its text is not blank
	Member    string
	By        string            // else the value follows from this field
	Values    map[string]string // by this table
	Otherwise string            // else the value is this
}

// Endpoint is a POST of the admin REST API that publishes an event of the type. It requires the role of
// administrators, and takes an Idempotency-Key header that becomes the event's id. Its answer has the Message and
// the event's id.
type Endpoint struct {
	Path    string // behind /api/admin/realtime/
	Message string
	Form    string // the form that it publishes, where the type has forms
	// Fixed are payload fields that the endpoint sets itself. In their texts, {name} stands for a field of the body.
	Fixed map[string]string
	// Body lists the body's fields. Defaults to the fields of the type, or of the form, without the Fixed ones.
	Body []BodyField
	// Statistics names the platform statistics that fill the payload's fields, in the fields' order. The endpoint then
	// takes no body.
	Statistics []string
	Answers    []string // the fields that the answer repeats

	// Texts of the OpenAPI document. Schema is the name of the body's schema.
	OperationID, Tag, Summary, Remark, Schema string
	// Examples are valid bodies. Defaults to one body of the fields' own examples.
	Examples []Example
}

// BodyField is a field of a body and its place in the payload: the name of a field, or of an object's member, as
// data.metric.
type BodyField struct {
	Field

	To string
}

// Example is a body, in JSON.
type Example struct{ Name, Value string }

// complete fills in the defaults that follow from the type's fields in the endpoint's form.
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
