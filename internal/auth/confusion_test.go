package auth_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"github.com/MicahParks/jwkset"
	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/auth"
)

// forge makes a token of a given header and a signature computed from the signed text.
func forge(t *testing.T, header string, signature func(signed []byte) []byte) string {
	t.Helper()
	claims, err := json.Marshal(with(goodClaims(), "role", "Admin"))
	require.NoError(t, err)
	encode := base64.RawURLEncoding.EncodeToString
	signed := encode([]byte(header)) + "." + encode(claims)
	return signed + "." + encode(signature([]byte(signed)))
}

func mac(key []byte) func([]byte) []byte {
	return func(signed []byte) []byte {
		h := hmac.New(sha256.New, key)
		h.Write(signed)
		return h.Sum(nil)
	}
}

func zeros(n int) func([]byte) []byte { return func([]byte) []byte { return make([]byte, n) } }

// ecdsaRaw signs as ES256 does, whatever the key's curve, with numbers of size bytes.
func ecdsaRaw(t *testing.T, key *ecdsa.PrivateKey, size int) func([]byte) []byte {
	t.Helper()
	return func(signed []byte) []byte {
		digest := sha256.Sum256(signed)
		r, s, err := ecdsa.Sign(rand.Reader, key, digest[:])
		require.NoError(t, err)
		raw := make([]byte, 2*size)
		r.FillBytes(raw[:size])
		s.FillBytes(raw[size:])
		return raw
	}
}

// publicForms are the encodings of a public key, each of which might be taken for an HMAC secret.
func publicForms(t *testing.T, key crypto.Signer) map[string][]byte {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(key.Public())
	require.NoError(t, err)
	text := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	jwk, err := json.Marshal(published(t, key.Public(), jwkset.JWKMetadataOptions{KID: "key"}))
	require.NoError(t, err)
	forms := map[string][]byte{
		"DER": der, "PEM": text, "PEM without its last line end": bytes.TrimSpace(text),
		"PEM with CRLF": bytes.ReplaceAll(text, []byte("\n"), []byte("\r\n")),
		"its base64":    []byte(base64.StdEncoding.EncodeToString(der)), "a JWK": jwk, "nothing": {},
	}
	switch public := key.Public().(type) {
	case *rsa.PublicKey:
		pkcs1 := x509.MarshalPKCS1PublicKey(public)
		forms["PKCS #1"] = pkcs1
		forms["PKCS #1 in PEM"] = pem.EncodeToMemory(&pem.Block{Type: "RSA PUBLIC KEY", Bytes: pkcs1})
		forms["the modulus"] = public.N.Bytes()
	case *ecdsa.PublicKey:
		point, err := public.Bytes()
		require.NoError(t, err)
		forms["the point"], forms["a coordinate"] = point, point[1:33]
	case ed25519.PublicKey:
		forms["the point"] = public
	}
	return forms
}

