package auth

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/MicahParks/jwkset"
)

// jwksMaximumBytes is far above any honest JWK Set and bounds what one fetch can make us hold.
const jwksMaximumBytes = 1 << 20

// published is the JWK Set as it was fetched last. A fetch that fails leaves the keys as they are.
type published struct {
	jwkset.Storage

	name     string // of the URL, for the log
	logger   *slog.Logger
	observer Observer
	now      func() time.Time

	mu      sync.Mutex
	fetched time.Time // when it worked last; zero: never
	away    bool      // the last fetch has failed
	ids     []string  // of the keys, in order
}

func newPublished(cfg Config, name string) *published {
	return &published{
		Storage: jwkset.NewMemoryStorage(), name: name, logger: cfg.Logger, observer: cfg.Observer, now: cfg.Now,
	}
}

// isAway says whether the last fetch has failed.
func (p *published) isAway() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.away
}

// KeyReplaceAll is called with what each fetch has brought.
func (p *published) KeyReplaceAll(ctx context.Context, keys []jwkset.JWK) error {
	if err := p.Storage.KeyReplaceAll(ctx, keys); err != nil {
		return fmt.Errorf("keeping the keys: %w", err)
	}
	ids := make([]string, len(keys))
	for i := range keys {
		ids[i] = keys[i].Marshal().KID
	}
	slices.Sort(ids)
	p.mu.Lock()
	before, first := p.ids, p.fetched.IsZero()
	p.fetched, p.away, p.ids = p.now(), false, ids
	p.mu.Unlock()
	p.observer.KeysFetched(len(keys))
	if first || !slices.Equal(before, ids) {
		p.logger.InfoContext(ctx, "the JWK Set has other keys than before", slog.String("url", p.name),
			slog.Int("keys", len(ids)), slog.Int("new", without(ids, before)), slog.Int("gone", without(before, ids)))
	}
	return nil
}

// without counts those of a that are not in b.
func without(a, b []string) (n int) {
	for _, id := range a {
		if !slices.Contains(b, id) {
			n++
		}
	}
	return n
}

// failed is called with what has kept a fetch from its end.
func (p *published) failed(ctx context.Context, err error) {
	if errors.Is(err, context.Canceled) { // the process ends
		return
	}
	p.mu.Lock()
	p.away = true
	fetched, keys := p.fetched, len(p.ids)
	p.mu.Unlock()
	p.observer.KeysNotFetched()
	if fetched.IsZero() {
		p.logger.ErrorContext(ctx, "the JWK Set could not be fetched: every token is refused until it can be",
			slog.String("url", p.name), slog.Any("error", err))
		return
	}
	p.logger.ErrorContext(ctx, "the JWK Set could not be fetched: the last keys stay in use, and tokens that need a new one are refused",
		slog.String("url", p.name), slog.Int("keys", keys), slog.Duration("age", p.now().Sub(fetched).Round(time.Second)), slog.Any("error", err))
}

// boundedClient is client for answers that may be a JWK Set: an error page with status 200 must not take the keys away.
func boundedClient(client *http.Client) *http.Client {
	bounded := *client
	bounded.Transport = setsOnly{client.Transport}
	return &bounded
}

type setsOnly struct{ next http.RoundTripper }

func (s setsOnly) RoundTrip(r *http.Request) (*http.Response, error) {
	next := s.next
	if next == nil {
		next = http.DefaultTransport
	}
	response, err := next.RoundTrip(r)
	if err != nil || response.StatusCode != http.StatusOK {
		return response, err //nolint:wrapcheck // http.Client wraps it
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, jwksMaximumBytes+1))
	if err != nil {
		return nil, fmt.Errorf("reading the JWK Set: %w", err)
	}
	if len(body) > jwksMaximumBytes {
		return nil, fmt.Errorf("the JWK Set is longer than %d bytes", jwksMaximumBytes)
	}
	var set struct{ Keys *[]json.RawMessage }
	if err := json.Unmarshal(body, &set); err != nil || set.Keys == nil {
		return nil, errors.New("what is there is no JWK Set: a JSON object with an array of keys")
	}
	response.Body = io.NopCloser(bytes.NewReader(body))
	return response, nil
}
