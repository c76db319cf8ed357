package adminapi_test

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/event"
)

// Acceptance.
func TestEveryWrongFieldIsNamedAtOnce(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		endpoint, body string
		fields         []string
	}{
		"metrics missing":        {"broadcast/generation-metrics", `{}`, []string{"websitesGenerated", "imagesGenerated", "failedGenerations", "averageGenerationTime"}},
		"metrics null":           {"broadcast/generation-metrics", `{"websitesGenerated":null,"imagesGenerated":1,"failedGenerations":1,"averageGenerationTime":1}`, []string{"websitesGenerated"}},
		"metrics as strings":     {"broadcast/generation-metrics", `{"websitesGenerated":"1","imagesGenerated":true,"failedGenerations":[],"averageGenerationTime":{}}`, []string{"websitesGenerated", "imagesGenerated", "failedGenerations", "averageGenerationTime"}},
		"metrics below zero":     {"broadcast/generation-metrics", `{"websitesGenerated":-1,"imagesGenerated":-2,"failedGenerations":-3,"averageGenerationTime":-0.1}`, []string{"websitesGenerated", "imagesGenerated", "failedGenerations", "averageGenerationTime"}},
		"half a website":         {"broadcast/generation-metrics", `{"websitesGenerated":1.5,"imagesGenerated":9007199254740992,"failedGenerations":1e3,"averageGenerationTime":0}`, []string{"websitesGenerated", "imagesGenerated", "failedGenerations"}},
		"revenue":                {"broadcast/revenue", `{"dailyRevenue":"12"}`, []string{"dailyRevenue", "totalRevenue30d"}},
		"numbers out of range":   {"broadcast/revenue", `{"dailyRevenue":1e400,"totalRevenue30d":-1e-400}`, []string{"dailyRevenue", "totalRevenue30d"}},
		"a very long number":     {"broadcast/revenue", `{"dailyRevenue":0.` + strings.Repeat("1", 70) + `,"totalRevenue30d":0}`, []string{"dailyRevenue"}},
		"alert missing":          {"alert", `{}`, []string{"type", "message"}},
		"alert of unknown type":  {"alert", `{"type":"fatal","message":"  ","data":[1]}`, []string{"type", "message", "data"}},
		"alert type in capitals": {"alert", `{"type":"Warning","message":"m"}`, []string{"type"}},
		"alert with numbers":     {"alert", `{"type":1,"message":2,"data":"3"}`, []string{"type", "message", "data"}},
		"warning":                {"alert/warning", `{"data":7}`, []string{"message", "data"}},
		"error":                  {"alert/error", `{"message":{}}`, []string{"message"}},
		"performance":            {"alert/performance", `{"value":"2500","threshold":{}}`, []string{"metric", "value", "threshold"}},
		"performance empty":      {"alert/performance", `{"metric":"","value":null,"threshold":""}`, []string{"metric", "value", "threshold"}},
		"user action":            {"notify/user-action", `{"details":"x"}`, []string{"userId", "action", "details"}},
		"role assignment":        {"notify/role-assignment", `{"action":"granted"}`, []string{"userId", "roleName", "action"}},
		"system event":           {"notify/system-event", `{"data":true}`, []string{"eventType", "description", "data"}},
		"names are exact":        {"notify/role-assignment", `{"UserId":"u","rolename":"r","ACTION":"revoked"}`, []string{"userId", "roleName", "action"}},
		"NUL in a string":        {"alert", `{"type":"info","message":"a\u0000b"}`, []string{"message"}},
		"NUL deep down":          {"alert", `{"type":"info","message":"m","data":{"a":[{"b":"\u0000"}]}}`, []string{"data"}},
		"NUL in a name":          {"alert", `{"type":"info","message":"m","data":{"a\u0000":1}}`, []string{"data"}},
		"a number deep down":     {"alert", `{"type":"info","message":"m","data":{"a":[1e999]}}`, []string{"data"}},
		"too deep":               {"alert", `{"type":"info","message":"m","data":{"a":` + strings.Repeat("[", 64) + strings.Repeat("]", 64) + `}}`, []string{"data"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			p := requireProblem(t, b.post(t, test.endpoint, test.body), http.StatusBadRequest)
			require.Equal(t, "One or more validation errors occurred.", p.Title)
			require.ElementsMatch(t, test.fields, slices.Collect(maps.Keys(p.Errors)), p.Errors)
			for field, messages := range p.Errors {
				require.Len(t, messages, 1, "%s: one complaint is enough", field)
			}
			require.Empty(t, b.outbox.all())
		})
	}
}

