package auth_test

import (
	"crypto"
	"crypto/elliptic"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/auth"
)

const (
	microsoftRole  = "http://schemas.microsoft.com/ws/2008/06/identity/claims/role"
	nameIdentifier = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/nameidentifier"
)

// Acceptance.
func TestVerifyReadsThePrincipal(t *testing.T) {
	t.Parallel()
	in := now().Add(time.Hour)
	for name, test := range map[string]struct {
		claims jwt.MapClaims
		want   auth.Principal
	}{
		"nothing but a subject": {
			goodClaims(), auth.Principal{Subject: "user-1", Expires: in},
		},
		"the subject under its long name": {
			with(with(goodClaims(), "sub", nil), nameIdentifier, "user-2"), auth.Principal{Subject: "user-2", Expires: in},
		},
		"sub before the long name": {
			with(goodClaims(), nameIdentifier, "user-2"), auth.Principal{Subject: "user-1", Expires: in},
		},
		"an empty sub counts as none": {
			with(with(goodClaims(), "sub", ""), nameIdentifier, "user-2"), auth.Principal{Subject: "user-2", Expires: in},
		},
		"an integer is the user of that spelling": {
			with(goodClaims(), "sub", 42), auth.Principal{Subject: "42", Expires: in},
		},
		"an integer that a float would round": {
			with(goodClaims(), "sub", 9007199254740993), auth.Principal{Subject: "9007199254740993", Expires: in},
		},
		"an integer beyond 64 bits": {
			with(goodClaims(), "sub", json.Number("123456789012345678901234567890")),
			auth.Principal{Subject: "123456789012345678901234567890", Expires: in},
		},
		"an integer below zero": {with(goodClaims(), "sub", -5), auth.Principal{Subject: "-5", Expires: in}},
		"zero":                  {with(goodClaims(), "sub", 0), auth.Principal{Subject: "0", Expires: in}},
		"the subject as .NET's token writer names it": {
			with(with(goodClaims(), "sub", nil), "nameid", "user-2"), auth.Principal{Subject: "user-2", Expires: in},
		},
		"that one an integer": {
			with(with(goodClaims(), "sub", nil), "nameid", 9007199254740993),
			auth.Principal{Subject: "9007199254740993", Expires: in},
		},
		"the long name an integer": {
			with(with(goodClaims(), "sub", nil), nameIdentifier, 7), auth.Principal{Subject: "7", Expires: in},
		},
		"sub before nameid, nameid before the long name": {
			with(with(goodClaims(), "nameid", "user-2"), nameIdentifier, "user-3"),
			auth.Principal{Subject: "user-1", Expires: in},
		},
		"nameid before the long name": {
			with(with(with(goodClaims(), "sub", nil), "nameid", "user-2"), nameIdentifier, "user-3"),
			auth.Principal{Subject: "user-2", Expires: in},
		},
		"a sub that is null counts as none": {
			with(with(goodClaims(), "sub", json.RawMessage("null")), "nameid", "user-2"),
			auth.Principal{Subject: "user-2", Expires: in},
		},
		"other claims may be any number": {
			with(goodClaims(), "x", json.Number("1e400")), auth.Principal{Subject: "user-1", Expires: in},
		},
		"a role": {
			with(goodClaims(), "role", "Admin"), auth.Principal{Subject: "user-1", Expires: in, Roles: []string{"Admin"}},
		},
		"roles of every spelling, each once": {
			jwt.MapClaims{
				"sub": "user-1", "exp": in.Unix(), "role": []string{"A", "B"}, "roles": "B", microsoftRole: []string{"C"},
			},
			auth.Principal{Subject: "user-1", Expires: in, Roles: []string{"A", "B", "C"}},
		},
		"a permission": {
			with(goodClaims(), "permission", "OrderOwner:x"),
			auth.Principal{Subject: "user-1", Expires: in, Permissions: []string{"OrderOwner:x"}},
		},
		"permissions, what is no string among them granting nothing": {
			with(goodClaims(), "permission", []any{"a", 7, nil, map[string]any{}, "b"}),
			auth.Principal{Subject: "user-1", Expires: in, Permissions: []string{"a", "b"}},
		},
		"claims of the wrong shape grant nothing": {
			with(with(goodClaims(), "role", map[string]any{"Admin": true}), "permission", 1),
			auth.Principal{Subject: "user-1", Expires: in},
		},
		"names are exact": {
			with(with(goodClaims(), "Role", "Admin"), "ROLES", "Admin"), auth.Principal{Subject: "user-1", Expires: in},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := verifier(t, auth.Config{Secret: secret}).Verify(t.Context(), hs256(t, test.claims))
			require.NoError(t, err)
			require.Equal(t, test.want.Expires, got.ExpiresAt().UTC())
			test.want.Expires = got.Expires
			require.Equal(t, &test.want, got)
			require.Equal(t, test.want.Subject, got.ID())
		})
	}
}

