package e2e_test

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/auth"
	"github.com/yummyzoom/herald/internal/test/pgtest"
)

// sign makes a token with any claims and any key.
func sign(t *testing.T, method jwt.SigningMethod, key any, claims jwt.MapClaims) string {
	t.Helper()
	token, err := jwt.NewWithClaims(method, claims).SignedString(key)
	require.NoError(t, err)
	return token
}

func claims(extra ...any) jwt.MapClaims {
	c := jwt.MapClaims{"sub": "alice", "exp": time.Now().Add(time.Hour).Unix()}
	for i := 0; i+1 < len(extra); i += 2 {
		c[extra[i].(string)] = extra[i+1]
	}
	return c
}

// negotiated returns the status of a negotiation with this token.
func negotiated(t *testing.T, s *server, hub, token string) int {
	t.Helper()
	status, _ := request(t, http.MethodPost, s.url+hub+"/negotiate?negotiateVersion=1", token, "")
	return status
}

// Acceptance.
func TestTokensThatAreNotToBeBelieved(t *testing.T) {
	t.Parallel()
	s := serve(t, pgtest.New(t).DSN(), "HERALD_JWT_ISSUER=https://issuer.example", "HERALD_JWT_AUDIENCE=herald")
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	good := func(extra ...any) jwt.MapClaims {
		return claims(append([]any{"iss", "https://issuer.example", "aud", "herald"}, extra...)...)
	}
	without := func(name string) jwt.MapClaims {
		c := good()
		delete(c, name)
		return c
	}
	key := []byte(secret)
	now := time.Now()
	require.Equal(t, http.StatusOK, negotiated(t, s, customerHub, sign(t, jwt.SigningMethodHS256, key, good())))
	require.Equal(
		t, http.StatusOK,
		negotiated(t, s, customerHub, sign(t, jwt.SigningMethodHS256, key, good("exp", now.Add(-20*time.Second).Unix()))),
		"leeway",
	)
	require.Equal(t, http.StatusOK, negotiated(t, s, adminHub, sign(t, jwt.SigningMethodHS256, key,
		good("http://schemas.microsoft.com/ws/2008/06/identity/claims/role", "Admin"))))
	byName := without("sub")
	byName["http://schemas.xmlsoap.org/ws/2005/05/identity/claims/nameidentifier"] = "alice"
	require.Equal(t, http.StatusOK, negotiated(t, s, customerHub, sign(t, jwt.SigningMethodHS256, key, byName)))
	for name, token := range map[string]string{
		"expired":          sign(t, jwt.SigningMethodHS256, key, good("exp", now.Add(-time.Minute).Unix())),
		"not yet valid":    sign(t, jwt.SigningMethodHS256, key, good("nbf", now.Add(time.Minute).Unix())),
		"never expires":    sign(t, jwt.SigningMethodHS256, key, without("exp")),
		"nobody's":         sign(t, jwt.SigningMethodHS256, key, without("sub")),
		"other secret":     sign(t, jwt.SigningMethodHS256, []byte("another-secret-0123456789-0123456789"), good()),
		"other issuer":     sign(t, jwt.SigningMethodHS256, key, good("iss", "https://evil.example")),
		"no issuer":        sign(t, jwt.SigningMethodHS256, key, without("iss")),
		"other audience":   sign(t, jwt.SigningMethodHS256, key, good("aud", "other")),
		"no audience":      sign(t, jwt.SigningMethodHS256, key, without("aud")),
		"alg none":         sign(t, jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, good()),
		"other HMAC":       sign(t, jwt.SigningMethodHS512, key, good()),
		"RS256":            sign(t, jwt.SigningMethodRS256, rsaKey, good()),
		"signature is cut": sign(t, jwt.SigningMethodHS256, key, good())[:100],
	} {
		require.Equal(t, http.StatusUnauthorized, negotiated(t, s, customerHub, token), name)
	}
}

// TestAlgorithmFollowsTheConfiguredKey: a public key is public, so it must not verify an HMAC.
//
// Acceptance.
func TestAlgorithmFollowsTheConfiguredKey(t *testing.T) {
	t.Parallel()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	der, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	require.NoError(t, err)
	public := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	file := filepath.Join(t.TempDir(), "public.pem")
	require.NoError(t, os.WriteFile(file, public, 0o600))
	s, d := serve(t, pgtest.New(t).DSN(), "HERALD_JWT_SECRET=", "HERALD_JWT_PUBLIC_KEY_FILE="+file), drive(t)

	d.connect(t, s.url+adminHub, sign(t, jwt.SigningMethodRS256, key, claims("roles", []string{"Admin"}))).
		receivesGreeting(t)
	other, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	for name, token := range map[string]string{
		"public key as HS256 secret": sign(t, jwt.SigningMethodHS256, public, claims("role", "Admin")),
		"its DER as HS256 secret":    sign(t, jwt.SigningMethodHS256, der, claims("role", "Admin")),
		"without its last line end": sign(
			t, jwt.SigningMethodHS256, public[:len(public)-1], claims("role", "Admin"),
		),
		"alg none": sign(
			t, jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, claims("role", "Admin"),
		),
		"another key":                        sign(t, jwt.SigningMethodRS256, other, claims("role", "Admin")),
		"the right key, another algorithm":   sign(t, jwt.SigningMethodPS256, key, claims("role", "Admin")),
		"the secret that is not configured ": sign(t, jwt.SigningMethodHS256, []byte(secret), claims("role", "Admin")),
	} {
		require.Equal(t, http.StatusUnauthorized, negotiated(t, s, adminHub, token), name)
	}
}

