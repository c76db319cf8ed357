package auth_test

import (
	"bytes"
	"crypto"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/MicahParks/jwkset"
	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/auth"
)

// document publishes a set of the given keys, unchanged.
func (i *issuer) document(keys ...string) {
	raw := []byte(`{"keys":[` + strings.Join(keys, ",") + `]}`)
	i.set.Store(&raw)
}

// asJSON is a public key with further members, which replace its own; nil removes one.
func asJSON(t *testing.T, key any, id string, further map[string]any) string {
	t.Helper()
	raw, err := json.Marshal(published(t, key, jwkset.JWKMetadataOptions{KID: id}))
	require.NoError(t, err)
	var all map[string]any
	require.NoError(t, json.Unmarshal(raw, &all))
	for name, value := range further {
		if all[name] = value; value == nil {
			delete(all, name)
		}
	}
	raw, err = json.Marshal(all)
	require.NoError(t, err)
	return string(raw)
}

// oddKeys are entries of a set that must verify no signature, by what is odd about them. Their id is "odd"; those
// that are keys at all are the signer's key.
func oddKeys(t *testing.T, signer crypto.Signer) map[string]string {
	t.Helper()
	odd := func(further map[string]any) string { return asJSON(t, signer.Public(), "odd", further) }
	number := func(n *big.Int) string { return base64.RawURLEncoding.EncodeToString(n.Bytes()) }
	ec := ecKey(t, elliptic.P256())
	return map[string]string{
		"a use for TLS":                   odd(map[string]any{"use": "tls"}),
		"a use for encryption":            odd(map[string]any{"use": "enc"}),
		"a use that is no string":         odd(map[string]any{"use": []string{"sig"}}),
		"operations that nobody knows":    odd(map[string]any{"key_ops": []string{"connect"}}),
		"operations without verify":       odd(map[string]any{"key_ops": []string{"encrypt", "wrapKey"}}),
		"operations that are no list":     odd(map[string]any{"key_ops": "verify"}),
		"operations that are no strings":  odd(map[string]any{"key_ops": []any{1}}),
		"another algorithm":               odd(map[string]any{"alg": "RSA-OAEP"}),
		"an algorithm that is no string":  odd(map[string]any{"alg": 256}),
		"RSA without e":                   odd(map[string]any{"e": nil}),
		"RSA without n":                   odd(map[string]any{"n": nil}),
		"RSA with an e of 1":              odd(map[string]any{"e": "AQ"}),
		"RSA with an even e":              odd(map[string]any{"e": "BA"}),
		"RSA with an e beyond 64 bits":    odd(map[string]any{"e": "AQAAAAAAAAEAAQ"}),
		"RSA with an n that is no base64": odd(map[string]any{"n": "!"}),
		"RSA with an n that is a number":  odd(map[string]any{"n": 65537}),
		"RSA of 1024 bits":                odd(map[string]any{"n": number(new(big.Int).SetBit(big.NewInt(1), 1023, 1))}),
		"RSA of 16384 bits":               odd(map[string]any{"n": number(new(big.Int).SetBit(big.NewInt(1), 16383, 1))}),
		"RSA with an even n":              odd(map[string]any{"n": number(new(big.Int).SetBit(big.NewInt(2), 2047, 1))}),
		"an id that is a number":          odd(map[string]any{"kid": 7}),
		"an id that is an object":         odd(map[string]any{"kid": map[string]any{}}),
		"no type":                         odd(map[string]any{"kty": nil}),
		"a type that nobody knows":        odd(map[string]any{"kty": "AKP"}),
		"a type that is a number":         odd(map[string]any{"kty": 1}),
		"a type in another case":          odd(map[string]any{"kty": "rsa"}),
		"members in another case":         `{"KTY":"RSA","KID":"odd","N":"AQAB","E":"AQAB"}`,
		"EC off its curve":                asJSON(t, ec.Public(), "odd", map[string]any{"y": "AA"}),
		"EC without y":                    asJSON(t, ec.Public(), "odd", map[string]any{"y": nil}),
		"EC with a long x": asJSON(t, ec.Public(), "odd",
			map[string]any{"x": strings.Repeat("A", 50000) + "B"}),
		"EC on another curve's name": asJSON(t, ec.Public(), "odd", map[string]any{"crv": "secp256k1"}),
		"EC on a wider curve":        asJSON(t, ecKey(t, elliptic.P384()).Public(), "odd", nil),
		"a curve that is no string":  asJSON(t, ec.Public(), "odd", map[string]any{"crv": true}),
		"Ed25519 of 31 bytes": asJSON(t, edKey(t).Public(), "odd",
			map[string]any{"x": number(new(big.Int).SetBit(big.NewInt(1), 247, 1))}),
		"X25519": asJSON(t, edKey(t).Public(), "odd", map[string]any{"crv": "X25519"}),
		"a secret": `{"kty":"oct","kid":"odd","k":"` +
			base64.RawURLEncoding.EncodeToString([]byte(secret)) + `"}`,
		"a secret without its value":       `{"kty":"oct","kid":"odd"}`,
		"a private key":                    odd(map[string]any{"d": "AQAB"}),
		"null":                             "null",
		"a number":                         "42",
		"a text":                           `"key"`,
		"a list":                           "[]",
		"an empty object":                  "{}",
		"the same member twice, both odd":  `{"kty":"EC","kty":"RSA","kid":"odd","n":"AQAB"}`,
		"deeper than any key would nest":   `{"kty":` + strings.Repeat("[", 5000) + strings.Repeat("]", 5000) + `}`,
		"operations that are null in list": odd(map[string]any{"key_ops": []any{nil}}),
	}
}

