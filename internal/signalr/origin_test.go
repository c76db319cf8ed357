package signalr_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/gobwas/ws"
	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/signalr"
)

func allowOrigins(origins ...string) func(*signalr.Config) {
	return func(cfg *signalr.Config) { cfg.AllowedOrigins = origins }
}

// The requests of @microsoft/signalr in a browser that need a preflight, each with the headers that browsers then
// list: in lower case, sorted. User code may add its own by the option headers.
func TestPreflights(t *testing.T) {
	t.Parallel()
	f := setup(t, allowOrigins("https://app.example"))
	for _, c := range []struct{ path, method, headers string }{
		{"/hub/negotiate?negotiateVersion=1", http.MethodPost, "authorization,x-requested-with,x-signalr-user-agent"},
		// A poll.
		{"/hub?id=x", http.MethodGet, "authorization,x-requested-with,x-signalr-user-agent"},
		// A POST of application/octet-stream.
		{"/hub?id=x", http.MethodPost, "authorization,content-type,x-requested-with,x-signalr-user-agent"},
		// The end of polling.
		{"/hub?id=x", http.MethodDelete, "authorization,x-requested-with,x-signalr-user-agent"},
		// A polyfill of EventSource.
		{"/hub?id=x", http.MethodGet, "cache-control"},
		// With a header of the page's own.
		{"/hub/negotiate", http.MethodPost, "authorization,x-requested-with,x-signalr-user-agent,x-tenant"},
	} {
		a := f.request(t, http.MethodOptions, c.path, "Origin", "https://app.example",
			"Access-Control-Request-Method", c.method, "Access-Control-Request-Headers", c.headers)
		require.Equal(t, http.StatusNoContent, a.status, "without credentials: browsers send none with a preflight")
		require.Empty(t, a.body)
		require.Equal(t, "https://app.example", a.header.Get("Access-Control-Allow-Origin"))
		require.Equal(t, "true", a.header.Get("Access-Control-Allow-Credentials"))
		require.Equal(t, "7200", a.header.Get("Access-Control-Max-Age"))
		require.Contains(t, strings.Split(a.header.Get("Access-Control-Allow-Methods"), ", "), c.method)
		allowed := strings.Split(strings.ReplaceAll(a.header.Get("Access-Control-Allow-Headers"), ", ", ","), ",")
		for header := range strings.SplitSeq(c.headers, ",") {
			require.Contains(t, allowed, header)
		}
		require.Equal(t, []string{"Origin", "Access-Control-Request-Headers"}, a.header.Values("Vary"))
	}
}

func TestPreflightOfAnotherOrigin(t *testing.T) {
	t.Parallel()
	f := setup(t, allowOrigins("https://app.example"))
	a := f.request(t, http.MethodOptions, "/hub/negotiate", "Origin", "https://evil.example",
		"Access-Control-Request-Method", "POST", "Access-Control-Request-Headers", "authorization")
	require.Equal(t, http.StatusForbidden, a.status)
	requireNoCORS(t, a)
	require.Equal(t, 1, f.observer.refusals(signalr.OriginNotAllowed))
}

func requireNoCORS(t *testing.T, a answer) {
	t.Helper()
	for name := range a.header {
		require.False(t, strings.HasPrefix(name, "Access-Control-"), name)
	}
	require.Contains(t, a.header.Values("Vary"), "Origin")
}

// Acceptance: A-546.
func TestOriginsAreComparedAsBrowsersDo(t *testing.T) {
	t.Parallel()
	f := setup(t, allowOrigins("https://app.example:443", "HTTP://Dev.Example:8080", "http://plain.example",
		"capacitor://localhost", "http://[::1]:80",
		"http://page.example:*"))
	host := strings.TrimPrefix(strings.TrimSuffix(f.url, "/hub"), "http://")
	_, port, _ := strings.Cut(host, ":")
	for origin, allowed := range map[string]bool{
		"https://app.example":          true,
		"https://app.example:443":      true,
		"https://APP.example":          true,
		"https://app.example:8443":     false,
		"https://app.example:80":       false,
		"http://app.example":           false,
		"http://app.example:443":       false,
		"https://www.app.example":      false,
		"https://app.example.":         false,
		"https://app.example/":         false,
		"https://app.example, null":    false,
		"http://dev.example:8080":      true,
		"http://dev.example":           false,
		"http://plain.example:80":      true,
		"https://plain.example":        false,
		"capacitor://localhost":        true,
		"http://localhost":             false,
		"http://[::1]":                 true,
		"http://page.example":          true,
		"http://page.example:1":        true,
		"http://page.example:65535":    true,
		"https://page.example:1":       false,
		"http://page.example.evil:1":   false,
		"http://page.example:1.evil":   false,
		"http://page.example:1@evil":   false,
		"null":                         false,
		"file://":                      false,
		"https://" + host + ".evil":    false,
		"https://evil@" + host:         true, // no browser writes that; its host is ours
		"http://127.0.0.1:1" + port:    false,
		"https://app.example\thttp://": false,
	} {
		a := f.request(t, http.MethodPost, "/hub/negotiate?access_token=user", "Origin", origin)
		conn, _, _, err := ws.Dialer{Header: ws.HandshakeHeaderHTTP(http.Header{"Origin": {origin}})}.
			Dial(t.Context(), strings.Replace(f.url, "http", "ws", 1)+"?access_token=user")
		if !allowed {
			require.Equal(t, http.StatusForbidden, a.status, origin)
			requireNoCORS(t, a)
			require.Equal(t, ws.StatusError(http.StatusForbidden), err, origin)
			continue
		}
		require.Equal(t, http.StatusOK, a.status, origin)
		require.NoError(t, err, origin)
		require.NoError(t, conn.Close())
		if !strings.Contains(origin, host) {
			require.Equal(t, origin, a.header.Get("Access-Control-Allow-Origin"), "as the browser writes it")
		}
	}
}

