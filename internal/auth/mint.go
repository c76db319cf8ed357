package auth

import (
	"cmp"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// MintTTLDefault is how long a development token lasts.
const MintTTLDefault = time.Hour

// Grant is the content of a development token.
type Grant struct {
	// Subject is the user's id. Required.
	Subject string
	// Roles are written as the claim "role".
	Roles []string
	// Permissions are written as the claim "permission", for example "OrderOwner:f47ac10b-58cc-4372-a567-0e02b2c3d479".
	Permissions []string
	// TTL is the time until the token expires; negative for an expired token. Defaults to one hour.
	TTL time.Duration
	// Issuer and Audience are written where given.
	Issuer, Audience string
	// Now is when the token is issued. Defaults to the present.
	Now time.Time
}

// Mint signs a development token with an HS256 secret. Production tokens come from an issuer, whose signing key
// Herald never holds.
func Mint(secret string, g Grant) (string, error) {
	if secret == "" {
		return "", ErrNoKey
	}
	if err := checkSecret(settingSecret, secret); err != nil {
		return "", err
	}
	if strings.TrimSpace(g.Subject) == "" {
		return "", errors.New("a token needs a subject")
	}
	now := g.Now
	if now.IsZero() {
		now = time.Now()
	}
	claims := jwt.MapClaims{
		"sub": g.Subject,
		"iat": now.Unix(),
		"exp": now.Add(cmp.Or(g.TTL, MintTTLDefault)).Unix(),
	}
	for name, value := range map[string]string{"iss": g.Issuer, "aud": g.Audience} {
		if value != "" {
			claims[name] = value
		}
	}
	for name, values := range map[string][]string{"role": g.Roles, claimPermission: g.Permissions} {
		if len(values) > 0 {
			claims[name] = values
		}
	}
	token, err := jwt.NewWithClaims(jwt.SigningMethodHS256, claims).SignedString([]byte(secret))
	if err != nil {
		return "", fmt.Errorf("signing a token: %w", err)
	}
	return token, nil
}
