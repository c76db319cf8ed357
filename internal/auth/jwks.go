package auth

import (
	"context"
	"crypto"
	"fmt"
	"strings"

	"github.com/golang-jwt/jwt/v5"
)

const (
	// keysTried bounds the verifications that one token costs where many keys could have signed it.
	keysTried = 16

	headerKID = "kid"
)

// jwks is an issuer's published key set, as a source of keys.
type jwks struct{ issuer *issuer }

func newJWKS(ctx context.Context, cfg Config) (keySource, error) {
	i := newIssuer(cfg)
	i.fetch(ctx)
	go i.run(ctx)
	return jwks{i}, nil
}

func (jwks) algorithms() []string         { return asymmetricAlgorithms() }
func (jwks) allows(algorithm string) bool { return isAsymmetric(algorithm) }
func (jwks) describe() string             { return strings.Join(asymmetricAlgorithms(), ", ") }

func (s jwks) source() string {
	return fmt.Sprintf("%d of the JWK Set for %s", len(s.issuer.keys().keys), s.describe())
}

// key finds the keys that the token names (RFC 7517 §4.5: several may share an id) or, where it names none, all
// that could have signed it. A key is used only for its own algorithm. A key without an id is tried for every token
// whose id is not in the set.
func (s jwks) key(ctx context.Context, token *jwt.Token) (any, error) {
	algorithm := token.Method.Alg()
	kid, named := token.Header[headerKID]
	if !named {
		return s.unnamed(algorithm)
	}
	id, ok := kid.(string)
	if !ok {
		return nil, refused(Malformed, "its kid is %s, not a string", quoted(kid))
	}
	set := s.issuer.keys()
	if !set.knows(id) {
		fetched := s.issuer.fetchForUnknown(ctx)
		if set = s.issuer.keys(); !set.knows(id) {
			return s.unknown(set, id, algorithm, fetched)
		}
	}
	if keys := set.candidates(algorithm, func(k jwk) bool { return k.id == id }); len(keys) > 0 {
		return jwt.VerificationKeySet{Keys: keys}, nil
	}
	return nil, refused(WrongAlgorithm, "its alg is %s, but the key %s cannot be used for it: %s", algorithm,
		quoted(id), set.unfit(id))
}

// unknown answers for a token whose key id is not in the set.
func (s jwks) unknown(set *keySet, id, algorithm string, fetched bool) (any, error) {
	keys := set.candidates(algorithm, func(k jwk) bool { return k.id == "" })
	switch {
	case len(keys) > 0:
		return jwt.VerificationKeySet{Keys: keys}, nil
	case s.issuer.isAway():
		return nil, refused(KeysUnavailable, "its key id %s is not known, and the JWK Set cannot be fetched", quoted(id))
	case !fetched:
		return nil, refused(KeysUnavailable,
			"its key id %s is not known, and the JWK Set was fetched too recently to do so again", quoted(id))
	default:
		return nil, refused(UnknownKey, "its key id %s is not in the JWK Set", quoted(id))
	}
}

func (s jwks) unnamed(algorithm string) (any, error) {
	keys := s.issuer.keys().candidates(algorithm, func(jwk) bool { return true })
	switch {
	case len(keys) > 0:
		return jwt.VerificationKeySet{Keys: keys}, nil
	case s.issuer.isAway():
		return nil, refused(KeysUnavailable, "it names no key (kid), and the JWK Set cannot be fetched")
	default:
		return nil, refused(UnknownKey, "it names no key (kid), and the JWK Set has none for %s", algorithm)
	}
}

// keySet is the result of reading one document of the issuer. It is never changed once made.
type keySet struct {
	keys    []jwk
	ignored []ignoredKey
}

// knows says whether an id is in the set, as a key in use or as one left out.
func (s *keySet) knows(id string) bool {
	for _, k := range s.keys {
		if k.id == id && id != "" {
			return true
		}
	}
	for _, k := range s.ignored {
		if k.id == id && id != "" {
			return true
		}
	}
	return false
}

// candidates are the first keys for the algorithm, in the set's order, at most keysTried.
func (s *keySet) candidates(algorithm string, wanted func(jwk) bool) (keys []jwt.VerificationKey) {
	for _, k := range s.keys {
		if k.algorithm == algorithm && wanted(k) && len(keys) < keysTried {
			keys = append(keys, k.key)
		}
	}
	return keys
}

// unfit says why no key with this id of the set fits the token: the id's key is for another algorithm, or left out.
func (s *keySet) unfit(id string) string {
	for _, k := range s.keys {
		if k.id == id {
			return "it is for " + k.algorithm
		}
	}
	for _, k := range s.ignored {
		if k.id == id {
			return k.reason
		}
	}
	return "it is not in the JWK Set"
}

// fitsNone words that a signature fits none of the keys that were tried.
func fitsNone(tried crypto.PublicKey) string {
	if set, ok := tried.(jwt.VerificationKeySet); ok && len(set.Keys) == keysTried {
		return fmt.Sprintf("its signature fits none of the first %d keys that could have made it", keysTried)
	} else if ok && len(set.Keys) > 1 {
		return fmt.Sprintf("its signature fits none of the %d keys that could have made it", len(set.Keys))
	}
	return "its signature does not fit the configured key"
}
