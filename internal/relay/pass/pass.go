package pass

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/yummyzoom/herald/internal/event"
	"github.com/yummyzoom/herald/internal/outbox"
	"github.com/yummyzoom/herald/internal/postgres"
	"github.com/yummyzoom/herald/internal/postgres/dbsqlc"
)

// ErrBusy is returned by Begin while another relay holds the lock.
var ErrBusy = errors.New("another relay is at work")

// ErrPaused is returned while the relay is paused; see [relay.Pause].
var ErrPaused = errors.New("the relay is paused")

// Pass is one transaction of the relay: it holds the lock from Begin until Commit or Rollback.
type Pass struct {
	Rows []outbox.Row
	// Memory, where set before Commit, saves reading what the pass before has left.
	Memory *Memory

	conn    *pgx.Conn
	state   dbsqlc.TargetSetRow
	maxRows int
	bytes   int64 // of payloads in Rows
}

// Armed reports whether producers are notifying.
func (d *Pass) Armed() bool { return d.state.Armed }

// Epoch is the log's epoch.
func (d *Pass) Epoch() int64 { return d.state.Epoch }

// batchBytes is how many bytes of payloads a pass reads. The last row may exceed it by 64 KiB.
const batchBytes = 8 << 20

// Reading says how Begin reads.
type Reading struct {
	// MaxRows bounds the rows that are read.
	MaxRows int
	// InTurn makes Begin wait in line for the lock, for four seconds at most, before it fails with [ErrBusy].
	InTurn bool
	// unreadable is set where only the places of the rows are read, and says why.
	unreadable error
}

// Begin takes the lock and reads the next rows, oldest first, up to some megabytes of them. It fails with [ErrBusy]
// where another relay holds the lock, and with [ErrPaused]. On any error the connection is out of the transaction or
// closed.
//
// A row that cannot be read does not stop the relay: fewer and fewer rows are read until that row is alone. Begin
// then returns only its place, and its Targets say why.
func Begin(ctx context.Context, conn *pgx.Conn, reading Reading) (*Pass, error) {
	d, err := begin(ctx, conn, reading)
	for postgres.Unreadable(err) && reading.unreadable == nil {
		if reading.MaxRows == 1 {
			reading.unreadable = err
		}
		reading.MaxRows = max(1, reading.MaxRows/2)
		d, err = begin(ctx, conn, reading)
	}
	return d, err
}

func begin(ctx context.Context, conn *pgx.Conn, reading Reading) (*Pass, error) {
	d := &Pass{conn: conn, maxRows: reading.MaxRows}
	lock := dbsqlc.StateLock
	if reading.InTurn {
		lock = dbsqlc.StateLockInTurn
	}
	busy := false
	batch := &pgx.Batch{}
	batch.Queue("begin isolation level read committed read write") // whatever mode a session behind a pooler has
	batch.Queue(dbsqlc.TransactionSet)
	batch.Queue(lock).QueryRow(func(row pgx.Row) error {
		var locked *bool
		err := row.Scan(&locked)
		if errors.Is(err, pgx.ErrNoRows) {
			busy = true
			return nil
		}
		return err //nolint:wrapcheck // wrapped once, by the batch's reader
	})
	batch.Queue(dbsqlc.TargetSet).QueryRow(func(row pgx.Row) error {
		s := &d.state
		return row.Scan(&s.Version, &s.Epoch, &s.Position, &s.EpochSeq, &s.Paused, &s.Set, &s.Resumed, &s.Floor, &s.Ceiling,
			&s.Armed, &s.Now)
	})
	batch.Queue(dbsqlc.BatchRead, reading.unreadable != nil, reading.MaxRows,
		batchBytes).Query(func(rows pgx.Rows) error {
		var err error
		d.Rows, err = pgx.CollectRows(rows,
			func(row pgx.CollectableRow) (outbox.Row, error) { return outbox.ScanRow(row, &d.bytes) })
		return err //nolint:wrapcheck // wrapped once, by the batch's reader
	})
	err := conn.SendBatch(ctx, batch).Close()
	const lockNotAvailable = "55P03"
	if refused, ok := errors.AsType[*pgconn.PgError](err); ok && refused.Code == lockNotAvailable {
		busy, err = true, nil
	}
	if err != nil {
		d.Rollback(ctx)
		return nil, fmt.Errorf("reading the outbox: %w", err)
	}
	if busy {
		d.Rollback(ctx)
		return nil, ErrBusy
	}
	if d.state.Paused {
		d.Rollback(ctx)
		return nil, ErrPaused
	}
	for i := range d.Rows {
		if reading.unreadable != nil {
			d.Rows[i].Unreadable(reading.unreadable)
		}
	}
	return d, nil
}

