package simulation

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// lifecycle is the order's statuses in turn, each with the event that announces it.
var lifecycle = []struct{ status, event string }{ //nolint:gochecknoglobals // a constant table
	{"Placed", "OrderPlaced"},
	{"Paid", "OrderPaymentSucceeded"},
	{"Accepted", "OrderStatusChanged"},
	{"Preparing", "OrderStatusChanged"},
	{"ReadyForDelivery", "OrderStatusChanged"},
	{"Delivered", "OrderStatusChanged"},
}

const publishOrder = `SELECT herald.publish_order_event($1, $2, $3, $4, $5, $6, estimated_delivery_time => now() + interval '30 minutes',
	delivered_at => CASE WHEN $4 = 'Delivered' THEN now() END)`

// followedOrder moves the one order that the printed command follows: it is ordered again as soon as it has been delivered.
func (s *Simulation) followedOrder(ctx context.Context, tx pgx.Tx) error {
	var status string
	err := tx.QueryRow(ctx, `SELECT status FROM demo.orders WHERE id = $1 FOR UPDATE`, OrderID).Scan(&status)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return fmt.Errorf("reading the followed order: %w", err)
	}
	return moveOrder(ctx, tx, OrderID, "YZ-1024", Customer, next(status))
}

// order places a new order of somebody's, or moves one that is under way.
func (s *Simulation) order(ctx context.Context, tx pgx.Tx) error {
	var id uuid.UUID
	var number, customer, status string
	err := tx.QueryRow(ctx, `SELECT id, number, customer_id, status FROM demo.orders
		WHERE status NOT IN ('Delivered', 'PaymentFailed') AND id <> $1 ORDER BY random() LIMIT 1 FOR UPDATE SKIP LOCKED`, OrderID).
		Scan(&id, &number, &customer, &status)
	const underWay = 0.7
	if err == nil && rand.Float64() < underWay { //nolint:gosec // not a secret
		return moveOrder(ctx, tx, id, number, customer, next(status))
	}
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return fmt.Errorf("choosing an order: %w", err)
	}
	number = fmt.Sprintf("YZ-%d", 2000+rand.IntN(8000))        //nolint:gosec // not a secret
	customer = fmt.Sprintf("customer-%d", 1+rand.IntN(20))     //nolint:gosec // not a secret
	return moveOrder(ctx, tx, uuid.New(), number, customer, 0) // a new order starts at the first status
}

func next(status string) int {
	for i, s := range lifecycle {
		if s.status == status {
			return (i + 1) % len(lifecycle)
		}
	}
	return 0
}

func moveOrder(ctx context.Context, tx pgx.Tx, id uuid.UUID, number, customer string, step int) error {
	status, eventType := lifecycle[step].status, lifecycle[step].event
	const failing = 0.1
	if eventType == "OrderPaymentSucceeded" && id != OrderID && rand.Float64() < failing { //nolint:gosec // not a secret
		status, eventType = "PaymentFailed", "OrderPaymentFailed"
	}
	_, err := tx.Exec(ctx, `INSERT INTO demo.orders (id, number, customer_id, restaurant_id, status) VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (id) DO UPDATE SET status = excluded.status, updated_at = now()`, id, number, customer, RestaurantID, status)
	if err != nil {
		return fmt.Errorf("moving order %s: %w", id, err)
	}
	if _, err := tx.Exec(ctx, publishOrder, eventType, id, number, status, RestaurantID, customer); err != nil {
		return fmt.Errorf("publishing %s of order %s: %w", eventType, id, err)
	}
	return nil
}

// cartEvents is what happens to the simulated team cart, over and over.
var cartEvents = []string{ //nolint:gochecknoglobals // a constant table
	"CartUpdated", "CartUpdated", "CartLocked", "CartPaymentEvent", "CartReadyToConfirm", "CartConverted",
}

func (s *Simulation) teamCart(ctx context.Context, tx pgx.Tx) error {
	var status string
	err := tx.QueryRow(ctx, `SELECT status FROM demo.team_carts WHERE id = $1 FOR UPDATE`, TeamCartID).Scan(&status)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return fmt.Errorf("reading the team cart: %w", err)
	}
	eventType := cartEvents[rand.IntN(len(cartEvents))] //nolint:gosec // not a secret
	_, err = tx.Exec(ctx, `INSERT INTO demo.team_carts (id, host_id, status) VALUES ($1, $2, $3)
		ON CONFLICT (id) DO UPDATE SET status = excluded.status, updated_at = now()`, TeamCartID, Customer, eventType)
	if err != nil {
		return fmt.Errorf("changing the team cart: %w", err)
	}
	_, err = tx.Exec(ctx, `SELECT herald.publish_teamcart_event($1, $2, user_id => $3, status => 'Paid', order_id => $4)`,
		eventType, TeamCartID, Customer, OrderID)
	if err != nil {
		return fmt.Errorf("publishing %s: %w", eventType, err)
	}
	return nil
}

// administration lets the platform's counters grow and tells the dashboards.
func (s *Simulation) administration(ctx context.Context, tx pgx.Tx) error {
	var stats json.RawMessage
	err := tx.QueryRow(ctx, `
		WITH grown AS (UPDATE demo.counters SET value = value + CASE WHEN name LIKE '%Revenue%' THEN 12.50 ELSE 1 END
			WHERE name <> 'failedGenerations' RETURNING name, value)
		SELECT jsonb_object_agg(name, value) FROM grown`).Scan(&stats)
	if err != nil {
		return fmt.Errorf("counting: %w", err)
	}
	if _, err := tx.Exec(ctx, `SELECT herald.set_platform_stats($1)`, stats); err != nil {
		return fmt.Errorf("setting the platform's statistics: %w", err)
	}
	eventType, payload := adminEvent(stats)
	if _, err := tx.Exec(ctx, `SELECT herald.publish_admin_event($1, $2::jsonb || CASE WHEN $1 = 'AnalyticsUpdate'
		THEN jsonb_build_object('revenue', $2::jsonb -> 'totalRevenue') ELSE '{}' END)`, eventType, payload); err != nil {
		return fmt.Errorf("publishing %s: %w", eventType, err)
	}
	return nil
}

func adminEvent(stats json.RawMessage) (eventType, payload string) {
	switch rand.IntN(4) { //nolint:gosec // not a secret
	case 0:
		return "UserCountUpdate", string(stats)
	case 1:
		return "UserActivityUpdate", `{"userId":"550e8400-e29b-41d4-a716-446655440000","action":"website_generated","details":{"projectId":"proj-12345"}}`
	case 2:
		return "SystemAlert", `{"type":"warning","message":"System performance degradation detected","data":{"cpuUsage":92,"threshold":85}}`
	default:
		return "AnalyticsUpdate", string(stats)
	}
}
