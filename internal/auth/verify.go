package auth

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// Claims beside the registered ones. The long names are what ASP.NET Core writes.
const (
	claimNameID         = "nameid" // what its JwtSecurityTokenHandler makes of claimNameIdentifier
	claimNameIdentifier = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/nameidentifier"
	claimMicrosoftRole  = "http://schemas.microsoft.com/ws/2008/06/identity/claims/role"
	claimPermission     = "permission"
)

const (
	timestamp = time.RFC3339
	// tokenMaximumBytes is far above any honest token and bounds how much one request can make the node decode.
	tokenMaximumBytes = 32 << 10
)

// Verifier turns tokens into principals. It is safe for concurrent use.
type Verifier struct {
	keys     keySource
	parser   *jwt.Parser
	issuer   string
	audience string
	leeway   time.Duration
	now      func() time.Time
	metrics  *Metrics
}

// NewVerifier returns a Verifier for cfg's key, or an error that says what is wrong with cfg: [ErrNoKey] where
// there is no key at all. ctx bounds the life of the Verifier: it ends the refreshing of a JWK Set.
func NewVerifier(ctx context.Context, cfg Config) (*Verifier, error) {
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	cfg = cfg.withDefaults()
	keys, err := newKeySource(ctx, cfg)
	if err != nil {
		return nil, err
	}
	options := []jwt.ParserOption{
		jwt.WithValidMethods(keys.algorithms()),
		jwt.WithExpirationRequired(),
		jwt.WithLeeway(cfg.Leeway),
		jwt.WithTimeFunc(cfg.Now),
		jwt.WithStrictDecoding(),
		jwt.WithJSONNumber(), // keeps integer subjects exact, which a float would round
	}
	if cfg.Issuer != "" {
		options = append(options, jwt.WithIssuer(cfg.Issuer))
	}
	if cfg.Audience != "" {
		options = append(options, jwt.WithAudience(cfg.Audience))
	}
	return &Verifier{
		keys:     keys,
		parser:   jwt.NewParser(options...),
		issuer:   cfg.Issuer,
		audience: cfg.Audience,
		leeway:   cfg.Leeway,
		now:      cfg.Now,
		metrics:  cfg.Metrics,
	}, nil
}

// Keys words how many keys there are and for what, such as "2 for HS256".
func (v *Verifier) Keys() string { return v.keys.source() }

// FromRequest verifies the token that r carries: in Authorization: Bearer or, as browsers cannot set headers on a
// WebSocket, in the query value access_token. The header wins. Any error is a [*TokenError] and means 401.
func (v *Verifier) FromRequest(r *http.Request) (*Principal, error) {
	token, ok := bearer(r.Header.Get("Authorization"))
	if !ok {
		token = r.URL.Query().Get("access_token")
	}
	return v.Verify(r.Context(), token)
}

func bearer(authorization string) (token string, ok bool) {
	scheme, token, _ := strings.Cut(strings.TrimSpace(authorization), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return "", false
	}
	return strings.TrimSpace(token), true
}

// Verify checks token and returns its principal. Any error is a [*TokenError].
func (v *Verifier) Verify(ctx context.Context, token string) (*Principal, error) {
	p, err := v.verify(ctx, token)
	if refusal, ok := errors.AsType[*TokenError](err); ok {
		v.metrics.refused.WithLabelValues(string(refusal.Reason)).Inc()
	}
	return p, err
}

func (v *Verifier) verify(ctx context.Context, token string) (*Principal, error) {
	if token == "" {
		return nil, refused(NoToken, "there is none in Authorization: Bearer nor in the query value access_token")
	}
	if len(token) > tokenMaximumBytes {
		return nil, refused(Malformed, "it is %d bytes long, more than %d", len(token), tokenMaximumBytes)
	}
	claims := jwt.MapClaims{}
	var tried any
	parsed, err := v.parser.ParseWithClaims(token, claims, func(t *jwt.Token) (any, error) {
		// RFC 7515 §4.1.11: a header that the token calls critical must be understood, and Herald understands none.
		if _, critical := t.Header["crit"]; critical {
			return nil, errCritical()
		}
		var err error
		tried, err = v.keys.key(ctx, t)
		return tried, err
	})
	if err != nil {
		return nil, v.explain(parsed, tried, err)
	}
	return v.principal(claims)
}

