package selfcheck

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/yummyzoom/herald/internal/postgres"
	"github.com/yummyzoom/herald/internal/postgres/dbsqlc"
)

const (
	checkChunk = 5000 // log entries, and outbox rows, that one transaction looks at
	mostLogged = 20   // discrepancies of one run that get a log line each

	// How much of the ten seconds to the next run a run may take: a tenth of a core while the relay works off a
	// backlog, because the relay goes first, and most of a core behind it, until the check is current again. So a burst
	// of a million events is looked at within a minute of being relayed.
	mostBeside = time.Second
	mostBehind = 8 * time.Second
)

// Checker checks that what was committed to the outbox, what is in the log, and what each node has broadcast agree.
//
// [Checker.Run] is the continuous part: it looks at what is new since the last run, by any node, each thing once.
// [Checker.Full] looks at all that is retained. Neither takes a lock that another transaction waits for.
//
// Nothing is reported that is merely under way. Each chunk is read in one snapshot of the database, and the relay
// settles a row of the outbox in the very transaction that makes it visible in relay_state.snapshot: relayed, kept
// as a job, or dropped as a duplicate. What is not visible there is not looked at yet. A job's effect and its
// completion are one transaction, too, as are a node's journal and the position in its row.
type Checker struct {
	db     postgres.TxBeginner
	logger *slog.Logger
	chunk  int

	beside, behind time.Duration // what one run may take
	patience       time.Duration // with nodes that are behind
}

// New returns a checker over db, typically a pool.
func New(db postgres.TxBeginner, logger *slog.Logger) *Checker {
	return &Checker{
		db: db, logger: logger, chunk: checkChunk, beside: mostBeside, behind: mostBehind,
		patience: keepUpPatience,
	}
}

// Run looks at what is new, for a bounded time, records what it finds, and logs each discrepancy once. It does
// nothing while another run is under way.
func (c *Checker) Run(ctx context.Context) error {
	var fresh []Discrepancy
	start := time.Now()
	for more, budget := true, c.behind; more && time.Since(start) < budget; {
		var found []Discrepancy
		var beside bool
		var err error
		found, more, beside, err = c.next(ctx)
		if budget = c.behind; beside {
			budget = c.beside
		}
		if refused, ok := errors.AsType[*pgconn.PgError](err); ok && refused.Code == "40001" {
			break // another run has done it
		}
		if err != nil {
			return err
		}
		fresh = append(fresh, found...)
	}
	for i, d := range fresh {
		if i == mostLogged {
			c.logger.ErrorContext(ctx, "the audit found more discrepancies: see herald check",
				slog.Int("more", len(fresh)-mostLogged))
			break
		}
		c.logger.ErrorContext(ctx, "the audit found a discrepancy", slog.String("kind", string(d.Kind)),
			slog.String("subject", d.Subject),
			slog.String("detail", d.Detail), slog.String("advice", d.Kind.Advice()))
	}
	return nil
}

// next looks at one chunk and, behind the last chunk, at the nodes. It returns what was not known before, whether
// there is more to look at, and whether the relay works off a backlog meanwhile.
func (c *Checker) next(ctx context.Context) (fresh []Discrepancy, more, beside bool, err error) {
	_, err = c.confirmed(ctx, pgx.ReadWrite, func(tx pgx.Tx) ([]Discrepancy, error) {
		q := dbsqlc.New(tx)
		more, beside = false, false
		state, err := q.CheckStateLock(ctx)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil, nil
		}
		if err != nil {
			return nil, fmt.Errorf("locking the audit's state: %w", err)
		}
		if state.Epoch != state.RelayEpoch {
			return nil, q.CheckRestart(ctx)
		}
		position := max(state.Position, min(state.Position+int64(c.chunk), state.RelayPosition))
		found, err := checkLog(ctx, q, state.Position, position, nil)
		if err != nil {
			return nil, err
		}
		settled, moreRows, err := c.outbox(ctx, q)
		if err != nil {
			return nil, err
		}
		found = append(found, settled...)
		nodes := map[uuid.UUID]*nodeCheck{}
		if err := json.Unmarshal(state.Nodes, &nodes); err != nil {
			return nil, fmt.Errorf("reading the audit's state: %w", err)
		}
		if more = moreRows || position < state.RelayPosition; !more {
			told, err := checkNodes(ctx, q, nodes, look{state.Now, state.RelayEpoch, state.RelayPosition, c.patience})
			if err != nil {
				return nil, err
			}
			found = append(found, told...)
		}
		encoded, err := json.Marshal(nodes)
		if err != nil {
			return nil, fmt.Errorf("encoding the audit's state: %w", err)
		}
		beside = state.RelayBehind
		return found, q.CheckStateSave(ctx, dbsqlc.CheckStateSaveParams{Position: position, Nodes: encoded})
	}, func(tx pgx.Tx, found []Discrepancy) (err error) {
		fresh, err = recordDiscrepancies(ctx, tx, found)
		return err
	})
	return fresh, more, beside, err
}

