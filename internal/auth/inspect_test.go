package auth_test

import (
	"crypto/elliptic"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/MicahParks/jwkset"
	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/yummyzoom/herald/internal/auth"
)

// failures are the details of the checks that failed.
func failures(i *auth.Inspection) map[string]string {
	found := map[string]string{}
	for _, c := range i.Checks {
		if !c.OK {
			found[c.Name] = c.Detail
		}
	}
	return found
}

func TestInspectTellsEverythingThatIsWrong(t *testing.T) {
	t.Parallel()
	good := func() jwt.MapClaims { return with(with(goodClaims(), "iss", "https://issuer"), "aud", "herald") }
	for name, test := range map[string]struct {
		token string
		want  map[string]string
	}{
		"nothing": {hs256(t, good()), map[string]string{}},
		"exp": {hs256(t, with(good(), "exp", now().Add(-time.Hour).Unix())), map[string]string{
			"exp": "2026-01-20T09:00:00Z, 1h0m0s ago",
		}},
		"no exp": {
			hs256(t, with(good(), "exp", nil)),
			map[string]string{"exp": "it is missing: a token that never expires is not accepted"},
		},
		"exp of 0": {
			hs256(t, with(good(), "exp", 0)),
			map[string]string{"exp": "1970-01-01T00:00:00Z, 491362h0m0s ago"},
		},
		"exp of text": {
			hs256(t, with(good(), "exp", "x")),
			map[string]string{"exp": `it is "x", not a number of seconds since 1970`},
		},
		"exp in millis": {
			hs256(t, with(good(), "exp", now().UnixMilli())),
			map[string]string{"exp": "its exp lies behind the year 9999: it counts seconds since 1970, not milliseconds"},
		},
		"nbf": {
			hs256(t, with(good(), "nbf", now().Add(time.Minute).Unix())),
			map[string]string{"nbf": "2026-01-20T10:01:00Z, in 1m0s"},
		},
		"nbf of text": {
			hs256(t, with(good(), "nbf", true)),
			map[string]string{"nbf": "it is a bool, not a number of seconds since 1970"},
		},
		"iss": {
			hs256(t, with(good(), "iss", "x")),
			map[string]string{"iss": `it is ["x"], but HERALD_JWT_ISSUER is "https://issuer"`},
		},
		"aud": {
			hs256(t, with(good(), "aud", nil)),
			map[string]string{"aud": `it is missing, but HERALD_JWT_AUDIENCE is "herald"`},
		},
		"subject": {
			hs256(t, with(good(), "sub", nil)),
			map[string]string{"subject": "it has no subject: neither sub nor nameid nor " + nameIdentifier},
		},
		"signature": {
			sign(t, jwt.SigningMethodHS256, []byte("another secret of more than 32 bytes"), good()),
			map[string]string{
				"signature": "it does not fit the configured key",
			},
		},
		"algorithm": {sign(t, jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, good()), map[string]string{
			"algorithm": `its alg is "none", but the configured key is for HS256`,
		}},
		"all at once": {
			hs256(t,
				jwt.MapClaims{"exp": now().Add(-time.Hour).Unix(), "nbf": now().Add(time.Hour).Unix(), "iss": 7}),
			map[string]string{
				"exp": "2026-01-20T09:00:00Z, 1h0m0s ago", "nbf": "2026-01-20T11:00:00Z, in 1h0m0s",
				"iss":     `it is a number, but HERALD_JWT_ISSUER is "https://issuer"`,
				"aud":     `it is missing, but HERALD_JWT_AUDIENCE is "herald"`,
				"subject": "it has no subject: neither sub nor nameid nor " + nameIdentifier,
			},
		},
		"crit": {
			signWithHeader(t, jwt.SigningMethodHS256, []byte(secret), good(),
				map[string]any{"crit": []string{"b64"}}),
			map[string]string{"form": "it has a crit header, which names extensions that are not supported"},
		},
		"no token": {
			"",
			map[string]string{"form": "there is none in Authorization: Bearer nor in the query value access_token"},
		},
		"a word": {"hello", map[string]string{"form": "it is not a JSON Web Token of three base64url parts"}},
		"long":   {strings.Repeat("x", 40<<10), map[string]string{"form": "it is 40960 bytes long, more than 32768"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			i := verifier(t, auth.Config{Secret: secret, Issuer: "https://issuer", Audience: "herald"}).Inspect(t.Context(),
				test.token)
			require.Equal(t, test.want, failures(i))
			require.Equal(t, len(test.want) > 0, i.Refusal != nil)
		})
	}
}

