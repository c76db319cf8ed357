package cli

import (
	"cmp"
	"context"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/yummyzoom/herald/internal/postgres"
	"github.com/yummyzoom/herald/internal/relay"
)

const listenTimeout = 10 * time.Second

// checkSessions reports how the database is reached, and whether notifications arrive.
func (c *checkCmd) checkSessions(ctx context.Context, pool *pgxpool.Pool, f *findings) {
	pooled := false
	err := pool.AcquireFunc(ctx, func(conn *pgxpool.Conn) (err error) {
		pooled, err = postgres.ThroughPooler(ctx, conn.Conn())
		return err
	})
	if pooled {
		f.add(err, "connections: through a pooler")
	} else {
		f.add(err, "connections: to the database itself")
	}
	ctx, cancel := context.WithTimeout(ctx, listenTimeout)
	defer cancel()
	listener := relay.Listener{
		Connect: func(ctx context.Context) (*pgx.Conn, error) {
			session, err := postgres.ConnConfig(cmp.Or(c.ListenDatabaseURL, pool.Config().ConnString()))
			if err != nil {
				return nil, err
			}
			return postgres.Connect(ctx, session)
		},
		Probe:  func(ctx context.Context) error { return relay.Probe(ctx, pool) },
		Outbox: func() {}, Log: func(int64) {}, Reconnected: func() {}, Logger: slog.New(slog.DiscardHandler),
		Liveness: listenTimeout / 2,
	}
	f.add(listener.Check(ctx), "notifications (LISTEN)")
}
