package auth

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"
	"golang.org/x/time/rate"
)

const (
	jwksFetchTimeout = 5 * time.Second
	// unknownKeyInterval stops tokens with invented key ids from causing a fetch each.
	unknownKeyInterval = 10 * time.Second
	// jwksMaximumBytes and jwksMaximumKeys are far above any honest JWK Set. They bound the memory that one fetch can
	// take.
	jwksMaximumBytes = 1 << 20
	jwksMaximumKeys  = 500
	// ignoredKeysTold bounds how many left-out keys one line of the log names.
	ignoredKeysTold = 10
)

// issuer publishes a JWK Set; it holds the keys of the last fetch that worked. A fetch that fails leaves the keys
// as they are.
type issuer struct {
	url, name string // the URL itself, and its form for the log
	client    *http.Client
	interval  time.Duration
	logger    *slog.Logger
	metrics   *Metrics
	now       func() time.Time

	unknown  *rate.Limiter // limits fetches for an unknown key
	fetching singleflight.Group
	one      sync.Mutex // held by a fetch, so that an older answer never replaces a newer one

	mu      sync.Mutex
	set     *keySet
	told    string    // the left-out keys, as last logged
	fetched time.Time // when a fetch last worked; zero: never
	away    bool      // the last fetch failed
}

func newIssuer(cfg Config) *issuer {
	return &issuer{
		url: cfg.JWKSURL, name: redactedURL(cfg.JWKSURL), client: cfg.HTTPClient, interval: cfg.JWKSRefresh,
		logger: cfg.Logger, metrics: cfg.Metrics, now: cfg.Now,
		unknown: rate.NewLimiter(rate.Every(unknownKeyInterval), 1), set: &keySet{},
	}
}

func (i *issuer) keys() *keySet {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.set
}

// isAway says whether the last fetch failed.
func (i *issuer) isAway() bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.away
}

// run fetches the set repeatedly until ctx ends.
func (i *issuer) run(ctx context.Context) {
	ticker := time.NewTicker(i.interval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			i.fetch(ctx)
		}
	}
}

// fetchForUnknown fetches the set for an unknown key id, or waits for the fetch that another such id has begun. It
// returns false where the last fetch was too recent. A client that invents a key id and hangs up must not take the
// one fetch of these seconds from everybody else.
func (i *issuer) fetchForUnknown(ctx context.Context) bool {
	fetched, _, _ := i.fetching.Do("", func() (any, error) {
		if !i.unknown.Allow() {
			return false, nil
		}
		i.fetch(context.WithoutCancel(ctx))
		return true, nil
	})
	return fetched == true
}

// fetch replaces the keys with those that the issuer publishes now.
func (i *issuer) fetch(ctx context.Context) {
	i.one.Lock()
	defer i.one.Unlock()
	bounded, cancel := context.WithTimeout(ctx, jwksFetchTimeout)
	defer cancel()
	set, err := i.read(bounded)
	if ctx.Err() != nil { // the process is ending
		return
	}
	if set != nil {
		i.metrics.ignored.Set(float64(len(set.ignored)))
		i.tellIgnored(ctx, set.ignored)
		if err == nil {
			i.replace(ctx, set)
			return
		}
	}
	i.failed(ctx, err)
}

// read returns the set that the issuer publishes. A set with keys of which none can be used is returned with an
// error.
func (i *issuer) read(ctx context.Context) (*keySet, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, i.url, nil)
	if err != nil {
		return nil, fmt.Errorf("asking for the JWK Set: %w", err)
	}
	request.Header.Set("Accept", "application/jwk-set+json, application/json")
	response, err := i.client.Do(request)
	if err != nil {
		return nil, fmt.Errorf("asking for the JWK Set: %w", err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("the issuer answers %s", response.Status)
	}
	document, err := io.ReadAll(io.LimitReader(response.Body, jwksMaximumBytes+1))
	if err != nil {
		return nil, fmt.Errorf("reading the JWK Set: %w", err)
	}
	if len(document) > jwksMaximumBytes {
		return nil, fmt.Errorf("the JWK Set is longer than %d bytes", jwksMaximumBytes)
	}
	return readSet(document)
}

