package auth

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/yummyzoom/herald/internal/settings"
)

const (
	// LeewayDefault is how far the clocks of issuer and Herald may differ.
	LeewayDefault = 30 * time.Second
	// SecretMinimumBytes is the length below which an HS256 secret is refused: 128 bits, which issuers in the field
	// still use.
	SecretMinimumBytes = 16
	// SecretAdvisedBytes is the length below which a secret is accepted with a warning: the hash's own size (RFC 7518
	// §3.2).
	SecretAdvisedBytes = 32
)

// ErrNoKey is returned where no source of keys is configured.
var ErrNoKey = errors.New(
	"no JWT key is configured: set one of HERALD_JWT_SECRET or HERALD_JWT_SECRET_FILE (HS256), " +
		"HERALD_JWT_PUBLIC_KEY_FILE or HERALD_JWKS_URL (RS256, ES256, EdDSA)")

// Config says which tokens are accepted. Exactly one of Secret, SecretFile, PublicKeyFile and JWKSURL must be set.
type Config struct {
	// Secret verifies HS256 tokens. At least 16 bytes, better 32.
	Secret string
	// SecretFile is a file with such secrets, one a line, the newest first. All of them verify, 16 at most.
	SecretFile string
	// PublicKeyFile is a PEM file of one or more keys, 16 at most: RSA of at least 2048 bits (RS256), P-256 (ES256) or
	// Ed25519 (EdDSA).
	PublicKeyFile string
	// JWKSURL is where a JWK Set is published, http or https.
	JWKSURL string
	// Issuer is the "iss" that tokens must have. Defaults to any.
	Issuer string
	// Audience is what "aud" must contain. Defaults to any.
	Audience string
	// Leeway is how far clocks may differ. Negative: not at all. Defaults to 30 s.
	Leeway time.Duration
	// JWKSRefresh is how often the JWK Set is fetched. Defaults to 15 minutes.
	JWKSRefresh time.Duration
	// HTTPClient fetches the JWK Set. Defaults to a client that gives up after five seconds.
	HTTPClient *http.Client
	// Logger receives failures to fetch the JWK Set. Defaults to slog.Default().
	Logger *slog.Logger
	// Metrics count refusals and fetches. Default to metrics that are registered nowhere.
	Metrics *Metrics
	// Now is the clock. Defaults to time.Now.
	Now func() time.Time
}

// FromSettings returns the Config that an operator's settings describe. It refuses settings out of their range.
func FromSettings(s Settings) (Config, error) {
	if err := settings.Check(s); err != nil {
		return Config{}, err
	}
	return Config{
		Secret: s.JWTSecret, SecretFile: s.JWTSecretFile, PublicKeyFile: s.JWTPublicKeyFile, JWKSURL: s.JWKSURL,
		JWKSRefresh: s.JWKSRefresh,
		Issuer:      s.JWTIssuer, Audience: s.JWTAudience,
	}, nil
}

// LogValue keeps the secret out of the logs.
func (c Config) LogValue() slog.Value {
	return slog.GroupValue(
		slog.Bool("secret", c.Secret != ""),
		slog.String("secret_file", c.SecretFile),
		slog.String("public_key_file", c.PublicKeyFile),
		slog.String("jwks_url", redactedURL(c.JWKSURL)),
		slog.String("issuer", c.Issuer),
		slog.String("audience", c.Audience),
	)
}

func (c Config) withDefaults() Config {
	c.Leeway = max(cmp.Or(c.Leeway, LeewayDefault), 0)
	if c.JWKSRefresh <= 0 {
		c.JWKSRefresh = settings.Defaults[Settings]().JWKSRefresh
	}
	c.HTTPClient = cmp.Or(c.HTTPClient, &http.Client{Timeout: jwksFetchTimeout})
	c.Logger = cmp.Or(c.Logger, slog.Default())
	if c.Metrics == nil {
		c.Metrics = NewMetrics(nil)
	}
	if c.JWKSURL != "" {
		c.Metrics.countKeys()
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return c
}

func (c Config) validate() error {
	if err := c.oneSource(); err != nil {
		return err
	}
	if c.Secret != "" {
		return checkSecret(settingSecret, c.Secret)
	}
	if c.JWKSURL != "" {
		return checkJWKSURL(c.JWKSURL)
	}
	return nil
}

// oneSource checks that exactly one source of keys is configured.
func (c Config) oneSource() error {
	var set []string
	for _, source := range []struct{ name, value string }{
		{settingSecret, c.Secret},
		{settingSecretFile, c.SecretFile},
		{settingPublicKeyFile, c.PublicKeyFile},
		{settingJWKSURL, c.JWKSURL},
	} {
		if source.value != "" {
			set = append(set, source.name)
		}
	}
	switch {
	case len(set) == 0:
		return ErrNoKey
	case len(set) > 1 && c.Secret != "" && c.SecretFile != "":
		return fmt.Errorf("%s are all set: keep one and unset the rest; the secret may be a line of the file",
			strings.Join(set, " and "))
	case len(set) > 1:
		return fmt.Errorf("%s are all set: tokens are verified with one kind of key, so keep one and unset the rest",
			strings.Join(set, " and "))
	}
	return nil
}

// checkSecret says what is wrong with the secret of a setting.
func checkSecret(setting, secret string) error {
	if len(secret) < SecretMinimumBytes {
		return fmt.Errorf(
			"the JWT secret is %d bytes long: HS256 needs at least %d, better %d, for example from `openssl rand -base64 48`",
			len(secret), SecretMinimumBytes, SecretAdvisedBytes)
	}
	if strings.Contains(secret, pemBegins) {
		return errPublicSecret(setting)
	}
	return nil
}

// errPublicSecret is for a public key in the place of a secret: anyone who has the public key could sign with it.
func errPublicSecret(setting string) error {
	if setting == settingSecretFile {
		return fmt.Errorf("it holds a PEM key, and a public key is no secret: set %s instead of %s",
			settingPublicKeyFile, setting)
	}
	return fmt.Errorf(
		"the JWT secret is a PEM key, and a public key is no secret: put it in a file and set %s instead of %s",
		settingPublicKeyFile, setting)
}

func checkJWKSURL(raw string) error {
	u, err := url.Parse(raw)
	if err != nil || u.Host == "" || (u.Scheme != "https" && u.Scheme != "http") {
		return fmt.Errorf("HERALD_JWKS_URL is %q: it must be an http or https URL", redactedURL(raw))
	}
	return nil
}

func redactedURL(raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		return "(not a URL)"
	}
	return u.Redacted()
}
