package adminapi_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/adminapi"
	"github.com/yummyzoom/herald/internal/auth"
	"github.com/yummyzoom/herald/internal/settings"
)

func adminEndpoints() map[string]string {
	endpoints := map[string]string{"status": http.MethodGet, "platform-snapshot": http.MethodGet}
	for _, path := range []string{
		"broadcast/platform-update", "broadcast/user-count", "broadcast/generation-metrics", "broadcast/revenue",
		"alert", "alert/warning", "alert/error", "alert/performance",
		"notify/user-action", "notify/role-assignment", "notify/system-event",
	} {
		endpoints[path] = http.MethodPost
	}
	return endpoints
}

// Acceptance.
func TestEveryAdminEndpointNeedsTheRole(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for path, method := range adminEndpoints() {
		r := httptest.NewRequestWithContext(t.Context(), method, prefix+path, strings.NewReader(`{}`))
		for name, authorization := range map[string]string{
			"no token":       "",
			"a bad token":    "Bearer x.y.z",
			"an expired one": "Bearer " + token(t, auth.Grant{Subject: "a", Roles: []string{"Admin"}, TTL: -time.Hour}),
		} {
			r.Header.Set("Authorization", authorization)
			w := b.serve(t, r)
			p := requireProblem(t, w, http.StatusUnauthorized)
			challenge := "Bearer"
			// RFC 6750 §3: the client learns that another token is wanted, not what is wrong with this one
			if authorization != "" {
				challenge = `Bearer error="invalid_token"`
			}
			require.Equal(t, challenge, w.Header().Get("WWW-Authenticate"), "%s %s", path, name)
			require.NotContains(t, p.Detail, "expired", "why a token is refused is not the client's business")
		}
		r.Header.Set("Authorization", "Bearer "+token(t, auth.Grant{Subject: "a", Roles: []string{"User", "admin"}}))
		requireProblem(t, b.serve(t, r), http.StatusForbidden)
	}
	require.Empty(t, b.outbox.all())
	require.Contains(t, b.log.String(), "it expired at")
	require.Contains(t, b.log.String(), "reason=expired")
	require.Contains(t, b.log.String(), "reason=not_permitted")
	require.NotContains(t, b.log.String(), "eyJ", "tokens are not logged")
}

func TestTokenMayComeInTheQuery(t *testing.T) {
	t.Parallel()
	b := setup(t)
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, prefix+"status?access_token="+adminToken(t), nil)
	require.Equal(t, http.StatusOK, b.serve(t, r).Code)
}

func TestWrongMethodNamesTheRightOne(t *testing.T) {
	t.Parallel()
	b := setup(t)
	endpoints := adminEndpoints()
	endpoints["health"] = http.MethodGet
	for path, method := range endpoints {
		for _, wrong := range []string{http.MethodPut, http.MethodDelete, http.MethodPatch, http.MethodOptions} {
			w := b.serve(t, request(t, wrong, prefix+path, ""))
			requireProblem(t, w, http.StatusMethodNotAllowed)
			want := method
			if method == http.MethodGet {
				want = "GET, HEAD"
			}
			require.Equal(t, want, w.Header().Get("Allow"), path)
		}
	}
	requireProblem(t, b.serve(t, request(t, http.MethodGet, prefix+"alert", "")), http.StatusMethodNotAllowed)
	requireProblem(t, b.serve(t, request(t, http.MethodPost, prefix+"health", "")), http.StatusMethodNotAllowed)
	require.Equal(t, http.StatusOK, b.serve(t, request(t, http.MethodHead, prefix+"health", "")).Code)
}

// Acceptance: A-348.
func TestUnknownPath(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for _, path := range []string{
		prefix, prefix + "nothing", prefix + "alert/", prefix + "Health", "/api/realtime", "/api/x",
	} {
		requireProblem(t, b.get(t, path), http.StatusNotFound)
	}
}

// Acceptance.
func TestRateLimitPerUserAndEndpoint(t *testing.T) {
	t.Parallel()
	clock := now()
	b := setup(t)
	b.cfg.Rate, b.cfg.Burst = 0.5, 3
	b.cfg.Now = func() time.Time { return clock }
	for range 3 {
		require.Equal(t, http.StatusOK, b.get(t, prefix+"status").Code)
	}
	for range 3 {
		w := b.get(t, prefix+"status")
		requireProblem(t, w, http.StatusTooManyRequests)
		require.Equal(t, "2", w.Header().Get("Retry-After"))
	}
	require.Equal(t, http.StatusOK, b.get(t, prefix+"platform-snapshot").Code, "another endpoint")
	r := request(t, http.MethodGet, prefix+"status", "")
	r.Header.Set("Authorization", "Bearer "+token(t, auth.Grant{Subject: "admin-2", Roles: []string{"Admin"}}))
	require.Equal(t, http.StatusOK, b.serve(t, r).Code, "another user")

	clock = clock.Add(2 * time.Second)
	require.Equal(t, http.StatusOK, b.get(t, prefix+"status").Code, "as promised by Retry-After")
	requireProblem(t, b.get(t, prefix+"status"), http.StatusTooManyRequests)
}

