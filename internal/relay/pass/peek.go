package pass

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/yummyzoom/herald/internal/postgres/dbsqlc"
)

// Glance is what an idle relay sees without locking or writing anything.
type Glance struct {
	Paused     bool    // nothing is relayed
	Reached    int64   // the seq that the relays have reached
	Waiting    bool    // a pass would find something
	Spent      bool    // as many notify as the armed relay lets, and no relay has armed or disarmed since
	InProgress []int64 // the transactions that have an id and have not ended, anywhere in the cluster
}

// Peek looks whether there is anything to relay.
func Peek(ctx context.Context, conn *pgx.Conn) (Glance, error) {
	var g dbsqlc.OutboxPeekRow
	batch := &pgx.Batch{} // one transaction
	batch.Queue(dbsqlc.TransactionSet)
	batch.Queue(dbsqlc.OutboxPeek).QueryRow(
		func(row pgx.Row) error { return row.Scan(&g.Paused, &g.Reached, &g.Waiting, &g.Spent, &g.InProgress) })
	if err := conn.SendBatch(ctx, batch).Close(); err != nil {
		return Glance{}, fmt.Errorf("looking at the outbox: %w", err)
	}
	return Glance(g), nil
}

// The flag that producers read counts the transactions that notify. At armed it lets up to 4 of them notify; from 5
// on it is spent. A producer may read the flag, and count itself a moment later, after the relay has disarmed. That
// must not arm the relay. So disarmed lies far behind the end of the count, which a used-up count never reaches, and
// not before its beginning.
const (
	armed    = 1
	disarmed = 1 << 40
)

// Arm makes every insert from now on notify the relay.
func Arm(ctx context.Context, conn *pgx.Conn) error {
	if err := dbsqlc.New(conn).ArmedSet(ctx, armed); err != nil {
		return fmt.Errorf("arming the wake-up: %w", err)
	}
	return nil
}

// Disarm makes inserts notify no more.
func Disarm(ctx context.Context, conn *pgx.Conn) error {
	if err := dbsqlc.New(conn).ArmedSet(ctx, disarmed); err != nil {
		return fmt.Errorf("disarming the wake-up: %w", err)
	}
	return nil
}
