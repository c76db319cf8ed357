package adminapi

import (
	_ "embed" // the document
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/yummyzoom/herald/internal/event"
)

// OpenAPIPath is the path of the OpenAPI document.
const OpenAPIPath = "/openapi.json"

// openAPIBase describes this package's endpoints that publish no event, and the node's own (/healthz, /readyz,
// /metrics). The catalogue of events replaces $publications and $bodies, and the names of the catalogue of hubs
// replace $hubs.
//
//go:embed openapi.base.json
var openAPIBase string

func openAPI(*request) (any, error) {
	document, err := openAPIDocument()
	return written{json: document}, err
}

// openAPIDocument is the whole document. The tests check all their requests and answers against it, and compare it
// with openapi.json, a copy for readers.
var openAPIDocument = sync.OnceValues(func() (json.RawMessage, error) { //nolint:gochecknoglobals // it is made once
	var publications, bodies object
	for _, t := range tagged() {
		for _, p := range t {
			operation, err := describe(p)
			if err != nil {
				return nil, fmt.Errorf("describing %s: %w", p.Path, err)
			}
			publications = append(publications, member{adminPath + p.Path, object{{"post", operation}}})
			if body := (member{p.Schema, schemaOf(p.Body)}); p.Statistics == nil && !bodies.has(p.Schema) {
				bodies = append(bodies, body)
			}
		}
	}
	const levelOfPaths, levelOfSchemas = 2, 3
	document := strings.Replace(openAPIBase, `    "$publications": {}`, laidOut(publications, levelOfPaths), 1)
	document = strings.Replace(document, `      "$bodies": {}`, laidOut(bodies, levelOfSchemas), 1)
	document = strings.Replace(document, `"$hubs"`, `"`+strings.Join(event.HubNames(), `", "`)+`"`, 1)
	return json.RawMessage(document), nil
})

// publication is an endpoint of the catalogue with its event type.
type publication struct {
	event.Endpoint

	of event.Type
}

// publications returns the catalogue's endpoints.
func publications() (all []publication) {
	for _, t := range event.Types() {
		for _, e := range t.Endpoints() {
			all = append(all, publication{e, t})
		}
	}
	return all
}

// tagged returns the publications of each of the document's tags, in the document's order.
func tagged() (groups [][]publication) {
	var document struct{ Tags []struct{ Name string } }
	if json.Unmarshal([]byte(openAPIBase), &document) != nil {
		return nil // the tests read it
	}
	for _, tag := range document.Tags {
		other := func(p publication) bool { return p.Tag != tag.Name }
		groups = append(groups, slices.DeleteFunc(publications(), other))
	}
	return groups
}

// describe is the document's entry for an endpoint.
func describe(p publication) (object, error) {
	about := fmt.Sprintf("Sends `%s`", p.of)
	if kind := p.Fixed["type"]; kind != "" {
		about += " of type " + kind
	}
	about += "."
	if p.Statistics != nil {
		about += " There is no body; one that is sent is held to the limits and ignored." +
			" 503 names the statistics that were never set."
	}
	if p.Remark != "" {
		about += " " + p.Remark
	}
	operation := object{
		{"operationId", p.OperationID},
		{"tags", []any{p.Tag}},
		{"summary", p.Summary},
		{"description", about},
		{"parameters", []any{reference("parameters/IdempotencyKey")}},
	}
	if p.Statistics == nil {
		var examples object
		for _, e := range p.Examples {
			value, err := inOrder(e.Value)
			if err != nil {
				return nil, fmt.Errorf("the example %s: %w", e.Name, err)
			}
			examples = append(examples, member{e.Name, object{{"value", value}}})
		}
		operation = append(operation, member{"requestBody", object{
			{"required", true},
			{"content", object{{jsonType, object{
				{"schema", reference("schemas/" + p.Schema)},
				{"examples", examples},
			}}}},
		}})
	}
	return append(operation, member{"responses", p.responses()}), nil
}

// responses are the answers of an endpoint.
func (p publication) responses() object {
	const exampleID = "0197a1b2-3c4d-7e5f-8a6b-7c8d9e0f1a2b"
	var required []any
	var properties, example object
	answers := func(name string, schema object, value any) {
		required = append(required, name)
		properties, example = append(properties, member{name, schema}), append(example, member{name, value})
	}
	answers("message", object{{"const", p.Message}}, p.Message)
	for _, f := range p.of.Fields() {
		if slices.Contains(p.Answers, f.Name) {
			answers(f.Name, object{{"type", "number"}}, json.RawMessage(f.Example))
		}
	}
	answers("eventId", reference("schemas/EventId"), exampleID)
	responses := object{{"200", object{
		{"description", "The event is in the outbox."},
		{"content", object{{jsonType, object{
			{"schema", object{
				{"type", "object"},
				{"required", required},
				{"properties", properties},
				{"additionalProperties", false},
			}},
			{"example", example},
		}}}},
	}}}
	for _, refusal := range []member{
		{"400", "BadRequest"},
		{"401", "Unauthorized"},
		{"403", "Forbidden"},
		{"413", "TooLarge"},
		{"415", "UnsupportedMediaType"},
		{"429", "TooManyRequests"},
		{"500", "InternalError"},
		{"503", "Unavailable"},
	} {
		responses = append(responses, member{refusal.name, reference("responses/" + fmt.Sprint(refusal.value))})
	}
	return responses
}

func reference(to string) object { return object{{"$ref", "#/components/" + to}} }
