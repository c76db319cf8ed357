package reference_test

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// schema is the part of a JSON schema that the OpenAPI document uses.
type schema struct {
	Ref         string `json:"$ref"`
	Type        any    // a name, or a list of names
	Description string
	Required    []string
	Properties  ordered[schema]
	Items       *schema
	Enum        []any
	Const       any
}

// types are the schema's type, or all of them.
func (s schema) types() (all []string) {
	switch of := s.Type.(type) {
	case string:
		return []string{of}
	case []any:
		for _, one := range of {
			all = append(all, fmt.Sprint(one))
		}
	}
	return all
}

// operation is an operation of the REST API.
type operation struct {
	Summary     string
	Security    *[]any
	RequestBody struct {
		Content map[string]struct {
			Schema   schema
			Examples ordered[struct{ Value json.RawMessage }]
		}
	}
	Parameters []struct {
		Ref         string `json:"$ref"`
		Name, In    string
		Required    bool
		Description string
		Schema      schema
	}
	Responses map[string]struct {
		Content map[string]struct{ Schema schema }
	}
}

// ordered is an object whose members keep their order.
type ordered[T any] []struct {
	Name  string
	Value T
}

func (o *ordered[T]) UnmarshalJSON(raw []byte) error {
	d := json.NewDecoder(strings.NewReader(string(raw)))
	if _, err := d.Token(); err != nil {
		return err
	}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return err
		}
		var value T
		if err := d.Decode(&value); err != nil {
			return err
		}
		*o = append(*o, struct {
			Name  string
			Value T
		}{fmt.Sprint(name), value})
	}
	return nil
}

// api is the OpenAPI document.
type api struct {
	Paths      ordered[ordered[json.RawMessage]]
	Components struct{ Schemas ordered[schema] }
}

func openAPI(t *testing.T) (document api) {
	t.Helper()
	raw, err := os.ReadFile("../../adminapi/openapi.json")
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(raw, &document))
	return document
}

// restChapter is the part of docs/events.md about the REST API.
func restChapter(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	document := openAPI(t)
	b.WriteString("| request | | who | body, or query | answer |\n|---|---|---|---|---|\n")
	for _, path := range document.Paths {
		for _, member := range path.Value {
			if member.Name == "parameters" {
				continue
			}
			var op operation
			require.NoError(t, json.Unmarshal(member.Value, &op), path.Name)
			who := "role `Admin`"
			if op.Security != nil && len(*op.Security) == 0 {
				who = "anyone"
			} else if path.Name == "/api/realtime/events" {
				who = "who may subscribe"
			}
			fmt.Fprintf(&b, "| `%s %s` | %s | %s | %s | %s |\n",
				strings.ToUpper(member.Name), path.Name, op.Summary, who, document.input(t, op), document.answer(op))
		}
	}
	return b.String()
}

// input describes a request's fields, with a question mark for an optional one, and an example.
func (a api) input(t *testing.T, op operation) string {
	t.Helper()
	var parts []string
	for _, p := range op.Parameters {
		if p.In == "query" {
			name := p.Name
			if !p.Required {
				name += "?"
			}
			parts = append(parts, "`"+name+"`")
		}
	}
	body, ok := op.RequestBody.Content["application/json"]
	if !ok {
		return strings.Join(parts, ", ")
	}
	s := a.resolve(body.Schema)
	for _, p := range s.Properties {
		name := p.Name
		if !slices.Contains(s.Required, name) {
			name += "?"
		}
		parts = append(parts, "`"+name+"`")
	}
	require.NotEmpty(t, body.Examples)
	return strings.Join(parts, ", ") + ": `" + string(compact(t, body.Examples[0].Value.Value)) + "`"
}

// answer names the fields of the answer to a successful request.
func (a api) answer(op operation) string {
	for _, status := range []string{"200", "201", "202"} {
		content, ok := op.Responses[status].Content["application/json"]
		if !ok {
			continue
		}
		var names []string
		for _, p := range a.resolve(content.Schema).Properties {
			names = append(names, "`"+p.Name+"`")
		}
		return strings.Join(names, ", ")
	}
	return ""
}

func (a api) resolve(s schema) schema {
	name, ok := strings.CutPrefix(s.Ref, "#/components/schemas/")
	if !ok {
		return s
	}
	at := slices.IndexFunc(a.Components.Schemas, func(one struct {
		Name  string
		Value schema
	},
	) bool {
		return one.Name == name
	})
	return a.Components.Schemas[at].Value
}

// typescript is the schema as a type.
func (s schema) typescript(t *testing.T, indent string) string {
	t.Helper()
	if name, ok := strings.CutPrefix(s.Ref, "#/components/schemas/"); ok {
		return name
	}
	if s.Const != nil {
		return quoted(t, s.Const)
	}
	var parts []string
	for _, value := range s.Enum {
		parts = append(parts, quoted(t, value))
	}
	if len(parts) > 0 {
		return strings.Join(parts, " | ")
	}
	for _, name := range s.types() {
		switch name {
		case "integer", "number":
			parts = append(parts, "number")
		case "string", "boolean", "null":
			parts = append(parts, name)
		case "array":
			of := "unknown"
			if s.Items != nil {
				of = s.Items.typescript(t, indent)
			}
			parts = append(parts, of+"[]")
		case "object":
			if len(s.Properties) == 0 {
				parts = append(parts, "Record<string, unknown>")
				continue
			}
			parts = append(parts, "{\n"+s.body(t, indent+"  ")+indent+"}")
		default:
			require.FailNow(t, "a type without TypeScript", name)
		}
	}
	require.NotEmpty(t, parts, "%v", s)
	return strings.Join(parts, " | ")
}

// body is the members of an object.
func (s schema) body(t *testing.T, indent string) string {
	t.Helper()
	var b strings.Builder
	for _, p := range s.Properties {
		if p.Value.Description != "" {
			fmt.Fprintf(&b, "%s/** %s */\n", indent, p.Value.Description)
		}
		optional := "?"
		if slices.Contains(s.Required, p.Name) {
			optional = ""
		}
		fmt.Fprintf(&b, "%s%s%s: %s;\n", indent, p.Name, optional, p.Value.typescript(t, indent))
	}
	return b.String()
}