// Acceptance.
func TestVerifyRefusesClaims(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		claims jwt.Claims
		reason auth.Reason
		detail string
	}{
		"no exp":          {with(goodClaims(), "exp", nil), auth.MissingExpiry, "has no exp"},
		"exp is a string": {with(goodClaims(), "exp", "tomorrow"), auth.BadClaim, "wrong kind"},
		"exp in milliseconds": {
			with(goodClaims(), "exp", now().UnixMilli()), auth.BadExpiry, "milliseconds",
		},
		"exp passed beyond leeway": {
			with(goodClaims(), "exp", now().Add(-30*time.Second).Unix()), auth.Expired, "30s ago",
		},
		"nbf ahead beyond leeway": {
			with(goodClaims(), "nbf", now().Add(31*time.Second).Unix()), auth.NotYetValid, "2026-01-20T10:00:31Z",
		},
		"foreign issuer": {
			with(goodClaims(), "iss", "https://elsewhere"), auth.WrongIssuer, `"https://elsewhere", not "https://issuer"`,
		},
		"no issuer": {
			with(goodClaims(), "iss", nil), auth.WrongIssuer, `not "https://issuer"`,
		},
		"foreign audience": {with(goodClaims(), "aud", "other"), auth.WrongAudience, `"herald"`},
		"no audience":      {with(goodClaims(), "aud", nil), auth.WrongAudience, `"herald"`},
		"exp that no float holds": {
			with(goodClaims(), "exp", json.Number("1e400")), auth.BadExpiry, "year 9999",
		},
		"nbf that no float holds": {
			with(goodClaims(), "nbf", json.Number("1e400")), auth.BadClaim, "beyond the calendar",
		},
		"nbf beyond the calendar": {
			with(goodClaims(), "nbf", 1e300), auth.BadClaim, "beyond the calendar",
		},
		"no subject": {
			with(goodClaims(), "sub", nil), auth.MissingSubject, "neither sub nor",
		},
		"blank subject": {
			with(goodClaims(), "sub", " \t"), auth.MissingSubject, "neither sub nor",
		},
		"subject that is a boolean": {
			with(goodClaims(), "sub", true), auth.BadClaim, "neither a string nor an integer",
		},
		"subject that is a list": {
			with(goodClaims(), "sub", []string{"user-1"}), auth.BadClaim, "neither a string nor an integer",
		},
		"subject that is an object": {
			with(goodClaims(), "sub", map[string]any{}), auth.BadClaim, "neither a string nor an integer",
		},
		"a sub of the wrong kind is not passed over": {
			with(with(goodClaims(), "sub", true), "nameid", "user-2"), auth.BadClaim, "its sub is",
		},
		"nameid that is a list": {
			with(with(goodClaims(), "sub", nil), "nameid", []int{1}), auth.BadClaim, "its nameid is",
		},
		"subject with a fraction": {
			with(goodClaims(), "sub", json.Number("42.0")), auth.BadClaim, "42.0",
		},
		"subject with an exponent": {with(goodClaims(), "sub", json.Number("1e3")), auth.BadClaim, "1e3"},
		"subject that no float holds": {
			with(goodClaims(), "sub", json.Number("1e400")), auth.BadClaim, "1e400",
		},
		"subject that is a negative zero": {with(goodClaims(), "sub", json.Number("-0")), auth.BadClaim, "-0"},
		"nothing at all":                  {jwt.MapClaims{}, auth.MissingExpiry, "has no exp"},
		"null":                            {null{}, auth.MissingExpiry, "has no exp"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if claims, ok := test.claims.(jwt.MapClaims); ok && len(claims) > 0 {
				if _, changed := claims["iss"]; !changed && !strings.Contains(name, "issuer") {
					claims["iss"] = "https://issuer"
				}
				if _, changed := claims["aud"]; !changed && !strings.Contains(name, "audience") {
					claims["aud"] = []string{"other", "herald"}
				}
			}
			v := verifier(t, auth.Config{Secret: secret, Issuer: "https://issuer", Audience: "herald"})
			token := hs256(t, test.claims)
			_, err := v.Verify(t.Context(), token)
			requireRefused(t, err, test.reason, token)
			require.ErrorContains(t, err, test.detail)
		})
	}
}

