package auth_test

import (
	"crypto"
	"crypto/elliptic"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/MicahParks/jwkset"
	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/auth"
)

// issuer publishes a JWK Set that a test can change. Without a set it answers with an error.
type issuer struct {
	*httptest.Server

	set     atomic.Pointer[[]byte]
	down    atomic.Bool // connections are cut
	fetches atomic.Int64
}

func newIssuer(t *testing.T) *issuer {
	t.Helper()
	i := &issuer{}
	i.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		i.fetches.Add(1)
		if i.down.Load() {
			panic(http.ErrAbortHandler)
		}
		set := i.set.Load()
		if set == nil {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		_, _ = w.Write(*set)
	}))
	t.Cleanup(i.Close)
	return i
}

func (i *issuer) publish(t *testing.T, keys ...jwkset.JWKMarshal) {
	t.Helper()
	set, err := json.Marshal(jwkset.JWKSMarshal{Keys: append([]jwkset.JWKMarshal{}, keys...)})
	require.NoError(t, err)
	i.set.Store(&set)
}

func (i *issuer) verifier(t *testing.T) *auth.Verifier {
	t.Helper()
	return verifier(t, auth.Config{JWKSURL: i.URL, HTTPClient: i.Client(), Logger: slog.New(slog.DiscardHandler)})
}

func published(t *testing.T, key any, metadata jwkset.JWKMetadataOptions) jwkset.JWKMarshal {
	t.Helper()
	jwk, err := jwkset.NewJWKFromKey(key, jwkset.JWKOptions{
		Marshal: jwkset.JWKMarshalOptions{Private: true}, Metadata: metadata,
	})
	require.NoError(t, err)
	return jwk.Marshal()
}

func signAs(t *testing.T, kid string, method jwt.SigningMethod, key any) string {
	t.Helper()
	return signWithHeader(t, method, key, goodClaims(), map[string]any{"kid": kid})
}

// Acceptance: A-283.
func TestJWKSetVerifiesEachKeyForItsOwnAlgorithm(t *testing.T) {
	t.Parallel()
	rsaPrivate, ecPrivate, edPrivate := rsaKey(t, 2048), ecKey(t, elliptic.P256()), edKey(t)
	wide := ecKey(t, elliptic.P384())
	i := newIssuer(t)
	i.publish(
		t,
		published(t, rsaPrivate.Public(), jwkset.JWKMetadataOptions{KID: "rsa", USE: jwkset.UseSig, ALG: jwkset.AlgRS256}),
		published(t, ecPrivate.Public(), jwkset.JWKMetadataOptions{KID: "ec"}),
		published(t, edPrivate.Public(), jwkset.JWKMetadataOptions{KID: "ed"}),
		published(t, wide.Public(), jwkset.JWKMetadataOptions{KID: "wide"}),
		published(t, rsaPrivate.Public(), jwkset.JWKMetadataOptions{KID: "encrypting", USE: jwkset.UseEnc}),
		published(t, rsaPrivate.Public(), jwkset.JWKMetadataOptions{KID: "longer", ALG: jwkset.AlgRS512}),
		published(t, []byte(secret), jwkset.JWKMetadataOptions{KID: "symmetric"}),
	)
	v := i.verifier(t)

	for kid, key := range map[string]struct {
		method jwt.SigningMethod
		signer crypto.Signer
	}{
		"rsa": {jwt.SigningMethodRS256, rsaPrivate},
		"ec":  {jwt.SigningMethodES256, ecPrivate},
		"ed":  {jwt.SigningMethodEdDSA, edPrivate},
	} {
		_, err := v.Verify(t.Context(), signAs(t, kid, key.method, key.signer))
		require.NoError(t, err, kid)
		_, err = v.Verify(t.Context(), sign(t, key.method, key.signer, goodClaims()))
		require.NoError(t, err, "without a kid, by %s", kid)
	}

	for name, token := range map[string]string{
		"a symmetric key of the set":         signAs(t, "symmetric", jwt.SigningMethodHS256, []byte(secret)),
		"another key's algorithm":            signAs(t, "ec", jwt.SigningMethodRS256, rsaPrivate),
		"a key for encryption":               signAs(t, "encrypting", jwt.SigningMethodRS256, rsaPrivate),
		"a key for a longer hash":            signAs(t, "longer", jwt.SigningMethodRS256, rsaPrivate),
		"an asymmetric alg, a symmetric key": signAs(t, "symmetric", jwt.SigningMethodRS256, rsaPrivate),
		"no signature": sign(t, jwt.SigningMethodNone,
			jwt.UnsafeAllowNoneSignatureType, goodClaims()),
		"a longer hash":                       signAs(t, "rsa", jwt.SigningMethodRS512, rsaPrivate),
		"a wider curve":                       signAs(t, "wide", jwt.SigningMethodES384, wide),
		"ES256 with the key on a wider curve": signAs(t, "wide", jwt.SigningMethodES256, ecPrivate),
	} {
		_, err := v.Verify(t.Context(), token)
		t.Log(name, err)
		requireRefused(t, err, auth.WrongAlgorithm, token)
	}

	_, err := v.Verify(t.Context(), signAs(t, "rsa", jwt.SigningMethodRS256, rsaKey(t, 2048)))
	requireRefused(t, err, auth.BadSignature, "")
	_, err = v.Verify(t.Context(),
		signWithHeader(t, jwt.SigningMethodRS256, rsaPrivate, goodClaims(), map[string]any{"kid": 7}))
	requireRefused(t, err, auth.Malformed, "")
	require.EqualValues(t, 1, i.fetches.Load())
}