func (c *client) receivesGreeting(t *testing.T) {
	t.Helper()
	require.Equal(t, "ConnectionEstablished", c.next(t).Event)
}

// Acceptance.
func TestTokenExpiresWhileConnected(t *testing.T) {
	t.Parallel()
	dsn := pgtest.New(t).DSN()
	s, d, p := serve(t, dsn), drive(t), produce(t, dsn)
	o := newOrder()
	first := o.changed(t, p, "Placed")
	short := func(subject string) string { return mint(t, auth.Grant{Subject: subject, TTL: 3 * time.Second}) }

	returning, a := d.open(t, s.url+customerHub, options{
		Tokens: []string{short("alice"), user(t, "alice")}, Reconnect: true,
		Follow: &follow{Method: "ResumeOrder", Args: []any{o.id}},
	})
	require.Empty(t, a.Error)
	returning.until(t, "resumed")
	leaving, a := d.open(t, s.url+customerHub, options{Tokens: []string{short("alice")}})
	require.Empty(t, a.Error)
	refreshed, a := d.open(t, s.url+customerHub, options{Tokens: []string{short("alice")}, Reconnect: true})
	require.Empty(t, a.Error)
	refreshed.call(t, "SubscribeToOrder", o.id)
	expires := time.Now().Add(time.Hour).Truncate(time.Second)
	token := sign(t, jwt.SigningMethodHS256, []byte(secret), claims("exp", expires.Unix()))
	answer := object(t, refreshed.call(t, "RefreshToken", token))
	require.Equal(t, map[string]any{"expiresAt": expires.UTC().Format(time.RFC3339)}, answer)
	for name, token := range map[string]string{
		"another subject": user(t, "mallory"), "expired": mint(t, auth.Grant{Subject: "alice", TTL: -time.Hour}),
		"nonsense": "x",
	} {
		require.Equal(t, failed("RefreshToken", "Unauthorized"), refreshed.refused(t, "RefreshToken", token), name)
	}

	// The first client comes back with the next token and has missed nothing. The one that may not reconnect is closed;
	// the third stays.
	const why = "Server returned an error on close: The connection's credentials have expired."
	require.Equal(t, why, returning.until(t, "reconnecting").Text)
	second := o.changed(t, p, "Preparing")
	resumed := returning.until(t, "resumed").Result
	require.Equal(t, "resumed", resumed.Status)
	third := o.changed(t, p, "Ready")
	leaving.until(t, "closed")
	returning.awaitAll(t, "the third event", func(all []arrival) bool { return len(deliveries(all)) == 2 })
	all, _ := returning.all()
	require.Equal(t, []delivery{{second, 2}, {third, 3}}, deliveries(all))
	require.NotEqual(t, first, second)
	refreshed.awaitAll(t, "both events", func(all []arrival) bool { return len(deliveries(all)) == 2 })
	all, _ = refreshed.all()
	for _, a := range all {
		require.NotEmpty(t, a.Event, "%v: a connection with a new token stays", a)
	}
}

// TestEndsAndRefusalsAreCounted: the metrics show why connections ended and tokens were refused.
//
// Acceptance: A-175.
func TestEndsAndRefusalsAreCounted(t *testing.T) {
	t.Parallel()
	s, d := serve(t, pgtest.New(t).DSN()), drive(t)
	d.connect(t, s.url+customerHub, user(t, "alice")).stop(t)
	connected, _ := s.logs.await(
		t, 0, "who connected", func(line string) bool { return strings.Contains(line, `"log":"audit"`) },
	)
	for _, part := range []string{
		`"action":"connect"`, `"path":"/hubs/customer-orders"`, `"subject":"alice"`, `"connection_id":"`,
		`"outcome":"ok"`,
	} {
		require.Contains(t, connected, part)
	}
	awaitMetric(t, s.url, `herald_connections_closed_total{hub="customer-orders",reason="client"} 1`)
	short, a := d.open(
		t, s.url+customerHub, options{Tokens: []string{mint(t, auth.Grant{Subject: "alice", TTL: 2 * time.Second})}},
	)
	require.Empty(t, a.Error)
	short.until(t, "closed")
	awaitMetric(t, s.url, `herald_connections_closed_total{hub="customer-orders",reason="expired"} 1`)
	awaitMetric(t, s.url, `herald_connections{hub="customer-orders"} 0`)
	require.Equal(
		t, http.StatusUnauthorized, negotiated(t, s, customerHub, mint(t, auth.Grant{Subject: "alice", TTL: -time.Hour})),
	)
	awaitMetric(t, s.url, `herald_tokens_refused_total{reason="expired"} 1`)
	awaitMetric(t, s.url, `herald_connections_refused_total{hub="customer-orders",reason="unauthenticated"} 1`)
	line, _ := s.logs.await(
		t, 0, "why the token was refused",
		func(line string) bool { return strings.Contains(line, "a request was refused") },
	)
	for _, part := range []string{
		`"level":"INFO"`, `"path":"/hubs/customer-orders"`, `"reason":"expired"`, "it expired at",
	} {
		require.Contains(t, line, part)
	}
}
