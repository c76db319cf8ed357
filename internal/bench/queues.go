package bench

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/yummyzoom/herald/internal/eventlog"
	"github.com/yummyzoom/herald/internal/relay/pass"
)

const (
	// QueuePoll is how often the queues are read while waiting for them to be empty.
	QueuePoll = 10 * time.Millisecond
	// relayWithin is how long the server may take to relay a bench's events.
	relayWithin = 5 * time.Minute
)

// AwaitEmpty returns when no row waits in the outbox, and the server at url has broadcast the whole log.
func AwaitEmpty(ctx context.Context, conn *pgx.Conn, url string) error {
	ctx, cancel := context.WithTimeoutCause(
		ctx, relayWithin, errors.New("the server does not relay what was published: does it use another database?"),
	)
	defer cancel()
	for {
		glance, err := pass.Peek(ctx, conn)
		if err != nil {
			return err
		}
		if !glance.Waiting {
			state, err := eventlog.NewReader(conn).State(ctx)
			if err != nil {
				return err
			}
			m, err := Scrape(ctx, url)
			if err != nil {
				return err
			}
			if m[BroadcastPosition] >= float64(state.Position) {
				return nil
			}
		}
		if err := Wait(ctx, QueuePoll); err != nil {
			return err
		}
	}
}