func TestInspectTellsWhatTheTokenSays(t *testing.T) {
	t.Parallel()
	claims := with(with(goodClaims(), "role", "Admin"), "permission", []string{"OrderOwner:x"})
	i := verifier(t, auth.Config{Secret: secret}).Inspect(t.Context(),
		hs256(t, with(claims, "exp", now().Add(-20*time.Second).Unix())))
	require.Nil(t, i.Refusal)
	require.Equal(t, "user-1", i.Subject)
	require.Equal(t, []string{"Admin"}, i.Roles)
	require.Equal(t, []string{"OrderOwner:x"}, i.Permissions)
	require.Equal(t, map[string]any{"alg": "HS256", "typ": "JWT"}, i.Header)
	require.Equal(t, "Admin", i.Claims["role"])
	require.Contains(t, i.Checks,
		auth.Check{Name: "exp", OK: true, Detail: "2026-01-20T09:59:40Z, 20s ago, within the leeway of 30s"})
}

// TestInspectTellsWhichUserAnIntegerIs: to the digit, in the claims too.
//
// Acceptance: A-446.
func TestInspectTellsWhichUserAnIntegerIs(t *testing.T) {
	t.Parallel()
	v := verifier(t, auth.Config{Secret: secret})
	for _, name := range []string{"sub", "nameid", nameIdentifier} {
		i := v.Inspect(t.Context(), hs256(t, with(with(goodClaims(), "sub", nil), name, 9007199254740993)))
		require.Nil(t, i.Refusal)
		require.Equal(t, "9007199254740993", i.Subject)
		require.Equal(t, json.Number("9007199254740993"), i.Claims[name])
		require.Contains(t, i.Checks, auth.Check{Name: "subject", OK: true, Detail: `"9007199254740993"`})
	}
	i := v.Inspect(t.Context(), hs256(t, with(goodClaims(), "sub", 4.5)))
	require.Equal(t, map[string]string{"subject": `its sub is the number "4.5", neither a string nor an integer`},
		failures(i))
}

func TestInspectOfAJWKSet(t *testing.T) {
	t.Parallel()
	key := ecKey(t, elliptic.P256())
	issuer := newIssuer(t)
	issuer.publish(t, published(t, key.Public(), jwkset.JWKMetadataOptions{KID: "key"}))
	v := issuer.verifier(t)
	require.Nil(t, v.Inspect(t.Context(), signAs(t, "key", jwt.SigningMethodES256, key)).Refusal)
	i := v.Inspect(t.Context(), signAs(t, "other", jwt.SigningMethodES256, key))
	require.Equal(t, auth.UnknownKey, i.Refusal.Reason)
	require.Equal(t, map[string]string{"key": `its key id "other" is not in the JWK Set`}, failures(i))
}

// TestInspectAgreesWithVerify: the separate checks together must come to Verify's decision.
func TestInspectAgreesWithVerify(t *testing.T) {
	t.Parallel()
	times := []any{
		nil, 0, -1, "x", true, now().Unix(), now().Add(time.Hour).Unix(), now().Add(-29 * time.Second).Unix(),
		now().Add(-time.Hour).Unix(), now().Add(31 * time.Second).Unix(), now().UnixMilli(), 1e300, 1.5,
		json.Number("1e400"), json.Number("-0"),
	}
	names := []any{
		nil, "", "https://issuer", "herald",
		[]string{"herald", "x"},
		[]any{"herald", 1},
		7,
		map[string]any{},
		1.5, json.RawMessage("null"),
	}
	v := verifier(t, auth.Config{Secret: secret, Issuer: "https://issuer", Audience: "herald"})
	rapid.Check(t, func(r *rapid.T) {
		claims := with(with(goodClaims(), "iss", "https://issuer"), "aud", "herald")
		for name, from := range map[string][]any{
			"exp": times, "nbf": times, "iss": names, "aud": names, "sub": names, "nameid": names, nameIdentifier: names,
		} {
			if rapid.IntRange(0, 3).Draw(r, "spoil "+name) == 0 {
				with(claims, name, rapid.SampledFrom(from).Draw(r, name))
			}
		}
		key := rapid.SampledFrom([]string{secret, secret, secret, "another secret of more than 32 bytes"}).Draw(r, "key")
		token := sign(t, jwt.SigningMethodHS256, []byte(key), claims)
		i := v.Inspect(t.Context(), token)
		_, err := v.Verify(t.Context(), token)
		if (len(failures(i)) > 0) != (err != nil) {
			r.Fatalf("Verify says %v, the checks %v", err, failures(i))
		}
		if (i.Refusal != nil) != (err != nil) {
			r.Fatalf("Verify says %v, the inspection %v", err, i.Refusal)
		}
	})
}
