package auth_test

import (
	"bytes"
	"crypto"
	"crypto/elliptic"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/auth"
)

// numbered returns the secret of a number.
func numbered(n int) string { return fmt.Sprintf("secret %2d of at least 32 bytes, as advised", n) }

// TestEverySecretOfTheFileVerifies: in whatever form editors leave the file.
//
// Acceptance: A-484.
func TestEverySecretOfTheFileVerifies(t *testing.T) {
	t.Parallel()
	var most strings.Builder
	for n := range 16 {
		fmt.Fprintln(&most, numbered(n))
	}
	for name, test := range map[string]struct {
		content string
		secrets int
	}{
		"one":                              {numbered(0), 1},
		"one with a line end":              {numbered(0) + "\n", 1},
		"several":                          {numbered(0) + "\n" + numbered(1) + "\n" + numbered(2) + "\n", 3},
		"without the last line end":        {numbered(0) + "\n" + numbered(1), 2},
		"line ends of Windows":             {numbered(0) + "\r\n" + numbered(1) + "\r\n", 2},
		"more carriage returns":            {numbered(0) + "\r\r\n" + numbered(1) + "\r", 2},
		"blank lines":                      {"\n\r\n" + numbered(0) + "\n \t\n\n" + numbered(1) + "\n\n\n", 2},
		"a byte order mark":                {"\ufeff" + numbered(0) + "\n" + numbered(1), 2},
		"the same twice":                   {numbered(0) + "\n" + numbered(1) + "\n" + numbered(0) + "\n", 2},
		"as many as are tried":             {most.String(), 16},
		"spaces and other scripts in them": {numbered(0) + "\nein Schlüssel, länger als sechzehn Zeichen", 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := auth.Config{SecretFile: keyFile(t, []byte(test.content))}
			v := verifier(t, cfg)
			for n := range test.secrets {
				token := sign(t, jwt.SigningMethodHS256, []byte(numbered(n)), goodClaims())
				p, err := v.Verify(t.Context(), token)
				require.NoError(t, err, "secret %d", n)
				require.Equal(t, "user-1", p.Subject)
			}
			for _, other := range []string{numbered(test.secrets), numbered(0) + "\r", numbered(0) + "\n", test.content + " "} {
				token := sign(t, jwt.SigningMethodHS256, []byte(other), goodClaims())
				_, err := v.Verify(t.Context(), token)
				requireRefused(t, err, auth.BadSignature, token)
			}
			newest, err := cfg.NewestSecret()
			require.NoError(t, err)
			require.Equal(t, numbered(0), newest)
		})
	}
}

// TestSecretFileThatCannotBeUsed: the whole file is refused; the error names the line without its content.
//
// Acceptance: A-484.
func TestSecretFileThatCannotBeUsed(t *testing.T) {
	t.Parallel()
	var tooMany strings.Builder
	for n := range 17 {
		fmt.Fprintln(&tooMany, numbered(n))
	}
	for name, test := range map[string]struct{ content, want string }{
		"empty":             {"", "there is no secret in it"},
		"blank":             {"\r\n \n\t\n", "there is no secret in it"},
		"only a byte order": {"\ufeff", "there is no secret in it"},
		"a short one": {
			numbered(0) + "\n\ntoo short\n", "line 3: the JWT secret is 9 bytes long: HS256 needs at least 16",
		},
		"a public key": {
			string(publicPEM(t, edKey(t))),
			"a public key is no secret: set HERALD_JWT_PUBLIC_KEY_FILE instead of HERALD_JWT_SECRET_FILE",
		},
		"a public key below":    {numbered(0) + "\n" + string(publicPEM(t, edKey(t))), "a public key is no secret"},
		"a comment":             {"# the newest secret comes first\n" + numbered(0), "line 1: it begins with #"},
		"a space behind":        {numbered(0) + " \n", "line 1: it begins or ends with a space"},
		"a space before":        {numbered(0) + "\n\t" + numbered(1), "line 2: it has a control character"},
		"random bytes":          {"\x00\x01\x02" + numbered(0), "line 1: it has a control character"},
		"UTF-16, as PowerShell": {"\xff\xfea\x00b\x00c\x00\r\x00\n\x00", "line 1: it has a control character"},
		"too many":              {tooMany.String(), "there are 17 secrets in it, more than 16"},
		"too long": {
			strings.Repeat(numbered(0)+"\n", 1<<20/len(numbered(0))), "it is longer than 1048576 bytes",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file := keyFile(t, []byte(test.content))
			cfg := auth.Config{SecretFile: file}
			_, err := auth.NewVerifier(t.Context(), cfg)
			require.ErrorContains(t, err, "HERALD_JWT_SECRET_FILE "+file+": ")
			require.ErrorContains(t, err, test.want)
			require.NotContains(t, err.Error(), numbered(0))
			_, minting := cfg.NewestSecret()
			require.EqualError(t, minting, err.Error(), "and none is minted with it")
		})
	}
	for name, path := range map[string]string{"missing": filepath.Join(t.TempDir(), "missing"), "a folder": t.TempDir()} {
		_, err := auth.NewVerifier(t.Context(), auth.Config{SecretFile: path})
		require.ErrorContains(t, err, "reading HERALD_JWT_SECRET_FILE: ", name)
		require.ErrorContains(t, err, path, name)
	}
}