// Acceptance: A-155.
func TestDefaultRateIsGenerous(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for range settings.Defaults[adminapi.Settings]().APIBurst {
		require.Equal(t, http.StatusOK, b.get(t, prefix+"status").Code)
	}
	requireProblem(t, b.get(t, prefix+"status"), http.StatusTooManyRequests)
}

func TestRateMayBeUnlimited(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.cfg.Rate, b.cfg.Burst = adminapi.NoLimit, 1
	for range 3 * settings.Defaults[adminapi.Settings]().APIBurst {
		require.Equal(t, http.StatusOK, b.get(t, prefix+"status").Code)
	}
}

// Acceptance.
func TestIdempotencyKeyBecomesTheEventID(t *testing.T) {
	t.Parallel()
	key := uuid.MustParse("0197a1b2-0000-7000-8000-00000000000f")
	for _, header := range []string{key.String(), strings.ToUpper(key.String()), `"` + key.String() + `"`} {
		b := setup(t)
		r := request(t, http.MethodPost, prefix+"alert/error", `{"message":"m"}`)
		r.Header.Set("Idempotency-Key", header)
		requireOK(t, b.serve(t, r), fmt.Sprintf(`{"message":"Error alert sent successfully","eventId":%q}`, key))
		require.Equal(t, key, b.outbox.all()[0].ID)
	}
	for _, header := range [][]string{
		{"x"}, {""}, {uuid.Nil.String()}, {"{" + key.String() + "}"}, {key.String(), key.String()},
	} {
		for path, body := range map[string]string{"alert/error": `{"message":"m"}`, "broadcast/user-count": ""} {
			b := setup(t)
			r := request(t, http.MethodPost, prefix+path, body)
			r.Header["Idempotency-Key"] = header
			p := requireProblem(t, b.serve(t, r), http.StatusBadRequest)
			require.Contains(t, p.Errors, "Idempotency-Key")
			require.Empty(t, b.outbox.all())
		}
	}
}

func TestOutboxFailures(t *testing.T) {
	t.Parallel()
	t.Run("out of reach", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		b.outbox.err = errors.New("dial tcp 10.0.0.7:5432: refused")
		for _, path := range []string{"alert/error", "broadcast/user-count", "broadcast/platform-update"} {
			w := b.post(t, path, `{"message":"m"}`)
			requireProblem(t, w, http.StatusServiceUnavailable)
			require.Equal(t, "1", w.Header().Get("Retry-After"))
			require.NotContains(t, w.Body.String(), "10.0.0.7", "what is wrong inside is not told")
		}
		requireProblem(t, b.get(t, prefix+"platform-snapshot"), http.StatusServiceUnavailable)
		require.Contains(t, b.log.String(), "10.0.0.7")
	})
	t.Run("refusing the event", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		b.outbox.err = fmt.Errorf("publishing: %w", &pgconn.PgError{
			Code: "23514", Message: "herald.outbox: payload has 70000 bytes; at most 65536 (64 KiB) are allowed",
		})
		p := requireProblem(t, b.post(t, "alert/error", `{"message":"m"}`), http.StatusBadRequest)
		require.Equal(t, []string{"payload has 70000 bytes; at most 65536 (64 KiB) are allowed"}, p.Errors["$"])
	})
}

// Acceptance.
func TestStatisticsAreNeverInvented(t *testing.T) {
	t.Parallel()
	t.Run("never set", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		b.outbox.stats = nil
		for _, w := range []*httptest.ResponseRecorder{
			b.get(t, prefix+"platform-snapshot"), b.post(t, "broadcast/platform-update", ""),
			b.post(t, "broadcast/user-count", ""),
		} {
			p := requireProblem(t, w, http.StatusServiceUnavailable)
			require.Contains(t, p.Detail, "never been set")
		}
		require.Empty(t, b.outbox.all())
	})
	t.Run("set in part", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		b.outbox.stats.NewUsersToday = []byte("null")
		b.outbox.stats.TotalRevenue = nil
		p := requireProblem(t, b.post(t, "broadcast/platform-update", ""), http.StatusServiceUnavailable)
		require.Contains(t, p.Detail, "totalRevenue")
		p = requireProblem(t, b.post(t, "broadcast/user-count", ""), http.StatusServiceUnavailable)
		require.Contains(t, p.Detail, "newUsersToday")
		require.Empty(t, b.outbox.all())
	})
}

// Acceptance.
func TestStatusTellsWhenTheServiceIsNotOperational(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.cfg.Ready = func(context.Context) error { return errors.New("the relay is behind") }
	requireProblem(t, b.get(t, prefix+"status"), http.StatusServiceUnavailable)
	require.Contains(t, b.log.String(), "the relay is behind")
	health := b.get(t, prefix+"health")
	require.Equal(t, http.StatusServiceUnavailable, health.Code)
	require.JSONEq(
		t,
		`{"status":"unhealthy","service":"real-time","timestamp":"2026-01-20T10:30:00Z","websocketEndpoint":"/hubs/admin"}`,
		health.Body.String(),
	)
}

func TestNewNeedsItsParts(t *testing.T) {
	t.Parallel()
	_, err := adminapi.New(adminapi.Config{})
	require.ErrorContains(t, err, "required")
	b := setup(t)
	b.cfg.Burst = -1
	_, err = adminapi.New(b.cfg)
	require.ErrorContains(t, err, "negative")
}
