package auth

import "time"

// Settings says which tokens are accepted.
type Settings struct {
	JWTSecret        string        `name:"jwt-secret" env:"HERALD_JWT_SECRET" placeholder:"SECRET" help:"Key of HS256 tokens."`
	JWTSecretFile    string        `name:"jwt-secret-file" env:"HERALD_JWT_SECRET_FILE" placeholder:"FILE" help:"File with keys of HS256 tokens, one a line, the newest first; all are accepted, 16 at most."`
	JWTPublicKeyFile string        `name:"jwt-public-key-file" env:"HERALD_JWT_PUBLIC_KEY_FILE" placeholder:"FILE" help:"PEM file with the public keys of RS256, ES256 or EdDSA tokens, of any mixture, 16 at most."`
	JWKSURL          string        `name:"jwks-url" env:"HERALD_JWKS_URL" placeholder:"URL" help:"Where the issuer publishes its keys (RS256, ES256, EdDSA)."`
	JWKSRefresh      time.Duration `name:"jwks-refresh" default:"15m" env:"HERALD_JWKS_REFRESH" zero:"refused: a key that is gone would be accepted for ever" least:"1s" placeholder:"DURATION" help:"Time after which the issuer's keys are fetched anew: so long a key that is gone is still accepted; a new one is fetched when a token names it (${default})."`
	JWTIssuer        string        `name:"jwt-issuer" env:"HERALD_JWT_ISSUER" placeholder:"ISS" help:"Required iss of tokens. Defaults to any."`
	JWTAudience      string        `name:"jwt-audience" env:"HERALD_JWT_AUDIENCE" placeholder:"AUD" help:"Required aud of tokens. Defaults to any."`
	AdminRole        string        `default:"Admin" env:"HERALD_ADMIN_ROLE" placeholder:"ROLE" help:"Role that may use the admin hub and the admin API (${default})."`
}

// HasKey says whether any key is configured.
func (s Settings) HasKey() bool {
	return s.JWTSecret != "" || s.JWTSecretFile != "" || s.JWTPublicKeyFile != "" || s.JWKSURL != ""
}
