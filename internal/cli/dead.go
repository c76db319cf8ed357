package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/google/uuid"

	"github.com/yummyzoom/herald/internal/jobs"
	"github.com/yummyzoom/herald/internal/outbox"
	"github.com/yummyzoom/herald/internal/postgres"
)

const (
	// deadPage is how many dead letters are read at a time.
	deadPage = 500
	// deadCounted is up to how many dead letters beyond a list are counted.
	deadCounted = jobs.UndeliveredMost
)

type deadCmd struct {
	List  deadListCmd  `cmd:"" help:"List the events that could not be delivered: the dead ones, the newest first, and then those that are tried again."`
	Show  deadShowCmd  `cmd:"" help:"Print one as it stands in the outbox, its payload too."`
	Mend  deadMendCmd  `cmd:"" help:"Change one, and have it relayed at the end of its group."`
	Retry deadRetryCmd `cmd:"" help:"Try to deliver dead ones again, as they are."`
	Drop  deadDropCmd  `cmd:"" help:"Give dead ones up: they are listed no more."`
}

type deadListCmd struct {
	existing

	Limit int    `default:"100" help:"How many at most (${default})."`
	After string `placeholder:"CURSOR" help:"Go on where a list has ended; it says with what."`
	JSON  bool   `name:"json" help:"Print one JSON object a line and event."`
}

func (c *deadListCmd) Run(ctx context.Context, logger *slog.Logger, s *streams) error {
	if c.Limit < 1 {
		return fmt.Errorf("--limit must be at least 1, not %d", c.Limit)
	}
	var after *outbox.DeadLetter
	if c.After != "" {
		if after = outbox.ParseDeadCursor(c.After); after == nil {
			return fmt.Errorf("--after=%s is not what a list ends with", c.After)
		}
	}
	letters, closePool, err := openDeadLetters(ctx, &c.existing, postgres.Options{Logger: logger})
	if err != nil {
		return err
	}
	defer closePool()
	table := tabwriter.NewWriter(s.out, 0, 0, 2, ' ', 0) //nolint:mnd // two spaces between columns
	listed, more := 0, 0
	var last outbox.DeadLetter
	err = eachDeadLetter(ctx, letters, after, func(d outbox.DeadLetter) (goOn bool, err error) {
		if listed == c.Limit {
			more++
			return more < deadCounted, nil
		}
		listed, last = listed+1, d
		if c.JSON {
			return true, json.NewEncoder(s.out).Encode(d)
		}
		_, err = fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\n", d.State, moment(d.Since()), d.EventID, d.Type,
			attempts(&d), oneLine(d.Reason))
		return true, err //nolint:wrapcheck // the terminal is gone
	})
	err = errors.Join(err, table.Flush())
	if more > 0 && err == nil {
		to := s.out
		if c.JSON {
			to = s.err // stdout holds one event a line
		}
		tellMore(to, more, &last)
	}
	return err
}

// tellMore reports the events that a list has left out.
func tellMore(to io.Writer, more int, last *outbox.DeadLetter) {
	count := strconv.Itoa(more)
	if more == deadCounted {
		count += " or more"
	}
	_, _ = fmt.Fprintf(to, "… and %s more: herald dead list --after=%s, or a greater --limit\n", count, last.Cursor())
}

// attempts says how often an event was tried, and when it is tried next, by the database's clock.
func attempts(d *outbox.DeadLetter) string {
	text := fmt.Sprintf("%d attempts", d.Attempts)
	switch {
	case d.State != outbox.StatusRetrying:
	case d.NextAttemptAt.IsZero():
		text += ", being tried"
	default:
		text += ", next " + moment(d.NextAttemptAt)
	}
	return text
}

// oneLine keeps the database's text about an event on one line of the table.
func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }

type deadShowCmd struct {
	existing

	EventID uuid.UUID `arg:"" name:"event-id" help:"The event's id."`
}

func (c *deadShowCmd) Run(ctx context.Context, logger *slog.Logger, s *streams) error {
	letters, closePool, err := openDeadLetters(ctx, &c.existing, postgres.Options{Logger: logger})
	if err != nil {
		return err
	}
	defer closePool()
	row, err := letters.Show(ctx, c.EventID)
	if errors.Is(err, outbox.ErrNotDead) {
		return fmt.Errorf("%s: %w, nor is it tried again; see herald trace", c.EventID, outbox.ErrNotDead)
	}
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(s.out, "%s\n", row)
	return err //nolint:wrapcheck // the terminal is gone
}

type deadRetryCmd struct {
	existing
	deadChoice
}

func (c *deadRetryCmd) Run(ctx context.Context, logger *slog.Logger, s *streams) error {
	return c.apply(ctx, &c.existing, logger, s, decision{done: "retrying", do: (*jobs.DeadLetters).Retry})
}

type deadDropCmd struct {
	existing
	deadChoice
}

func (c *deadDropCmd) Run(ctx context.Context, logger *slog.Logger, s *streams) error {
	return c.apply(ctx, &c.existing, logger, s, decision{done: "dropped", do: (*jobs.DeadLetters).Drop})
}

func openDeadLetters(
	ctx context.Context, db *existing, options postgres.Options,
) (_ *jobs.DeadLetters, closePool func(), err error) {
	pool, err := db.openWith(ctx, options)
	if err != nil {
		return nil, nil, err
	}
	letters, err := jobs.NewDeadLetters(pool)
	if err != nil {
		pool.Close()
		return nil, nil, err
	}
	return letters, pool.Close, nil
}

// eachDeadLetter calls the function for each event that could not be delivered, behind the given one, until the
// function stops it.
func eachDeadLetter(
	ctx context.Context, letters *jobs.DeadLetters, after *outbox.DeadLetter,
	f func(outbox.DeadLetter) (more bool, err error),
) error {
	for {
		page, err := letters.List(ctx, after, deadPage)
		if err != nil {
			return err
		}
		for _, letter := range page {
			if more, err := f(letter); !more || err != nil {
				return err
			}
		}
		if len(page) < deadPage {
			return nil
		}
		after = &page[len(page)-1]
	}
}

// undelivered says how many events could not be delivered, and for how long; "" where there are none.
func undelivered(u *jobs.Undelivered) string {
	var told []string
	for _, kind := range []struct {
		what   string
		count  int
		oldest time.Duration
	}{{"dead letters", u.Dead, u.OldestDead}, {"events are tried again", u.Retrying, u.OldestRetrying}} {
		if kind.count == 0 {
			continue
		}
		count := strconv.Itoa(kind.count)
		if kind.count == jobs.UndeliveredMost {
			count += " or more"
		}
		told = append(told, fmt.Sprintf("%s %s, the oldest for %s", count, kind.what, kind.oldest.Round(time.Second)))
	}
	return strings.Join(told, "; ")
}