// TestAnOddKeyKeepsNoGoodOneOut: neither at first nor at rotation (RFC 7517 §5). It is logged once, and counted.
//
// Acceptance: A-447.
func TestAnOddKeyKeepsNoGoodOneOut(t *testing.T) {
	t.Parallel()
	odd, good, next := rsaKey(t, 2048), ecKey(t, elliptic.P256()), edKey(t)
	first, second := asJSON(t, good.Public(), "good", nil), asJSON(t, next.Public(), "next", nil)
	for name, entry := range oddKeys(t, odd) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			i := newIssuer(t)
			i.document(entry, first)
			v, w := i.watched(t)
			_, err := v.Verify(t.Context(), signAs(t, "good", jwt.SigningMethodES256, good))
			require.NoError(t, err)
			i.document(first, entry, second)
			w.more(t)
			_, err = v.Verify(t.Context(), signAs(t, "next", jwt.SigningMethodEdDSA, next))
			require.NoError(t, err, "the new key is not kept out either")
			for _, forged := range []string{
				signAs(t, "odd", jwt.SigningMethodRS256, odd), sign(t, jwt.SigningMethodRS256, odd, goodClaims()),
				signAs(t, "odd", jwt.SigningMethodHS256, []byte(secret)), signAs(t, "odd", jwt.SigningMethodHS256, []byte{}),
			} {
				_, err = v.Verify(t.Context(), forged)
				require.Error(t, err, "and the odd one verifies nothing")
			}
			w.more(t)
			require.Equal(t, 1, w.leftOut())
			require.Equal(t, 1, strings.Count(w.logged(), "keys of the JWK Set are left out"), w.logged())
			require.NotContains(t, w.fetches(), -1)
			i.document(first, second)
			w.more(t)
			require.Zero(t, w.leftOut())
			i.document(first, entry)
			w.more(t)
			require.Equal(t, 2, strings.Count(w.logged(), "keys of the JWK Set are left out"), "once more when it changes")
		})
	}
}

// TestCertificatesAndUnknownMembersAreHints: a key is used for what it is, whatever its other members say.
//
// Acceptance: A-447.
func TestCertificatesAndUnknownMembersAreHints(t *testing.T) {
	t.Parallel()
	key := rsaKey(t, 2048)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "issuer"}, NotAfter: time.Now().Add(-time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	require.NoError(t, err)
	certificate := base64.StdEncoding.EncodeToString(der)
	x := base64.RawURLEncoding.EncodeToString(key.N.Bytes())
	for name, further := range map[string]map[string]any{
		"a thumbprint that does not fit":         {"x5c": []string{certificate}, "x5t": "AAAA"},
		"a SHA-256 thumbprint that does not fit": {"x5c": []string{certificate}, "x5t#S256": "AAAA"},
		"a thumbprint alone":                     {"x5t": "!"},
		"a thumbprint that is a number":          {"x5t": 7},
		"a certificate that does not parse":      {"x5c": []string{"AAAA"}},
		"a certificate that is no base64":        {"x5c": []string{"!"}},
		"certificates that are no list":          {"x5c": certificate},
		"an address of a certificate":            {"x5u": "file:///etc/passwd"},
		"members that nobody knows":              {"nbf": 1, "exp": "soon", "iat": nil, "revoked": map[string]any{}},
		"operations with verify among them":      {"key_ops": []string{"connect", "verify"}, "use": "sig", "alg": "RS256"},
		"no operations":                          {"key_ops": []string{}},
		"members that are null": {
			"use": json.RawMessage("null"), "alg": json.RawMessage("null"), "d": json.RawMessage("null"),
		},
		"padding, and a zero before n": {
			"n": base64.URLEncoding.EncodeToString(append([]byte{0}, key.N.Bytes()...)), "e": "AAEAAQ==",
		},
		"a curve, which RSA has none of": {"crv": 7, "x": x},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			i := newIssuer(t)
			i.document(asJSON(t, key.Public(), "key", further))
			v, w := i.watched(t)
			_, err := v.Verify(t.Context(), signAs(t, "key", jwt.SigningMethodRS256, key))
			require.NoError(t, err, w.logged())
			require.Zero(t, w.leftOut())
		})
	}
}

