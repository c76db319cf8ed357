package auth_test

import (
	"bytes"
	"context"
	"crypto/elliptic"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/MicahParks/jwkset"
	"github.com/golang-jwt/jwt/v5"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/auth"
	"github.com/yummyzoom/herald/internal/test/counted"
)

// witness polls what a verifier counts and logs while a test waits.
type witness struct {
	counts  *prometheus.Registry
	metrics *auth.Metrics

	mu      sync.Mutex
	keys    []int // one entry for each fetch; -1: it failed
	fetched float64
	failed  int
	log     bytes.Buffer
}

func newWitness() *witness {
	counts := prometheus.NewRegistry()
	return &witness{counts: counts, metrics: auth.NewMetrics(counts)}
}

// leftOut returns how many keys of the last fetch are not used.
func (w *witness) leftOut() int { return counted.Of(w.counts, "jwks_keys_ignored") }

func (w *witness) Write(line []byte) (n int, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.log.Write(line)
}

func (w *witness) logged() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.log.String()
}

// fetches returns the outcome of each fetch.
func (w *witness) fetches() []int {
	w.mu.Lock()
	defer w.mu.Unlock()
	if failed := counted.Of(w.counts, "jwks_fetch_failures_total"); failed != w.failed {
		w.failed, w.keys = failed, append(w.keys, -1)
	}
	if fetched := counted.Sum(w.counts, "jwks_last_fetch_timestamp_seconds"); fetched != w.fetched {
		w.fetched, w.keys = fetched, append(w.keys, counted.Of(w.counts, "jwks_keys"))
	}
	return slices.Clone(w.keys)
}

// await waits until the condition holds.
func (w *witness) await(t *testing.T, yes func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !yes(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			require.FailNow(t, "waited in vain", "%v\n%s", w.fetches(), w.logged())
		}
	}
}

// more waits until two more fetches have ended: the second began after everything that was published before.
func (w *witness) more(t *testing.T) {
	t.Helper()
	before := len(w.fetches())
	w.await(t, func() bool { return len(w.fetches()) >= before+2 })
}

// watched is a verifier that fetches the set again and again.
func (i *issuer) watched(t *testing.T) (*auth.Verifier, *witness) {
	t.Helper()
	w := newWitness()
	return verifier(t, auth.Config{
		JWKSURL: i.URL, HTTPClient: i.Client(), JWKSRefresh: 5 * time.Millisecond, Metrics: w.metrics,
		Logger: slog.New(slog.NewTextHandler(w, nil)),
	}), w
}

// TestAKeyThatIsGoneIsRefused: without a token with an unknown key id, and whether or not the token names its key.
func TestAKeyThatIsGoneIsRefused(t *testing.T) {
	t.Parallel()
	before, after := ecKey(t, elliptic.P256()), ecKey(t, elliptic.P256())
	old, current := signAs(t, "before", jwt.SigningMethodES256, before), signAs(t, "after", jwt.SigningMethodES256, after)
	unnamed := sign(t, jwt.SigningMethodES256, before, goodClaims())
	i := newIssuer(t)
	i.publish(t, published(t, before.Public(), jwkset.JWKMetadataOptions{KID: "before"}))
	v, w := i.watched(t)
	for _, token := range []string{old, unnamed} {
		_, err := v.Verify(t.Context(), token)
		require.NoError(t, err)
	}
	i.publish(t, published(t, before.Public(), jwkset.JWKMetadataOptions{KID: "before"}),
		published(t, after.Public(), jwkset.JWKMetadataOptions{KID: "after"}))
	w.more(t)
	for _, token := range []string{old, unnamed, current} {
		_, err := v.Verify(t.Context(), token)
		require.NoError(t, err, "both are good while both are published")
	}
	i.publish(t, published(t, after.Public(), jwkset.JWKMetadataOptions{KID: "after"}))
	w.more(t)
	_, err := v.Verify(t.Context(), old)
	requireRefused(t, err, auth.UnknownKey, old)
	_, err = v.Verify(t.Context(), unnamed)
	requireRefused(t, err, auth.BadSignature, unnamed)
	_, err = v.Verify(t.Context(), current)
	require.NoError(t, err)
	i.publish(t) // every key is withdrawn
	w.more(t)
	_, err = v.Verify(t.Context(), sign(t, jwt.SigningMethodES256, after, goodClaims()))
	requireRefused(t, err, auth.UnknownKey, "")
	require.Contains(t, w.logged(), "keys=1 new=1 gone=0")
	require.Contains(t, w.logged(), "keys=2 new=1 gone=0")
	require.Contains(t, w.logged(), "keys=1 new=0 gone=1")
	require.Contains(t, w.logged(), "keys=0 new=0 gone=1")
	require.NotContains(t, w.fetches(), -1)
}

