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

	// refreshMargin is how long before its end a token is replaced, if it lasts for at least twice that. A shorter
	// token is replaced at half of its lifetime. The .NET client does the same.
	refreshMargin = 5 * time.Minute
	// leastLifetime is the lifetime left below which another attempt is not worth it.
	leastLifetime = time.Second
	// connectionTokenHeader is the header in which POST …/refresh expects the connection token.
	connectionTokenHeader = "X-SignalR-Connection-Token" //nolint:gosec // a name
)

// refreshAfter is how long a token with this lifetime is kept.
func refreshAfter(lifetime time.Duration) time.Duration {
	if lifetime < 2*refreshMargin {
		return lifetime / 2
	}
	return lifetime - refreshMargin
}

// keepFresh gives the connection a new token before its present one ends, for as long as the connection lives. A
// failed attempt is repeated after half of the time that is left. If no attempt succeeds the server closes the
// connection, which is opened again as after any end.
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

// errSameToken: Token has returned no new token yet.
var errSameToken = errors.New("the token is still the same")

// refresh asks for a token and gives it to the server. lasts is the server's answer how long it lasts; nil: without
// an end.
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

// mayTryMethod says whether the hub's method may succeed after the request failed: on a server that does not know
// the request, on another node, behind a proxy. A refused token is refused by either.
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

// refreshByMethod calls the hub's own method, which also servers know that do not know the request.
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

// dialled is the result of dialling.
type dialled struct {
	cfg             Config
	hub             *url.URL
	id              string
	connectionToken string
	token           string        // the token used
	at              time.Time     // the latest time at which the server can have checked it
	lifetime        time.Duration // how long the token lasts from then; 0: unknown, or for ever
}
