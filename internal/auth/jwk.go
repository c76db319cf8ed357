package auth

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"
)

const (
	rsaMaximumBits     = 8192      // crypto/tls has the same limit: larger keys are slow to verify, token by token
	rsaMaximumExponent = 1<<31 - 1 // the maximum of crypto/rsa
	coordinateBytes    = 32        // for P-256 (RFC 7518 §6.2.1.2)
)

// jwk is a key of a JWK Set that verifies signatures.
type jwk struct {
	id        string // its kid, or empty
	algorithm string // the one algorithm of the key
	key       crypto.PublicKey
}

// equal says whether two keys are the same, with the same id.
func (k jwk) equal(other jwk) bool {
	key, ok := k.key.(interface{ Equal(crypto.PublicKey) bool })
	return ok && k.id == other.id && key.Equal(other.key)
}

// ignoredKey is a key of a JWK Set that verifies no signature.
type ignoredKey struct {
	id     string // its kid, or empty
	reason string
}

// members are those of one JSON Web Key by their exact names. Of a name that occurs twice the last counts (RFC 7517
// §4).
type members map[string]json.RawMessage

// readJWK reads one key of a set. It does not look at certificates and their thumbprints (x5c, x5t, x5u): trust
// rests on the set's URL and on the key itself. The error says why the key verifies no signature that Herald
// accepts.
func readJWK(raw json.RawMessage) (jwk, error) {
	var m members
	if err := json.Unmarshal(raw, &m); err != nil || m == nil {
		return jwk{}, errors.New("it is no JSON object")
	}
	id, err := m.text("kid")
	if err != nil {
		return jwk{}, err
	}
	k := jwk{id: id}
	if k.key, err = m.publicKey(); err != nil {
		return k, err
	}
	if k.algorithm, err = algorithmOf(k.key); err != nil {
		return k, err
	}
	return k, m.permits(k.algorithm)
}

// text returns the member of that name, or "" where there is none.
func (m members) text(name string) (string, error) {
	var text *string
	if raw, ok := m[name]; ok {
		if err := json.Unmarshal(raw, &text); err != nil {
			return "", fmt.Errorf("its %s is not a string", name)
		}
	}
	if text == nil {
		return "", nil
	}
	return *text, nil
}

// bytes returns the octets of a required member: base64url, with padding or without.
func (m members) bytes(name string) ([]byte, error) {
	text, err := m.text(name)
	if err != nil {
		return nil, err
	}
	if text == "" {
		return nil, fmt.Errorf("it has no %s", name)
	}
	octets, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(text, "="))
	if err != nil {
		return nil, fmt.Errorf("its %s is not base64url", name)
	}
	return octets, nil
}

func (m members) publicKey() (crypto.PublicKey, error) {
	kty, err := m.text("kty")
	if err != nil {
		return nil, err
	}
	if d, ok := m["d"]; ok && string(d) != "null" { // anyone who reads the set could sign with it
		return nil, errors.New("it is a private key, which must not be published")
	}
	if kty == "RSA" {
		return m.rsa()
	}
	crv, err := m.text("crv")
	if err != nil {
		return nil, err
	}
	switch {
	case kty == "EC" && crv == "P-256":
		return m.ecdsa()
	case kty == "OKP" && crv == "Ed25519":
		return m.ed25519()
	case kty == "EC" || kty == "OKP":
		return nil, fmt.Errorf("its curve (crv) is %s, not P-256 or Ed25519", quoted(crv))
	default: // "oct" among them: a published secret is no secret
		return nil, fmt.Errorf("its type (kty) is %s, not RSA, EC or OKP", quoted(kty))
	}
}

func (m members) rsa() (crypto.PublicKey, error) {
	modulus, err := m.bytes("n")
	if err != nil {
		return nil, err
	}
	exponent, err := m.bytes("e")
	if err != nil {
		return nil, err
	}
	n, e := new(big.Int).SetBytes(modulus), new(big.Int).SetBytes(exponent)
	if bits := n.BitLen(); bits > rsaMaximumBits {
		return nil, fmt.Errorf("its RSA key has %d bits, more than %d", bits, rsaMaximumBits)
	}
	if n.Bit(0) == 0 || e.Bit(0) == 0 || e.Cmp(big.NewInt(3)) < 0 || e.Cmp(big.NewInt(rsaMaximumExponent)) > 0 {
		return nil, errors.New("its n and e are no RSA key: both are odd, and e is at least 3 and below 2^31")
	}
	return &rsa.PublicKey{N: n, E: int(e.Int64())}, nil
}

func (m members) ecdsa() (crypto.PublicKey, error) {
	point := make([]byte, 1, 1+2*coordinateBytes)
	point[0] = 4 // uncompressed: SEC 1 §2.3.3
	for _, name := range []string{"x", "y"} {
		octets, err := m.bytes(name)
		if err != nil {
			return nil, err
		}
		coordinate := new(big.Int).SetBytes(octets) // some issuers drop leading zeros, some add one too many
		if coordinate.BitLen() > 8*coordinateBytes {
			return nil, fmt.Errorf("its %s is longer than %d bytes", name, coordinateBytes)
		}
		point = append(point, coordinate.FillBytes(make([]byte, coordinateBytes))...)
	}
	key, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), point)
	if err != nil {
		return nil, errors.New("its point is not on the curve P-256")
	}
	return key, nil
}

func (m members) ed25519() (crypto.PublicKey, error) {
	point, err := m.bytes("x")
	if err != nil {
		return nil, err
	}
	if len(point) != ed25519.PublicKeySize {
		return nil, fmt.Errorf("its x has %d bytes, not %d", len(point), ed25519.PublicKeySize)
	}
	return ed25519.PublicKey(point), nil
}

// permits says whether the key may verify signatures of the algorithm, by its alg, use and key_ops (RFC 7517 §4.2
// to §4.4).
func (m members) permits(algorithm string) error {
	for _, restriction := range []struct{ name, value string }{{"alg", algorithm}, {"use", "sig"}} {
		value, err := m.text(restriction.name)
		if err != nil {
			return err
		}
		if value != "" && value != restriction.value {
			return fmt.Errorf("its %s is %s, not %q", restriction.name, quoted(value), restriction.value)
		}
	}
	var operations []string
	if raw, ok := m["key_ops"]; ok {
		if err := json.Unmarshal(raw, &operations); err != nil {
			return errors.New("its key_ops are not a list of strings")
		}
	}
	if len(operations) > 0 && !slices.Contains(operations, "verify") {
		return errors.New(`its key_ops do not contain "verify"`)
	}
	return nil
}
