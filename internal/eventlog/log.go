package eventlog

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/yummyzoom/herald/internal/event"
	"github.com/yummyzoom/herald/internal/outbox"
	"github.com/yummyzoom/herald/internal/postgres"
	"github.com/yummyzoom/herald/internal/postgres/dbsqlc"
)

// Reader reads the event log. Each read is one round trip, except [Reader.Read] of many entries.
type Reader struct {
	db postgres.Batcher
}

// NewReader returns a reader of the log over db, typically a pool.
func NewReader(db postgres.Batcher) *Reader { return &Reader{db} }

// State says how far the log is.
type State struct {
	Epoch    int64 // from 1; a new one means that positions behind Origin have been given anew
	Origin   int64 // the position behind which the epoch began
	Position int64 // the newest, 0 for an empty log
}

// State returns how far the log is.
func (l *Reader) State(ctx context.Context) (State, error) {
	state, err := dbsqlc.New(l.db).LogState(ctx)
	if err != nil {
		return State{}, fmt.Errorf("reading the log's state: %w", err)
	}
	return State{Epoch: state.Epoch, Origin: state.EpochPosition, Position: state.Position}, nil
}

// ReadFrom returns the entries behind position after, in order, at most limit, and the log's epoch; 0 where there
// are none. It does not stop at an entry that cannot be read: such an entry has no payload.
func (l *Reader) ReadFrom(ctx context.Context, after int64,
	limit int,
) (entries []event.Logged, epoch int64, err error) {
	entries, epoch, err = l.readFrom(ctx, after, limit)
	if !postgres.Unreadable(err) {
		return entries, epoch, err
	}
	if limit <= 1 {
		return l.place(ctx, dbsqlc.LogPlacesFrom, after)
	}
	half := limit / 2 //nolint:mnd // and so on, until it is alone
	entries, epoch, err = l.ReadFrom(ctx, after, half)
	if err != nil || len(entries) < half {
		return entries, epoch, err
	}
	rest, restEpoch, err := l.ReadFrom(ctx, entries[half-1].Position, limit-half)
	if err != nil || restEpoch != epoch {
		return entries, epoch, err
	}
	return append(entries, rest...), epoch, nil
}

// place reads the place of one entry that cannot be read.
func (l *Reader) place(ctx context.Context, sql string, args ...any) (entries []event.Logged, epoch int64, err error) {
	batch := outbox.NewReadBatch()
	batch.Queue(sql, args...).Query(func(rows pgx.Rows) error {
		var err error
		entries, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (event.Logged, error) {
			entry := event.Logged{Event: &event.Event{}}
			var group string
			err := row.Scan(&epoch, &entry.Position, &group, &entry.Sequence, &entry.ID)
			entry.Group, _ = event.ParseGroup(group) // a newer release's group has its place, too
			entry.Type = typeOf(entry)
			return entry, err //nolint:wrapcheck // wrapped once, below
		})
		return err //nolint:wrapcheck // wrapped once, by the batch's reader
	})
	if err := l.db.SendBatch(ctx, batch).Close(); err != nil {
		return nil, 0, fmt.Errorf("reading the place of an entry that cannot be read: %w", err)
	}
	return entries, epoch, nil
}

// typeOf returns a type of the family of an entry's group. Readers wait at an entry of no known type, because it may
// be of a newer release. They pass over an entry of this type.
func typeOf(entry event.Logged) event.Type {
	if entry.Sequence == 0 {
		return event.Control.First()
	}
	switch entry.Group.Kind() {
	case "order", "restaurant":
		return event.Order.First()
	case "teamcart":
		return event.TeamCart.First()
	default:
		return event.Admin.First()
	}
}

func (l *Reader) readFrom(ctx context.Context, after int64,
	limit int,
) (entries []event.Logged, epoch int64, err error) {
	batch := outbox.NewReadBatch()
	batch.Queue(dbsqlc.LogReadFrom, after, limit).Query(func(rows pgx.Rows) error {
		var err error
		entries, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (event.Logged, error) {
			var doubtful bool
			entry, err := scanLogged(row, &epoch, &doubtful)
			entry.Doubtful = doubtful
			return entry, err
		})
		return err //nolint:wrapcheck // wrapped once, by the batch's reader
	})
	if err := l.db.SendBatch(ctx, batch).Close(); err != nil {
		return nil, 0, fmt.Errorf("reading the log behind position %d: %w", after, err)
	}
	return entries, epoch, nil
}

// Locate returns the sequence of an event within group, or [ErrUnknownEvent].
func (l *Reader) Locate(ctx context.Context, group event.Group, eventID uuid.UUID) (sequence int64, err error) {
	batch := outbox.NewReadBatch()
	batch.Queue(dbsqlc.LogLocate, eventID,
		group.String()).QueryRow(func(row pgx.Row) error { return row.Scan(&sequence) })
	err = l.db.SendBatch(ctx, batch).Close()
	if errors.Is(err, pgx.ErrNoRows) {
		return 0, ErrUnknownEvent
	}
	if err != nil {
		return 0, fmt.Errorf("locating event %s in %s: %w", eventID, group, err)
	}
	return sequence, nil
}

// Head returns the newest entry of group at or before a position: its event and its sequence. For a group whose
// entries the retention has all dropped it returns uuid.Nil and the sequence of the newest event ever; for a group
// that has had none, uuid.Nil and 0.
func (l *Reader) Head(ctx context.Context, group event.Group,
	atPosition int64,
) (eventID uuid.UUID, sequence int64, err error) {
	batch := outbox.NewReadBatch()
	batch.Queue(dbsqlc.LogGroupHead, group.String(),
		atPosition).QueryRow(func(row pgx.Row) error { return row.Scan(&eventID, &sequence) })
	err = l.db.SendBatch(ctx, batch).Close()
	if errors.Is(err, pgx.ErrNoRows) {
		return uuid.Nil, 0, nil
	}
	if err != nil {
		return uuid.Nil, 0, fmt.Errorf("reading the head of %s: %w", group, err)
	}
	return eventID, sequence, nil
}

// scanLogged reads an entry of LogReadFrom or LogReadGroup. It reads the columns before the entry into before. The
// relay has checked the entry's row, but the outbox's owner may have changed it since: an entry that cannot be read
// any more has no payload, so that it is passed over.
func scanLogged(row pgx.CollectableRow, before ...any) (event.Logged, error) {
	var c outbox.EventColumns
	var l event.Logged
	var group string
	err := row.Scan(append(before, &l.Position, &group, &l.Sequence, &c.ID, &c.Type, &c.ResourceID, &c.RestaurantID,
		&c.CustomerID,
		&c.Audience, &c.Payload, &c.OccurredOn, &c.TraceText)...)
	if err != nil {
		return event.Logged{}, err //nolint:wrapcheck // wrapped once, by the batch's reader
	}
	e := c.Event()
	if !c.HasTime() {
		e.Payload = nil
	}
	l.Event = &e
	l.Group, _ = event.ParseGroup(group) // a newer release's group has its place, too
	return l, nil
}
