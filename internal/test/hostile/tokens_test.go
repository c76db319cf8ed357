package hostile_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/app"
	"github.com/yummyzoom/herald/internal/auth"
	"github.com/yummyzoom/herald/internal/hubclient"
	"github.com/yummyzoom/herald/internal/test/pgtest"
)

const customerOrders = "/hubs/customer-orders"

// issuer publishes a JWK Set of the given entries, unchanged.
type issuer struct {
	*httptest.Server

	set atomic.Pointer[string]
}

func newIssuer(t *testing.T) *issuer {
	t.Helper()
	i := &issuer{}
	i.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, *i.set.Load())
	}))
	t.Cleanup(i.Close)
	return i
}

func (i *issuer) publish(entries ...string) {
	set := `{"keys":[` + strings.Join(entries, ",") + `]}`
	i.set.Store(&set)
}

// key is an issuer's key, with its entry in the set.
func key(t *testing.T, id string, further map[string]any) (private *ecdsa.PrivateKey, entry string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	point, err := private.PublicKey.Bytes()
	require.NoError(t, err)
	encode := base64.RawURLEncoding.EncodeToString
	all := map[string]any{"kty": "EC", "crv": "P-256", "kid": id, "x": encode(point[1:33]), "y": encode(point[33:])}
	maps.Copy(all, further)
	raw, err := json.Marshal(all)
	require.NoError(t, err)
	return private, string(raw)
}

// signed is a token with these claims and an expiry. Its id is left out where it is "".
func signed(t *testing.T, private *ecdsa.PrivateKey, id string, claims jwt.MapClaims) string {
	t.Helper()
	all := jwt.MapClaims{"exp": time.Now().Add(time.Hour).Unix()}
	maps.Copy(all, claims)
	token := jwt.NewWithClaims(jwt.SigningMethodES256, all)
	if id != "" {
		token.Header["kid"] = id
	}
	text, err := token.SignedString(private)
	require.NoError(t, err)
	return text
}

// ask sends a request and returns the status, the body and the header. A token of "" sends none.
func ask(t *testing.T, method, url, token string) (status int, body string, header http.Header) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, url, http.NoBody)
	require.NoError(t, err)
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	defer response.Body.Close()
	raw, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return response.StatusCode, string(raw), response.Header
}

func negotiate(t *testing.T, client hubclient.Config, token string) int {
	t.Helper()
	status, _, _ := ask(t, http.MethodPost, client.URL+customerOrders+"/negotiate?negotiateVersion=1", token)
	return status
}

// trusting makes a node verify tokens by an issuer's set.
func trusting(i *issuer) func(*app.Config) {
	return func(cfg *app.Config) {
		cfg.Auth = auth.Settings{JWKSURL: i.URL, JWKSRefresh: time.Hour, AdminRole: "Admin"}
	}
}

// An issuer's odd keys keep no good key out, neither at first nor at rotation, and verify no token.
//
// Acceptance: A-447.
func TestOddKeysOfAnIssuerKeepNoGoodOneOut(t *testing.T) {
	t.Parallel()
	i := newIssuer(t)
	good, first := key(t, "good", map[string]any{"x5c": []string{"AAAA"}, "x5t": "AAAA", "x5t#S256": 7})
	next, second := key(t, "next", nil)
	tls, odd := key(t, "tls", map[string]any{"use": "tls"})
	_, operations := key(t, "connect", map[string]any{"key_ops": []string{"connect"}})
	_, off := key(t, "off", map[string]any{"y": "AA"})
	others := []string{
		odd, operations, off, `{"kty":"RSA","kid":"rsa","n":"AQAB"}`, `{"kty":"XX","kid":["x"]}`,
		"null", "42", `"x"`, "[]", "{}",
		`{"kty":"oct","kid":"secret","k":"` + base64.RawURLEncoding.EncodeToString([]byte(secret)) + `"}`,
	}
	i.publish(append(slices.Clip(others), first)...)
	client := node(t, pgtest.New(t), trusting(i))
	user := jwt.MapClaims{"sub": "user-1"}
	require.Equal(t, http.StatusOK, negotiate(t, client, signed(t, good, "good", user)))
	require.Equal(t, http.StatusOK, negotiate(t, client, signed(t, good, "", user)))
	require.Equal(t, http.StatusUnauthorized, negotiate(t, client, signed(t, tls, "tls", user)))
	require.Equal(t, http.StatusUnauthorized, negotiate(t, client, token(t, "user-1", "OrderOwner:"+uuid.NewString())),
		"a secret in a public set is none")
	_, metrics, _ := ask(t, http.MethodGet, client.URL+"/metrics", "")
	require.Contains(t, metrics, "\nherald_jwks_keys_ignored 11\n")
	require.Contains(t, metrics, "\nherald_jwks_keys 1\n")

	i.publish(append(others, second)...)
	require.Equal(t, http.StatusOK, negotiate(t, client, signed(t, next, "next", user)))
	require.Equal(t, http.StatusUnauthorized, negotiate(t, client, signed(t, good, "good", user)), "it is gone")
}