// forgeries are tokens that the private key of key has not signed, by the attack. key has the id "key".
func forgeries(t *testing.T, alg string, key crypto.Signer) map[string]string {
	t.Helper()
	own := ecKey(t, elliptic.P256()) // the attacker's own key
	tokens := map[string]string{}
	for _, named := range []string{"", `,"kid":"key"`} {
		for _, none := range []string{"none", "None", "NONE", "nOnE", "", " none"} {
			tokens["alg "+none+named] = forge(t, fmt.Sprintf(`{"alg":%q%s}`, none, named), zeros(0))
			tokens["alg "+none+" with zeros"+named] = forge(t, fmt.Sprintf(`{"alg":%q%s}`, none, named), zeros(64))
		}
		for form, public := range publicForms(t, key) {
			for _, symmetric := range []string{"HS256", "hs256", "HS384", "HS512"} {
				tokens[symmetric+" with the public key as "+form+named] = forge(t,
					fmt.Sprintf(`{"alg":%q%s}`, symmetric, named), mac(public))
			}
			tokens[alg+" with an HMAC of the public key as "+form+named] = forge(t,
				fmt.Sprintf(`{"alg":%q%s}`, alg, named), mac(public))
		}
		tokens["alg twice, none first"+named] = forge(t, fmt.Sprintf(`{"alg":"none","alg":%q%s}`, alg, named), zeros(0))
		tokens["alg twice, none last"+named] = forge(t, fmt.Sprintf(`{"alg":%q,"alg":"none"%s}`, alg, named), zeros(0))
		tokens["alg twice, in another case"+named] = forge(t,
			fmt.Sprintf(`{"alg":%q,"ALG":"none","Alg":"HS256"%s}`, alg, named), zeros(0))
		tokens["alg is a list"+named] = forge(t, fmt.Sprintf(`{"alg":["none",%q]%s}`, alg, named), zeros(0))
		tokens["alg is null"+named] = forge(t, fmt.Sprintf(`{"alg":null%s}`, named), zeros(0))
		// zeros of 64 bytes are the signature that Java once accepted for every token
		for _, size := range []int{0, 1, 63, 64, 65, 96, 128, 256} {
			tokens[fmt.Sprintf("%d zeros%s", size, named)] = forge(t, fmt.Sprintf(`{"alg":%q%s}`, alg, named), zeros(size))
		}
		tokens["ES256 by a key of another curve"+named] = forge(t, fmt.Sprintf(`{"alg":"ES256"%s}`, named),
			ecdsaRaw(t, ecKey(t, elliptic.P384()), 48))
		tokens["ES256 by a key of a smaller curve"+named] = forge(t, fmt.Sprintf(`{"alg":"ES256"%s}`, named),
			ecdsaRaw(t, ecKey(t, elliptic.P224()), 32))
		tokens["ES256K"+named] = forge(t, fmt.Sprintf(`{"alg":"ES256K"%s}`, named), ecdsaRaw(t, own, 32))
		tokens["ES256 with numbers that are the curve's order"+named] = forge(t,
			fmt.Sprintf(`{"alg":"ES256"%s}`, named), func([]byte) []byte {
				n := elliptic.P256().Params().N.Bytes()
				return append(bytes.Clone(n), n...)
			})
		tokens["ES256 with numbers of one"+named] = forge(t, fmt.Sprintf(`{"alg":"ES256"%s}`, named), func([]byte) []byte {
			raw := make([]byte, 64)
			big.NewInt(1).FillBytes(raw[:32])
			big.NewInt(1).FillBytes(raw[32:])
			return raw
		})
	}
	return tokens
}

// TestNoForgedAlgorithmGetsIn tries every way to pass a token that was not signed with the configured key, with a
// file and with a JWK Set.
func TestNoForgedAlgorithmGetsIn(t *testing.T) {
	t.Parallel()
	for alg, key := range map[string]crypto.Signer{
		"RS256": rsaKey(t, 2048), "ES256": ecKey(t, elliptic.P256()), "EdDSA": edKey(t),
	} {
		i := newIssuer(t)
		i.publish(t, published(t, key.Public(), jwkset.JWKMetadataOptions{KID: "key"}))
		for source, v := range map[string]*auth.Verifier{
			"file": verifier(t, auth.Config{PublicKeyFile: keyFile(t, publicPEM(t, key))}),
			"set":  i.verifier(t),
		} {
			t.Run(alg+" by "+source, func(t *testing.T) {
				t.Parallel()
				_, err := v.Verify(t.Context(),
					signWithHeader(t, jwt.GetSigningMethod(alg), key, goodClaims(), map[string]any{"kid": "key"}))
				require.NoError(t, err, "the honest one")
				for name, token := range forgeries(t, alg, key) {
					p, err := v.Verify(t.Context(), token)
					require.Error(t, err, name)
					require.Nil(t, p, name)
					require.NotContains(t, err.Error(), token)
				}
			})
		}
	}
}

// TestTheRightKeyWithAnotherAlgorithm: the owner of the key may use it for one algorithm only.
func TestTheRightKeyWithAnotherAlgorithm(t *testing.T) {
	t.Parallel()
	key := rsaKey(t, 2048)
	i := newIssuer(t)
	i.publish(t, published(t, key.Public(), jwkset.JWKMetadataOptions{KID: "key"}))
	for source, v := range map[string]*auth.Verifier{
		"file": verifier(t, auth.Config{PublicKeyFile: keyFile(t, publicPEM(t, key))}), "set": i.verifier(t),
	} {
		for _, method := range []jwt.SigningMethod{
			jwt.SigningMethodRS384, jwt.SigningMethodRS512, jwt.SigningMethodPS256,
			jwt.SigningMethodPS384, jwt.SigningMethodPS512,
		} {
			token := signAs(t, "key", method, key)
			_, err := v.Verify(t.Context(), token)
			t.Log(source, method.Alg())
			requireRefused(t, err, auth.WrongAlgorithm, token)
		}
		// PS256's padding under RS256's name, and the reverse.
		digest := func(signed []byte) []byte { d := sha256.Sum256(signed); return d[:] }
		pss := forge(t, `{"alg":"RS256","kid":"key"}`, func(signed []byte) []byte {
			s, err := rsa.SignPSS(rand.Reader, key, crypto.SHA256, digest(signed), nil)
			require.NoError(t, err)
			return s
		})
		_, err := v.Verify(t.Context(), pss)
		requireRefused(t, err, auth.BadSignature, pss)
		pkcs := forge(t, `{"alg":"PS256","kid":"key"}`, func(signed []byte) []byte {
			s, err := rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, digest(signed))
			require.NoError(t, err)
			return s
		})
		_, err = v.Verify(t.Context(), pkcs)
		requireRefused(t, err, auth.WrongAlgorithm, pkcs)
	}
}