// TestACoordinateMayLackItsLeadingZeros: some issuers write numbers where RFC 7518 wants octets of fixed length.
func TestACoordinateMayLackItsLeadingZeros(t *testing.T) {
	t.Parallel()
	key := ecKey(t, elliptic.P256())
	point, err := key.PublicKey.Bytes()
	require.NoError(t, err)
	for point[1] != 0 {
		key = ecKey(t, elliptic.P256())
		point, err = key.PublicKey.Bytes()
		require.NoError(t, err)
	}
	encode := base64.RawURLEncoding.EncodeToString
	for _, x := range [][]byte{point[2:33], append(bytes.Clone([]byte{0}), point[1:33]...)} {
		i := newIssuer(t)
		i.document(asJSON(t, key.Public(), "key", map[string]any{"x": encode(x)}))
		_, err := i.verifier(t).Verify(t.Context(), signAs(t, "key", jwt.SigningMethodES256, key))
		require.NoError(t, err)
	}
}

// TestASetWithoutAUsableKeyChangesNothing: such a set counts as an error page. An empty set withdraws every key.
func TestASetWithoutAUsableKeyChangesNothing(t *testing.T) {
	t.Parallel()
	key := ecKey(t, elliptic.P256())
	i := newIssuer(t)
	i.document(asJSON(t, key.Public(), "key", nil))
	v, w := i.watched(t)
	i.document(asJSON(t, key.Public(), "key", map[string]any{"use": "tls"}), "null")
	w.await(t, func() bool { return strings.Contains(w.logged(), "the last keys stay in use") })
	require.Contains(t, w.logged(), "none of its 2 keys can be used")
	require.Equal(t, 2, w.leftOut())
	_, err := v.Verify(t.Context(), signAs(t, "key", jwt.SigningMethodES256, key))
	require.NoError(t, err)
	i.document()
	w.await(t, func() bool { all := w.fetches(); return all[len(all)-1] == 0 })
	_, err = v.Verify(t.Context(), signAs(t, "key", jwt.SigningMethodES256, key))
	require.Error(t, err)
}

// TestTheNumberOfKeysIsBounded: further keys are left out, and the log says so.
func TestTheNumberOfKeysIsBounded(t *testing.T) {
	t.Parallel()
	key := ecKey(t, elliptic.P256())
	i := newIssuer(t)
	var all []string
	for n := range 600 {
		all = append(all, asJSON(t, key.Public(), fmt.Sprint("key ", n), nil))
	}
	i.document(all...)
	v, w := i.watched(t)
	_, err := v.Verify(t.Context(), signAs(t, "key 499", jwt.SigningMethodES256, key))
	require.NoError(t, err)
	_, err = v.Verify(t.Context(), signAs(t, "key 500", jwt.SigningMethodES256, key))
	require.ErrorContains(t, err, "more than 500 keys")
	require.Equal(t, 100, w.leftOut())
	require.Less(t, len(w.logged()), 4000)
}

// sameID publishes the keys under one id, or under none, and returns a verifier.
func sameID(t *testing.T, id string, keys ...string) *auth.Verifier {
	t.Helper()
	i := newIssuer(t)
	for n := range keys {
		keys[n] = strings.Replace(keys[n], `"kid":"x"`, fmt.Sprintf(`"kid":%q`, id), 1)
	}
	i.document(keys...)
	return i.verifier(t)
}

