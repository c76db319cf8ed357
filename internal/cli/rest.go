package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/yummyzoom/herald/internal/auth"
)

const (
	mintedLife = time.Hour
	// restTimeout is how long a server may take for one answer, and restMaximum is the answer's largest size.
	restTimeout = 30 * time.Second
	restMaximum = 32 << 20
	// mostAgain is how often a rate-limited request is repeated.
	mostAgain = 10
)

// target is the server that a command talks to, and the token for it.
type target struct {
	Auth

	URL     string `default:"http://localhost:5006" env:"HERALD_URL" help:"The server (${default})."`
	Token   string `env:"HERALD_TOKEN" help:"Access token. Without one, a token for --subject is minted with HERALD_JWT_SECRET, the first of HERALD_JWT_SECRET_FILE, or the key of herald dev."`
	DataDir string `default:".herald" env:"HERALD_DATA_DIR" placeholder:"DIR" help:"Where herald dev keeps its key (${default})."`
}

// token is the given one, or a new one for subject.
func (c *target) token(subject string, admin bool) (string, error) {
	if c.Token != "" {
		return c.Token, nil
	}
	secret, err := mintingSecret(c.Auth, c.DataDir)
	if err != nil {
		return "", fmt.Errorf("no token: HERALD_TOKEN is not set: %w", err)
	}
	grant := auth.Grant{Subject: subject, TTL: mintedLife, Issuer: c.JWTIssuer, Audience: c.JWTAudience}
	if admin {
		grant.Roles = []string{c.AdminRole}
	}
	return auth.Mint(secret, grant)
}

// restAPI is a server's REST API, for an administrator's command.
type restAPI struct {
	target

	Subject string `short:"s" default:"herald-cli" help:"User id of the minted token (${default})."`
}

// call makes a request to one of the admin endpoints, and decodes the answer into into. It waits where the server
// asks it to: a long list is many requests.
func (c *restAPI) call(ctx context.Context, method, path string, query url.Values, body, into any) error {
	token, err := c.token(c.Subject, true)
	if err != nil {
		return err
	}
	address := strings.TrimSuffix(c.URL, "/") + "/api/admin/realtime/" + path
	if len(query) > 0 {
		address += "?" + query.Encode()
	}
	raw := []byte{}
	if body != nil {
		if raw, err = json.Marshal(body); err != nil {
			return fmt.Errorf("encoding the request: %w", err)
		}
	}
	for again := 0; ; again++ {
		status, text, wait, err := c.once(ctx, method, address, token, raw)
		switch {
		case err != nil:
			return err
		case status == http.StatusTooManyRequests && again < mostAgain:
			select {
			case <-time.After(wait):
				continue
			case <-ctx.Done():
				return fmt.Errorf("waiting for the server to take more requests: %w", ctx.Err())
			}
		case status != http.StatusOK:
			return c.explained(status, text)
		}
		if err := json.Unmarshal(text, into); err != nil {
			return fmt.Errorf("reading the server's answer: %w: is %s a Herald?", err, c.URL)
		}
		return nil
	}
}

// once makes the request once, and returns how long the server asks to wait.
func (c *restAPI) once(
	ctx context.Context, method, address, token string, body []byte,
) (status int, text []byte, wait time.Duration, err error) {
	ctx, cancel := context.WithTimeout(ctx, restTimeout)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, method, address, bytes.NewReader(body))
	if err != nil {
		return 0, nil, 0, fmt.Errorf("--url %q: %w", c.URL, err)
	}
	r.Header.Set("Authorization", "Bearer "+token)
	if len(body) > 0 {
		r.Header.Set("Content-Type", "application/json")
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, nil, 0, fmt.Errorf("asking the server: %w", err)
	}
	defer func() { _ = answer.Body.Close() }()
	if text, err = io.ReadAll(io.LimitReader(answer.Body, restMaximum)); err != nil {
		return 0, nil, 0, fmt.Errorf("reading the server's answer: %w", err)
	}
	seconds, _ := strconv.Atoi(answer.Header.Get("Retry-After"))
	return answer.StatusCode, text, min(max(1, time.Duration(seconds))*time.Second, restTimeout), nil
}

// explained words a refusal, and what the operator can do about it.
func (c *restAPI) explained(status int, text []byte) error {
	var said struct {
		Title, Detail string
		Errors        map[string][]string
	}
	if json.Unmarshal(text, &said) != nil || said.Title == "" {
		return fmt.Errorf("the server answers %d: is %s a Herald of this release?", status, c.URL)
	}
	switch status {
	case http.StatusUnauthorized:
		return fmt.Errorf(
			"the server does not take this token (%d); `herald token inspect` with the server's settings says why", status)
	case http.StatusForbidden:
		return fmt.Errorf("the token does not permit this (%d): it needs the server's HERALD_ADMIN_ROLE", status)
	}
	what := []string{said.Detail}
	for field, errs := range said.Errors {
		what = append(what, field+": "+strings.Join(errs, " "))
	}
	slices.Sort(what)
	return fmt.Errorf("the server refuses it (%d): %s", status, printable(strings.TrimSpace(strings.Join(what, " "))))
}
