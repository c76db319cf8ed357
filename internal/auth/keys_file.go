package auth

import (
	"bytes"
	"context"
	"crypto"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"unicode"

	"github.com/golang-jwt/jwt/v5"
)

const (
	settingSecret        = "HERALD_JWT_SECRET"      //nolint:gosec // a setting's name
	settingSecretFile    = "HERALD_JWT_SECRET_FILE" //nolint:gosec // likewise
	settingPublicKeyFile = "HERALD_JWT_PUBLIC_KEY_FILE"
	settingJWKSURL       = "HERALD_JWKS_URL"

	// keyFileMaximumBytes is many times the size of keysTried of the largest keys.
	keyFileMaximumBytes = 1 << 20
)

// fixedKey is one key of a configured secret or file.
type fixedKey struct {
	algorithm string
	value     crypto.PublicKey // or []byte, an HS256 secret
}

// fixedKeys are the keys of a configured secret or file, in its order. PEM has no place for a key's id, so each key
// of a token's algorithm is tried; a file holds keysTried at most, so none is left out.
type fixedKeys []fixedKey

func (f fixedKeys) algorithms() (algorithms []string) {
	for _, k := range f {
		if !slices.Contains(algorithms, k.algorithm) {
			algorithms = append(algorithms, k.algorithm)
		}
	}
	return algorithms
}

func (f fixedKeys) allows(algorithm string) bool { return slices.Contains(f.algorithms(), algorithm) }
func (f fixedKeys) describe() string             { return strings.Join(f.algorithms(), ", ") }

func (f fixedKeys) key(_ context.Context, token *jwt.Token) (any, error) {
	keys := f.candidates(token.Method.Alg())
	if len(keys) == 1 {
		return keys[0], nil
	}
	return jwt.VerificationKeySet{Keys: keys}, nil
}

func (f fixedKeys) candidates(algorithm string) (keys []jwt.VerificationKey) {
	for _, k := range f {
		if k.algorithm == algorithm {
			keys = append(keys, k.value)
		}
	}
	return keys
}

// source words how many keys there are for each algorithm.
func (f fixedKeys) source() string {
	texts := make([]string, 0, len(f))
	for _, algorithm := range f.algorithms() {
		texts = append(texts, fmt.Sprintf("%d for %s", len(f.candidates(algorithm)), algorithm))
	}
	return strings.Join(texts, ", ")
}

// readKeyFile reads the file that a setting names.
func readKeyFile(setting, path string) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", setting, err)
	}
	defer file.Close()
	content, err := io.ReadAll(io.LimitReader(file, keyFileMaximumBytes+1))
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", setting, err)
	}
	if len(content) > keyFileMaximumBytes {
		return nil, fmt.Errorf("%s %s: it is longer than %d bytes, which no file of keys is", setting,
			path, keyFileMaximumBytes)
	}
	return bytes.TrimPrefix(content, []byte("\ufeff")), nil // some editors write a byte order mark
}

// readSecrets returns the secrets of a file, one a line, the newest first.
func readSecrets(path string) ([]string, error) {
	content, err := readKeyFile(settingSecretFile, path)
	if err != nil {
		return nil, err
	}
	secrets, err := parseSecrets(string(content))
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", settingSecretFile, path, err)
	}
	return secrets, nil
}

func parseSecrets(content string) (secrets []string, err error) {
	if strings.Contains(content, pemBegins) {
		return nil, errPublicSecret(settingSecretFile)
	}
	number := 0
	for line := range strings.Lines(content) {
		number++
		line = strings.TrimRight(line, "\r\n")
		if strings.TrimSpace(line) == "" {
			continue
		}
		if err := checkSecretLine(line); err != nil {
			return nil, fmt.Errorf("line %d: %w", number, err)
		}
		if !slices.Contains(secrets, line) {
			secrets = append(secrets, line)
		}
	}
	switch {
	case len(secrets) == 0:
		return nil, errors.New("there is no secret in it: write one a line, the newest first")
	case len(secrets) > keysTried:
		return nil, fmt.Errorf(
			"there are %d secrets in it, more than %d: remove those with which no token in use was signed",
			len(secrets), keysTried)
	}
	return secrets, nil
}

// checkSecretLine refuses lines that were hardly meant as a secret, each of which would otherwise be one.
func checkSecretLine(line string) error {
	switch {
	case strings.ContainsFunc(line, unicode.IsControl):
		return errors.New(
			"it has a control character in it: secrets are text, for example from `openssl rand -base64 48`, " +
				"in UTF-8 where they are not ASCII")
	case strings.HasPrefix(line, "#"):
		return errors.New("it begins with #: there are no comments in this file, for whoever guesses one could sign with it")
	case strings.TrimSpace(line) != line:
		return errors.New("it begins or ends with a space")
	}
	return checkSecret(settingSecretFile, line)
}

// NewestSecret returns the secret that signs minted tokens: that of Secret, or the first of SecretFile. It is empty
// where neither is set.
func (c Config) NewestSecret() (string, error) {
	if err := c.oneSource(); err != nil && !errors.Is(err, ErrNoKey) {
		return "", err
	}
	secrets, err := c.secrets()
	if err != nil || len(secrets) == 0 {
		return "", err
	}
	return secrets[0], nil
}

// secrets returns those of Secret or SecretFile, the newest first, or none where neither is set.
func (c Config) secrets() ([]string, error) {
	switch {
	case c.Secret != "":
		return []string{c.Secret}, nil
	case c.SecretFile != "":
		return readSecrets(c.SecretFile)
	default:
		return nil, nil
	}
}
