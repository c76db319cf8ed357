package auth

import (
	"context"
	"crypto"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/MicahParks/jwkset"
	"github.com/MicahParks/keyfunc/v3"
	"github.com/golang-jwt/jwt/v5"
	"golang.org/x/time/rate"
)

const (
	jwksFetchTimeout = 5 * time.Second
	// unknownKeyInterval stops tokens with invented key ids from making us fetch the set for each of them.
	unknownKeyInterval = 10 * time.Second
)

// jwks is the key set that an issuer publishes.
type jwks struct {
	storage jwkset.Storage
}

func newJWKS(ctx context.Context, cfg Config) (keySource, error) {
	name := redactedURL(cfg.JWKSURL)
	keys, err := keyfunc.NewDefaultOverrideCtx(ctx, []string{cfg.JWKSURL}, keyfunc.Override{
		Client:            cfg.HTTPClient,
		HTTPTimeout:       jwksFetchTimeout,
		RateLimitWaitMax:  jwksFetchTimeout, // bounds the fetch as well as the wait for it
		RefreshInterval:   cfg.JWKSRefresh,
		RefreshUnknownKID: rate.NewLimiter(rate.Every(unknownKeyInterval), 1),
		RefreshErrorHandlerFunc: func(string) func(context.Context, error) {
			return func(ctx context.Context, err error) {
				cfg.Logger.ErrorContext(ctx, "the JWK Set could not be fetched: tokens that need a new key are refused",
					slog.String("url", name), slog.Any("error", err))
			}
		},
	})
	if err != nil {
		return nil, fmt.Errorf("preparing the JWK Set of %s: %w", name, err)
	}
	return jwks{storage: keys.Storage()}, nil
}

func (jwks) algorithms() []string         { return asymmetricAlgorithms() }
func (jwks) allows(algorithm string) bool { return isAsymmetric(algorithm) }
func (jwks) describe() string             { return strings.Join(asymmetricAlgorithms(), ", ") }

// key finds the key that the token names or, where it names none, all that could have signed it. A key is taken only for
// its own algorithm: a symmetric key in the set is for none, and "use": "enc" excludes a key altogether.
func (s jwks) key(ctx context.Context, token *jwt.Token) (any, error) {
	algorithm := token.Method.Alg()
	kid, named := token.Header[jwkset.HeaderKID]
	if !named {
		return s.unnamed(ctx, algorithm)
	}
	id, ok := kid.(string)
	if !ok {
		return nil, refused(Malformed, "its kid is %s, not a string", quoted(kid))
	}
	jwk, err := s.storage.KeyRead(ctx, id)
	switch {
	case errors.Is(err, jwkset.ErrKeyNotFound):
		return nil, refused(UnknownKey, "its key id %s is not in the JWK Set", quoted(id))
	case err != nil:
		return nil, &TokenError{Reason: KeysUnavailable, Err: err, Detail: fmt.Sprintf(
			"its key id %s is not known, and the JWK Set was fetched too recently to do so again", quoted(id))}
	}
	key, err := usable(jwk, algorithm)
	if err != nil {
		return nil, refused(WrongAlgorithm, "its alg is %s, but the key %s cannot be used for it: %v", algorithm, quoted(id), err)
	}
	return key, nil
}

func (s jwks) unnamed(ctx context.Context, algorithm string) (any, error) {
	all, err := s.storage.KeyReadAll(ctx)
	if err != nil {
		return nil, &TokenError{Reason: KeysUnavailable, Detail: "the JWK Set cannot be read", Err: err}
	}
	var set jwt.VerificationKeySet
	for _, jwk := range all {
		if key, err := usable(jwk, algorithm); err == nil {
			set.Keys = append(set.Keys, key)
		}
	}
	if len(set.Keys) == 0 {
		return nil, refused(UnknownKey, "it names no key (kid), and the JWK Set has none for %s", algorithm)
	}
	return set, nil
}

func usable(jwk jwkset.JWK, algorithm string) (crypto.PublicKey, error) {
	described := jwk.Marshal()
	if described.USE != "" && described.USE != jwkset.UseSig {
		return nil, fmt.Errorf("its use is %q", described.USE)
	}
	if alg := described.ALG.String(); alg != "" && alg != algorithm {
		return nil, fmt.Errorf("it is for %q", alg)
	}
	key := jwk.Key()
	if private, ok := key.(interface{ Public() crypto.PublicKey }); ok {
		key = private.Public()
	}
	own, err := algorithmOf(key)
	if err != nil {
		return nil, err
	}
	if own != algorithm {
		return nil, fmt.Errorf("it is for %s", own)
	}
	return key, nil
}
