package hubclient

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/coder/websocket"
)

const (
	stepNegotiate = "negotiate"
	stepUpgrade   = "upgrade"

	// maxNegotiation bounds how much of negotiate's answer is read.
	maxNegotiation = 64 << 10
)

// negotiation is the part of the answer to negotiate that WebSockets need (ASP.NET Core, TransportProtocols.md).
type negotiation struct {
	NegotiateVersion int    `json:"negotiateVersion"`
	ConnectionID     string `json:"connectionId"`
	ConnectionToken  string `json:"connectionToken"`
	Lifetime         *int32 `json:"tokenLifetimeSeconds"`
	Error            string `json:"error"`
}

// dial asks for a token, negotiates and upgrades. It does no handshake.
func dial(ctx context.Context, cfg Config, hub string) (socket *websocket.Conn, d dialled, err error) {
	u, err := url.Parse(cfg.URL)
	if err != nil {
		return nil, d, fmt.Errorf("parsing URL: %w", err)
	}
	header := http.Header{}
	if cfg.Token != nil {
		token, err := cfg.Token(ctx)
		if err != nil {
			return nil, d, fmt.Errorf("asking for a token: %w", err)
		}
		header.Set("Authorization", "Bearer "+token)
		d.token = token
	}
	u = u.JoinPath(hub)
	n, err := negotiate(ctx, cfg.HTTPClient, u, header)
	if err != nil {
		return nil, d, err
	}
	d.cfg, d.hub, d.id, d.connectionToken, d.at = cfg, u.JoinPath(), n.ConnectionID, n.ConnectionToken, time.Now()
	if lasts := lifetimeOf(n.Lifetime); lasts != nil {
		d.lifetime = *lasts
	}
	u.RawQuery = url.Values{"id": {n.ConnectionToken}}.Encode()
	socket, response, err := websocket.Dial(ctx, u.String(), &websocket.DialOptions{ //nolint:bodyclose // Dial closes it
		HTTPClient: cfg.HTTPClient, HTTPHeader: header,
	})
	if err != nil {
		if response != nil && response.StatusCode != http.StatusSwitchingProtocols {
			return nil, d, &StatusError{Step: stepUpgrade, Code: response.StatusCode}
		}
		return nil, d, fmt.Errorf("upgrading: %w", withoutURL(err))
	}
	socket.SetReadLimit(cfg.MaximumMessageSize)
	return socket, d, nil
}

func negotiate(ctx context.Context, client *http.Client, hub *url.URL, header http.Header) (negotiation, error) {
	var n negotiation
	u := hub.JoinPath("negotiate")
	u.RawQuery = "negotiateVersion=1"
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, u.String(), http.NoBody)
	if err != nil {
		return n, fmt.Errorf("negotiating: %w", err)
	}
	request.Header = header.Clone()
	response, err := client.Do(request)
	if err != nil {
		return n, fmt.Errorf("negotiating: %w", err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return n, &StatusError{Step: stepNegotiate, Code: response.StatusCode}
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, maxNegotiation))
	if err != nil {
		return n, fmt.Errorf("negotiating: %w", err)
	}
	if err := json.Unmarshal(body, &n); err != nil {
		return n, fmt.Errorf("negotiating: %w (%w)", errNoNegotiation, err)
	}
	switch {
	case n.Error != "":
		return n, fmt.Errorf("negotiating: server answers %q", n.Error)
	case n.NegotiateVersion == 0: // the id is the token
		n.ConnectionToken = n.ConnectionID
	case n.ConnectionToken == "":
		return n, errors.New("negotiating: server sends no connection token")
	}
	return n, nil
}

// withoutURL removes the URL, which carries the secret connection token, from the error's text.
func withoutURL(err error) error {
	if u, ok := errors.AsType[*url.Error](err); ok {
		return u.Err
	}
	return err
}