// TestTheLastKeysStayWhileTheIssuerIsAway: whatever the issuer answers instead of a JWK Set.
func TestTheLastKeysStayWhileTheIssuerIsAway(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]string{
		"an error status":              "",
		"no answer":                    "down",
		"a page":                       "<html>We are back soon</html>",
		"another object":               `{"error":"maintenance"}`,
		"null":                         "null",
		"keys that are null":           `{"keys":null}`,
		"keys that are no array":       `{"keys":{}}`,
		"a key that cannot be read":    `{"keys":[{"kty":"EC","crv":"P-256","kid":"key","x":"AA","y":"AA"}]}`,
		"more than anybody would send": `{"keys":[]}` + strings.Repeat(" ", 1<<20),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			key := ecKey(t, elliptic.P256())
			token := signAs(t, "key", jwt.SigningMethodES256, key)
			i := newIssuer(t)
			i.publish(t, published(t, key.Public(), jwkset.JWKMetadataOptions{KID: "key"}))
			v, w := i.watched(t)
			good := *i.set.Load()
			switch raw := []byte(answer); answer {
			case "":
				i.set.Store(nil)
			case "down":
				i.down.Store(true)
			default:
				i.set.Store(&raw)
			}
			w.await(t, func() bool { return strings.Contains(w.logged(), "the last keys stay in use") })
			require.Contains(t, w.logged(), "level=ERROR")
			require.Contains(t, w.logged(), "keys=1")
			for range 2 {
				_, err := v.Verify(t.Context(), token)
				require.NoError(t, err, "it is signed with a key of the last set")
				w.more(t)
			}
			_, err := v.Verify(t.Context(), signAs(t, "new", jwt.SigningMethodES256, key))
			requireRefused(t, err, auth.KeysUnavailable, "")
			require.ErrorContains(t, err, "cannot be fetched")

			i.down.Store(false)
			i.set.Store(&good)
			before := len(w.fetches())
			w.await(t, func() bool { all := w.fetches(); return len(all) > before && all[len(all)-1] == 1 })
			_, err = v.Verify(t.Context(), token)
			require.NoError(t, err)
		})
	}
}

// TestAClientThatHangsUpDoesNotKeepTheNewKeyFromTheOthers: the set is fetched for an unknown key id only now and
// then.
func TestAClientThatHangsUpDoesNotKeepTheNewKeyFromTheOthers(t *testing.T) {
	t.Parallel()
	before, after := ecKey(t, elliptic.P256()), ecKey(t, elliptic.P256())
	i := newIssuer(t)
	i.publish(t, published(t, before.Public(), jwkset.JWKMetadataOptions{KID: "before"}))
	v := i.verifier(t)
	i.publish(t, published(t, after.Public(), jwkset.JWKMetadataOptions{KID: "after"}))
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := v.Verify(gone, signAs(t, "invented", jwt.SigningMethodES256, before))
	requireRefused(t, err, auth.UnknownKey, "")
	_, err = v.Verify(t.Context(), signAs(t, "after", jwt.SigningMethodES256, after))
	require.NoError(t, err)
}

func TestRefusalsAreCounted(t *testing.T) {
	t.Parallel()
	w := newWitness()
	v := verifier(t, auth.Config{Secret: secret, Metrics: w.metrics})
	_, _ = v.Verify(t.Context(), "")
	_, _ = v.Verify(t.Context(), hs256(t, goodClaims()))
	_, _ = v.Verify(t.Context(), hs256(t, with(goodClaims(), "exp", nil)))
	for _, reason := range []auth.Reason{auth.NoToken, auth.MissingExpiry} {
		require.Equal(t, 1, counted.Of(w.counts, "tokens_refused_total", string(reason)))
	}
	require.Equal(t, 2, counted.Of(w.counts, "tokens_refused_total"))
}
