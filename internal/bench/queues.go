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
	// queuePoll is how often is looked whether the queues are empty.
	queuePoll = 10 * time.Millisecond
	// relayWithin is how long the server may take to relay what a bench has published.
	relayWithin = 5 * time.Minute
)

// awaitEmpty returns when nothing waits in the outbox, and the server at url has broadcast the whole log.
func awaitEmpty(ctx context.Context, conn *pgx.Conn, url string) error {
	ctx, cancel := context.WithTimeoutCause(ctx, relayWithin, errors.New("the server does not relay what was published: does it use another database?"))
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
			m, err := scrape(ctx, url)
			if err != nil {
				return err
			}
			if m[broadcastPosition] >= float64(state.Position) {
				return nil
			}
		}
		if err := wait(ctx, queuePoll); err != nil {
			return err
		}
	}
}
