package retention

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/yummyzoom/herald/internal/postgres"
	"github.com/yummyzoom/herald/internal/postgres/dbsqlc"
)

const (
	defaultEventRetention = 7 * 24 * time.Hour
	defaultGroupRetention = 90 * 24 * time.Hour

	advancedHold = 24 * time.Hour

	mostToMove   = 10_000 // rows of a day that are moved while producers and the relay wait
	pruneChunk   = 10_000 // rows that one transaction deletes at most
	forgetBlocks = 90     // of 8 KiB, in which less than pruneChunk relayed events have room
)

// Config says how long relayed events are kept.
type Config struct {
	// Events is how long an event can be replayed, and another event of the same id is recognised as a duplicate. Whole
	// days (UTC) are dropped, so it may be up to two days longer. Defaults to 168 hours.
	Events time.Duration
	// Groups is how long a group whose events have all been dropped goes on with its numbering, and how long an order
	// without events keeps the grants that its events implied. Defaults to 2160 hours.
	Groups time.Duration
	// Clock, where it is set, makes the retention drop nothing for a day after the database's clock was set forward: by
	// a wrong clock everything is old.
	Clock interface {
		Advanced(within time.Duration) bool
	}
	// Logger is told what is dropped and what stays, and why. Defaults to slog.Default.
	Logger *slog.Logger
}

// Retention drops what is older than it has to be kept, and nothing that is still needed:
//
//	a day of the log     once every live node has broadcast it, and nothing that is kept lies before its end; each
//	                     group's newest sequence is kept
//	a day of the outbox  once each of its rows has been relayed, and the log of that day and of the next one is gone.
//	                     An event is nearly always relayed within a day of being written; what needs its row for
//	                     longer (an entry that came late, a job, a dead letter) keeps it, in the default partition
//	relayed events       once neither log nor outbox can show them again: until then their ids are recognised
//
// A day is dropped by one statement. Everything else is deleted in small transactions.
type Retention struct {
	db     postgres.Database
	q      *dbsqlc.Queries
	cfg    Config
	events pgtype.Interval
	groups pgtype.Interval
}

// New returns the retention of db; nothing happens until Run.
func New(db postgres.Database, cfg Config) *Retention {
	cfg.Events = cmp.Or(cfg.Events, defaultEventRetention)
	cfg.Groups = cmp.Or(cfg.Groups, defaultGroupRetention)
	if cfg.Logger == nil {
		cfg.Logger = slog.Default()
	}
	return &Retention{db: db, q: dbsqlc.New(db), cfg: cfg, events: interval(cfg.Events), groups: interval(cfg.Groups)}
}

func interval(d time.Duration) pgtype.Interval {
	return pgtype.Interval{Microseconds: d.Microseconds(), Valid: true}
}

// Retired is what one run has dropped.
type Retired struct {
	Days int   // partitions dropped
	Kept int   // partitions older than the retention that stay for now
	Rows int64 // deleted elsewhere
}

// Run drops what can be dropped now. A part that fails does not stop the others, and the next run tries it again.
func (r *Retention) Run(ctx context.Context) (Retired, error) {
	var done Retired
	if r.cfg.Clock != nil && r.cfg.Clock.Advanced(advancedHold) {
		r.cfg.Logger.WarnContext(ctx, "nothing is dropped: the database's clock was set forward within a day")
		return done, nil
	}
	cutoff, err := r.q.RetentionCutoff(ctx, r.events)
	if err != nil {
		return done, fmt.Errorf("reading the database's clock: %w", err)
	}
	errs := []error{
		r.retireDays(ctx, "event_log", cutoff, &done,
			func(ctx context.Context, tx pgx.Tx, day pgtype.Date) (int, string, error) {
				return r.retireLogDay(ctx, tx, day, cutoff)
			}),
		r.retireDays(ctx, "outbox", cutoff, &done, r.retireOutboxDay), // after the log's days, which keep the outbox's
	}
	for _, part := range []struct {
		what  string
		prune func(ctx context.Context, cutoff time.Time, progress func(rows int64)) error
	}{
		{"entries in the log's default partition", r.pruneLogDefault},
		{"rows in the outbox's default partition", r.pruneOutboxDefault},
		{"dead letters", r.pruneDeadLetters},
		{"the history of dead letters", r.pruneHistory},
		{"relayed events", r.forgetRelayed},
		{"heads of groups", r.pruneHeads},
		{"implied grants", r.pruneImpliedGrants},
		{"superseded grants", r.pruneSupersededGrants},
	} {
		p := progress{what: part.what, logger: r.cfg.Logger, told: time.Now()}
		if err := part.prune(ctx, cutoff, func(rows int64) { p.add(ctx, rows) }); err != nil {
			errs = append(errs, fmt.Errorf("pruning %s: %w", part.what, err))
		}
		p.end(ctx)
		done.Rows += p.rows
	}
	return done, errors.Join(errs...)
}

