package e2e_test

import (
	"context"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"
)

// producer is a service of the platform, with the rights of the role herald_producer and no others.
type producer struct{ *pgxpool.Pool }

func produce(t *testing.T, dsn string) producer {
	t.Helper()
	pool, err := pgxpool.New(t.Context(), producerDSN(dsn))
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	return producer{pool}
}

func producerDSN(dsn string) string {
	if strings.Contains(dsn, "?") {
		return dsn + "&role=herald_producer"
	}
	return dsn + "?role=herald_producer"
}

// querier is a pool, a connection or a transaction.
type querier interface {
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

// publish calls one of the producers' functions and returns the event's id.
func publish(t *testing.T, q querier, call string, args ...any) uuid.UUID {
	t.Helper()
	var id uuid.UUID
	require.NoError(t, q.QueryRow(t.Context(), "SELECT herald."+call, args...).Scan(&id), call)
	return id
}

// order is an order of a restaurant, placed by a customer.
type order struct {
	id, restaurant uuid.UUID
	customer       string
}

// newOrder is an order of alice's.
func newOrder() order { return order{uuid.New(), uuid.New(), "alice"} }

// changed publishes a change of the order's status.
func (o order) changed(t *testing.T, q querier, status string) uuid.UUID {
	t.Helper()
	return publish(
		t, q, "publish_order_event('OrderStatusChanged', $1, 'YZ-1024', $2, $3, $4)", o.id, status, o.restaurant,
		o.customer,
	)
}
