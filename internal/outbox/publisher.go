package outbox

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/yummyzoom/herald/internal/event"
	"github.com/yummyzoom/herald/internal/postgres/dbsqlc"
)

// Publisher writes Herald's own admin events into the outbox, and reads the platform's statistics.
type Publisher struct {
	q *dbsqlc.Queries
}

// NewPublisher returns a publisher over db, typically a pool.
func NewPublisher(db dbsqlc.DBTX) *Publisher { return &Publisher{q: dbsqlc.New(db)} }

// PublishAdmin writes an admin event and returns its id: eventID, or a new one where that is uuid.Nil.
func (p *Publisher) PublishAdmin(ctx context.Context, eventType event.Type, payload json.RawMessage,
	eventID uuid.UUID,
) (uuid.UUID, error) {
	id, err := p.q.AdminEventPublish(ctx, dbsqlc.AdminEventPublishParams{
		EventType: string(eventType), Payload: payload, EventID: uuid.NullUUID{UUID: eventID, Valid: eventID != uuid.Nil},
	})
	if err != nil {
		return uuid.Nil, fmt.Errorf("publishing %s: %w", eventType, err)
	}
	return id, nil
}

// PlatformStats are the snapshot's eight fields and their age. A field that was never set is null.
type PlatformStats struct {
	TotalUsers        json.RawMessage `json:"totalUsers"`
	ActiveUsers       json.RawMessage `json:"activeUsers"`
	NewUsersToday     json.RawMessage `json:"newUsersToday"`
	WebsitesGenerated json.RawMessage `json:"websitesGenerated"`
	ImagesGenerated   json.RawMessage `json:"imagesGenerated"`
	FailedGenerations json.RawMessage `json:"failedGenerations"`
	TotalRevenue      json.RawMessage `json:"totalRevenue"`
	RevenueToday      json.RawMessage `json:"revenueToday"`
	SetAt             time.Time       `json:"setAt"` // when the newest of them was set, by the database's clock
}

// PlatformStats returns the statistics and when the newest of them was set; ok is false where none was ever set.
func (p *Publisher) PlatformStats(ctx context.Context) (stats PlatformStats, setAt time.Time, ok bool, err error) {
	rows, err := p.q.PlatformStats(ctx)
	if err != nil {
		return PlatformStats{}, time.Time{}, false, fmt.Errorf("reading the platform's statistics: %w", err)
	}
	fields := map[string]*json.RawMessage{
		"totalUsers": &stats.TotalUsers, "activeUsers": &stats.ActiveUsers, "newUsersToday": &stats.NewUsersToday,
		"websitesGenerated": &stats.WebsitesGenerated, "imagesGenerated": &stats.ImagesGenerated,
		"failedGenerations": &stats.FailedGenerations, "totalRevenue": &stats.TotalRevenue,
		"revenueToday": &stats.RevenueToday,
	}
	for _, f := range fields {
		*f = json.RawMessage("null")
	}
	for _, row := range rows {
		if f, known := fields[row.Field]; known {
			*f = json.RawMessage(row.Value)
			if row.SetAt.After(setAt) {
				setAt = row.SetAt
			}
			ok = true
		}
	}
	setAt = setAt.UTC()
	stats.SetAt = setAt
	return stats, setAt, ok, nil
}

// ReadStatsAge returns how long ago the newest of the platform's statistics was set, by the database's clock; set is
// false where none was ever set.
func ReadStatsAge(ctx context.Context, db dbsqlc.DBTX) (age time.Duration, set bool, err error) {
	seconds, err := dbsqlc.New(db).PlatformStatsAge(ctx)
	if err != nil {
		return 0, false, fmt.Errorf("reading the age of the platform's statistics: %w", err)
	}
	return max(0, time.Duration(seconds*float64(time.Second))), seconds >= 0, nil
}

// BroadcastStats publishes an AnalyticsUpdate within tx. It does so where the statistics differ from those of the
// last one, all of its fields have been set, and the last AnalyticsUpdate of all is at least interval old by the
// database's clock. It reports whether it did. Concurrent calls wait for each other.
func BroadcastStats(ctx context.Context, tx pgx.Tx, interval time.Duration) (published bool, err error) {
	q := dbsqlc.New(tx)
	if err := q.StatsBroadcastLock(ctx); err != nil {
		return false, fmt.Errorf("waiting to broadcast the platform's statistics: %w", err)
	}
	ids, err := q.StatsBroadcast(ctx, interval.Seconds())
	if err != nil {
		return false, fmt.Errorf("broadcasting the platform's statistics: %w", err)
	}
	return len(ids) > 0, nil
}

// PrunePlatformStats deletes values that newer ones have replaced.
func (p *Publisher) PrunePlatformStats(ctx context.Context) error {
	if err := p.q.PlatformStatsPrune(ctx); err != nil {
		return fmt.Errorf("pruning the platform's statistics: %w", err)
	}
	return nil
}