// TestEveryKeyOfAnIDIsTried: RFC 7517 §4.5, whichever comes first.
//
// Acceptance: A-448.
func TestEveryKeyOfAnIDIsTried(t *testing.T) {
	t.Parallel()
	one, other, ec, ed := rsaKey(t, 2048), rsaKey(t, 2048), ecKey(t, elliptic.P256()), edKey(t)
	oneKey, otherKey, ecOne, edOne := asJSON(t, one.Public(), "x", nil), asJSON(t, other.Public(), "x", nil),
		asJSON(t, ec.Public(), "x", nil), asJSON(t, ed.Public(), "x", nil)
	encrypting := asJSON(t, rsaKey(t, 2048).Public(), "x", map[string]any{"use": "enc"})
	for name, keys := range map[string][]string{
		"two of RSA, EC, Ed25519 and one for encryption": {encrypting, oneKey, otherKey, ecOne, edOne},
		"in another order": {edOne, ecOne, otherKey, oneKey, encrypting},
	} {
		for _, id := range []string{"same", ""} {
			t.Run(name+" "+id, func(t *testing.T) {
				t.Parallel()
				v := sameID(t, id, append([]string{}, keys...)...)
				for _, signer := range []struct {
					method jwt.SigningMethod
					key    crypto.Signer
				}{
					{jwt.SigningMethodRS256, one},
					{jwt.SigningMethodRS256, other},
					{jwt.SigningMethodES256, ec},
					{jwt.SigningMethodEdDSA, ed},
				} {
					_, err := v.Verify(t.Context(), signAs(t, "same", signer.method, signer.key))
					require.NoError(t, err)
					_, err = v.Verify(t.Context(), sign(t, signer.method, signer.key, goodClaims()))
					require.NoError(t, err, "without an id")
					require.Nil(t, v.Inspect(t.Context(), signAs(t, "same", signer.method, signer.key)).Refusal)
				}
				_, err := v.Verify(t.Context(), signAs(t, "same", jwt.SigningMethodRS256, rsaKey(t, 2048)))
				requireRefused(t, err, auth.BadSignature, "")
			})
		}
	}
}

// TestAKeyForEncryptionVerifiesNoSignature, though a good one has its id.
func TestAKeyForEncryptionVerifiesNoSignature(t *testing.T) {
	t.Parallel()
	signing, encrypting := rsaKey(t, 2048), rsaKey(t, 2048)
	v := sameID(t, "same", asJSON(t, encrypting.Public(), "x", map[string]any{"use": "enc"}),
		asJSON(t, signing.Public(), "x", map[string]any{"use": "sig"}))
	_, err := v.Verify(t.Context(), signAs(t, "same", jwt.SigningMethodRS256, encrypting))
	requireRefused(t, err, auth.BadSignature, "")
	_, err = v.Verify(t.Context(), sign(t, jwt.SigningMethodRS256, encrypting, goodClaims()))
	requireRefused(t, err, auth.BadSignature, "")
	_, err = v.Verify(t.Context(), signAs(t, "same", jwt.SigningMethodRS256, signing))
	require.NoError(t, err)
}

// TestTheKeysTriedForATokenAreBounded: a forged token costs a limited number of verifications.
//
// Acceptance: A-448.
func TestTheKeysTriedForATokenAreBounded(t *testing.T) {
	t.Parallel()
	var keys []string
	last := ecKey(t, elliptic.P256())
	for range 16 {
		keys = append(keys, asJSON(t, last.Public(), "x", nil))
		last = ecKey(t, elliptic.P256())
	}
	keys[14], keys[15] = asJSON(t, rsaKey(t, 2048).Public(), "x", nil), asJSON(t, last.Public(), "x", nil)
	v := sameID(t, "same", keys...)
	_, err := v.Verify(t.Context(), signAs(t, "same", jwt.SigningMethodES256, last))
	require.NoError(t, err)
	keys[14] = asJSON(t, ecKey(t, elliptic.P256()).Public(), "x", nil)
	v = sameID(t, "same", append([]string{asJSON(t, ecKey(t, elliptic.P256()).Public(), "x", nil)}, keys...)...)
	_, err = v.Verify(t.Context(), signAs(t, "same", jwt.SigningMethodES256, last))
	requireRefused(t, err, auth.BadSignature, "")
	require.ErrorContains(t, err, "the first 16")
}