// Behind a proxy that passes the port on, or ends TLS.
//
// Acceptance: A-154.
func TestSameOrigin(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	for _, c := range []struct {
		host, origin string
		status       int
	}{
		{"app.example", "https://app.example", http.StatusOK},
		{"app.example:443", "https://app.example", http.StatusOK},
		{"app.example:80", "http://app.example", http.StatusOK},
		{"APP.example", "https://app.example", http.StatusOK},
		{"app.example:8443", "https://app.example", http.StatusForbidden},
		{"app.example", "https://www.app.example", http.StatusForbidden},
		{"", "null", http.StatusForbidden},
	} {
		w := f.from("192.0.2.1:1", http.MethodPost, "http://"+c.host+"/hub/negotiate?access_token=user", "Origin", c.origin)
		require.Equal(t, c.status, w.Code, c)
		require.Empty(t, w.Header().Get("Access-Control-Allow-Origin"), "it needs none")
	}
}

func TestTwoOrigins(t *testing.T) {
	t.Parallel()
	f := setup(t, allowOrigins("https://app.example"))
	host := strings.TrimPrefix(strings.TrimSuffix(f.url, "/hub"), "http://")
	dialer := ws.Dialer{Header: ws.HandshakeHeaderHTTP(http.Header{"Origin": {"http://" + host, "https://evil.example"}})}
	_, _, _, err := dialer.Dial(t.Context(), strings.Replace(f.url, "http", "ws", 1)+"?access_token=user")
	require.Equal(t, ws.StatusError(http.StatusForbidden), err)
}

// A page can read why it was refused; otherwise its client shows "Failed to fetch".
func TestRefusalsCarryTheCORSHeaders(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		method, path string
		status       int
		configure    func(*signalr.Config)
	}{
		"no credentials":   {http.MethodPost, "/hub/negotiate", http.StatusUnauthorized, nil},
		"forbidden":        {http.MethodPost, "/hub/negotiate?access_token=banned", http.StatusForbidden, nil},
		"no id":            {http.MethodGet, "/hub?access_token=user", http.StatusBadRequest, nil},
		"unknown id":       {http.MethodPost, "/hub?access_token=user&id=x", http.StatusNotFound, nil},
		"unknown method":   {http.MethodPut, "/hub?access_token=user", http.StatusMethodNotAllowed, nil},
		"negotiate by GET": {http.MethodGet, "/hub/negotiate?access_token=user", http.StatusMethodNotAllowed, nil},
		"full for the user": {
			http.MethodPost, "/hub/negotiate?access_token=user", http.StatusTooManyRequests,
			func(cfg *signalr.Config) { cfg.MaxConnectionsPerUser = 1 },
		},
		"full": {
			http.MethodPost, "/hub/negotiate?access_token=user", http.StatusServiceUnavailable,
			func(cfg *signalr.Config) { cfg.MaxConnections = 1 },
		},
		"too fast": {
			http.MethodPost, "/hub/negotiate?access_token=user", http.StatusTooManyRequests,
			func(cfg *signalr.Config) {
				cfg.NegotiationRate, cfg.NegotiationBurst = 1, 1
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := setup(t, allowOrigins("https://app.example"), func(cfg *signalr.Config) {
				if c.configure != nil {
					c.configure(cfg)
				}
			})
			if c.configure != nil {
				f.dial(t)
			}
			a := f.request(t, c.method, c.path, "Origin", "https://app.example")
			require.Equal(t, c.status, a.status)
			require.Equal(t, "https://app.example", a.header.Get("Access-Control-Allow-Origin"))
			require.Equal(t, "true", a.header.Get("Access-Control-Allow-Credentials"))
		})
	}
}

func TestOriginSettings(t *testing.T) {
	t.Parallel()
	for _, origin := range []string{
		"*", "null", "", "app.example", "https://", "https://*", "https://*.example", "https://app.example/",
		"https://app.example/x",
		"https://user@app.example", "https://app.example?x", "https://bücher.example", "//app.example",
		":*", "http://:*", "http://*:*", "http://app.example:80:*", "http://app.example:*:*",
	} {
		_, err := signalr.New(signalr.Config{Authenticate: authenticate, Settings: allowing(origin)})
		require.ErrorContains(t, err, "is not an origin", origin)
	}
	_, err := signalr.New(signalr.Config{Authenticate: authenticate, Settings: allowing(
		"https://app.example", "http://localhost:3000", "https://app.example:443", "HTTPS://App.Example",
		"capacitor://localhost", "http://[::1]:8080",
		"http://localhost:*", "http://[::1]:*",
	)})
	require.NoError(t, err)
}

func allowing(origins ...string) signalr.Settings {
	s := signalr.DefaultSettings()
	s.AllowedOrigins = origins
	return s
}
