package outbox

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/yummyzoom/herald/internal/event"
	"github.com/yummyzoom/herald/internal/outbox/dbsqlc"
)

// ErrUnknownEvent is returned by Locate for an event that has no entry in the group, or none any more.
var ErrUnknownEvent = errors.New("no such event in this group")

// Log reads the event log.
type Log struct {
	q *dbsqlc.Queries
}

// NewLog returns a reader of the log over db, typically a pool.
func NewLog(db dbsqlc.DBTX) *Log { return &Log{q: dbsqlc.New(db)} }

// LogState is how far the log is.
type LogState struct {
	Epoch    int64 // from 1; another one means that positions behind Origin have been given anew
	Origin   int64 // the position behind which the epoch began
	Position int64 // the newest, 0 for an empty log
}

// State returns how far the log is.
func (l *Log) State(ctx context.Context) (LogState, error) {
	state, err := l.q.LogState(ctx)
	if err != nil {
		return LogState{}, fmt.Errorf("reading the log's state: %w", err)
	}
	return LogState{Epoch: state.Epoch, Origin: state.EpochPosition, Position: state.Position}, nil
}

// ReadFrom returns the entries behind position after, in order, at most limit, and the log's epoch; 0 where there are none.
func (l *Log) ReadFrom(ctx context.Context, after int64, limit int) (entries []event.Logged, epoch int64, err error) {
	rows, err := l.q.LogReadFrom(ctx, dbsqlc.LogReadFromParams{After: after, MaxEntries: int32(limit)}) //nolint:gosec // bounded by the caller
	if err != nil {
		return nil, 0, fmt.Errorf("reading the log behind position %d: %w", after, err)
	}
	entries = make([]event.Logged, len(rows))
	for i := range rows {
		r := &rows[i]
		epoch = r.Epoch
		entries[i] = loggedOf(&dbsqlc.LogReadGroupRow{
			Position: r.Position, GroupName: r.GroupName, Sequence: r.Sequence, EventID: r.EventID, EventType: r.EventType,
			ResourceID: r.ResourceID, RestaurantID: r.RestaurantID, CustomerID: r.CustomerID, Audience: r.Audience,
			Payload: r.Payload, OccurredOnUtc: r.OccurredOnUtc, Traceparent: r.Traceparent,
		})
		entries[i].Doubtful = r.Doubtful
	}
	return entries, epoch, nil
}

// Read returns the entries of group with a sequence above after and a position of at most upTo, in order, at most limit.
func (l *Log) Read(ctx context.Context, group event.Group, after, upTo int64, limit int) ([]event.Logged, error) {
	rows, err := l.q.LogReadGroup(ctx, dbsqlc.LogReadGroupParams{
		GroupName: string(group), After: after, UpTo: upTo, MaxEntries: int32(limit), //nolint:gosec // bounded by the caller
	})
	if err != nil {
		return nil, fmt.Errorf("reading the log of %s behind sequence %d: %w", group, after, err)
	}
	entries := make([]event.Logged, len(rows))
	for i := range rows {
		entries[i] = loggedOf(&rows[i])
	}
	return entries, nil
}

// Locate returns the sequence of an event within group, or [ErrUnknownEvent].
func (l *Log) Locate(ctx context.Context, group event.Group, eventID uuid.UUID) (int64, error) {
	sequence, err := l.q.LogLocate(ctx, dbsqlc.LogLocateParams{EventID: eventID, GroupName: string(group)})
	if errors.Is(err, pgx.ErrNoRows) {
		return 0, ErrUnknownEvent
	}
	if err != nil {
		return 0, fmt.Errorf("locating event %s in %s: %w", eventID, group, err)
	}
	return sequence, nil
}

// Head returns the newest entry of group at or before a position: its event and sequence; or uuid.Nil and the sequence of its newest
// event ever for a group whose entries the retention has dropped, all of them, and uuid.Nil and 0 for one that has had none.
func (l *Log) Head(ctx context.Context, group event.Group, atPosition int64) (uuid.UUID, int64, error) {
	head, err := l.q.LogGroupHead(ctx, dbsqlc.LogGroupHeadParams{GroupName: string(group), AtPosition: atPosition})
	if errors.Is(err, pgx.ErrNoRows) {
		return uuid.Nil, 0, nil
	}
	if err != nil {
		return uuid.Nil, 0, fmt.Errorf("reading the head of %s: %w", group, err)
	}
	return head.EventID, head.Sequence, nil
}

func loggedOf(r *dbsqlc.LogReadGroupRow) event.Logged {
	return event.Logged{
		Event: &event.Event{
			ID:           r.EventID,
			Type:         event.Type(r.EventType),
			ResourceID:   r.ResourceID.UUID,
			RestaurantID: r.RestaurantID.UUID,
			CustomerID:   orZero(r.CustomerID),
			Audience:     event.Audience(orZero(r.Audience)),
			Payload:      r.Payload,
			OccurredOn:   r.OccurredOnUtc,
			TraceParent:  orZero(r.Traceparent),
		},
		Group:    event.Group(r.GroupName),
		Position: r.Position,
		Sequence: r.Sequence,
	}
}
