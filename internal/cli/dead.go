package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"text/tabwriter"

	"github.com/yummyzoom/herald/internal/jobs"
	"github.com/yummyzoom/herald/internal/outbox"
	"github.com/yummyzoom/herald/internal/postgres"
)

// deadPage is how many dead letters are read at a time.
const deadPage = 500

type deadCmd struct {
	List  deadListCmd  `cmd:"" help:"List them, the newest first."`
	Retry deadRetryCmd `cmd:"" help:"Try to deliver them again."`
	Drop  deadDropCmd  `cmd:"" help:"Give them up: they are listed no more."`
}

type deadListCmd struct {
	existing

	Limit int  `default:"100" help:"How many at most (${default})."`
	JSON  bool `name:"json" help:"Print one JSON object a line and dead letter."`
}

func (c *deadListCmd) Run(ctx context.Context, logger *slog.Logger, s *streams) error {
	if c.Limit < 1 {
		return fmt.Errorf("--limit must be at least 1, not %d", c.Limit)
	}
	letters, closePool, err := openDeadLetters(ctx, &c.existing, postgres.Options{Logger: logger})
	if err != nil {
		return err
	}
	defer closePool()
	table := tabwriter.NewWriter(s.out, 0, 0, 2, ' ', 0) //nolint:mnd // two spaces between columns
	listed := 0
	err = eachDeadLetter(ctx, letters, func(d outbox.DeadLetter) (more bool, err error) {
		listed++
		if c.JSON {
			err = json.NewEncoder(s.out).Encode(d)
		} else {
			_, err = fmt.Fprintf(table, "%s\t%s\t%s\t%d attempts\t%s\n", moment(d.DiedAt), d.EventID, d.Type, d.Attempts, oneLine(d.Reason))
		}
		return listed < c.Limit, err //nolint:wrapcheck // the terminal is gone
	})
	return errors.Join(err, table.Flush())
}

// oneLine keeps what a database says of an event on its line of the table.
func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }

type deadRetryCmd struct {
	existing
	deadChoice
}

func (c *deadRetryCmd) Run(ctx context.Context, logger *slog.Logger, s *streams) error {
	return c.apply(ctx, &c.existing, logger, s, decision{"retrying", (*jobs.DeadLetters).Retry})
}

type deadDropCmd struct {
	existing
	deadChoice
}

func (c *deadDropCmd) Run(ctx context.Context, logger *slog.Logger, s *streams) error {
	return c.apply(ctx, &c.existing, logger, s, decision{"dropped", (*jobs.DeadLetters).Drop})
}

func openDeadLetters(ctx context.Context, db *existing, options postgres.Options) (_ *jobs.DeadLetters, closePool func(), err error) {
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

// eachDeadLetter hands out the dead letters, the newest first, for as long as more of them are wanted.
func eachDeadLetter(ctx context.Context, letters *jobs.DeadLetters, f func(outbox.DeadLetter) (more bool, err error)) error {
	var last *outbox.DeadLetter
	for {
		page, err := letters.List(ctx, last, deadPage)
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
		last = &page[len(page)-1]
	}
}
