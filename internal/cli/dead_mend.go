package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/yummyzoom/herald/internal/event"
	"github.com/yummyzoom/herald/internal/jobs"
	"github.com/yummyzoom/herald/internal/outbox"
)

// payloadMost is more than any payload that the outbox takes: 64 KiB, as PostgreSQL prints it.
const payloadMost = 1 << 20

type deadMendCmd struct {
	existing

	EventIDs []uuid.UUID `arg:"" name:"event-id" help:"The events' ids, dead, dropped or tried again."`
	Payload  string      `placeholder:"JSON" help:"The whole payload: JSON, @FILE, or - for the standard input."`
	Merge    string      `placeholder:"JSON" help:"Fields that are set in the payload, the others stay: JSON, @FILE or -."`

	Type       string     `placeholder:"TYPE" help:"The event's type."`
	Resource   *uuid.UUID `placeholder:"UUID" help:"The order's or team cart's id."`
	Restaurant *uuid.UUID `placeholder:"UUID" help:"The restaurant's id (order events)."`
	Customer   *string    `placeholder:"ID" help:"Who placed the order (order events)."`
	Audience   string     `placeholder:"AUDIENCE" help:"Restaurant, Customer or Both (order events)."`
	Occurred   *time.Time `placeholder:"TIME" help:"When it occurred (RFC 3339)."`
	Deliver    string     `name:"after" placeholder:"TIME" help:"Deliver not before this time (RFC 3339); now: at once."`
	Trace      *string    `name:"traceparent" placeholder:"W3C" help:"Its W3C trace context; empty: none."`

	By string `placeholder:"WHO" help:"Who mends it, for those who trace the event. Defaults to this user and host."`
}

func (c *deadMendCmd) Run(ctx context.Context, logger *slog.Logger, s *streams) error {
	mending, err := c.mending(os.Stdin)
	if err != nil {
		return err
	}
	var mended outbox.Mended
	choice := &deadChoice{EventIDs: c.EventIDs, By: c.By}
	return choice.apply(ctx, &c.existing, logger, s, decision{
		done: "mended",
		do: func(letters *jobs.DeadLetters, ctx context.Context, eventID uuid.UUID, by string) (err error) {
			mended, err = letters.Mend(ctx, eventID, mending, by)
			return err
		},
		also: func() string { return ": " + mended.String() },
	})
}

// mending holds the fields of the events to change.
func (c *deadMendCmd) mending(in io.Reader) (*outbox.Mending, error) {
	m := &outbox.Mending{
		ResourceID: c.Resource, RestaurantID: c.Restaurant, CustomerID: c.Customer,
		OccurredOn: c.Occurred, TraceParent: c.Trace,
	}
	var err error
	if m.Payload, err = readPayload("--payload", c.Payload, in); err != nil {
		return nil, err
	}
	if m.Merge, err = readPayload("--merge", c.Merge, in); err != nil {
		return nil, err
	}
	if m.Payload != nil && m.Merge != nil {
		return nil, errors.New("--payload is the whole payload, --merge a part of it: give one of the two")
	}
	if c.Type != "" {
		m.Type = (*event.Type)(&c.Type)
	}
	if c.Audience != "" {
		m.Audience = &c.Audience
	}
	switch c.Deliver {
	case "":
	case "now":
		m.AtOnce = true
	default:
		at, err := time.Parse(time.RFC3339Nano, c.Deliver)
		if err != nil {
			return nil, fmt.Errorf("--after must be a time such as 2026-01-20T10:30:00Z, or now, not %s", c.Deliver)
		}
		m.DeliverAfter = &at
	}
	if m.Empty() {
		return nil, errors.New(
			"say what is to be another: --payload or --merge, --type, --resource, --restaurant, --customer, --audience, " +
				"--occurred, --after, --traceparent; herald dead show EVENT_ID prints how it is")
	}
	return m, nil
}

// readPayload returns the payload of a flag: JSON itself, @FILE, or - for standard input.
func readPayload(flag, text string, in io.Reader) (json.RawMessage, error) {
	var raw []byte
	var err error
	switch {
	case text == "":
		return nil, nil
	case text == "-":
		raw, err = io.ReadAll(io.LimitReader(in, payloadMost+1))
	case strings.HasPrefix(text, "@"):
		var file *os.File
		if file, err = os.Open(text[1:]); err == nil {
			raw, err = io.ReadAll(io.LimitReader(file, payloadMost+1))
			_ = file.Close() // it was only read
		}
	default:
		raw = []byte(text)
	}
	switch {
	case err != nil:
		return nil, fmt.Errorf("reading %s: %w", flag, err)
	case len(raw) > payloadMost:
		return nil, fmt.Errorf("%s is larger than any payload may be (64 KiB)", flag)
	}
	if !json.Valid(raw) {
		return nil, fmt.Errorf("%s is not JSON: it begins with %.40q", flag, raw)
	}
	return raw, nil
}
