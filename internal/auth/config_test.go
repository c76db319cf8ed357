package auth_test

import (
	"bytes"
	"crypto/elliptic"
	"crypto/x509"
	"encoding/pem"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/auth"
)

func TestNewVerifierExplainsItsConfiguration(t *testing.T) {
	t.Parallel()
	private, err := x509.MarshalPKCS8PrivateKey(edKey(t))
	require.NoError(t, err)
	missing := filepath.Join(t.TempDir(), "missing.pem")
	block := func(kind string, der []byte) string {
		return keyFile(t, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
	}
	for name, test := range map[string]struct {
		cfg  auth.Config
		want string
	}{
		"a short secret":     {auth.Config{Secret: strings.Repeat("x", 15)}, "15 bytes long: HS256 needs at least 16"},
		"a key for a secret": {auth.Config{Secret: string(publicPEM(t, edKey(t)))}, "a public key is no secret"},
		"secret and file": {
			auth.Config{Secret: secret, PublicKeyFile: "k"}, "HERALD_JWT_SECRET and HERALD_JWT_PUBLIC_KEY_FILE are all set",
		},
		"secret and secrets": {
			auth.Config{Secret: secret, SecretFile: "k"}, "HERALD_JWT_SECRET and HERALD_JWT_SECRET_FILE are all set",
		},
		"secrets and key file": {
			auth.Config{SecretFile: "k", PublicKeyFile: "k"},
			"HERALD_JWT_SECRET_FILE and HERALD_JWT_PUBLIC_KEY_FILE are all set",
		},
		"file and URL": {
			auth.Config{PublicKeyFile: "k", JWKSURL: "https://x"}, "HERALD_JWT_PUBLIC_KEY_FILE and HERALD_JWKS_URL",
		},
		"a missing file": {auth.Config{PublicKeyFile: missing}, missing},
		"an empty file":  {auth.Config{PublicKeyFile: keyFile(t, nil)}, "no PEM block"},
		"a private key":  {auth.Config{PublicKeyFile: block("PRIVATE KEY", private)}, "openssl pkey"},
		"another block": {
			auth.Config{PublicKeyFile: block("DH PARAMETERS", nil)}, `"DH PARAMETERS", not a PUBLIC KEY`,
		},
		"a broken key": {auth.Config{PublicKeyFile: block("PUBLIC KEY", []byte{1})}, "reading the public key"},
		"a broken RSA key": {
			auth.Config{PublicKeyFile: block("RSA PUBLIC KEY", []byte{1})}, "reading the RSA public key",
		},
		"a broken certificate": {auth.Config{PublicKeyFile: block("CERTIFICATE", []byte{1})}, "reading the certificate"},
		"a wrong curve": {
			auth.Config{PublicKeyFile: keyFile(t, publicPEM(t, ecKey(t, elliptic.P384())))}, "P-384: ES256 needs P-256",
		},
		"a weak RSA key": {
			auth.Config{PublicKeyFile: keyFile(t, publicPEM(t, rsaKey(t, 1024)))}, "1024 bits: RS256 needs at least 2048",
		},
		"a URL without scheme": {auth.Config{JWKSURL: "issuer/keys"}, "must be an http or https URL"},
		"a file URL":           {auth.Config{JWKSURL: "file:///etc/passwd"}, "must be an http or https URL"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := auth.NewVerifier(t.Context(), test.cfg)
			require.ErrorContains(t, err, test.want)
			require.NotContains(t, err.Error(), secret)
		})
	}
}

func TestWithoutAnyKey(t *testing.T) {
	t.Parallel()
	_, err := auth.NewVerifier(t.Context(), auth.Config{Issuer: "https://issuer"})
	require.ErrorIs(t, err, auth.ErrNoKey)
	require.ErrorContains(t, err, "HERALD_JWT_SECRET")
	_, err = auth.Mint("", auth.Grant{Subject: "a"})
	require.ErrorIs(t, err, auth.ErrNoKey)
}

func TestPublicKeyFormats(t *testing.T) {
	t.Parallel()
	key := rsaKey(t, 2048)
	file := keyFile(t,
		pem.EncodeToMemory(&pem.Block{Type: "RSA PUBLIC KEY", Bytes: x509.MarshalPKCS1PublicKey(&key.PublicKey)}))
	_, err := auth.NewVerifier(t.Context(), auth.Config{PublicKeyFile: file})
	require.NoError(t, err)
}

// Acceptance: A-281.
func TestMintedTokenIsAccepted(t *testing.T) {
	t.Parallel()
	v := verifier(t, auth.Config{Secret: secret, Issuer: "https://issuer", Audience: "herald"})
	token, err := auth.Mint(secret, auth.Grant{
		Subject: "user-1", Roles: []string{"Admin"}, Permissions: []string{"OrderOwner:x", "TeamCartHost:y"},
		TTL: 5 * time.Minute, Issuer: "https://issuer", Audience: "herald", Now: now(),
	})
	require.NoError(t, err)
	p, err := v.Verify(t.Context(), token)
	require.NoError(t, err)
	require.Equal(t, "user-1", p.Subject)
	require.True(t, p.HasRole("Admin"))
	require.False(t, p.HasRole("admin"))
	require.True(t, p.HasPermission("TeamCartHost:y"))
	require.Equal(t, now().Add(5*time.Minute), p.Expires.UTC())
}

func TestSettingsBecomeAConfig(t *testing.T) {
	t.Parallel()
	cfg, err := auth.FromSettings(auth.Settings{
		JWTSecret: "s", JWTSecretFile: "sf", JWTPublicKeyFile: "f", JWKSURL: "u", JWKSRefresh: time.Minute,
		JWTIssuer: "i", JWTAudience: "a",
	})
	require.NoError(t, err)
	require.Equal(t,
		auth.Config{
			Secret: "s", SecretFile: "sf", PublicKeyFile: "f", JWKSURL: "u", JWKSRefresh: time.Minute,
			Issuer: "i", Audience: "a",
		}, cfg)
	for _, short := range []time.Duration{-time.Minute, time.Millisecond} {
		_, err = auth.FromSettings(auth.Settings{JWKSRefresh: short})
		require.ErrorContains(t, err, "HERALD_JWKS_REFRESH is "+short.String())
	}
}

func TestMintRefuses(t *testing.T) {
	t.Parallel()
	for _, nobody := range []string{"", " \t"} {
		_, err := auth.Mint(secret, auth.Grant{Subject: nobody})
		require.ErrorContains(t, err, "subject")
	}
	_, err := auth.Mint("short", auth.Grant{Subject: "a"})
	require.ErrorContains(t, err, "at least 16")
}

func TestNothingSecretIsLogged(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	slog.New(slog.NewTextHandler(&log, nil)).InfoContext(t.Context(), "configured",
		slog.Any("config", auth.Config{Secret: secret, JWKSURL: "https://user:password@issuer/keys"}),
		slog.Any("principal", &auth.Principal{Subject: "user-1", Permissions: []string{"OrderOwner:x"}}))
	for _, private := range []string{secret, "password", "user-1", "OrderOwner"} {
		require.NotContains(t, log.String(), private)
	}
	require.Contains(t, log.String(), "issuer/keys")
}
