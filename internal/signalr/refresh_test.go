package signalr_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/signalr"
)

// granting knows tokens such as "u1 4": the user, and for how many seconds the token lasts. The token user is u1's,
// for ever.
func granting(cfg *signalr.Config) {
	cfg.Authenticate = func(r *http.Request) (signalr.User, error) {
		token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		if !ok {
			token = r.URL.Query().Get("access_token")
		}
		switch token {
		case "":
			return nil, errors.New("no token")
		case "forged":
			return nil, forgedError{}
		case "banned":
			return nil, fmt.Errorf("not an admin: %w", signalr.ErrForbidden)
		case "user":
			return user{id: "u1"}, nil
		}
		name, lasts, _ := strings.Cut(token, " ")
		seconds, err := strconv.ParseFloat(lasts, 64)
		if err != nil {
			return nil, err
		}
		return user{id: name, expires: time.Now().Add(time.Duration(seconds * float64(time.Second)))}, nil
	}
}

// refreshing is a request to /refresh with the connection token in the header, as the .NET client sends it.
func (f *fixture) refreshing(connection, token string) *http.Request {
	r := httptest.NewRequestWithContext(context.Background(), http.MethodPost, "/hub/refresh", http.NoBody)
	if connection != "" {
		r.Header.Set("X-SignalR-Connection-Token", connection)
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	return r
}

// refreshWith sends r without a network.
func (f *fixture) refreshWith(r *http.Request) answer {
	w := httptest.NewRecorder()
	f.handler().ServeHTTP(w, r)
	return answer{status: w.Code, header: w.Header(), body: w.Body.String()}
}

func (f *fixture) refresh(connection, token string) answer {
	return f.refreshWith(f.refreshing(connection, token))
}

func (a answer) fields(t *testing.T) (fields map[string]any) {
	t.Helper()
	require.Equal(t, "application/json", a.header.Get("Content-Type"))
	require.NoError(t, json.Unmarshal([]byte(a.body), &fields), a.body)
	return fields
}

func requireRefused(t *testing.T, a answer, status int, code string) {
	t.Helper()
	require.Equal(t, status, a.status, a.body)
	fields := a.fields(t)
	require.Len(t, fields, 2)
	require.Equal(t, code, fields["error"])
	require.NotEmpty(t, fields["error_description"])
}

// Acceptance: A-494.
func TestNegotiateTellsHowLongTheTokenLasts(t *testing.T) {
	t.Parallel()
	inBubble(t, func(b *bubble) {
		negotiate := func(query, token string) string {
			r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/hub/negotiate"+query, http.NoBody)
			r.Header.Set("Authorization", "Bearer "+token)
			a := b.refreshWith(r)
			require.Equal(b.t, http.StatusOK, a.status)
			return a.body
		}
		for token, lifetime := range map[string]string{
			"u1 3600": "3600", "u1 3599.999": "3599", "u1 0.5": "0", "u1 4": "4",
			"u1 " + strconv.Itoa(5_000_000_000): strconv.Itoa(math.MaxInt32),
		} {
			require.Contains(b.t, negotiate("?negotiateVersion=1", token), `,"tokenLifetimeSeconds":`+lifetime+`}`)
			require.Contains(b.t, negotiate("?negotiateVersion=7&useStatefulReconnect=true", token),
				`"useStatefulReconnect":true,"tokenLifetimeSeconds":`+lifetime+`}`)
			require.NotContains(b.t, negotiate("", token), "tokenLifetimeSeconds", "version 0 does not know it")
		}
		require.NotContains(b.t, negotiate("?negotiateVersion=1", "user"), "tokenLifetimeSeconds", "it never ends")
	}, granting)
}

// The whole exchange of the .NET 11 client, over a real socket: the hub's query stays, the body is empty, the token
// is in the header.
//
// Acceptance.
func TestRefresh(t *testing.T) {
	t.Parallel()
	f := setup(t, granting)
	token := f.negotiate(t, "&negotiateVersion=1")["connectionToken"].(string)
	c := dialURL(t, ws.Dialer{}, f.url+"?access_token=u1%203600&id="+token)
	c.shakeHands()
	conn := f.opened(t)
	for name, send := range map[string]func() answer{
		"header": func() answer {
			return f.request(t, http.MethodPost, "/hub/refresh?tenant=7", "Authorization", "Bearer u1 7200",
				"X-SignalR-Connection-Token", token)
		},
		"query": func() answer {
			return f.request(t, http.MethodPost, "/hub/refresh?id="+token, "Authorization", "Bearer u1 7200")
		},
		"both, of which the header counts": func() answer {
			return f.request(t, http.MethodPost, "/hub/refresh?id=other", "Authorization", "Bearer u1 7200",
				"x-signalr-connection-token", token)
		},
		"token in the query": func() answer {
			return f.request(t, http.MethodPost, "/hub/refresh?access_token=u1%207200&id="+token)
		},
	} {
		sent := time.Now()
		a := send()
		require.Equal(t, http.StatusOK, a.status, "%s: %s", name, a.body)
		require.Equal(t, "no-store", a.header.Get("Cache-Control"))
		fields := a.fields(t)
		require.Len(t, fields, 3)
		require.Equal(t, conn.ID(), fields["connectionId"])
		at, err := time.Parse(time.RFC3339, fields["refreshedAt"].(string))
		require.NoError(t, err)
		require.Equal(t, time.UTC, at.Location())
		require.WithinRange(t, at, sent.Add(-time.Second), time.Now().Add(time.Second))
		require.InDelta(t, 7200, fields["tokenLifetimeSeconds"], 60)
		require.Contains(t, a.body, `"tokenLifetimeSeconds":7`, "a whole number: the client refuses 7.2e3")
		require.WithinDuration(t, time.Now().Add(2*time.Hour), conn.User().ExpiresAt(), time.Minute)
	}
	a := f.refresh(token, "user")
	require.Equal(t, http.StatusOK, a.status)
	require.NotContains(t, a.fields(t), "tokenLifetimeSeconds", "the new token never ends")
	require.True(t, conn.User().ExpiresAt().IsZero())
}

// Acceptance.
func TestRefreshesThatChangeNothing(t *testing.T) {
	t.Parallel()
	f := setup(t, granting)
	token := f.issue(t)
	c := dialURL(t, ws.Dialer{}, f.url+"?access_token=u1%203600&id="+token)
	c.shakeHands()
	conn := f.opened(t)
	was := conn.User()

	requireRefused(t, f.refresh("", "u1 60"), http.StatusBadRequest, "missing_connection_token")
	for _, unknown := range []string{"x", conn.ID(), token[1:], token + "A", strings.Repeat("A", 8192), f.issue(t)} {
		requireRefused(t, f.refresh(unknown, "u1 60"), http.StatusNotFound, "connection_not_found")
		requireRefused(t, f.refresh(unknown, "u2 60"), http.StatusNotFound, "connection_not_found")
	}
	for bearer, challenge := range map[string]string{"": "Bearer", "forged": `Bearer error="invalid_token"`} {
		for _, connection := range []string{token, "", "x"} {
			a := f.refresh(connection, bearer)
			requireRefused(t, a, http.StatusUnauthorized, "invalid_token")
			require.Equal(t, challenge, a.header.Get("WWW-Authenticate"))
		}
	}
	requireRefused(t, f.refresh(token, "u2 60"), http.StatusForbidden, "subject_changed")
	requireRefused(t, f.refresh(token, "banned"), http.StatusForbidden, "forbidden")
	a := f.refresh(token, "u1 -1")
	requireRefused(t, a, http.StatusUnauthorized, "invalid_token")
	require.Equal(t, `Bearer error="invalid_token"`, a.header.Get("WWW-Authenticate"))
	for _, method := range []string{
		http.MethodGet, http.MethodPut, http.MethodDelete, http.MethodPatch, http.MethodHead,
	} {
		r := f.refreshing(token, "u1 60")
		r.Method = method
		a := f.refreshWith(r)
		require.Equal(t, http.StatusMethodNotAllowed, a.status, method)
		require.Equal(t, http.MethodPost, a.header.Get("Allow"), method)
	}
	require.Equal(t, was, conn.User())

	c.send(`{"type":7}`)
	within(t, f.disconnected, "the end")
	require.Eventually(t, func() bool { return f.refresh(token, "u1 60").status == http.StatusNotFound }, patience, soon)
	requireRefused(t, f.refresh(token, "u2 60"), http.StatusNotFound, "connection_not_found")
}

// Acceptance: A-499.
func TestRefreshFromPagesOfOtherOrigins(t *testing.T) {
	t.Parallel()
	f := setup(t, granting, allowOrigins("https://app.example"))
	token := f.issue(t)
	dialURL(t, ws.Dialer{}, f.url+"?access_token=user&id="+token).shakeHands()
	preflight := func(origin string) answer {
		return f.request(t, http.MethodOptions, "/hub/refresh", "Origin", origin,
			"Access-Control-Request-Method", "POST", "Access-Control-Request-Headers",
			"authorization,x-requested-with,x-signalr-connection-token")
	}
	a := preflight("https://app.example")
	require.Equal(t, http.StatusNoContent, a.status)
	require.Equal(t, "https://app.example", a.header.Get("Access-Control-Allow-Origin"))
	require.Contains(t, a.header.Get("Access-Control-Allow-Headers"), "x-signalr-connection-token, x-signalr-user-agent",
		"asked for or not")
	require.Equal(t, http.StatusForbidden, preflight("https://evil.example").status)

	send := func(origin, bearer string) answer {
		return f.request(t, http.MethodPost, "/hub/refresh", "Origin", origin, "Authorization", "Bearer "+bearer,
			"X-SignalR-Connection-Token", token)
	}
	a = send("https://app.example", "u1 60")
	require.Equal(t, http.StatusOK, a.status)
	require.Equal(t, "https://app.example", a.header.Get("Access-Control-Allow-Origin"))
	a = send("https://app.example", "forged")
	require.Equal(t, http.StatusUnauthorized, a.status)
	require.Equal(t, "https://app.example", a.header.Get("Access-Control-Allow-Origin"), "so that the page can read why")
	require.Equal(t, http.StatusForbidden, send("https://evil.example", "u1 60").status)
}

// Acceptance: A-500.
func TestRefreshesAreLimited(t *testing.T) {
	t.Parallel()
	t.Run("by address", func(t *testing.T) {
		t.Parallel()
		f := setup(t, granting, func(cfg *signalr.Config) { cfg.NegotiationRate, cfg.NegotiationBurst = 1, 3 })
		token := f.issue(t)
		dialURL(t, ws.Dialer{}, f.url+"?access_token=user&id="+token).shakeHands()
		limited := func(method string) bool {
			a := f.request(t, method, "/hub/refresh", "Authorization", "Bearer u1 60", "X-SignalR-Connection-Token", token)
			if a.status != http.StatusTooManyRequests {
				return false
			}
			requireRefused(t, a, http.StatusTooManyRequests, "too_many_requests")
			require.NotEmpty(t, a.header.Get("Retry-After"))
			return true
		}
		require.Eventually(t, func() bool { return limited(http.MethodPost) }, patience, soon)
		require.Positive(t, f.observer.refusals(signalr.NegotiatingTooFast))
	})
	t.Run("by user", func(t *testing.T) {
		t.Parallel()
		f := setup(t, granting, func(cfg *signalr.Config) { cfg.UserInvocationRate, cfg.UserInvocationBurst = 1, 3 })
		token := f.issue(t)
		dialURL(t, ws.Dialer{}, f.url+"?access_token=user&id="+token).shakeHands()
		require.Eventually(t, func() bool {
			return f.refresh(token, "u1 60").status == http.StatusTooManyRequests
		}, patience, soon)
	})
	t.Run("by body", func(t *testing.T) {
		t.Parallel()
		f := setup(t, granting)
		h := f.negotiated(t, ownClient(t))
		token := h.url[strings.LastIndex(h.url, "=")+1:]
		h.stream()
		h.url = f.url + "/refresh?id=" + token + "&access_token=user"
		require.Equal(t, http.StatusOK, h.do(http.MethodPost, `{}`).status)
		require.Equal(t, http.StatusOK, h.do(http.MethodPost, strings.Repeat(" ", 4<<10)).status)
		requireRefused(t, h.do(http.MethodPost, strings.Repeat(" ", 4<<10+1)), http.StatusRequestEntityTooLarge,
			"request_too_large")
		requireRefused(t, h.do(http.MethodPost, strings.Repeat(" ", 4<<20)), http.StatusRequestEntityTooLarge,
			"request_too_large")
	})
}

func TestAHubsCodeThatPanicsOverARefresh(t *testing.T) {
	t.Parallel()
	f := setup(t, granting)
	f.hub.OnRefresh(func(context.Context, *signalr.Conn, signalr.User) error { panic("a secret") })
	token := f.issue(t)
	c := dialURL(t, ws.Dialer{}, f.url+"?access_token=user&id="+token)
	c.shakeHands()
	a := f.refresh(token, "u1 60")
	requireRefused(t, a, http.StatusInternalServerError, "server_error")
	require.NotContains(t, a.body, "secret")
	c.send(`{"type":1,"invocationId":"1","target":"Echo","arguments":["still here"]}`)
	c.expect(`{"type":3,"invocationId":"1","result":"still here"}`)
}