func (v *Verifier) principal(claims jwt.MapClaims) (*Principal, error) {
	subject, err := subjectOf(claims)
	if err != nil {
		return nil, err
	}
	if offCalendar(claims["nbf"]) {
		return nil, errNotBeforeOffCalendar()
	}
	expires, err := v.expiresAt(claims)
	if err != nil {
		return nil, err
	}
	return &Principal{
		Subject: subject, Roles: rolesOf(claims), Permissions: stringsOf(claims[claimPermission]), Expires: expires,
	}, nil
}

func errCritical() error {
	return refused(Malformed, "it has a crit header, which names extensions that are not supported")
}

// rolesOf returns the roles of every spelling of the claim, each once.
func rolesOf(claims jwt.MapClaims) (roles []string) {
	for _, name := range []string{"role", "roles", claimMicrosoftRole} {
		for _, role := range stringsOf(claims[name]) {
			if !slices.Contains(roles, role) {
				roles = append(roles, role)
			}
		}
	}
	return roles
}

// subjectOf returns the user's id: the first present of the claims that may name it. An integer counts as its
// digits. Any other number is refused, because two spellings of it would be two users. A subject that is neither
// text nor number is refused too.
func subjectOf(claims jwt.MapClaims) (string, error) {
	for _, name := range []string{"sub", claimNameID, claimNameIdentifier} {
		switch value := claims[name].(type) {
		case nil:
		case string:
			if strings.TrimSpace(value) != "" {
				return value, nil
			}
		case json.Number:
			if digits := value.String(); digits != "-0" && !strings.ContainsAny(digits, ".eE") {
				return digits, nil
			}
			return "", refused(BadClaim, "its %s is the number %s, neither a string nor an integer",
				name, quoted(value.String()))
		default:
			return "", refused(BadClaim, "its %s is %s, neither a string nor an integer", name, quoted(value))
		}
	}
	return "", refused(MissingSubject, "it has no subject: neither sub nor %s nor %s", claimNameID, claimNameIdentifier)
}

func (v *Verifier) expiresAt(claims jwt.MapClaims) (time.Time, error) {
	exp, err := claims.GetExpirationTime()
	if err != nil || exp == nil { // the parser has checked it
		return time.Time{}, refused(MissingExpiry, "it has no exp")
	}
	if offCalendar(claims["exp"]) {
		return time.Time{}, refused(BadExpiry, expiryOffCalendar)
	}
	if !v.now().Before(exp.Time) {
		return exp.Add(v.leeway), nil
	}
	return exp.Time, nil
}

const expiryOffCalendar = "its exp lies behind the year 9999: it counts seconds since 1970, not milliseconds"

// lastSecond is the end of the year 9999, in seconds since 1970.
const lastSecond = 253402300799

// offCalendar says whether a time lies so far away that it is no date: converted to a time it could become any
// other.
func offCalendar(claim any) bool {
	number, ok := claim.(json.Number)
	seconds, err := number.Float64()
	return ok && (err != nil || seconds > lastSecond || seconds < -lastSecond)
}

func errNotBeforeOffCalendar() error {
	return refused(BadClaim, "its nbf lies beyond the calendar: it counts seconds since 1970, not milliseconds")
}

// stringsOf reads a claim that is a string or an array of strings. Anything else in it grants nothing and is passed
// over.
func stringsOf(claim any) []string {
	switch value := claim.(type) {
	case string:
		return []string{value}
	case []any:
		var list []string
		for _, element := range value {
			if s, ok := element.(string); ok {
				list = append(list, s)
			}
		}
		return list
	default:
		return nil
	}
}
