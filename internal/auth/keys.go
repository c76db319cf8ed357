package auth

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
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

// keySource answers with which key, and so with which algorithm, a token is verified.
type keySource interface {
	algorithms() []string
	allows(algorithm string) bool
	describe() string
	// key returns the key for a token whose algorithm is allowed, or a [*TokenError].
	key(ctx context.Context, token *jwt.Token) (any, error)
}

func newKeySource(ctx context.Context, cfg Config) (keySource, error) {
	switch {
	case cfg.Secret != "":
		return fixedKey{algorithm: hs256, value: []byte(cfg.Secret)}, nil
	case cfg.PublicKeyFile != "":
		return readPublicKey(cfg.PublicKeyFile)
	default:
		return newJWKS(ctx, cfg)
	}
}

// fixedKey is the one key of a configured secret or file.
type fixedKey struct {
	algorithm string
	value     any
}

func (k fixedKey) algorithms() []string         { return []string{k.algorithm} }
func (k fixedKey) allows(algorithm string) bool { return algorithm == k.algorithm }
func (k fixedKey) describe() string             { return k.algorithm }

func (k fixedKey) key(context.Context, *jwt.Token) (any, error) { return k.value, nil }

func readPublicKey(path string) (keySource, error) {
	content, err := os.ReadFile(path) //nolint:gosec // the operator names the file
	if err != nil {
		return nil, fmt.Errorf("reading HERALD_JWT_PUBLIC_KEY_FILE: %w", err)
	}
	key, err := parsePublicKey(content)
	if err != nil {
		return nil, fmt.Errorf("HERALD_JWT_PUBLIC_KEY_FILE %s: %w", path, err)
	}
	algorithm, err := algorithmOf(key)
	if err != nil {
		return nil, fmt.Errorf("HERALD_JWT_PUBLIC_KEY_FILE %s: %w", path, err)
	}
	return fixedKey{algorithm: algorithm, value: key}, nil
}

func parsePublicKey(content []byte) (any, error) {
	block, _ := pem.Decode(content)
	if block == nil {
		return nil, errors.New("no PEM block in it: it must begin with -----BEGIN PUBLIC KEY-----")
	}
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
