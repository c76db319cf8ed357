package auth

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"

	"github.com/golang-jwt/jwt/v5"
)

const (
	rs256 = "RS256"
	es256 = "ES256"
	edDSA = "EdDSA"
	hs256 = "HS256"

	rsaMinimumBits = 2048 // RFC 7518 §3.3
)

// keySource says with which key, and so with which algorithm, a token is verified.
type keySource interface {
	algorithms() []string
	allows(algorithm string) bool
	describe() string
	// source words how many keys there are, for the operator.
	source() string
	// key returns the key for a token whose algorithm is allowed, or a [*TokenError].
	key(ctx context.Context, token *jwt.Token) (any, error)
}

func newKeySource(ctx context.Context, cfg Config) (keySource, error) {
	switch {
	case cfg.PublicKeyFile != "":
		return readPublicKeys(cfg.PublicKeyFile)
	case cfg.JWKSURL != "":
		return newJWKS(ctx, cfg)
	}
	secrets, err := cfg.secrets()
	if err != nil {
		return nil, err
	}
	keys := make(fixedKeys, len(secrets))
	for i, secret := range secrets {
		if n := len(secret); n < SecretAdvisedBytes {
			cfg.Logger.WarnContext(ctx, "the JWT secret is short enough to be guessed with effort",
				slog.Int("secret", i+1), slog.Int("bytes", n), slog.Int("advised_bytes", SecretAdvisedBytes))
		}
		keys[i] = fixedKey{algorithm: hs256, value: []byte(secret)}
	}
	return keys, nil
}

func readPublicKeys(path string) (keySource, error) {
	content, err := readKeyFile(settingPublicKeyFile, path)
	if err != nil {
		return nil, err
	}
	keys, err := parsePublicKeys(content)
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", settingPublicKeyFile, path, err)
	}
	return keys, nil
}

// pemBegins is what each key of a PEM file begins with.
const pemBegins = "-----BEGIN "

// parsePublicKeys reads all keys of a PEM file. One unusable key refuses the whole file: the operator meant it to
// be used.
func parsePublicKeys(content []byte) (keys fixedKeys, err error) {
	begun, rest := begunBlocks(content), content
	for {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		key, err := readPublicKey(block)
		if err != nil && begun > 1 {
			return nil, fmt.Errorf("key %d of %d: %w", len(keys)+1, begun, err)
		}
		if err != nil {
			return nil, err
		}
		keys = append(keys, key)
	}
	switch {
	case begun == 0:
		return nil, errors.New("no PEM block in it: it must begin with -----BEGIN PUBLIC KEY-----")
	case len(keys) != begun: // pem.Decode skips blocks that it cannot read
		return nil, fmt.Errorf("%d PEM blocks begin in it and %d can be read: "+
			"each ends with a line like -----END PUBLIC KEY----- and holds base64, all of it from the beginning of a line",
			begun, len(keys))
	case len(keys) > keysTried:
		return nil, fmt.Errorf("there are %d keys in it, more than %d: remove those with which no token in use was signed",
			len(keys), keysTried)
	}
	return keys, nil
}

// begunBlocks counts the lines that look like the beginning of a key.
func begunBlocks(content []byte) (n int) {
	for line := range bytes.Lines(content) {
		if bytes.HasPrefix(bytes.TrimSpace(line), []byte(pemBegins)) {
			n++
		}
	}
	return n
}

func readPublicKey(block *pem.Block) (fixedKey, error) {
	key, err := parsePublicKey(block)
	if err != nil {
		return fixedKey{}, err
	}
	algorithm, err := algorithmOf(key)
	return fixedKey{algorithm: algorithm, value: key}, err
}

func parsePublicKey(block *pem.Block) (any, error) {
	switch {
	case block.Type == "PUBLIC KEY":
		key, err := x509.ParsePKIXPublicKey(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("reading the public key: %w", err)
		}
		return key, nil
	case block.Type == "RSA PUBLIC KEY":
		key, err := x509.ParsePKCS1PublicKey(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("reading the RSA public key: %w", err)
		}
		return key, nil
	case block.Type == "CERTIFICATE":
		certificate, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("reading the certificate: %w", err)
		}
		return certificate.PublicKey, nil
	case strings.HasSuffix(block.Type, "PRIVATE KEY"):
		return nil, errors.New("it holds a private key, which Herald must not have: " +
			"export the public one with `openssl pkey -in KEY -pubout`")
	default:
		return nil, fmt.Errorf("its PEM block is a %q, not a PUBLIC KEY", block.Type)
	}
}

// algorithmOf returns the one algorithm that key is for.
func algorithmOf(key any) (string, error) {
	switch k := key.(type) {
	case *rsa.PublicKey:
		if bits := k.N.BitLen(); bits < rsaMinimumBits {
			return "", fmt.Errorf("its RSA key has %d bits: RS256 needs at least %d", bits, rsaMinimumBits)
		}
		return rs256, nil
	case *ecdsa.PublicKey:
		if k.Curve != elliptic.P256() {
			return "", fmt.Errorf("its key is on the curve %s: ES256 needs P-256", k.Curve.Params().Name)
		}
		return es256, nil
	case ed25519.PublicKey:
		return edDSA, nil
	default:
		return "", fmt.Errorf("a key of type %T is for none of RS256, ES256, EdDSA", key)
	}
}

func asymmetricAlgorithms() []string { return []string{rs256, es256, edDSA} }

func isAsymmetric(algorithm string) bool { return slices.Contains(asymmetricAlgorithms(), algorithm) }
