package auth

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// Check is one check that a token must pass.
type Check struct {
	Name string `json:"check"`
	OK   bool   `json:"ok"`
	// Detail says what was found, and what is wrong where OK is false. It never contains the token.
	Detail string `json:"detail"`
}

// Inspection says whether a token is accepted and why. It repeats everything that the token says about itself: it
// is for the token's holder, not for logs.
type Inspection struct {
	// Header and Claims are the token's own, verified or not. Nil where they cannot be read.
	Header, Claims map[string]any
	// Subject, Roles and Permissions are what Herald reads in the claims, verified or not.
	Subject            string
	Roles, Permissions []string
	// Checks are all checks that could be made, even behind one that failed: an expired token may also be another
	// issuer's.
	Checks []Check
	// Refusal is the error of [Verifier.Verify]. Nil where the token is accepted.
	Refusal *TokenError
}

// Inspect makes each of Verify's checks separately and reports its outcome. Verify's own answer is in the
// Inspection too, and decides.
func (v *Verifier) Inspect(ctx context.Context, token string) *Inspection {
	var i Inspection
	_, err := v.verify(ctx, token)
	i.Refusal, _ = errors.AsType[*TokenError](err)
	form, signed := v.checkForm(token, i.Refusal)
	i.Checks = []Check{form}
	if signed == nil {
		return &i
	}
	claims, _ := signed.Claims.(jwt.MapClaims)
	i.Header, i.Claims = signed.Header, claims
	i.Subject, _ = subjectOf(claims)
	i.Roles, i.Permissions = rolesOf(claims), stringsOf(claims[claimPermission])
	i.Checks = append(i.Checks, v.checkSignature(ctx, signed, token, i.Refusal)...)
	i.Checks = append(i.Checks,
		v.checkExpiry(claims),
		v.checkNotBefore(claims),
		checkName("iss", "HERALD_JWT_ISSUER", v.issuer, claims, jwt.WithIssuer(v.issuer)),
		checkName("aud", "HERALD_JWT_AUDIENCE", v.audience, claims, jwt.WithAudience(v.audience)),
		checkSubject(claims),
	)
	return &i
}

// passed and failed word the outcome of a check.
func passed(name, format string, args ...any) Check {
	return Check{Name: name, OK: true, Detail: fmt.Sprintf(format, args...)}
}

func failed(name string, err error) Check {
	if refusal, ok := errors.AsType[*TokenError](err); ok {
		return Check{Name: name, Detail: refusal.Detail}
	}
	return Check{Name: name, Detail: err.Error()}
}

// checkForm reads the token without verifying it. It returns nil where the token cannot be read.
func (v *Verifier) checkForm(token string, refusal *TokenError) (Check, *jwt.Token) {
	const name = "form"
	if token == "" || len(token) > tokenMaximumBytes {
		return failed(name, refusal), nil
	}
	signed, _, err := v.parser.ParseUnverified(token, jwt.MapClaims{})
	if signed == nil || signed.Header == nil || errors.Is(err, jwt.ErrTokenMalformed) {
		return failed(name, refusal), nil
	}
	if _, critical := signed.Header["crit"]; critical {
		return failed(name, errCritical()), signed
	}
	return passed(name, "a JSON Web Token of %d bytes", len(token)), signed
}

// checkSignature makes the checks that need the key. It stops at the first that fails, because the next ones depend
// on it.
func (v *Verifier) checkSignature(ctx context.Context, signed *jwt.Token, token string, refusal *TokenError) []Check {
	alg, ok := signed.Header["alg"].(string)
	if !ok || signed.Method == nil || !v.keys.allows(alg) {
		return []Check{failed("algorithm", refused(WrongAlgorithm,
			"its alg is %s, but the configured key is for %s", quoted(signed.Header["alg"]), v.keys.describe()))}
	}
	checks := []Check{passed("algorithm", "%s, which the configured key is for", alg)}
	if _, err := v.keys.key(ctx, signed); err != nil {
		if refusal != nil && refusal.Reason == UnknownKey { // Verify has fetched the JWK Set for this key id
			err = refusal
		}
		return append(checks, failed("key", err))
	}
	return append(checks, v.checkKeys(ctx, signed, token)...)
}

