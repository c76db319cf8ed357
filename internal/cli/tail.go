package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/yummyzoom/herald/internal/event"
	"github.com/yummyzoom/herald/internal/hubclient"
)

// forbiddenPatience is how long a group that was open before may be refused: a server without its database refuses
// all clients.
const forbiddenPatience = time.Minute

type tailCmd struct {
	target

	Group     string     `arg:"" help:"${groups}."`
	Subject   string     `short:"s" default:"herald-tail" help:"User id of the minted token (${default})."`
	Beginning bool       `help:"Start at the beginning of what is retained. Defaults to now."`
	After     *uuid.UUID `help:"Start behind this event."`
	JSON      bool       `name:"json" help:"Print one JSON object a line: {eventId, sequence, method, arguments, occurredOnUtc}."`
}

func (c *tailCmd) Run(ctx context.Context, logger *slog.Logger, s *streams) error {
	group, _ := event.ParseGroup(strings.ToLower(c.Group)) // Follow refuses an invalid group
	sub := hubclient.Subscription{Group: group, LastEventID: c.After}
	if c.Beginning {
		sub.LastEventID = &uuid.Nil
	}
	cfg := hubclient.Config{
		URL: c.URL, Token: func(context.Context) (string, error) { return c.tokenFor(group) },
		ForbiddenPatience: forbiddenPatience, Logger: logger,
	}
	if _, err := c.tokenFor(group); err != nil {
		return err // a retry would fail the same way
	}
	note := func(format string, args ...any) { _, _ = fmt.Fprintf(s.err, format+"\n", args...) }
	err := hubclient.Follow(ctx, cfg, sub, func(e hubclient.Event) error { return c.print(s.out, e) }, hubclient.Hooks{
		OnResumed: func(r hubclient.Result) {
			note("following %s behind sequence %d, %d replayed", group, r.Sequence, r.Replayed)
		},
		OnGap: func(r hubclient.Result) {
			note("gap: what was missed can no longer be replayed; going on behind sequence %d", r.Sequence)
		},
		OnDisconnected: func(err error) {
			if refusal, ok := errors.AsType[*hubclient.HubError](err); ok && refusal.Forbidden() {
				note("%s is forbidden now: access was revoked, or the server cannot ask its database; trying again for %s",
					group, forbiddenPatience)
				return
			}
			note("disconnected (%v), reconnecting", err)
		},
	})
	return untilTold(ctx, c.explained(err, group))
}

// explained adds advice to the error that ended a tail.
func (c *tailCmd) explained(err error, group event.Group) error {
	if status, ok := errors.AsType[*hubclient.StatusError](err); ok {
		switch status.Code {
		case http.StatusUnauthorized:
			return fmt.Errorf(
				"%w: the server does not take this token; `herald token inspect` with the server's settings says why", err)
		case http.StatusForbidden:
			return fmt.Errorf("%w: the hub asks for another role, HERALD_ADMIN_ROLE of the server", err)
		case http.StatusNotFound:
			return fmt.Errorf("%w: is %s a Herald, and for a team cart HERALD_FEATURE_TEAMCART on?", err, c.URL)
		}
	}
	if refusal, ok := errors.AsType[*hubclient.HubError](err); ok && refusal.Forbidden() {
		return fmt.Errorf("%w: %s may not follow %s; --subject, --token or herald.grant_access change that", err, c.who(),
			group)
	}
	return err
}

// who names the user that the server sees.
func (c *tailCmd) who() string {
	if c.Token != "" {
		return "the token's user"
	}
	return strconv.Quote(c.Subject)
}

// tokenFor is the given token, or a new one at each connect.
func (c *tailCmd) tokenFor(group event.Group) (string, error) {
	return c.token(c.Subject, group.ID() == uuid.Nil)
}

func (c *tailCmd) print(out io.Writer, e hubclient.Event) error {
	if c.JSON {
		return json.NewEncoder(out).Encode(map[string]any{ //nolint:wrapcheck // the terminal is gone
			"eventId": e.EventID, "sequence": e.Sequence, "method": e.Method, "arguments": e.Arguments,
			"occurredOnUtc": e.OccurredOn,
		})
	}
	arguments := make([]string, len(e.Arguments))
	for i, a := range e.Arguments {
		arguments[i] = string(a)
	}
	_, err := fmt.Fprintf(out, "%s  %-6d %s %s\n", e.OccurredOn.Local().Format("15:04:05.000"), e.Sequence, e.Method,
		strings.Join(arguments, " "))
	return err //nolint:wrapcheck // the terminal is gone
}
