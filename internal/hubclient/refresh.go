package hubclient

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"time"
)

const (
	stepRefresh = "refresh"

	// refreshMargin is how long before its end a token is replaced, where it lasts for twice that and more. Shorter ones are at half of
	// their lifetime. So does the .NET client.
	refreshMargin = 5 * time.Minute
	// leastLifetime is what must be left of a token for another attempt to be worth it.
	leastLifetime = time.Second
	// connectionTokenHeader is where POST …/refresh looks for the connection token.
	connectionTokenHeader = "X-SignalR-Connection-Token" //nolint:gosec // a name
)

// refreshAfter is how long a token that lasts for so long is kept.
func refreshAfter(lifetime time.Duration) time.Duration {
	if lifetime < 2*refreshMargin {
		return lifetime / 2
	}
	return lifetime - refreshMargin
}

// keepFresh gives the connection a new token before the one that it has ends, for as long as both last. What fails is tried again with
// half of the time that is left; where nothing helps the server closes the connection, which is opened again as after any end.
func (c *Connection) keepFresh(d dialled) {
	end := d.at.Add(d.lifetime)
	for left := d.lifetime; left >= leastLifetime; {
		timer := time.NewTimer(refreshAfter(left))
		select {
		case <-timer.C:
		case <-c.wire.done:
			timer.Stop()
			return
		}
		token, lasts, err := c.refresh(d)
		left = time.Until(end)
		switch {
		case errors.Is(err, errSameToken), c.Err() != nil:
		case err != nil:
			d.cfg.Logger.Warn("token not refreshed", slog.String("hub", d.hub.Path), slog.Any("error", err))
		case lasts == nil: // for ever
			return
		default:
			d.token, left, end = token, *lasts, time.Now().Add(*lasts)
		}
	}
}

// errSameToken says that there is no new token yet.
var errSameToken = errors.New("the token is still the same")

// refresh asks for a token and gives it to the server, which says how long it lasts; nil: without an end.
func (c *Connection) refresh(d dialled) (token string, lasts *time.Duration, err error) {
	ctx, cancel := context.WithTimeoutCause(c.wire.Context(), d.cfg.ConnectTimeout, errConnectTimeout)
	defer cancel()
	token, err = d.cfg.Token(ctx)
	if err != nil {
		return "", nil, fmt.Errorf("asking for a token: %w", err)
	}
	if token == d.token {
		return "", nil, errSameToken
	}
	lasts, err = d.refresh(ctx, token)
	if err != nil && mayTryMethod(err) {
		if byMethod, failed := c.refreshByMethod(ctx, token); failed == nil {
			return token, byMethod, nil
		}
	}
	return token, lasts, err
}

// mayTryMethod says whether the hub's method may succeed where the request has failed: on a server that knows no such request, on another
// node of it, behind a proxy. A token that was refused is refused by either.
func mayTryMethod(err error) bool {
	status, ok := errors.AsType[*StatusError](err)
	return !ok || status.Code != http.StatusUnauthorized && status.Code != http.StatusForbidden
}

// refresh is POST …/refresh as the .NET 11 client sends it.
func (d *dialled) refresh(ctx context.Context, token string) (*time.Duration, error) {
	u := d.hub.JoinPath("refresh")
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, u.String(), http.NoBody)
	if err != nil {
		return nil, fmt.Errorf("refreshing: %w", err)
	}
	request.Header.Set("Authorization", "Bearer "+token)
	request.Header.Set(connectionTokenHeader, d.connectionToken)
	response, err := d.cfg.HTTPClient.Do(request)
	if err != nil {
		return nil, fmt.Errorf("refreshing: %w", err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, &StatusError{Step: stepRefresh, Code: response.StatusCode}
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, maxNegotiation))
	if err != nil {
		return nil, fmt.Errorf("refreshing: %w", err)
	}
	var answer struct {
		Lifetime *int32 `json:"tokenLifetimeSeconds"`
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return nil, fmt.Errorf("refreshing: not an answer to a refresh: %w", err)
	}
	return lifetimeOf(answer.Lifetime), nil
}

func lifetimeOf(seconds *int32) *time.Duration {
	if seconds == nil {
		return nil
	}
	lifetime := time.Duration(*seconds) * time.Second
	return &lifetime
}

// refreshByMethod is the hub's own method, which servers know that do not know the request.
func (c *Connection) refreshByMethod(ctx context.Context, token string) (*time.Duration, error) {
	raw, err := c.invoke(ctx, true, "RefreshToken", token)
	if err != nil {
		return nil, err
	}
	var answer struct {
		ExpiresAt time.Time `json:"expiresAt"`
	}
	if err := json.Unmarshal(raw, &answer); err != nil {
		return nil, fmt.Errorf("refreshing: %w", err)
	}
	lasts := time.Until(answer.ExpiresAt)
	return &lasts, nil
}

// dialled is what a connect has come to.
type dialled struct {
	cfg             Config
	hub             *url.URL
	id              string
	connectionToken string
	token           string        // that it was dialled with
	at              time.Time     // when that was looked at, at the latest
	lifetime        time.Duration // how long it lasts from then; 0: not known, or for ever
}