// Acceptance: A-283.
func TestJWKSetRotation(t *testing.T) {
	t.Parallel()
	before, after := ecKey(t, elliptic.P256()), ecKey(t, elliptic.P256())
	i := newIssuer(t)
	i.publish(t, published(t, before.Public(), jwkset.JWKMetadataOptions{KID: "before"}))
	v := i.verifier(t)
	i.publish(t, published(t, after.Public(), jwkset.JWKMetadataOptions{KID: "after"}))

	_, err := v.Verify(t.Context(), signAs(t, "after", jwt.SigningMethodES256, after))
	require.NoError(t, err, "an unknown key id makes the set be fetched anew")
	_, err = v.Verify(t.Context(), signAs(t, "before", jwt.SigningMethodES256, before))
	requireRefused(t, err, auth.KeysUnavailable, "")

	start := time.Now()
	for range 100 {
		_, err = v.Verify(t.Context(), signAs(t, "invented", jwt.SigningMethodES256, after))
		requireRefused(t, err, auth.KeysUnavailable, "")
	}
	require.EqualValues(t, 2, i.fetches.Load(), "invented key ids must not reach the issuer")
	require.Less(t, time.Since(start), 20*time.Second,
		"nor make requests wait: a hundred of them, on however slow a machine")
}

func TestJWKSetUnavailableAtFirst(t *testing.T) {
	t.Parallel()
	key := ecKey(t, elliptic.P256())
	i := newIssuer(t)
	v := i.verifier(t)

	_, err := v.Verify(t.Context(), sign(t, jwt.SigningMethodES256, key, goodClaims()))
	requireRefused(t, err, auth.KeysUnavailable, "")

	i.publish(t, published(t, key.Public(), jwkset.JWKMetadataOptions{KID: "key"}))
	_, err = v.Verify(t.Context(), signAs(t, "key", jwt.SigningMethodES256, key))
	require.NoError(t, err)
}

func TestJWKSetLacksTheKey(t *testing.T) {
	t.Parallel()
	i := newIssuer(t)
	i.publish(t, published(t, ecKey(t, elliptic.P256()).Public(), jwkset.JWKMetadataOptions{KID: "other"}))
	v := i.verifier(t)
	_, err := v.Verify(t.Context(), signAs(t, "missing", jwt.SigningMethodES256, ecKey(t, elliptic.P256())))
	requireRefused(t, err, auth.UnknownKey, "")
	require.ErrorContains(t, err, `"missing"`)
}