// TestEveryKeyOfTheFileVerifies: of any mixture of kinds, each for its own algorithm, whatever stands between them.
//
// Acceptance: A-484.
func TestEveryKeyOfTheFileVerifies(t *testing.T) {
	t.Parallel()
	signers := []struct {
		method jwt.SigningMethod
		key    crypto.Signer
	}{
		{jwt.SigningMethodEdDSA, edKey(t)},
		{jwt.SigningMethodRS256, rsaKey(t, 2048)},
		{jwt.SigningMethodEdDSA, edKey(t)},
		{jwt.SigningMethodES256, ecKey(t, elliptic.P256())},
		{jwt.SigningMethodRS256, rsaKey(t, 2048)},
		{jwt.SigningMethodES256, ecKey(t, elliptic.P256())},
	}
	file := []byte("\ufeffThe newest comes first.\n")
	for i, s := range signers {
		file = fmt.Appendf(file, "\nissued by year %d:\n%s", i, publicPEM(t, s.key))
	}
	v := verifier(t, auth.Config{PublicKeyFile: keyFile(t, bytes.ReplaceAll(file, []byte("\n"), []byte("\r\n")))})
	require.Equal(t, "2 for EdDSA, 2 for RS256, 2 for ES256", v.Keys())
	for i, s := range signers {
		// PEM has no place for a kid, so a kid in the token means nothing.
		token := signWithHeader(t, s.method, s.key, goodClaims(), map[string]any{"kid": strconv.Itoa(i)})
		_, err := v.Verify(t.Context(), token)
		require.NoError(t, err, "key %d", i)
		require.Equal(t, fmt.Sprintf("it fits key %d of these 2", []int{1, 1, 2, 1, 2, 2}[i]),
			signatureOf(t, v, token).Detail)
	}
	strangers := map[jwt.SigningMethod]any{
		jwt.SigningMethodEdDSA: edKey(t), jwt.SigningMethodRS256: rsaKey(t, 2048),
		jwt.SigningMethodES256: ecKey(t, elliptic.P256()),
	}
	for method, key := range strangers {
		token := sign(t, method, key, goodClaims())
		_, err := v.Verify(t.Context(), token)
		requireRefused(t, err, auth.BadSignature, token)
		require.ErrorContains(t, err, "fits none of the 2 keys")
		require.Equal(t, auth.Check{Name: "signature", Detail: "it fits none of these 2"}, signatureOf(t, v, token))
	}
	for name, token := range map[string]string{
		"the file as a secret":   sign(t, jwt.SigningMethodHS256, file, goodClaims()),
		"a key as a secret":      sign(t, jwt.SigningMethodHS256, publicPEM(t, signers[0].key), goodClaims()),
		"none":                   sign(t, jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, goodClaims()),
		"PS256 with an RSA key":  sign(t, jwt.SigningMethodPS256, signers[1].key, goodClaims()),
		"RS512 with an RSA key ": sign(t, jwt.SigningMethodRS512, signers[1].key, goodClaims()),
	} {
		_, err := v.Verify(t.Context(), token)
		require.Error(t, err, name)
		requireRefused(t, err, auth.WrongAlgorithm, token)
	}
}