// TestATokenCannotBringItsKey: in its header, or by an address in its header. Herald never fetches such an address.
func TestATokenCannotBringItsKey(t *testing.T) {
	t.Parallel()
	honest, attackers := rsaKey(t, 2048), rsaKey(t, 2048)
	var fetched atomic.Int64
	mine, err := json.Marshal(jwkset.JWKSMarshal{Keys: []jwkset.JWKMarshal{
		published(t, attackers.Public(), jwkset.JWKMetadataOptions{KID: "mine"}),
	}})
	require.NoError(t, err)
	elsewhere := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fetched.Add(1)
		_, _ = w.Write(mine)
	}))
	t.Cleanup(elsewhere.Close)
	der, err := x509.MarshalPKIXPublicKey(attackers.Public())
	require.NoError(t, err)
	i := newIssuer(t)
	i.publish(t, published(t, honest.Public(), jwkset.JWKMetadataOptions{KID: "key"}))
	for source, v := range map[string]*auth.Verifier{
		"file":   verifier(t, auth.Config{PublicKeyFile: keyFile(t, publicPEM(t, honest))}),
		"set":    i.verifier(t),
		"secret": verifier(t, auth.Config{Secret: secret}),
	} {
		for _, kid := range []any{
			nil, "key", "mine", elsewhere.URL, "../../../dev/null", "/dev/null", "' OR 1=1 --", "key\x00", "KEY", "",
		} {
			for name, value := range map[string]any{
				"jwk": published(t, attackers.Public(), jwkset.JWKMetadataOptions{KID: "mine"}),
				"jku": elsewhere.URL, "x5u": elsewhere.URL, "x5c": []string{base64.StdEncoding.EncodeToString(der)},
				"cty": "JWT", "alg2": "none",
			} {
				header := map[string]any{name: value}
				if kid != nil {
					header["kid"] = kid
				}
				token := signWithHeader(t, jwt.SigningMethodRS256, attackers, with(goodClaims(), "role", "Admin"), header)
				p, err := v.Verify(t.Context(), token)
				require.Error(t, err, "%s %v %s", source, kid, name)
				require.Nil(t, p)
			}
		}
	}
	require.Zero(t, fetched.Load())
}

// TestAlgorithmsAreCaseSensitive: RFC 7515 §4.1.1. A correctly signed token must also spell its algorithm
// correctly.
func TestAlgorithmsAreCaseSensitive(t *testing.T) {
	t.Parallel()
	v := verifier(t, auth.Config{Secret: secret})
	_, err := v.Verify(t.Context(), forge(t, `{"alg":"HS256"}`, mac([]byte(secret))))
	require.NoError(t, err)
	_, err = v.Verify(t.Context(), forge(t, `{"alg":"none","alg":"HS256"}`, mac([]byte(secret))))
	require.NoError(t, err, "whoever has the key may write a header as he likes: it decides nothing")
	for _, header := range []string{
		`{"alg":"hs256"}`, `{"alg":"Hs256"}`, `{"alg":"HS256 "}`, `{"ALG":"HS256"}`, `{"Alg":"HS256"}`,
		`{"alg":"HS256","alg":"none"}`,
		`{"alg":"HS256","alg":"RS256"}`, `{"alg":"HS256\u0000"}`, `{}`,
	} {
		token := forge(t, header, mac([]byte(secret)))
		_, err := v.Verify(t.Context(), token)
		requireRefused(t, err, auth.WrongAlgorithm, token)
	}
}
