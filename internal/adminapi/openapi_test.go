package adminapi_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/adminapi"
	"github.com/yummyzoom/herald/internal/auth"
	"github.com/yummyzoom/herald/internal/event"
	"github.com/yummyzoom/herald/internal/outbox"
)

// knownID is an event that can be traced and is a dead letter: the document's example.
func knownID() uuid.UUID { return uuid.MustParse("0197a1b2-3c4d-7e5f-8a6b-7c8d9e0f1a2b") }

// setupKnowing is setup with all data that the document's examples ask for.
func setupKnowing(t *testing.T) *bundle {
	t.Helper()
	b := setup(t)
	b.dead.letters = []outbox.DeadLetter{{
		EventID: knownID(), State: outbox.StatusDead, Type: event.OrderPlaced, WrittenAt: now(), DiedAt: now(),
		Attempts: 10,
	}}
	b.stories.known = map[uuid.UUID]outbox.Story{knownID(): {
		EventID: knownID(), Status: outbox.StatusWaiting, TimesPublished: 1,
		Places:     []outbox.Whereabouts{{Status: outbox.StatusWaiting, WrittenAt: now()}},
		Duplicates: []outbox.Whereabouts{}, History: []outbox.Step{},
	}}
	return b
}

// ofTheAPI are the document's operations, except the node's own.
func ofTheAPI() []operation {
	return slices.DeleteFunc(slices.Clone(documented().operations), func(o operation) bool {
		return slices.Contains(operationsPaths(), o.path)
	})
}

func operationsPaths() []string { return []string{"/healthz", "/metrics", "/readyz"} }

// call makes the operation's request with its parameters' examples. change overrides some of them; "" leaves one
// out.
func (b *bundle) call(t *testing.T, o operation, body string, change map[string]string) *httptest.ResponseRecorder {
	t.Helper()
	path, query, header := o.path, url.Values{}, http.Header{}
	for _, p := range o.Parameters {
		value, changed := change[p.Name]
		if !changed {
			value = fmt.Sprint(p.Example)
		}
		switch {
		case changed && value == "":
		case p.In == "path":
			path = strings.ReplaceAll(path, "{"+p.Name+"}", url.PathEscape(value))
		case p.In == "query":
			query.Set(p.Name, value)
		default:
			header.Set(p.Name, value)
		}
	}
	r := request(t, o.method, path+"?"+query.Encode(), body)
	maps.Copy(r.Header, header)
	return b.serve(t, r)
}

func (o *operation) exampleOf(name string) (value any, ok bool) {
	if o.body() == nil {
		return nil, false
	}
	example, ok := o.body().Examples[name]
	return example.Value, ok
}

// someBody is an example of the operation's body, or empty.
func (o *operation) someBody(t *testing.T) string {
	t.Helper()
	if o.body() == nil {
		return ""
	}
	for _, name := range []string{"published", "user", "forced"} {
		if value, ok := o.exampleOf(name); ok {
			return encode(t, value)
		}
	}
	require.Fail(t, "no example is known", o.path)
	return ""
}

func encode(t *testing.T, value any) string {
	t.Helper()
	raw, err := json.Marshal(value)
	require.NoError(t, err)
	return string(raw)
}

var update = flag.Bool("update", false, "write openapi.json instead of comparing with it")

// The served document is made from the catalogue of events; openapi.json is a copy for readers.
func TestOpenAPIDocumentIsServed(t *testing.T) {
	t.Parallel()
	b := setup(t)
	w := b.serve(t, httptest.NewRequestWithContext(t.Context(), http.MethodGet, adminapi.OpenAPIPath, nil))
	if *update {
		require.NoError(t, os.WriteFile("openapi.json", w.Body.Bytes(), 0o600))
	}
	want, err := os.ReadFile("openapi.json")
	require.NoError(t, err)
	require.Equal(t, string(want), w.Body.String(),
		"openapi.json is not what the code says: run `make docs` and commit it")
	requireOK(t, w, string(want))
	require.Equal(t, "3.1.0", documented().OpenAPI)
}