// null is a payload that is the JSON value null.
type null struct{ jwt.MapClaims }

func (null) MarshalJSON() ([]byte, error) { return []byte("null"), nil }

// Acceptance: A-290.
func TestLeewayOnBothSides(t *testing.T) {
	t.Parallel()
	v := verifier(t, auth.Config{Secret: secret})
	for name, test := range map[string]struct {
		claims  jwt.MapClaims
		expires time.Time
	}{
		"nbf ahead within leeway": {with(goodClaims(), "nbf", now().Add(30*time.Second).Unix()), now().Add(time.Hour)},
		"a second before exp":     {with(goodClaims(), "exp", now().Add(time.Second).Unix()), now().Add(time.Second)},
		"exp is now, so it lasts to the end of the leeway": {
			with(goodClaims(), "exp", now().Unix()), now().Add(30 * time.Second),
		},
		"exp passed within leeway": {
			with(goodClaims(), "exp", now().Add(-29*time.Second).Unix()), now().Add(time.Second),
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, err := v.Verify(t.Context(), hs256(t, test.claims))
			require.NoError(t, err)
			require.Equal(t, test.expires, p.Expires.UTC())
		})
	}
}

func TestNegativeLeewayMeansNone(t *testing.T) {
	t.Parallel()
	v := verifier(t, auth.Config{Secret: secret, Leeway: -1})
	_, err := v.Verify(t.Context(), hs256(t, with(goodClaims(), "exp", now().Unix())))
	requireRefused(t, err, auth.Expired, "")
}

func TestVerifyRefusesForms(t *testing.T) {
	t.Parallel()
	good := hs256(t, goodClaims())
	parts := strings.Split(good, ".")
	raw := func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }
	for name, test := range map[string]struct {
		token  string
		reason auth.Reason
	}{
		"nothing":                      {"", auth.NoToken},
		"a word":                       {"hello", auth.Malformed},
		"two parts":                    {parts[0] + "." + parts[1], auth.Malformed},
		"four parts":                   {good + ".x", auth.Malformed},
		"a header that is not base64":  {"!." + parts[1] + "." + parts[2], auth.Malformed},
		"a header that is not JSON":    {raw("x") + "." + parts[1] + "." + parts[2], auth.Malformed},
		"a header that is null":        {raw("null") + "." + parts[1] + "." + parts[2], auth.Malformed},
		"no alg":                       {raw("{}") + "." + parts[1] + "." + parts[2], auth.WrongAlgorithm},
		"an alg that is no string":     {raw(`{"alg":1}`) + "." + parts[1] + "." + parts[2], auth.WrongAlgorithm},
		"an alg that nobody knows":     {raw(`{"alg":"XX"}`) + "." + parts[1] + "." + parts[2], auth.WrongAlgorithm},
		"an array for claims":          {parts[0] + "." + raw("[]") + "." + parts[2], auth.Malformed},
		"a signature that is missing":  {parts[0] + "." + parts[1] + ".", auth.BadSignature},
		"a signature of another token": {parts[0] + "." + raw(`{"sub":"root"}`) + "." + parts[2], auth.BadSignature},
		"more than 32 KiB": {
			hs256(t, with(goodClaims(), "padding", strings.Repeat("a", 32<<10))), auth.Malformed,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := verifier(t, auth.Config{Secret: secret}).Verify(t.Context(), test.token)
			requireRefused(t, err, test.reason, test.token)
		})
	}
}

func TestVerifyRefusesCriticalExtensions(t *testing.T) {
	t.Parallel()
	token := signWithHeader(t, jwt.SigningMethodHS256, []byte(secret), goodClaims(),
		map[string]any{"crit": []string{"b64"}})
	_, err := verifier(t, auth.Config{Secret: secret}).Verify(t.Context(), token)
	requireRefused(t, err, auth.Malformed, token)
	require.ErrorContains(t, err, "crit")
}

func TestRefusalBoundsWhatTheTokenWritesIntoTheLog(t *testing.T) {
	t.Parallel()
	hostile := strings.Repeat("x\n", 5000)
	token := hs256(t, with(goodClaims(), "iss", hostile))
	_, err := verifier(t, auth.Config{Secret: secret, Issuer: "https://issuer"}).Verify(t.Context(), token)
	requireRefused(t, err, auth.WrongIssuer, token)
	require.Less(t, len(err.Error()), 300)
	require.NotContains(t, err.Error(), "\n")
}