// Several keys of one id are all tried.
//
// Acceptance: A-448.
func TestOneIDOfSeveralKeysOfAnIssuer(t *testing.T) {
	t.Parallel()
	i := newIssuer(t)
	encrypting, zero := key(t, "same", map[string]any{"use": "enc"})
	one, first := key(t, "same", nil)
	two, second := key(t, "same", map[string]any{"use": "sig"})
	i.publish(zero, `{"kty":"RSA","kid":"same","n":"AQAB","e":"AQAB"}`, first, second)
	client := node(t, pgtest.New(t), trusting(i))
	user := jwt.MapClaims{"sub": "user-1"}
	for _, id := range []string{"same", ""} {
		require.Equal(t, http.StatusOK, negotiate(t, client, signed(t, one, id, user)))
		require.Equal(t, http.StatusOK, negotiate(t, client, signed(t, two, id, user)))
		require.Equal(t, http.StatusUnauthorized, negotiate(t, client, signed(t, encrypting, id, user)))
	}
}

// A user may be an integer, named as .NET names users: it is the user of the order with the same digits, and no
// other.
//
// Acceptance: A-446.
func TestAUserThatIsAnInteger(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	i := newIssuer(t)
	private, entry := key(t, "key", nil)
	i.publish(entry)
	client := node(t, db, trusting(i))
	order := uuid.New()
	exec(t, producer(t, db),
		`SELECT herald.publish_order_event('OrderPlaced', $1, 'YZ-1', 'Placed', gen_random_uuid(), '9007199254740993')`,
		order)
	subscribe := func(claims jwt.MapClaims) error {
		client.Token = func(context.Context) (string, error) { return signed(t, private, "key", claims), nil }
		connection, err := hubclient.Connect(t.Context(), client, customerOrders, nil)
		if err != nil {
			return err
		}
		defer connection.Close()
		_, err = connection.Invoke(t.Context(), "SubscribeToOrder", order)
		return err
	}
	for _, name := range []string{
		"sub", "nameid", "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/nameidentifier",
	} {
		require.NoError(t, subscribe(jwt.MapClaims{name: 9007199254740993}), name)
		require.NoError(t, subscribe(jwt.MapClaims{name: "9007199254740993"}), name)
		require.ErrorContains(t, subscribe(jwt.MapClaims{name: 9007199254740992}), "Forbidden", name)
		for _, odd := range []string{"42.0", "1e3", "1e400", "-0", "true", "[42]", "{}", `" "`, "null"} {
			require.Equal(t, http.StatusUnauthorized,
				negotiate(t, client, signed(t, private, "key", jwt.MapClaims{name: json.RawMessage(odd)})), odd)
		}
	}

	// A token that spells the user as text is the same user's new token, too.
	client.Token = func(context.Context) (string, error) {
		return signed(t, private, "key", jwt.MapClaims{"sub": 42}), nil
	}
	connection, err := hubclient.Connect(t.Context(), client, customerOrders, nil)
	require.NoError(t, err)
	t.Cleanup(connection.Close)
	for _, same := range []jwt.MapClaims{{"sub": "42"}, {"nameid": 42}, {"sub": 42, "nameid": "43"}} {
		_, err = connection.Invoke(t.Context(), "RefreshToken", signed(t, private, "key", same))
		require.NoError(t, err, "%v", same)
	}
	for _, other := range []jwt.MapClaims{{"sub": 43}, {"sub": "042"}, {"sub": -42}, {"sub": json.RawMessage("42.0")}} {
		_, err = connection.Invoke(t.Context(), "RefreshToken", signed(t, private, "key", other))
		require.ErrorContains(t, err, "Unauthorized", "%v", other)
	}
}
