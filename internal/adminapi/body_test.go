package adminapi_test

import (
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Acceptance.
func TestEveryWrongFieldIsNamedAtOnce(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		endpoint, body string
		fields         []string
	}{
		"metrics missing": {
			"broadcast/generation-metrics", `{}`,
			[]string{"websitesGenerated", "imagesGenerated", "failedGenerations", "averageGenerationTime"},
		},
		"metrics null": {
			"broadcast/generation-metrics",
			`{"websitesGenerated":null,"imagesGenerated":1,"failedGenerations":1,"averageGenerationTime":1}`,
			[]string{"websitesGenerated"},
		},
		"metrics as strings": {
			"broadcast/generation-metrics",
			`{"websitesGenerated":"1","imagesGenerated":true,"failedGenerations":[],"averageGenerationTime":{}}`,
			[]string{"websitesGenerated", "imagesGenerated", "failedGenerations", "averageGenerationTime"},
		},
		"metrics below zero": {
			"broadcast/generation-metrics",
			`{"websitesGenerated":-1,"imagesGenerated":-2,"failedGenerations":-3,"averageGenerationTime":-0.1}`,
			[]string{"websitesGenerated", "imagesGenerated", "failedGenerations", "averageGenerationTime"},
		},
		"half a website": {
			"broadcast/generation-metrics",
			`{"websitesGenerated":1.5,"imagesGenerated":9007199254740992,"failedGenerations":1e3,"averageGenerationTime":0}`,
			[]string{"websitesGenerated", "imagesGenerated", "failedGenerations"},
		},
		"revenue": {
			"broadcast/revenue", `{"dailyRevenue":"12"}`, []string{"dailyRevenue", "totalRevenue30d"},
		},
		"numbers out of range": {
			"broadcast/revenue", `{"dailyRevenue":1e400,"totalRevenue30d":-1e-400}`,
			[]string{"dailyRevenue", "totalRevenue30d"},
		},
		"a very long number": {
			"broadcast/revenue", `{"dailyRevenue":0.` + strings.Repeat("1", 70) + `,"totalRevenue30d":0}`,
			[]string{"dailyRevenue"},
		},
		"alert missing": {"alert", `{}`, []string{"type", "message"}},
		"alert of unknown type": {
			"alert", `{"type":"fatal","message":"  ","data":[1]}`, []string{"type", "message", "data"},
		},
		"alert type in capitals": {"alert", `{"type":"Warning","message":"m"}`, []string{"type"}},
		"alert with numbers":     {"alert", `{"type":1,"message":2,"data":"3"}`, []string{"type", "message", "data"}},
		"warning":                {"alert/warning", `{"data":7}`, []string{"message", "data"}},
		"error":                  {"alert/error", `{"message":{}}`, []string{"message"}},
		"performance": {
			"alert/performance", `{"value":"2500","threshold":{}}`, []string{"metric", "value", "threshold"},
		},
		"performance empty": {
			"alert/performance", `{"metric":"","value":null,"threshold":""}`, []string{"metric", "value", "threshold"},
		},
		"user action": {"notify/user-action", `{"details":"x"}`, []string{"userId", "action", "details"}},
		"role assignment": {
			"notify/role-assignment", `{"action":"granted"}`, []string{"userId", "roleName", "action"},
		},
		"system event": {"notify/system-event", `{"data":true}`, []string{"eventType", "description", "data"}},
		"names are exact": {
			"notify/role-assignment", `{"UserId":"u","rolename":"r","ACTION":"revoked"}`,
			[]string{"userId", "roleName", "action"},
		},
		"NUL in a string":    {"alert", `{"type":"info","message":"a\u0000b"}`, []string{"message"}},
		"NUL deep down":      {"alert", `{"type":"info","message":"m","data":{"a":[{"b":"\u0000"}]}}`, []string{"data"}},
		"NUL in a name":      {"alert", `{"type":"info","message":"m","data":{"a\u0000":1}}`, []string{"data"}},
		"a number deep down": {"alert", `{"type":"info","message":"m","data":{"a":[1e999]}}`, []string{"data"}},
		"too deep": {
			"alert", `{"type":"info","message":"m","data":{"a":` + strings.Repeat("[", 64) + strings.Repeat("]", 64) + `}}`,
			[]string{"data"},
		},
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

// An endpoint that takes no body refuses a body of another kind.
//
// Acceptance: A-362.
func TestBodyWhereNoneIsNeeded(t *testing.T) {
	t.Parallel()
	for _, o := range ofTheAPI() {
		if o.body() != nil || o.method == http.MethodGet {
			continue
		}
		for name, test := range map[string]struct {
			contentType, body string
			status            int
		}{
			"none":               {"", "", http.StatusOK},
			"none, but its type": {"text/plain", "", http.StatusOK},
			"an object":          {"application/json", `{"ignored":true}`, http.StatusOK},
			"null":               {"application/json", `null`, http.StatusOK},
			"64 KiB":             {"application/json", `"` + strings.Repeat("a", 64<<10-2) + `"`, http.StatusOK},
			"more than 64 KiB": {
				"application/json", `"` + strings.Repeat("a", 64<<10-1) + `"`, http.StatusRequestEntityTooLarge,
			},
			"a form":     {"application/x-www-form-urlencoded", `a=b`, http.StatusUnsupportedMediaType},
			"of no type": {"", `{}`, http.StatusUnsupportedMediaType},
			"no JSON":    {"application/json", `{"a":`, http.StatusBadRequest},
		} {
			b := setupKnowing(t)
			r := request(t, o.method, strings.ReplaceAll(o.path, "{eventId}", knownID().String()), test.body)
			r.Header.Del("Content-Type")
			if test.contentType != "" {
				r.Header.Set("Content-Type", test.contentType)
			}
			w := b.serve(t, r)
			require.Equal(t, test.status, w.Code, "%s, %s: %s", o.path, name, w.Body)
			if test.status != http.StatusOK {
				requireProblem(t, w, test.status)
				require.Empty(t, b.outbox.all())
				require.Len(t, b.dead.letters, 1)
			}
		}
	}
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
	w := b.post(
		t, "alert",
		`{"type":"info","message":"<b>\"Zoë\" & 🍕</b>","data":{"price":12.30,"big":123456789012345678901234567890,"bad":"\ud800"}}`,
	)
	require.Equal(t, http.StatusOK, w.Code, w.Body)
	digitForDigit := `{"data":{"bad":"�","big":123456789012345678901234567890,"price":12.30},` +
		`"message":"<b>\"Zoë\" & 🍕</b>","type":"info"}`
	require.Equal(t, digitForDigit, string(b.outbox.all()[0].Payload))
}