func TestEveryRouteIsInTheOpenAPIDocument(t *testing.T) {
	t.Parallel()
	b := setup(t)
	api, err := adminapi.New(b.cfg)
	require.NoError(t, err)
	served := map[string]adminapi.Route{}
	for _, route := range api.Routes() {
		served[route.Method+" "+route.Path] = route
	}
	ids, inDocument := map[string]bool{}, []string{}
	for _, o := range ofTheAPI() {
		name := o.method + " " + o.path
		inDocument = append(inDocument, name)
		require.Contains(t, served, name)
		require.Equal(t, served[name].NeedsToken, o.needsToken(), name)
		_, mayBeForbidden := o.Responses["403"]
		require.Equal(t, served[name].NeedsToken, mayBeForbidden, name)
		require.False(t, ids[o.OperationID], o.OperationID)
		ids[o.OperationID] = true
		require.NotEmpty(t, o.Summary, name)
		require.Len(t, o.Tags, 1, name)
	}
	require.ElementsMatch(t, slices.Collect(maps.Keys(served)), inDocument)
	for _, o := range documented().operations {
		if !slices.Contains(inDocument, o.method+" "+o.path) {
			require.Contains(t, operationsPaths(), o.path)
		}
	}
}

// A change must not leave components behind that nothing refers to.
func TestEveryComponentIsReferredTo(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile("openapi.json")
	require.NoError(t, err)
	for kind, components := range documented().Components {
		for name := range components {
			if kind != "securitySchemes" {
				require.True(t, bytes.Contains(raw, []byte(`"#/components/`+kind+"/"+name+`"`)), "%s %s", kind, name)
			}
		}
	}
	for _, alternative := range documented().Security {
		for name := range alternative {
			require.Contains(t, documented().Components["securitySchemes"], name)
		}
	}
}

func TestExamplesOfAnswersFitTheirSchemas(t *testing.T) {
	t.Parallel()
	d := documented()
	for _, o := range d.operations {
		for status, a := range o.Responses {
			for contentType, m := range a.Content {
				if contentType == "text/plain" || o.path == adminapi.OpenAPIPath && status == "200" {
					continue
				}
				require.Empty(t, d.check(m.Schema, m.Example, "$"), "%s %s %s", o.method, o.path, status)
			}
		}
	}
}

func TestExamplesOfRequestsAreAccepted(t *testing.T) {
	t.Parallel()
	d := documented()
	for _, o := range ofTheAPI() {
		if o.body() == nil {
			require.Equal(t, http.StatusOK, setupKnowing(t).call(t, o, "", nil).Code, "%s %s", o.method, o.path)
			continue
		}
		for name, example := range o.body().Examples {
			require.Empty(t, d.check(o.body().Schema, example.Value, "$"), "%s %s", o.path, name)
			b := setupKnowing(t)
			w := b.call(t, o, encode(t, example.Value), nil)
			require.Equal(t, http.StatusOK, w.Code, "%s %s: %s", o.path, name, w.Body)
			if !o.publishes() {
				require.Empty(t, b.outbox.all())
				require.Equal(t, strings.HasSuffix(o.path, "/mend"), b.dead.mending != nil, o.path)
				continue
			}
			require.Len(t, b.outbox.all(), 1)
			require.Equal(t, knownID(), b.outbox.all()[0].ID, "the Idempotency-Key")
		}
	}
}

// The handler demands of a field what the document demands: any value that breaks the document's rule is refused,
// and the field named.
//
// Acceptance: A-441.
func TestWhatTheDocumentDemandsOfABodyIsDemanded(t *testing.T) {
	t.Parallel()
	d := documented()
	for _, o := range ofTheAPI() {
		if !o.publishes() || o.body() == nil {
			continue
		}
		require.True(t, o.RequestBody.Required, o.path)
		s := d.component(o.body().Schema["$ref"].(string))
		refused := func(body map[string]any, fields ...any) {
			t.Helper()
			b := setup(t)
			p := requireProblem(
				t, b.call(t, o, encode(t, body), map[string]string{"Idempotency-Key": ""}), http.StatusBadRequest,
			)
			require.ElementsMatch(t, fields, anys(maps.Keys(p.Errors)), "%s %v", o.path, body)
			require.Empty(t, b.outbox.all())
			require.NotEmpty(t, d.check(s, decode(t, []byte(encode(t, body))), "$"), "%s %v", o.path, body)
		}
		refused(map[string]any{}, list(s["required"])...)
		for name, property := range s["properties"].(map[string]any) {
			for _, wrong := range wrongValues(property.(map[string]any), slices.Contains(list(s["required"]), any(name))) {
				body := maps.Clone(o.body().Examples["published"].Value.(map[string]any))
				if body[name] = wrong; wrong == leftOut {
					delete(body, name)
				}
				refused(body, name)
			}
		}
	}
}