// Acceptance.
func TestAlgorithmFollowsTheKey(t *testing.T) {
	t.Parallel()
	rsaPrivate, ecPrivate, edPrivate := rsaKey(t, 2048), ecKey(t, elliptic.P256()), edKey(t)
	keys := map[string]struct {
		method jwt.SigningMethod
		signer crypto.Signer
	}{
		"RS256": {jwt.SigningMethodRS256, rsaPrivate},
		"ES256": {jwt.SigningMethodES256, ecPrivate},
		"EdDSA": {jwt.SigningMethodEdDSA, edPrivate},
	}
	for name, key := range keys {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			public := publicPEM(t, key.signer)
			v := verifier(t, auth.Config{PublicKeyFile: keyFile(t, public)})

			_, err := v.Verify(t.Context(), sign(t, key.method, key.signer, goodClaims()))
			require.NoError(t, err)

			for other, foreign := range keys {
				if other == name {
					continue
				}
				token := sign(t, foreign.method, foreign.signer, goodClaims())
				_, err := v.Verify(t.Context(), token)
				requireRefused(t, err, auth.WrongAlgorithm, token)
				require.ErrorContains(t, err, `its alg is "`+other+`", but the configured key is for `+name)
			}

			// The classic attack: the public key, which is public, used as an HMAC secret.
			token := sign(t, jwt.SigningMethodHS256, public, goodClaims())
			_, err = v.Verify(t.Context(), token)
			requireRefused(t, err, auth.WrongAlgorithm, token)

			token = sign(t, jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, goodClaims())
			_, err = v.Verify(t.Context(), token)
			requireRefused(t, err, auth.WrongAlgorithm, "")
			require.ErrorContains(t, err, `its alg is "none"`)
		})
	}

	t.Run("another key of the same kind", func(t *testing.T) {
		t.Parallel()
		v := verifier(t, auth.Config{PublicKeyFile: keyFile(t, publicPEM(t, rsaPrivate))})
		_, err := v.Verify(t.Context(), sign(t, jwt.SigningMethodRS256, rsaKey(t, 2048), goodClaims()))
		requireRefused(t, err, auth.BadSignature, "")
	})
	t.Run("the same key with a longer hash", func(t *testing.T) {
		t.Parallel()
		v := verifier(t, auth.Config{PublicKeyFile: keyFile(t, publicPEM(t, rsaPrivate))})
		_, err := v.Verify(t.Context(), sign(t, jwt.SigningMethodRS512, rsaPrivate, goodClaims()))
		requireRefused(t, err, auth.WrongAlgorithm, "")
	})
	t.Run("none and longer hashes with a secret", func(t *testing.T) {
		t.Parallel()
		v := verifier(t, auth.Config{Secret: secret})
		for _, token := range []string{
			sign(t, jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, goodClaims()),
			sign(t, jwt.SigningMethodHS512, []byte(secret), goodClaims()),
			sign(t, jwt.SigningMethodRS256, rsaPrivate, goodClaims()),
		} {
			_, err := v.Verify(t.Context(), token)
			requireRefused(t, err, auth.WrongAlgorithm, token)
		}
	})
}

// Acceptance.
func TestFromRequest(t *testing.T) {
	t.Parallel()
	alice, bob := hs256(t, with(goodClaims(), "sub", "alice")), hs256(t, with(goodClaims(), "sub", "bob"))
	for name, test := range map[string]struct {
		header, query string
		want          string // the subject, or empty for a refusal
	}{
		"header":                           {"Bearer " + alice, "", "alice"},
		"scheme in lower case":             {"bearer " + alice, "", "alice"},
		"scheme in upper case":             {"BEARER   " + alice + " ", "", "alice"},
		"query":                            {"", "?access_token=" + bob, "bob"},
		"the header wins":                  {"Bearer " + alice, "?access_token=" + bob, "alice"},
		"another scheme leaves the query":  {"Basic eDp5", "?access_token=" + bob, "bob"},
		"nothing":                          {"", "", ""},
		"another scheme alone":             {"Basic " + alice, "", ""},
		"no scheme":                        {alice, "", ""},
		"an empty bearer is no way around": {"Bearer ", "?access_token=" + bob, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/hubs/admin"+test.query, nil)
			if test.header != "" {
				r.Header.Set("Authorization", test.header)
			}
			p, err := verifier(t, auth.Config{Secret: secret}).FromRequest(r)
			if test.want == "" {
				requireRefused(t, err, auth.NoToken, "")
				return
			}
			require.NoError(t, err)
			require.Equal(t, test.want, p.Subject)
		})
	}
}
