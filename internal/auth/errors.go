package auth

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"github.com/golang-jwt/jwt/v5"
)

// Reason classifies why a token was refused; it is fit for a metric's label.
type Reason string

// The reasons.
const (
	NoToken         Reason = "no_token"
	Malformed       Reason = "malformed"
	WrongAlgorithm  Reason = "wrong_algorithm"
	UnknownKey      Reason = "unknown_key"
	KeysUnavailable Reason = "keys_unavailable"
	BadSignature    Reason = "bad_signature"
	MissingExpiry   Reason = "missing_expiry"
	BadExpiry       Reason = "bad_expiry"
	Expired         Reason = "expired"
	NotYetValid     Reason = "not_yet_valid"
	WrongIssuer     Reason = "wrong_issuer"
	WrongAudience   Reason = "wrong_audience"
	MissingSubject  Reason = "missing_subject"
	BadClaim        Reason = "bad_claim"

	// NotPermitted is for a valid token that does not permit the request.
	NotPermitted Reason = "not_permitted"
)

// TokenError says why a token was refused. Its text is for logs and developers; clients are told 401 only.
type TokenError struct {
	Reason Reason
	Detail string
	Err    error // the cause, or nil; its text is not part of Error()
}

func (e *TokenError) Error() string { return "token refused: " + e.Detail }

func (e *TokenError) Unwrap() error { return e.Err }

// The challenges of a refused request: a token is required, or another one where one was sent (RFC 6750 §3).
const (
	challengeToken   = "Bearer"
	challengeAnother = `Bearer error="invalid_token"`
)

// Challenge is the value of WWW-Authenticate in a 401. It does not say what is wrong with the token.
func (e *TokenError) Challenge() string {
	if e.Reason == NoToken {
		return challengeToken
	}
	return challengeAnother
}

func refused(reason Reason, format string, args ...any) error {
	return &TokenError{Reason: reason, Detail: fmt.Sprintf(format, args...)}
}

// quotedMaximum bounds what a token can write into a log line.
const quotedMaximum = 64

// quoted makes a value that came with a token fit for a log line.
func quoted(v any) string {
	s, ok := v.(string)
	if _, number := v.(json.Number); number {
		return "a number"
	}
	if !ok {
		return fmt.Sprintf("a %T", v)
	}
	if len(s) > quotedMaximum {
		return strconv.QuoteToASCII(s[:quotedMaximum]) + "…"
	}
	return strconv.QuoteToASCII(s)
}

// explain translates the errors of the JWT library. The library's own texts are not passed on: they do not promise
// to keep the token out. tried is the key, or the keys, that the signature was compared with.
func (v *Verifier) explain(token *jwt.Token, tried any, err error) error {
	if own, ok := errors.AsType[*TokenError](err); ok {
		return own
	}
	if token == nil || token.Header == nil || errors.Is(err, jwt.ErrTokenMalformed) {
		return &TokenError{Reason: Malformed, Detail: "it is not a JSON Web Token of three base64url parts", Err: err}
	}
	if alg, ok := token.Header["alg"].(string); !ok || !v.keys.allows(alg) {
		return &TokenError{Reason: WrongAlgorithm, Err: err, Detail: fmt.Sprintf(
			"its alg is %s, but the configured key is for %s", quoted(token.Header["alg"]), v.keys.describe())}
	}
	if errors.Is(err, jwt.ErrTokenSignatureInvalid) {
		return &TokenError{Reason: BadSignature, Detail: fitsNone(tried), Err: err}
	}
	return v.explainClaims(token, err)
}

func (v *Verifier) explainClaims(token *jwt.Token, err error) error {
	claims, _ := token.Claims.(jwt.MapClaims)
	because := func(reason Reason, format string, args ...any) error {
		return &TokenError{Reason: reason, Detail: fmt.Sprintf(format, args...), Err: err}
	}
	exp, _ := claims.GetExpirationTime()
	nbf, _ := claims.GetNotBefore()
	switch {
	case offCalendar(claims["exp"]):
		return because(BadExpiry, expiryOffCalendar)
	case errors.Is(err, jwt.ErrTokenExpired):
		return because(Expired, "it expired at %s, %s ago", exp.UTC().Format(timestamp), v.now().Sub(exp.Time).Round(1e9))
	case errors.Is(err, jwt.ErrTokenNotValidYet):
		return because(NotYetValid, "it is not valid before %s (nbf)", nbf.UTC().Format(timestamp))
	case exp == nil && errors.Is(err, jwt.ErrTokenRequiredClaimMissing):
		return because(MissingExpiry, "it has no exp: a token that never expires is not accepted")
	case v.issuer != "" && claims["iss"] != any(v.issuer):
		return because(WrongIssuer, "its issuer (iss) is %s, not %q", quoted(claims["iss"]), v.issuer)
	case errors.Is(err, jwt.ErrTokenInvalidAudience),
		v.audience != "" && errors.Is(err, jwt.ErrTokenRequiredClaimMissing):
		return because(WrongAudience, "its audience (aud) does not contain %q", v.audience)
	default:
		return because(BadClaim, "one of exp, nbf, iss, aud has a value of the wrong kind")
	}
}