// inSnapshot runs f in a transaction of one snapshot. Everything is found by index there, even where tables have
// just grown and their statistics are old.
func (c *Checker) inSnapshot(ctx context.Context, access pgx.TxAccessMode, f func(tx pgx.Tx) error) error {
	tx, err := c.db.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: access})
	if err != nil {
		return fmt.Errorf("beginning to audit: %w", err)
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }() // without effect behind a commit
	_, err = tx.Exec(ctx, `SELECT set_config(s, 'off', true)
		FROM unnest(ARRAY['enable_seqscan', 'enable_hashjoin', 'enable_mergejoin', 'jit']) s`)
	if err != nil {
		return fmt.Errorf("preparing to audit: %w", err)
	}
	if err := f(tx); err != nil {
		return fmt.Errorf("auditing: %w", err)
	}
	if err := tx.Commit(ctx); err != nil {
		return fmt.Errorf("recording the audit: %w", err)
	}
	return nil
}

// checkLog looks at the entries behind a position, up to another.
func checkLog(ctx context.Context, q *dbsqlc.Queries, after, upTo int64, since *time.Time) ([]Discrepancy, error) {
	var found []Discrepancy
	if upTo > after {
		rows, err := q.CheckLog(ctx, dbsqlc.CheckLogParams{After: after, UpTo: upTo, Since: since})
		if err != nil {
			return nil, fmt.Errorf("looking at the log behind position %d: %w", after, err)
		}
		for _, r := range rows {
			found = append(found, Discrepancy{Kind: DiscrepancyKind(r.Kind), Subject: r.Subject, Detail: r.Detail})
		}
	}
	beyond, err := q.CheckLogBeyond(ctx)
	if err != nil {
		return nil, fmt.Errorf("looking for the end of the log: %w", err)
	}
	if beyond > 0 {
		found = append(found, Discrepancy{
			Kind: LogPositionBeyond, Subject: fmt.Sprintf("position %d", beyond),
			Detail: fmt.Sprintf("the log has an entry at position %d, where the relay has not come to", beyond),
		})
	}
	return found, nil
}

// outbox looks at the next rows that have been settled.
func (c *Checker) outbox(ctx context.Context, q *dbsqlc.Queries) (_ []Discrepancy, more bool, err error) {
	if err := q.CheckTargetSet(ctx); err != nil {
		return nil, false, fmt.Errorf("reading how far the relay is: %w", err)
	}
	rows, err := q.CheckOutbox(ctx, int32(c.chunk)) //nolint:gosec // a constant
	if err != nil {
		return nil, false, fmt.Errorf("looking at the outbox: %w", err)
	}
	more = rows.LookedAt == int64(c.chunk)
	if more {
		err = q.CheckOutboxAdvance(ctx, rows.LastSeq)
	} else {
		err = q.CheckOutboxComplete(ctx)
	}
	if err != nil {
		return nil, false, err
	}
	found, err := discrepanciesOf(rows.Discrepancies)
	return found, more, err
}

// Status is the state of the continuous self-check.
type Status struct {
	Position      int64 // of the log, up to which has been looked
	RelayPosition int64
	RunAt         time.Time // zero before the first run
	RelayedAt     time.Time // when the newest batch was relayed; zero before the first
	// Idle and Behind are the ages of those two, by the database's clock: negative where it has been set back since.
	Idle, Behind time.Duration
	Found        map[DiscrepancyKind]int64
}

// ReadStatus returns the state of the continuous self-check, whichever nodes run it.
func ReadStatus(ctx context.Context, db dbsqlc.DBTX) (Status, error) {
	row, err := dbsqlc.New(db).CheckStatus(ctx)
	if err != nil {
		return Status{}, fmt.Errorf("reading the audit's state: %w", err)
	}
	status := Status{
		Position: row.Position, RelayPosition: row.RelayPosition, RunAt: postgres.OrZero(row.RunAt),
		RelayedAt: postgres.OrZero(row.RelayedAt),
	}
	status.Idle, status.Behind = row.Now.Sub(status.RunAt), row.Now.Sub(status.RelayedAt)
	if err := json.Unmarshal(row.Found, &status.Found); err != nil {
		return Status{}, fmt.Errorf("reading the audit's state: %w", err)
	}
	return status, nil
}
