package auth

import (
	"context"
	"crypto"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/MicahParks/jwkset"
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
	storage   jwkset.Storage // of published, and fetches for an unknown key
	published *published
}

func newJWKS(ctx context.Context, cfg Config) (keySource, error) {
	name := redactedURL(cfg.JWKSURL)
	p := newPublished(cfg, name)
	fetched, err := jwkset.NewStorageFromHTTP(cfg.JWKSURL, jwkset.HTTPClientStorageOptions{
		Client:                    boundedClient(cfg.HTTPClient),
		Ctx:                       ctx,
		HTTPTimeout:               jwksFetchTimeout,
		NoErrorReturnFirstHTTPReq: true,
		RefreshErrorHandler:       p.failed,
		RefreshInterval:           cfg.JWKSRefresh,
		Storage:                   p,
	})
	if err != nil {
		return nil, fmt.Errorf("preparing the JWK Set of %s: %w", name, err)
	}
	storage, err := jwkset.NewHTTPClient(jwkset.HTTPClientOptions{
		HTTPURLs:          map[string]jwkset.Storage{cfg.JWKSURL: fetched},
		RateLimitWaitMax:  jwksFetchTimeout, // bounds the fetch as well as the wait for it
		RefreshUnknownKID: rate.NewLimiter(rate.Every(unknownKeyInterval), 1),
	})
	if err != nil {
		return nil, fmt.Errorf("preparing the JWK Set of %s: %w", name, err)
	}
	return jwks{storage: storage, published: p}, nil
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
	// A client that invents a key id and hangs up must not take the one fetch of these seconds from everybody else.
	jwk, err := s.storage.KeyRead(context.WithoutCancel(ctx), id)
	switch {
	case errors.Is(err, jwkset.ErrKeyNotFound) && s.published.isAway():
		return nil, &TokenError{Reason: KeysUnavailable, Err: err, Detail: fmt.Sprintf(
			"its key id %s is not known, and the JWK Set cannot be fetched", quoted(id))}
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
	switch {
	case len(set.Keys) > 0:
		return set, nil
	case s.published.isAway():
		return nil, refused(KeysUnavailable, "it names no key (kid), and the JWK Set cannot be fetched")
	default:
		return nil, refused(UnknownKey, "it names no key (kid), and the JWK Set has none for %s", algorithm)
	}
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