func signatureOf(t *testing.T, v *auth.Verifier, token string) auth.Check {
	t.Helper()
	for _, c := range v.Inspect(t.Context(), token).Checks {
		if c.Name == "signature" {
			return c
		}
	}
	require.FailNow(t, "the signature was not looked at")
	return auth.Check{}
}

// TestKeyFileOfWhichOneCannotBeUsed: a key that was skipped silently would be missed when tokens are signed with
// it.
//
// Acceptance: A-484.
func TestKeyFileOfWhichOneCannotBeUsed(t *testing.T) {
	t.Parallel()
	good := string(publicPEM(t, edKey(t)))
	private, err := x509.MarshalPKCS8PrivateKey(edKey(t))
	require.NoError(t, err)
	block := func(kind string, der []byte) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
	}
	for name, test := range map[string]struct{ content, want string }{
		"a private key": {good + block("PRIVATE KEY", private), "key 2 of 2: it holds a private key"},
		"a broken one":  {good + block("PUBLIC KEY", []byte{1}) + good, "key 2 of 3: reading the public key"},
		"a weak one":    {good + string(publicPEM(t, rsaKey(t, 1024))), "key 2 of 2: its RSA key has 1024 bits"},
		"another curve": {
			string(publicPEM(t, ecKey(t, elliptic.P384()))) + good, "key 1 of 2: its key is on the curve P-384",
		},
		"one that is cut off": {good + good[:len(good)/2], "2 PEM blocks begin in it and 1 can be read"},
		"not base64":          {strings.Replace(good, "M", "?", 1) + good, "2 PEM blocks begin in it and 1 can be read"},
		"one indented": {
			good + "  " + strings.ReplaceAll(good, "\n", "\n  "), "2 PEM blocks begin in it and 1 can be read",
		},
		"two on one line": {strings.TrimSuffix(good, "\n") + good, "can be read"},
		"too many":        {strings.Repeat(good, 17), "there are 17 keys in it, more than 16"},
		"too long":        {good + strings.Repeat("\n", 1<<20), "it is longer than 1048576 bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file := keyFile(t, []byte(test.content))
			_, err := auth.NewVerifier(t.Context(), auth.Config{PublicKeyFile: file})
			require.ErrorContains(t, err, "HERALD_JWT_PUBLIC_KEY_FILE "+file+": ")
			require.ErrorContains(t, err, test.want)
		})
	}
}

// TestShortSecretsOfTheFileAreWarnedOf: each by its place, none by its content.
func TestShortSecretsOfTheFileAreWarnedOf(t *testing.T) {
	t.Parallel()
	const short = "only-twenty-bytes-xx"
	var log bytes.Buffer
	_, err := auth.NewVerifier(t.Context(), auth.Config{
		SecretFile: keyFile(t, []byte(numbered(0)+"\n"+short)), Logger: slog.New(slog.NewTextHandler(&log, nil)),
	})
	require.NoError(t, err)
	require.Contains(t, log.String(), "level=WARN")
	require.Contains(t, log.String(), "secret=2 bytes=20 advised_bytes=32")
	require.NotContains(t, log.String(), short)
}

func TestSecretFileThatMayNotBeRead(t *testing.T) {
	t.Parallel()
	if os.Geteuid() == 0 {
		t.Skip("root may read everything")
	}
	file := keyFile(t, []byte(numbered(0)))
	require.NoError(t, os.Chmod(file, 0))
	_, err := auth.NewVerifier(t.Context(), auth.Config{SecretFile: file})
	require.ErrorContains(t, err, "reading HERALD_JWT_SECRET_FILE: ")
	require.ErrorIs(t, err, os.ErrPermission)
}