// Acceptance: A-360.
func TestMalformedBody(t *testing.T) {
	t.Parallel()
	for name, body := range map[string]string{
		"empty":             " ",
		"cut off":           `{"message":"m"`,
		"a word":            `hello`,
		"an array":          `[{"message":"m"}]`,
		"null":              `null`,
		"a string":          `"message"`,
		"two values":        `{"message":"m"} {}`,
		"rubbish behind it": `{"message":"m"}]`,
		"NaN":               `{"message":"m","data":{"a":NaN}}`,
		"nested to exhaust": strings.Repeat("[", 60000),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			p := requireProblem(t, b.post(t, "alert/error", body), http.StatusBadRequest)
			require.Contains(t, p.Errors, "$")
			require.Empty(t, b.outbox.all())
		})
	}
}

// Acceptance.
func TestBodySize(t *testing.T) {
	t.Parallel()
	const limit = 64 << 10
	body := func(size int) string {
		const frame = `{"message":""}`
		return `{"message":"` + strings.Repeat("a", size-len(frame)) + `"}`
	}
	b := setup(t)
	require.Equal(t, http.StatusOK, b.post(t, "alert/error", body(limit)).Code)
	requireProblem(t, b.post(t, "alert/error", body(limit+1)), http.StatusRequestEntityTooLarge)
	require.Len(t, b.outbox.all(), 1)
}

// Acceptance: A-363.
func TestContentType(t *testing.T) {
	t.Parallel()
	for header, accepted := range map[string]bool{
		"application/json":                  true,
		"Application/JSON; charset=UTF-8":   true,
		"application/cloudevents+json":      true,
		"":                                  false,
		"text/plain":                        false,
		"text/json+x":                       false,
		"application/x-www-form-urlencoded": false,
		"application/json; charset=latin1":  false,
		"application/json;;":                false,
	} {
		b := setup(t)
		r := request(t, http.MethodPost, prefix+"alert/error", `{"message":"m"}`)
		r.Header.Set("Content-Type", header)
		w := b.serve(t, r)
		if accepted {
			require.Equal(t, http.StatusOK, w.Code, header)
			continue
		}
		requireProblem(t, w, http.StatusUnsupportedMediaType)
	}

	b := setup(t)
	r := request(t, http.MethodPost, prefix+"alert/error", `{"message":"m"}`)
	r.Header.Set("Content-Encoding", "gzip")
	requireProblem(t, b.serve(t, r), http.StatusUnsupportedMediaType)
}

// Acceptance: A-089.
func TestWhatIsStoredIsWhatWasSent(t *testing.T) {
	t.Parallel()
	b := setup(t)
	w := b.post(t, "alert", `{"type":"info","message":"<b>\"Zoë\" & 🍕</b>","data":{"price":12.30,"big":123456789012345678901234567890,"bad":"\ud800"}}`)
	require.Equal(t, http.StatusOK, w.Code, w.Body)
	digitForDigit := `{"data":{"bad":"�","big":123456789012345678901234567890,"price":12.30},` +
		`"message":"<b>\"Zoë\" & 🍕</b>","type":"info"}`
	require.Equal(t, digitForDigit, string(b.outbox.all()[0].Payload))
}

// FuzzBodies: whatever the body, the answer is 200 with exactly one deliverable event in the outbox, or a problem with none.
func FuzzBodies(f *testing.F) {
	endpoints := slices.Sorted(maps.Keys(adminEndpoints()))
	for i := range endpoints {
		f.Add(uint(i), `{"websitesGenerated":1,"imagesGenerated":1,"failedGenerations":0,"averageGenerationTime":0.5}`)
		f.Add(uint(i), `{"type":"info","message":"m","data":{"severity":7,"a":[1e3,"\u0001",null]},"metric":"x","value":-0,"threshold":"y"}`)
		f.Add(uint(i), `{"userId":"u","roleName":"r","action":"assigned","eventType":"e","description":"d","dailyRevenue":0,"totalRevenue30d":1e-5}`)
		f.Add(uint(i), `{"message":"\ud800`)
	}
	f.Fuzz(func(t *testing.T, endpoint uint, body string) {
		b := setup(t)
		path := endpoints[endpoint%uint(len(endpoints))]
		w := b.serve(t, request(t, adminEndpoints()[path], prefix+path, body))
		require.True(t, json.Valid(w.Body.Bytes()))
		published := b.outbox.all()
		if w.Code != http.StatusOK {
			require.Contains(t, []int{400, 413, 415}, w.Code, w.Body)
			require.Equal(t, "application/problem+json", w.Header().Get("Content-Type"))
			require.Empty(t, published)
			return
		}
		if adminEndpoints()[path] == http.MethodGet {
			require.Empty(t, published)
			return
		}
		require.Len(t, published, 1)
		require.NotContains(t, string(published[0].Payload), `\u0000`)
		invocation, err := published[0].Invocation(event.Plain)
		require.NoError(t, err)
		require.True(t, json.Valid(invocation.Arguments[0]))
	})
}
