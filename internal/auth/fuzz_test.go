package auth_test

import (
	"testing"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/auth"
)

// FuzzClaims signs any payload: Verify must return a principal that has a subject and an expiry, or refuse, and
// never panic.
func FuzzClaims(f *testing.F) {
	for _, payload := range []string{
		`{"sub":"a","exp":4102444800}`, `null`, `[]`, `{"sub":null,"exp":"x"}`, `{"sub":"a","exp":1e300,"role":[[]]}`,
		`{"sub":"a","exp":-1e300,"aud":{}}`, `{"sub":"a","exp":4102444800,"nbf":[],"iss":7}`,
	} {
		f.Add(payload)
	}
	v, err := auth.NewVerifier(f.Context(), auth.Config{Secret: secret, Now: now})
	require.NoError(f, err)
	f.Fuzz(func(t *testing.T, payload string) {
		token, err := jwt.NewWithClaims(jwt.SigningMethodHS256, rawClaims{payload: payload}).SignedString([]byte(secret))
		if err != nil {
			return // not JSON
		}
		p, err := v.Verify(t.Context(), token)
		if err != nil {
			var refusal *auth.TokenError
			require.ErrorAs(t, err, &refusal)
			return
		}
		require.NotEmpty(t, p.Subject)
		require.True(t, p.Expires.After(now()))
		_, err = p.Expires.MarshalJSON()
		require.NoError(t, err)
	})
}

// rawClaims is a payload that is sent unchanged.
type rawClaims struct {
	jwt.MapClaims

	payload string
}

func (c rawClaims) MarshalJSON() ([]byte, error) { return []byte(c.payload), nil }