// leftOut stands for a field that is missing.
const leftOut = "\x00left out"

// wrongValues returns values that break a schema, at least one for each of its rules.
func wrongValues(s schema, required bool) []any {
	wrong := []any{[]any{}, true}
	if required {
		wrong = append(wrong, leftOut, nil)
	}
	for _, value := range []any{"text", json.Number("1"), map[string]any{}, json.Number("0.5")} {
		if !slices.ContainsFunc(list(s["type"]), func(name any) bool { return isOfType(value, name) }) {
			wrong = append(wrong, value)
		}
	}
	if s["enum"] != nil {
		wrong = append(wrong, "nonsense", "")
	}
	if s["pattern"] != nil {
		wrong = append(wrong, "", " \t\n")
	}
	if s["maxLength"] != nil {
		wrong = append(wrong, strings.Repeat("ü", 257))
	}
	if s["minimum"] != nil {
		wrong = append(wrong, json.Number("-1"))
	}
	if s["maximum"] != nil {
		wrong = append(wrong, json.Number("9007199254740992"))
	}
	return wrong
}

func anys[T any](values func(yield func(T) bool)) []any {
	var all []any
	for v := range values {
		all = append(all, v)
	}
	return all
}

func TestWhatTheDocumentDemandsOfParametersIsDemanded(t *testing.T) {
	t.Parallel()
	for _, o := range ofTheAPI() {
		everythingWrong := map[string]string{}
		for _, p := range o.Parameters {
			var wrong []string
			if p.Required && p.In == "query" {
				wrong = append(wrong, "")
			}
			if p.Schema["format"] != nil || p.Schema["enum"] != nil || p.Schema["type"] == "integer" {
				wrong = append(wrong, "nonsense", "\x00", "{"+knownID().String()+"}")
			}
			if p.Schema["minimum"] != nil {
				wrong = append(wrong, "0", "-1")
			}
			if p.Schema["maximum"] != nil {
				wrong = append(wrong, "1001", "99999999999999999999")
			}
			for _, value := range wrong {
				everythingWrong[p.Name] = value
				b := setupKnowing(t)
				found := requireProblem(t, b.call(t, o, o.someBody(t), map[string]string{p.Name: value}), http.StatusBadRequest)
				require.Equal(t, []any{p.Name}, anys(maps.Keys(found.Errors)), "%s %q", o.path, value)
				require.Empty(t, b.outbox.all())
			}
		}
		if len(everythingWrong) > 0 {
			found := requireProblem(t, setupKnowing(t).call(t, o, o.someBody(t), everythingWrong), http.StatusBadRequest)
			require.ElementsMatch(t, anys(maps.Keys(everythingWrong)), anys(maps.Keys(found.Errors)), "all at once")
		}
	}
}

func TestABadKeyIsNamedBesideTheFields(t *testing.T) {
	t.Parallel()
	bad := map[string]string{"Idempotency-Key": "nonsense"}
	for _, o := range ofTheAPI() {
		if !o.publishes() || o.body() == nil {
			continue
		}
		s := documented().component(o.body().Schema["$ref"].(string))
		p := requireProblem(t, setup(t).call(t, o, `{}`, bad), http.StatusBadRequest)
		require.ElementsMatch(
			t, append(slices.Clone(list(s["required"])), "Idempotency-Key"), anys(maps.Keys(p.Errors)), o.path,
		)
		p = requireProblem(t, setup(t).call(t, o, `{"`, bad), http.StatusBadRequest)
		require.ElementsMatch(t, []any{"$", "Idempotency-Key"}, anys(maps.Keys(p.Errors)), o.path)
	}
}

func TestTokensAreDemandedWhereTheDocumentSaysSo(t *testing.T) {
	t.Parallel()
	for _, o := range ofTheAPI() {
		b := setupKnowing(t)
		r := httptest.NewRequestWithContext(
			t.Context(), o.method, strings.ReplaceAll(o.path, "{eventId}", knownID().String()), nil,
		)
		if !o.needsToken() {
			require.Equal(t, http.StatusOK, b.serve(t, r).Code)
			continue
		}
		requireProblem(t, b.serve(t, r), http.StatusUnauthorized)
		r.Header.Set("Authorization", "Bearer "+token(t, auth.Grant{Subject: "a"}))
		if o.path == events {
			r.URL.RawQuery = "hub=admin&resource=alerts"
		}
		requireProblem(t, b.serve(t, r), http.StatusForbidden)
	}
}