// Now is the database's time, which decides what is due.
func (d *Pass) Now() time.Time { return d.state.Now }

// Full reports whether the window may hold more rows than this pass read.
func (d *Pass) Full() bool {
	return len(d.Rows) == d.maxRows || d.bytes >= batchBytes
}

// Worthwhile reports whether to commit a pass even if it is empty: it finishes a backlog, or it moves the window
// past seqs that were drawn and rolled back, which every later look would step over again.
func (d *Pass) Worthwhile() bool {
	const rolledBackSeqs = 1000
	return len(d.Rows) > 0 || d.state.Resumed || d.state.Ceiling-d.state.Floor > rolledBackSeqs
}

// Tx returns the open transaction for statements that belong into it, such as a job's insert. The caller must not
// commit it: Commit does.
func (d *Pass) Tx(ctx context.Context) (pgx.Tx, error) {
	tx, err := d.conn.BeginTx(ctx, pgx.TxOptions{BeginQuery: "savepoint set_aside"})
	if err != nil {
		return nil, fmt.Errorf("opening the pass's transaction: %w", err)
	}
	return tx, nil
}

// Commit appends rows to the log in the given order, advances the state past everything that Begin returned, and
// returns the new entries in position order. On any error nothing has happened, unless the connection broke during
// the commit.
func (d *Pass) Commit(ctx context.Context, entries *Entries, relayedBy uuid.UUID,
	disarm bool,
) ([]event.Logged, error) {
	batch := &pgx.Batch{}
	d.Memory.recall(d.state.Version)
	entries.doubtful(d.state.EpochSeq)
	entries.queue(batch, d.Memory, d.state.Position, relayedBy)
	position := d.state.Position + int64(len(entries.logged))
	if d.Full() {
		batch.Queue(dbsqlc.StateAdvance, position, d.state.Ceiling, d.Rows[len(d.Rows)-1].Seq)
	} else {
		batch.Queue(dbsqlc.StateComplete, position)
	}
	if len(entries.logged) > 0 {
		batch.Queue(dbsqlc.RelayedNotify, position)
	} else { // clients learn nothing of this commit: after a crash that undoes it the pass is done again
		batch.Queue("set local synchronous_commit to off")
	}
	if disarm {
		batch.Queue(dbsqlc.ArmedSet, disarmed)
	}
	batch.Queue("commit")
	if err := d.conn.SendBatch(ctx, batch).Close(); err != nil {
		d.Rollback(ctx)
		return nil, fmt.Errorf("appending to the log: %w", err)
	}
	d.Memory.learn(d.state.Version+1, entries)
	return entries.logged, nil
}

// Rollback ends the transaction without a trace. Where the rollback fails it closes the connection.
func (d *Pass) Rollback(ctx context.Context) {
	const rollbackTimeout = time.Second
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), rollbackTimeout)
	defer cancel()
	if d.conn.IsClosed() || d.conn.PgConn().TxStatus() == 'I' {
		return
	}
	if _, err := d.conn.Exec(ctx, "rollback"); err != nil {
		_ = d.conn.Close(ctx) // a connection in an unknown state is of no use
	}
}
