package signalr_test

import (
	"encoding/json"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/gobwas/ws"
	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/signalr"
)

func netDial(t *testing.T, address string) (net.Conn, error) {
	t.Helper()
	conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", address)
	if err == nil {
		t.Cleanup(func() { _ = conn.Close() })
	}
	return conn, err
}

type answer struct {
	status int
	header http.Header
	body   string
}

// request sends an HTTP request; headers are pairs of names and values.
func (f *fixture) request(t *testing.T, method, path string, headers ...string) answer {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, strings.TrimSuffix(f.url, "/hub")+path, nil)
	require.NoError(t, err)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Do(r)
	require.NoError(t, err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return answer{status: response.StatusCode, header: response.Header, body: string(body)}
}

func (f *fixture) negotiate(t *testing.T, query string) (body map[string]any) {
	t.Helper()
	a := f.request(t, http.MethodPost, "/hub/negotiate?access_token=user"+query)
	require.Equal(t, http.StatusOK, a.status)
	require.Equal(t, "application/json", a.header.Get("Content-Type"))
	require.NoError(t, json.Unmarshal([]byte(a.body), &body))
	return body
}

func TestNegotiate(t *testing.T) {
	t.Parallel()
	f := setup(t)
	transports := []any{
		map[string]any{"transport": "WebSockets", "transferFormats": []any{"Text", "Binary"}},
		map[string]any{"transport": "ServerSentEvents", "transferFormats": []any{"Text"}},
		map[string]any{"transport": "LongPolling", "transferFormats": []any{"Text", "Binary"}},
	}

	for _, query := range []string{"", "&negotiateVersion=0"} {
		v0 := f.negotiate(t, query)
		require.EqualValues(t, 0, v0["negotiateVersion"])
		require.NotContains(t, v0, "connectionToken")
		require.Equal(t, transports, v0["availableTransports"])
		c := dialURL(t, ws.Dialer{}, f.url+"?access_token=user&id="+v0["connectionId"].(string))
		c.shakeHands()
		f.opened(t)
	}
	for _, query := range []string{"&negotiateVersion=1", "&negotiateVersion=7", "&NegotiateVersion=1"} {
		v1 := f.negotiate(t, query)
		require.EqualValues(t, 1, v1["negotiateVersion"])
		require.NotEqual(t, v1["connectionId"], v1["connectionToken"])
		require.Equal(t, transports, v1["availableTransports"])
		c := dialURL(t, ws.Dialer{}, f.url+"?access_token=user&id="+v1["connectionToken"].(string))
		c.shakeHands()
		require.Equal(t, v1["connectionId"], f.opened(t).ID())
	}
	for query, text := range map[string]string{
		"&negotiateVersion=one": "The client requested a non-integer protocol version.",
		"&negotiateVersion=-1":  "The client requested version '-1', but the server does not support this version.",
	} {
		require.Equal(t, map[string]any{"error": text}, f.negotiate(t, query))
	}
}

func TestConnectionTokens(t *testing.T) {
	t.Parallel()
	f := setup(t)
	v1 := f.negotiate(t, "&negotiateVersion=1")
	token, id := v1["connectionToken"].(string), v1["connectionId"].(string)
	refused := func(path, id string) answer {
		return f.request(t, http.MethodGet, path+"?access_token=user&id="+id, "Connection", "Upgrade", "Upgrade",
			"websocket",
			"Sec-WebSocket-Version", "13", "Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")
	}

	for name, unknown := range map[string]string{
		"the public id": id, "nonsense": "nonsense", "altered": token[:len(token)-1] + string(token[len(token)-1]^1),
		"shortened": token[1:],
	} {
		a := refused("/hub", unknown)
		require.Equal(t, http.StatusNotFound, a.status, name)
		require.Equal(t, "No Connection with that ID", a.body, name)
	}

	c := dialURL(t, ws.Dialer{}, f.url+"?access_token=user&id="+token)
	c.shakeHands()
	f.opened(t)
	require.Equal(t, http.StatusConflict, refused("/hub", token).status, "a second connection")

	c.send(`{"type":7}`)
	c.expect(`{"type":7}`)
	c.expectClose(ws.StatusNormalClosure)
	require.Eventually(t, func() bool {
		return refused("/hub", token).status == http.StatusNotFound
	}, patience, patience/1000, "a token is good for one connection")
}

func TestTokensOfAnotherHub(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	other := signalr.NewHub("other")
	mux := http.NewServeMux()
	mux.Handle("/", f.handler())
	mux.Handle("/other", f.Handler(other))
	serve(t, f, mux)
	token := f.negotiate(t, "&negotiateVersion=1")["connectionToken"].(string)
	_, _, _, err := ws.Dial(t.Context(),
		strings.Replace(strings.TrimSuffix(f.url, "/hub"), "http", "ws", 1)+"/other?access_token=user&id="+token)
	require.Equal(t, ws.StatusError(http.StatusNotFound), err)
}