// progress logs long work while it goes on, and all work at its end.
type progress struct {
	what   string
	logger *slog.Logger
	rows   int64
	told   time.Time
}

func (p *progress) add(ctx context.Context, rows int64) {
	const interval = 10 * time.Second
	p.rows += rows
	if time.Since(p.told) >= interval {
		p.told = time.Now()
		p.logger.InfoContext(ctx, "retention at work", slog.String("on", p.what), slog.Int64("deleted_rows", p.rows))
	}
}

func (p *progress) end(ctx context.Context) {
	if p.rows > 0 {
		p.logger.InfoContext(ctx, "retention done", slog.String("on", p.what), slog.Int64("deleted_rows", p.rows))
	}
}

// retireDays drops the partitions of table that are older than cutoff, each in a transaction of its own.
func (r *Retention) retireDays(ctx context.Context, table string, cutoff time.Time, done *Retired,
	retire func(ctx context.Context, tx pgx.Tx, day pgtype.Date) (moved int, stays string, err error),
) error {
	days, err := r.q.PartitionDays(ctx, dbsqlc.PartitionDaysParams{Parent: table, Cutoff: cutoff})
	if err != nil {
		return fmt.Errorf("listing the partitions of %s: %w", table, err)
	}
	var errs []error
	for _, day := range days {
		name := day.Time.Format(time.DateOnly)
		var moved int
		var stays string
		err := pgx.BeginFunc(ctx, r.db, func(tx pgx.Tx) error {
			if err := changePartitions(ctx, tx); err != nil {
				return err
			}
			// A large day takes minutes, and blocks other transactions only in the last moment. ctx is the limit.
			if _, err := tx.Exec(ctx, "SET LOCAL statement_timeout = 0"); err != nil {
				return err //nolint:wrapcheck // wrapped once, below
			}
			var err error
			moved, stays, err = retire(ctx, tx, day)
			return err
		})
		switch {
		case err != nil:
			errs = append(errs, fmt.Errorf("dropping the partition of %s for %s: %w", table, name, err))
		case stays != "":
			done.Kept++
			r.cfg.Logger.InfoContext(ctx, "a partition older than the retention stays", slog.String("table", table),
				slog.String("day", name),
				slog.String("reason", stays))
		default:
			done.Days++
			r.cfg.Logger.InfoContext(ctx, "partition dropped", slog.String("table", table), slog.String("day", name),
				slog.Int("moved_rows", moved))
		}
	}
	return errors.Join(errs...)
}

func (r *Retention) retireLogDay(ctx context.Context, tx pgx.Tx, day pgtype.Date,
	cutoff time.Time,
) (moved int, stays string, err error) {
	q := dbsqlc.New(tx)
	overtaken, err := q.LogDayOvertaken(ctx, dbsqlc.LogDayOvertakenParams{Cutoff: cutoff, Day: day})
	if err != nil {
		return 0, "", err
	}
	if overtaken {
		return 0, "the database's clock was set back: it lies between events of later days", nil
	}
	stays, err = q.LogDayRetire(ctx, day)
	return 0, stays, err
}

// These stand here because sqlc does not know the columns of a function.
const (
	retireOutboxDay    = "SELECT moved, coalesce(stays, '') FROM herald.retire_outbox_day($1, $2)"
	pruneOutboxDefault = "SELECT pruned, last_seq FROM herald.prune_outbox_default($1, $2, $3)"
	forgettableBlocks  = "SELECT first, last FROM herald.forgettable_blocks($1)"
)

func (r *Retention) retireOutboxDay(ctx context.Context, tx pgx.Tx,
	day pgtype.Date,
) (moved int, stays string, err error) {
	retire := func(tx pgx.Tx) error { return tx.QueryRow(ctx, retireOutboxDay, day, mostToMove).Scan(&moved, &stays) }
	err = pgx.BeginFunc(ctx, tx, retire)
	const checkViolation = "23514"
	if refused, ok := errors.AsType[*pgconn.PgError](err); !ok || refused.Code != checkViolation {
		return moved, stays, err //nolint:wrapcheck // wrapped once, by retireDays
	}
	// A row that moves to the default partition is inserted there. A row that was written past the outbox's checks, or
	// before they were what they are, is not checked again: a dead letter keeps its row. No other transaction writes to
	// the default partition until this one ends.
	if _, err := tx.Exec(ctx, "ALTER TABLE herald.outbox_default DISABLE TRIGGER USER"); err != nil {
		return 0, "", err //nolint:wrapcheck // as above
	}
	if err := retire(tx); err != nil {
		return 0, "", err
	}
	_, err = tx.Exec(ctx, "ALTER TABLE herald.outbox_default ENABLE TRIGGER USER")
	return moved, stays, err //nolint:wrapcheck // as above
}
