package adminapi_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/adminapi"
)

const page, stranger = "https://app.example", "https://evil.example"

func setupCORS(t *testing.T) *bundle {
	t.Helper()
	b := setup(t)
	b.cfg.AllowsOrigin = func(origin string) bool { return origin == page }
	return b
}

func preflight(t *testing.T, path, origin string) *http.Request {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodOptions, path, nil)
	r.Header.Set("Origin", origin)
	r.Header.Set("Access-Control-Request-Method", http.MethodPost)
	r.Header.Set("Access-Control-Request-Headers", "authorization,content-type,x-page")
	return r
}

func TestPreflightOfAnAllowedPage(t *testing.T) {
	t.Parallel()
	for _, path := range []string{prefix + "alert", events, adminapi.OpenAPIPath, deadPath + "/" + orderID} {
		w := setupCORS(t).serve(t, preflight(t, path, page))
		require.Equal(t, http.StatusNoContent, w.Code)
		require.Empty(t, w.Body.String())
		h := w.Header()
		require.Equal(t, page, h.Get("Access-Control-Allow-Origin"))
		require.Equal(t, "true", h.Get("Access-Control-Allow-Credentials"))
		require.Equal(t, "GET, HEAD, POST, DELETE", h.Get("Access-Control-Allow-Methods"))
		require.Equal(
			t, "authorization, content-type, idempotency-key, authorization,content-type,x-page",
			h.Get("Access-Control-Allow-Headers"),
		)
		require.Equal(t, "7200", h.Get("Access-Control-Max-Age"))
		require.Equal(t, []string{"Origin", "Access-Control-Request-Headers"}, h.Values("Vary"))
	}
}

func TestAllowedPagesCanReadEveryAnswer(t *testing.T) {
	t.Parallel()
	b := setupCORS(t)
	b.cfg.Rate, b.cfg.Burst = 0.5, 1
	for path, statuses := range map[string][]int{
		prefix + "health":  {http.StatusOK},
		prefix + "status":  {http.StatusOK, http.StatusTooManyRequests},
		prefix + "nothing": {http.StatusNotFound},
		prefix + "alert":   {http.StatusMethodNotAllowed},
	} {
		for _, status := range statuses {
			r := request(t, http.MethodGet, path, "")
			r.Header.Set("Origin", page)
			w := b.serve(t, r)
			require.Equal(t, status, w.Code)
			require.Equal(t, page, w.Header().Get("Access-Control-Allow-Origin"), path)
			require.Contains(t, w.Header().Get("Access-Control-Expose-Headers"), "Retry-After")
			require.Contains(t, w.Header().Values("Vary"), "Origin")
		}
	}
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, prefix+"status", nil)
	r.Header.Set("Origin", page)
	w := b.serve(t, r)
	requireProblem(t, w, http.StatusUnauthorized)
	require.Equal(t, page, w.Header().Get("Access-Control-Allow-Origin"))
}

func TestOtherPagesAreAllowedNothing(t *testing.T) {
	t.Parallel()
	requireNothingAllowed := func(w *httptest.ResponseRecorder) {
		t.Helper()
		for name := range w.Header() {
			require.NotContains(t, name, "Access-Control")
		}
	}
	for _, origin := range []string{stranger, "null", page + ".evil.example", "x"} {
		b := setupCORS(t)
		w := b.serve(t, preflight(t, prefix+"alert", origin))
		requireProblem(t, w, http.StatusForbidden)
		requireNothingAllowed(w)
		r := request(t, http.MethodGet, prefix+"status", "")
		r.Header.Set("Origin", origin)
		w = b.serve(t, r)
		require.Equal(t, http.StatusOK, w.Code)
		requireNothingAllowed(w)
	}
	b := setupCORS(t)
	r := request(t, http.MethodGet, prefix+"status", "")
	r.Header["Origin"] = []string{page, stranger}
	requireNothingAllowed(b.serve(t, r))

	b = setup(t) // without any setting
	requireProblem(t, b.serve(t, preflight(t, prefix+"alert", page)), http.StatusForbidden)
}