var errNoSet = errors.New("what is there is no JWK Set: a JSON object with an array of keys")

// readSet reads a JWK Set key by key: a key that cannot be used is left out, whatever is odd about it (RFC 7517
// §5).
func readSet(document []byte) (*keySet, error) {
	var set map[string]json.RawMessage
	var entries []json.RawMessage
	if json.Unmarshal(document, &set) != nil || json.Unmarshal(set["keys"], &entries) != nil || entries == nil {
		return nil, errNoSet
	}
	s := &keySet{}
	for n, entry := range entries {
		k, err := readJWK(entry)
		if n >= jwksMaximumKeys {
			err = fmt.Errorf("the JWK Set has more than %d keys", jwksMaximumKeys)
		}
		if err != nil {
			s.ignored = append(s.ignored, ignoredKey{k.id, err.Error()})
			continue
		}
		s.keys = append(s.keys, k)
	}
	if len(entries) > 0 && len(s.keys) == 0 { // no better than an error page
		return s, fmt.Errorf("none of its %d keys can be used: of the first, %s", len(entries), s.ignored[0].reason)
	}
	return s, nil
}

func (i *issuer) replace(ctx context.Context, set *keySet) {
	i.mu.Lock()
	before, first := i.set, i.fetched.IsZero()
	i.fetched, i.away, i.set = i.now(), false, set
	i.mu.Unlock()
	i.metrics.keys.Set(float64(len(set.keys)))
	i.metrics.fetched.SetToCurrentTime()
	if fresh, gone := without(set.keys, before.keys), without(before.keys, set.keys); first || fresh+gone > 0 {
		i.logger.InfoContext(ctx, "the JWK Set has other keys than before", slog.String("url", i.name),
			slog.Int("keys", len(set.keys)), slog.Int("new", fresh), slog.Int("gone", gone))
	}
}

// without counts the keys of a that are not in b.
func without(a, b []jwk) (n int) {
	for _, k := range a {
		if !slices.ContainsFunc(b, k.equal) {
			n++
		}
	}
	return n
}

// tellIgnored logs which keys are left out, once, and again when they have changed.
func (i *issuer) tellIgnored(ctx context.Context, ignored []ignoredKey) {
	var text strings.Builder
	for n, k := range ignored {
		switch {
		case n == ignoredKeysTold:
			fmt.Fprintf(&text, "; and %d more", len(ignored)-n)
		case n < ignoredKeysTold && n > 0:
			text.WriteString("; ")
			fallthrough
		case n == 0:
			fmt.Fprintf(&text, "%s: %s", quoted(k.id), k.reason)
		}
	}
	i.mu.Lock()
	same := i.told == text.String()
	i.told = text.String()
	i.mu.Unlock()
	if !same && len(ignored) > 0 {
		i.logger.WarnContext(ctx, "keys of the JWK Set are left out: no token is verified with them",
			slog.String("url", i.name),
			slog.Int("keys", len(ignored)), slog.String("reasons", text.String()))
	}
}

// failed logs and counts a fetch that failed.
func (i *issuer) failed(ctx context.Context, err error) {
	i.mu.Lock()
	i.away = true
	fetched, keys := i.fetched, len(i.set.keys)
	i.mu.Unlock()
	i.metrics.notFetched.Inc()
	if fetched.IsZero() {
		i.logger.ErrorContext(ctx, "the JWK Set could not be fetched: every token is refused until it can be",
			slog.String("url", i.name), slog.Any("error", err))
		return
	}
	i.logger.ErrorContext(ctx,
		"the JWK Set could not be fetched: the last keys stay in use, and tokens that need a new one are refused",
		slog.String("url", i.name), slog.Int("keys", keys), slog.Duration("age", i.now().Sub(fetched).Round(time.Second)),
		slog.Any("error", err))
}
