package outbox

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/yummyzoom/herald/internal/postgres/dbsqlc"
)

// Insert writes one event as a producer would. Where the outbox refuses it the error says what is wrong and what to
// do.
func Insert(ctx context.Context, db dbsqlc.DBTX, row *Row) error {
	params := dbsqlc.OutboxInsertParams{
		EventID: row.ID, EventType: string(row.Type),
		ResourceID: nullable(row.ResourceID), RestaurantID: nullable(row.RestaurantID), Payload: row.Payload,
	}
	if row.CustomerID != "" {
		params.CustomerID = &row.CustomerID
	}
	if audience := string(row.Audience); audience != "" {
		params.Audience = &audience
	}
	if !row.DeliverAfter.IsZero() {
		params.DeliverAfter = &row.DeliverAfter
	}
	err := dbsqlc.New(db).OutboxInsert(ctx, params)
	if refused, ok := errors.AsType[*pgconn.PgError](err); ok && refused.Hint != "" {
		return fmt.Errorf("%s (%s)", refused.Message, refused.Hint)
	}
	if err != nil {
		return fmt.Errorf("publishing event %s: %w", row.ID, err)
	}
	return nil
}

func nullable(id uuid.UUID) uuid.NullUUID { return uuid.NullUUID{UUID: id, Valid: id != uuid.Nil} }