// Acceptance.
func TestAuthentication(t *testing.T) {
	t.Parallel()
	f := setup(t)
	webSocket := []string{
		"Connection", "Upgrade", "Upgrade", "websocket", "Sec-WebSocket-Version", "13",
		"Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==",
	}
	for _, r := range []struct {
		method, path string
		headers      []string
	}{
		{http.MethodPost, "/hub/negotiate", nil},
		{http.MethodGet, "/hub", webSocket},
		{http.MethodGet, "/hub", nil},
		{http.MethodPost, "/hub", nil},
		{http.MethodDelete, "/hub", nil},
	} {
		a := f.request(t, r.method, r.path, r.headers...)
		require.Equal(t, http.StatusUnauthorized, a.status, r)
		require.Equal(t, "Bearer", a.header.Get("WWW-Authenticate"), r)
		a = f.request(t, r.method, r.path+"?access_token=forged", r.headers...)
		require.Equal(t, http.StatusUnauthorized, a.status, r)
		require.Equal(t, `Bearer error="invalid_token"`, a.header.Get("WWW-Authenticate"), r)
		a = f.request(t, r.method, r.path+"?access_token=banned", r.headers...)
		require.Equal(t, http.StatusForbidden, a.status, r)
	}
}

func TestOrigins(t *testing.T) {
	t.Parallel()
	f := setup(t, func(cfg *signalr.Config) { cfg.AllowedOrigins = []string{"https://app.example"} })
	host := strings.TrimPrefix(strings.TrimSuffix(f.url, "/hub"), "http://")

	a := f.request(t, http.MethodOptions, "/hub/negotiate", "Origin", "https://app.example",
		"Access-Control-Request-Method", "POST", "Access-Control-Request-Headers",
		"authorization,x-requested-with,x-signalr-user-agent")
	require.Equal(t, http.StatusNoContent, a.status)
	require.Equal(t, "https://app.example", a.header.Get("Access-Control-Allow-Origin"))
	require.Equal(t, "true", a.header.Get("Access-Control-Allow-Credentials"))
	for _, name := range []string{
		"x-requested-with", "x-signalr-user-agent", "authorization", "content-type", "cache-control",
	} {
		require.Contains(t, a.header.Get("Access-Control-Allow-Headers"), name)
	}
	require.Contains(t, a.header.Get("Access-Control-Allow-Methods"), "POST")
	require.Equal(t, "Origin", a.header.Get("Vary"))

	// A page must be able to read that it is not authorised.
	a = f.request(t, http.MethodPost, "/hub/negotiate", "Origin", "https://app.example")
	require.Equal(t, http.StatusUnauthorized, a.status)
	require.Equal(t, "https://app.example", a.header.Get("Access-Control-Allow-Origin"))

	for origin, status := range map[string]int{
		"https://app.example":      http.StatusOK,
		"http://" + host:           http.StatusOK,
		"https://" + host:          http.StatusOK, // behind a proxy that ends TLS
		"https://evil.example":     http.StatusForbidden,
		"https://app.example.evil": http.StatusForbidden,
		"null":                     http.StatusForbidden,
	} {
		a := f.request(t, http.MethodPost, "/hub/negotiate?access_token=user", "Origin", origin)
		require.Equal(t, status, a.status, origin)

		dialer := ws.Dialer{Header: ws.HandshakeHeaderHTTP(http.Header{"Origin": {origin}})}
		conn, _, _, err := dialer.Dial(t.Context(), strings.Replace(f.url, "http", "ws", 1)+"?access_token=user")
		if status == http.StatusOK {
			require.NoError(t, err, origin)
			require.NoError(t, conn.Close())
		} else {
			require.Equal(t, ws.StatusError(status), err, origin)
		}
	}
}

func TestConfig(t *testing.T) {
	t.Parallel()
	wrong := signalr.DefaultSettings()
	wrong.QueueBytes, wrong.AllowedOrigins = -1, []string{"*", "https://a.example/", "https://b.example"}
	_, err := signalr.New(signalr.Config{Settings: wrong})
	require.ErrorContains(t, err, "QUEUE_BYTES must be at least 1: a connection could be sent nothing")
	require.ErrorContains(t, err, "no Authenticate function")
	require.ErrorContains(t, err, `"*" is not an origin`)
	require.ErrorContains(t, err, `"https://a.example/" is not an origin`)
	require.NotContains(t, err.Error(), "b.example")
}

func TestMethodNamesAreUnique(t *testing.T) {
	t.Parallel()
	h := signalr.NewHub("test")
	registerMethods(h)
	require.Panics(t, func() { signalr.Method0(h, "ECHO", nil) })
	require.Panics(t, func() { signalr.Method0(h, "", nil) })
}
