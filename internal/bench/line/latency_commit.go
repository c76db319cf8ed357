package line

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/yummyzoom/herald/internal/bench"
)

// publishOne publishes one event in its own transaction, and returns when COMMIT was sent and when it returned.
func publishOne(
	ctx context.Context, conn *pgx.Conn, order, restaurant, id uuid.UUID,
) (sent, committed time.Time, err error) {
	return commit(ctx, conn, func(tx pgx.Tx) error {
		err := tx.QueryRow(
			ctx,
			`SELECT herald.publish_order_event('OrderStatusChanged', $1, 'YZ-1', 'Preparing', $2, 'bench', event_id => $3)`,
			order, restaurant, id).Scan(nil)
		if err != nil {
			return fmt.Errorf("publishing: %w", err)
		}
		return nil
	})
}

// notifyOne is the baseline of publishOne: a transaction of one plain insert and a NOTIFY.
func notifyOne(ctx context.Context, conn *pgx.Conn, id uuid.UUID) (sent, committed time.Time, err error) {
	return commit(ctx, conn, func(tx pgx.Tx) error {
		const payload = `{"orderNumber":"YZ-1","status":"Preparing"}`
		if _, err := tx.Exec(ctx, "INSERT INTO herald_bench_plain VALUES ($1, $2)", id, []byte(payload)); err != nil {
			return fmt.Errorf("inserting: %w", err)
		}
		if _, err := tx.Exec(ctx, "SELECT pg_notify($1, $2)", baselineChannel, id.String()); err != nil {
			return fmt.Errorf("notifying: %w", err)
		}
		return nil
	})
}

// commit runs do in its own transaction.
func commit(ctx context.Context, conn *pgx.Conn, do func(pgx.Tx) error) (sent, committed time.Time, err error) {
	tx, err := conn.Begin(ctx)
	if err != nil {
		return sent, committed, fmt.Errorf("beginning: %w", err)
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }() // has no effect after the commit
	if err := do(tx); err != nil {
		return sent, committed, err
	}
	sent = time.Now()
	if err := tx.Commit(ctx); err != nil {
		return sent, committed, fmt.Errorf("committing: %w", err)
	}
	return sent, time.Now(), nil
}

// plainTable creates the baseline's table; drop removes it.
func plainTable(ctx context.Context, conn *pgx.Conn) (drop func(), err error) {
	if _, err := conn.Exec(ctx, "CREATE TABLE IF NOT EXISTS herald_bench_plain (id uuid, payload jsonb)"); err != nil {
		return nil, fmt.Errorf("creating the baseline's table: %w", err)
	}
	return func() { _, _ = conn.Exec(context.WithoutCancel(ctx), "DROP TABLE herald_bench_plain") }, nil
}

// baseline is the least latency on this machine with PostgreSQL: a transaction of one plain insert and a NOTIFY,
// from its BEGIN to the notification's arrival.
func (l *Latency) baseline(ctx context.Context) (bench.Sample, error) {
	writer, err := bench.Connect(ctx, l.DSN)
	if err != nil {
		return nil, err
	}
	defer bench.Disconnect(ctx, writer)
	arrived, stop, err := listenTo(ctx, l.DSN)
	if err != nil {
		return nil, err
	}
	defer stop()
	drop, err := plainTable(ctx, writer)
	if err != nil {
		return nil, err
	}
	defer drop()
	var s bench.Sample
	for range l.Events {
		if err := pause(ctx, l.Pause); err != nil {
			return nil, err
		}
		start := time.Now()
		if _, _, err := notifyOne(ctx, writer, uuid.New()); err != nil {
			return nil, err
		}
		select {
		case got, ok := <-arrived:
			if !ok {
				return nil, errors.New("the baseline's listening connection has ended")
			}
			s = append(s, got.at.Sub(start))
		case <-time.After(bench.AnswerWithin):
			return nil, errors.New("the baseline's notification has not arrived")
		}
	}
	return s, nil
}
