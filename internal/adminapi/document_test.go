package adminapi_test

import (
	"bytes"
	"encoding/json"
	"mime"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// document is the part of the OpenAPI document that the tests read. A member that is not listed here fails the
// tests.
type document struct {
	OpenAPI    string
	Info       map[string]string
	Servers    []map[string]string
	Security   []map[string][]string
	Tags       []struct{ Name string }
	Paths      map[string]map[string]json.RawMessage
	Components map[string]map[string]map[string]any

	operations []operation // all of Paths, ordered by path
}

// operation is a path with one of its methods. References are resolved, except those within schemas.
type operation struct {
	method, path string

	OperationID, Summary, Description string

	Tags        []string
	Security    *[]map[string][]string
	Parameters  []parameter
	RequestBody struct {
		Required bool
		Content  map[string]media
	}
	Responses map[string]answer
}

type parameter struct {
	Ref         string `json:"$ref"`
	Name, In    string
	Description string
	Required    bool
	Schema      schema
	Example     any
}

type media struct {
	Schema   schema
	Example  any
	Examples map[string]struct{ Value any }
}

type answer struct {
	Ref         string `json:"$ref"`
	Description string
	Headers     map[string]any
	Content     map[string]media
}

// documented is the embedded document.
var documented = sync.OnceValue(func() *document {
	d := &document{}
	raw, err := os.ReadFile("openapi.json")
	if err == nil {
		err = strictly(raw, d)
	}
	if err == nil {
		err = d.readOperations()
	}
	if err != nil {
		panic(err)
	}
	return d
})

// strictly decodes JSON without floats, and refuses unknown members.
func strictly(raw []byte, into any) error {
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber()
	decoder.DisallowUnknownFields()
	return decoder.Decode(into)
}

func decode(t *testing.T, raw []byte) any {
	t.Helper()
	var value any
	require.NoError(t, strictly(raw, &value), string(raw))
	return value
}

func (d *document) readOperations() error {
	for path, item := range d.Paths {
		var shared []parameter
		if raw, ok := item["parameters"]; ok {
			if err := strictly(raw, &shared); err != nil {
				return err
			}
			delete(item, "parameters")
		}
		for method, raw := range item {
			o := operation{method: strings.ToUpper(method), path: path}
			if err := strictly(raw, &o); err != nil {
				return err
			}
			o.Parameters = append(slices.Clone(shared), o.Parameters...)
			if err := d.follow(&o); err != nil {
				return err
			}
			d.operations = append(d.operations, o)
		}
	}
	slices.SortFunc(d.operations, func(a, b operation) int { return strings.Compare(a.path+a.method, b.path+b.method) })
	return nil
}

func (d *document) follow(o *operation) error {
	for i, p := range o.Parameters {
		if p.Ref == "" {
			continue
		}
		if err := d.read(p.Ref, &o.Parameters[i]); err != nil {
			return err
		}
	}
	for status, a := range o.Responses {
		if a.Ref == "" {
			continue
		}
		if err := d.read(a.Ref, &a); err != nil {
			return err
		}
		o.Responses[status] = a
	}
	return nil
}

// component returns the target of "#/components/kind/name".
func (d *document) component(ref string) map[string]any {
	parts := strings.Split(ref, "/")
	found, ok := d.Components[parts[2]][parts[3]]
	if !ok {
		panic("the document has no " + ref)
	}
	return found
}

func (d *document) read(ref string, into any) error {
	raw, err := json.Marshal(d.component(ref))
	if err != nil {
		return err
	}
	return strictly(raw, into)
}

// publishes says whether the operation writes an event.
func (o *operation) publishes() bool {
	return strings.HasPrefix(o.path, prefix) && !slices.Contains(o.Tags, "Connections")
}

// body is the request's JSON, or nil where there is none.
func (o *operation) body() *media {
	if m, ok := o.RequestBody.Content["application/json"]; ok {
		return &m
	}
	return nil
}

// needsToken says whether the operation requires a token.
func (o *operation) needsToken() bool { return o.Security == nil || len(*o.Security) > 0 }

// find returns the request's operation, or nil.
func (d *document) find(r *http.Request) *operation {
	method := r.Method
	if method == http.MethodHead {
		method = http.MethodGet
	}
	asked := strings.Split(r.URL.EscapedPath(), "/")
	for i, o := range d.operations {
		matches := slices.EqualFunc(asked, strings.Split(o.path, "/"), func(a, b string) bool {
			return a == b || (a != "" && strings.HasPrefix(b, "{"))
		})
		if matches && o.method == method {
			return &d.operations[i]
		}
	}
	return nil
}

// requireDocumented requires that the document describes the answer: its status, its headers, and its body.
func requireDocumented(t *testing.T, r *http.Request, w *httptest.ResponseRecorder) {
	t.Helper()
	d := documented()
	o := d.find(r)
	if o == nil {
		require.NotEqual(t, http.StatusOK, w.Code, "%s %s is not in the document", r.Method, r.URL.Path)
		return
	}
	expected, ok := o.Responses[strconv.Itoa(w.Code)]
	require.True(t, ok, "%s %s: the document does not know of %d: %s", o.method, o.path, w.Code, w.Body)
	contentType, _, err := mime.ParseMediaType(w.Header().Get("Content-Type"))
	require.NoError(t, err)
	m, ok := expected.Content[contentType]
	require.True(t, ok, "%s %s: the document does not know of %s", o.method, o.path, contentType)
	require.Empty(t, d.check(m.Schema, decode(t, w.Body.Bytes()), "$"), "%s %s: %s", o.method, o.path, w.Body)
	for _, name := range []string{"Retry-After", "WWW-Authenticate", "Allow"} {
		if w.Header().Get(name) != "" {
			require.Contains(t, expected.Headers, name, "%s %s", o.method, o.path)
		}
	}
}