// checkKeys says how many keys could have signed the token, and which of them did: once no token in use is signed
// with the oldest key, that key may be removed.
func (v *Verifier) checkKeys(ctx context.Context, signed *jwt.Token, token string) []Check {
	found, err := v.keys.key(ctx, signed)
	if err != nil {
		return []Check{failed("key", err)}
	}
	keys := []jwt.VerificationKey{found}
	if set, several := found.(jwt.VerificationKeySet); several {
		keys = set.Keys
	}
	there := passed("key", "there is one for it")
	if len(keys) > 1 {
		there = passed("key", "there are %d for it", len(keys))
	}
	// The same parser as Verify's, but without the claims.
	bare := jwt.NewParser(jwt.WithValidMethods(v.keys.algorithms()), jwt.WithStrictDecoding(),
		jwt.WithoutClaimsValidation(), jwt.WithJSONNumber())
	for i, key := range keys {
		_, err := bare.Parse(token, func(*jwt.Token) (any, error) { return key, nil })
		switch {
		case err == nil && len(keys) == 1:
			return []Check{there, passed("signature", "it fits the configured key")}
		case err == nil:
			return []Check{there, passed("signature", "it fits key %d of these %d", i+1, len(keys))}
		}
	}
	if len(keys) > 1 {
		return []Check{there, failed("signature", refused(BadSignature, "it fits none of these %d", len(keys)))}
	}
	return []Check{there, failed("signature", refused(BadSignature, "it does not fit the configured key"))}
}

// only returns the one claim that a validator is to see.
func only(name string, claims jwt.MapClaims) jwt.MapClaims {
	if value, ok := claims[name]; ok {
		return jwt.MapClaims{name: value}
	}
	return jwt.MapClaims{}
}

func (v *Verifier) checkExpiry(claims jwt.MapClaims) Check {
	const name = "exp"
	at, err := claims.GetExpirationTime()
	if err != nil || at == nil {
		return failed(name, badTime(claims[name], "it is missing: a token that never expires is not accepted"))
	}
	if _, err := v.expiresAt(claims); err != nil {
		return failed(name, err)
	}
	if v.validate(only(name, claims), jwt.WithExpirationRequired()) != nil {
		return failed(name, refused(Expired, "%s", v.inWords(at.Time)))
	}
	return passed(name, "%s%s", v.inWords(at.Time), v.leniently(!v.now().Before(at.Time)))
}

func (v *Verifier) checkNotBefore(claims jwt.MapClaims) Check {
	const name = "nbf"
	at, err := claims.GetNotBefore()
	switch {
	case err != nil:
		return failed(name, badTime(claims[name], ""))
	case offCalendar(claims[name]):
		return failed(name, errNotBeforeOffCalendar())
	case at == nil:
		return passed(name, "it has none, and needs none")
	case v.validate(only(name, claims)) != nil:
		return failed(name, refused(NotYetValid, "%s", v.inWords(at.Time)))
	default:
		return passed(name, "%s%s", v.inWords(at.Time), v.leniently(v.now().Before(at.Time)))
	}
}

func (v *Verifier) validate(claims jwt.MapClaims, options ...jwt.ParserOption) error {
	options = append(options, jwt.WithLeeway(v.leeway), jwt.WithTimeFunc(v.now))
	return jwt.NewValidator(options...).Validate(claims) //nolint:wrapcheck // only whether there is one is asked
}

func badTime(claim any, missing string) error {
	if claim == nil {
		return refused(MissingExpiry, "%s", missing)
	}
	return refused(BadClaim, "it is %s, not a number of seconds since 1970", quoted(claim))
}

// inWords words a moment and its distance from now.
func (v *Verifier) inWords(at time.Time) string { return InWords(at, v.now()) }

// leniently notes that a time is good only because of the leeway.
func (v *Verifier) leniently(needed bool) string {
	if needed {
		return fmt.Sprintf(", within the leeway of %s", v.leeway)
	}
	return ""
}

// InWords words a moment and its distance from now, such as "2026-01-20T11:00:00Z, in 1h0m0s".
func InWords(at, now time.Time) string {
	if distance := at.Sub(now).Round(time.Second); distance > 0 {
		return fmt.Sprintf("%s, in %s", at.UTC().Format(timestamp), distance)
	}
	return fmt.Sprintf("%s, %s ago", at.UTC().Format(timestamp), now.Sub(at).Round(time.Second))
}

func checkName(name, setting, want string, claims jwt.MapClaims, option jwt.ParserOption) Check {
	if want == "" {
		return passed(name, "any will do: %s is not set", setting)
	}
	if jwt.NewValidator(option).Validate(only(name, claims)) != nil {
		return failed(name, refused(BadClaim, "it is %s, but %s is %q", listed(claims[name]), setting, want))
	}
	return passed(name, "%q, as %s says", want, setting)
}

// listed is quoted for a claim that may also be a list.
func listed(claim any) string {
	switch values := stringsOf(claim); {
	case claim == nil:
		return "missing"
	case len(values) > 0:
		return fmt.Sprintf("%q", values)
	default:
		return quoted(claim)
	}
}

func checkSubject(claims jwt.MapClaims) Check {
	subject, err := subjectOf(claims)
	if err != nil {
		return failed("subject", err)
	}
	return passed("subject", "%q", subject)
}
