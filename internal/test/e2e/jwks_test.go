package e2e_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/MicahParks/jwkset"
	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/test/pgtest"
)

// issuer publishes the public halves of keys, and signs tokens with them.
type issuer struct {
	*httptest.Server

	set  atomic.Pointer[[]byte] // nil: the issuer is away
	keys map[string]*ecdsa.PrivateKey
}

func newIssuer(t *testing.T, kids ...string) *issuer {
	t.Helper()
	i := &issuer{keys: map[string]*ecdsa.PrivateKey{}}
	for _, kid := range kids {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		require.NoError(t, err)
		i.keys[kid] = key
	}
	i.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		set := i.set.Load()
		if set == nil {
			panic(http.ErrAbortHandler)
		}
		_, _ = w.Write(*set)
	}))
	t.Cleanup(i.Close)
	return i
}

// publish replaces the key set.
func (i *issuer) publish(t *testing.T, kids ...string) {
	t.Helper()
	var set jwkset.JWKSMarshal
	for _, kid := range kids {
		jwk, err := jwkset.NewJWKFromKey(
			i.keys[kid].Public(), jwkset.JWKOptions{Metadata: jwkset.JWKMetadataOptions{KID: kid, USE: jwkset.UseSig}},
		)
		require.NoError(t, err)
		set.Keys = append(set.Keys, jwk.Marshal())
	}
	raw, err := json.Marshal(set)
	require.NoError(t, err)
	i.set.Store(&raw)
}

func (i *issuer) token(t *testing.T, kid string, claims jwt.MapClaims) string {
	t.Helper()
	token := jwt.NewWithClaims(jwt.SigningMethodES256, claims)
	token.Header["kid"] = kid
	signed, err := token.SignedString(i.keys[kid])
	require.NoError(t, err)
	return signed
}

// TestKeysRotateUnderARunningServer: the new key is accepted as soon as it is published, and the old one refused
// soon after it is gone. While the issuer is away the last keys stay valid.
//
// Acceptance: A-284.
func TestKeysRotateUnderARunningServer(t *testing.T) {
	t.Parallel()
	i := newIssuer(t, "january", "february", "march")
	i.publish(t, "january")
	s := serve(
		t, pgtest.New(t).DSN(), "HERALD_JWT_SECRET=", "HERALD_JWKS_URL="+i.URL, "HERALD_JWKS_REFRESH=1s",
		"HERALD_AUDIT_LOG=false", "HERALD_JWT_ISSUER="+i.URL,
	)
	good := claims("iss", i.URL, "role", "Admin")
	old, current := i.token(t, "january", good), i.token(t, "february", good)
	refused := func(token string) func() bool {
		return func() bool { return negotiated(t, s, adminHub, token) == http.StatusUnauthorized }
	}

	c := drive(t).connect(t, s.url+adminHub, old)
	c.receivesGreeting(t)
	require.Equal(t, http.StatusUnauthorized, negotiated(t, s, adminHub, user(t, "alice")), "a secret is not asked for")
	awaitMetric(t, s.url, "herald_jwks_keys 1")
	i.publish(t, "january", "february")
	require.Equal(t, http.StatusOK, negotiated(t, s, adminHub, current), "the token's key id has the server fetch it")
	require.Equal(t, http.StatusOK, negotiated(t, s, adminHub, old))
	require.Equal(t, "AdminNotification", func() string {
		status, answer := request(
			t, http.MethodPost, s.url+"/api/admin/realtime/notify/system-event", current,
			`{"eventType":"rotation","description":"of keys"}`,
		)
		require.Equal(t, http.StatusOK, status, answer.body)
		return c.next(t).Event
	}(), "whoever is connected stays")
	i.publish(t, "february")
	require.True(t, eventually(refused(old)), "the key is gone")
	require.Equal(t, http.StatusOK, negotiated(t, s, adminHub, current))
	s.logs.await(t, 0, "the reason", func(line string) bool {
		return strings.Contains(line, "a request was refused") && strings.Contains(line, `key id \"january\"`)
	})
	awaitMetric(t, s.url, "herald_jwks_keys 1")
	awaitMetric(t, s.url, "herald_jwks_fetch_failures_total 0")

	i.set.Store(nil)
	awaitMetric(t, s.url, "herald_jwks_fetch_failures_total 2")
	line, _ := s.logs.await(
		t, 0, "the server to say so",
		func(line string) bool { return strings.Contains(line, "the last keys stay in use") },
	)
	require.Contains(t, line, `"level":"ERROR"`)
	require.Equal(t, http.StatusOK, negotiated(t, s, adminHub, current))
	require.True(t, refused(i.token(t, "march", good))())
	awaitMetric(t, s.url, "herald_tokens_refused_total{reason=\"keys_unavailable\"} ")
	i.publish(t, "march")
	require.True(
		t, eventually(func() bool { return negotiated(t, s, adminHub, i.token(t, "march", good)) == http.StatusOK }),
	)
	_, answer := request(t, http.MethodGet, s.url+"/metrics", "", "")
	require.NotContains(t, answer.body, "herald_jwks_last_fetch_timestamp_seconds 0\n")
	_, logs := s.texts()
	require.NotContains(t, logs, old[strings.LastIndex(old, ".")+1:], "no token is logged")
	require.NotContains(t, logs, `"outcome":"ok"`, "what was done is left out, what was refused is not")

	code, out, _ := herald(t, []string{"HERALD_JWKS_URL=" + i.URL}, "token", "inspect", old)
	require.Equal(t, 1, code)
	require.Contains(t, out, `its key id "january" is not in the JWK Set`)
	code, out, _ = herald(
		t, []string{"HERALD_JWKS_URL=" + i.URL, "HERALD_JWT_ISSUER=" + i.URL}, "token", "inspect",
		i.token(t, "march", good),
	)
	require.Zero(t, code, out)
}
