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

// paying is the step of the lifecycle that may fail.
const paying = 1

const publishOrder = `SELECT herald.publish_order_event($1, $2, $3, $4, $5, $6, estimated_delivery_time => now() + interval '30 minutes',
	delivered_at => CASE WHEN $4 = 'Delivered' THEN now() END)`

// followedOrder moves the one order that the printed command follows: it is ordered again as soon as it has been delivered.
func (s *Simulation) followedOrder(ctx context.Context, tx pgx.Tx, _ int) error {
	var status string
	err := tx.QueryRow(ctx, `SELECT status FROM demo.orders WHERE id = $1 FOR UPDATE`, OrderID).Scan(&status)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return fmt.Errorf("reading the followed order: %w", err)
	}
	return moveOrder(ctx, tx, OrderID, "YZ-1024", Customer, next(status), false)
}

// order places a new order of somebody's, or moves one that is under way. Some payments fail: one in each failing turns is made to.
func (s *Simulation) order(ctx context.Context, tx pgx.Tx, turn int) error {
	const failing = 10
	if turn%failing == failing-1 {
		return moveOrder(ctx, tx, uuid.New(), orderNumber(), Customer, paying, true)
	}
	var id uuid.UUID
	var number, customer, status string
	err := tx.QueryRow(ctx, `SELECT id, number, customer_id, status FROM demo.orders
		WHERE status NOT IN ('Delivered', 'PaymentFailed') AND id <> $1 ORDER BY random() LIMIT 1 FOR UPDATE SKIP LOCKED`, OrderID).
		Scan(&id, &number, &customer, &status)
	const underWay = 0.7
	if err == nil && rand.Float64() < underWay { //nolint:gosec // not a secret
		return moveOrder(ctx, tx, id, number, customer, next(status), false)
	}
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return fmt.Errorf("choosing an order: %w", err)
	}
	return moveOrder(ctx, tx, uuid.New(), orderNumber(), uuid.NewString(), 0, false) // a new order starts at the first status
}

func orderNumber() string { return fmt.Sprintf("YZ-%d", 2000+rand.IntN(8000)) } //nolint:gosec // not a secret

func next(status string) int {
	for i, s := range lifecycle {
		if s.status == status {
			return (i + 1) % len(lifecycle)
		}
	}
	return 0
}

func moveOrder(ctx context.Context, tx pgx.Tx, id uuid.UUID, number, customer string, step int, fails bool) error {
	status, eventType := lifecycle[step].status, lifecycle[step].event
	if fails {
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

// cartEvents is what happens to the simulated team cart, over and over: it is paid and converted, and the next time it expires.
var cartEvents = []string{ //nolint:gochecknoglobals // a constant table
	"CartUpdated", "CartLocked", "CartPaymentEvent", "CartReadyToConfirm", "CartConverted", "CartUpdated", "CartExpired",
}

func (s *Simulation) teamCart(ctx context.Context, tx pgx.Tx, turn int) error {
	var status string
	err := tx.QueryRow(ctx, `SELECT status FROM demo.team_carts WHERE id = $1 FOR UPDATE`, TeamCartID).Scan(&status)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return fmt.Errorf("reading the team cart: %w", err)
	}
	eventType := cartEvents[turn%len(cartEvents)]
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
func (s *Simulation) administration(ctx context.Context, tx pgx.Tx, turn int) error {
	var stats json.RawMessage
	err := tx.QueryRow(ctx, `
		WITH grown AS (UPDATE demo.counters SET value = value + CASE WHEN name LIKE '%Revenue%' THEN 12.50 ELSE 1 END RETURNING name, value)
		SELECT jsonb_object_agg(name, value) FROM grown`).Scan(&stats)
	if err != nil {
		return fmt.Errorf("counting: %w", err)
	}
	if _, err := tx.Exec(ctx, `SELECT herald.set_platform_stats($1)`, stats); err != nil {
		return fmt.Errorf("setting the platform's statistics: %w", err)
	}
	event := adminEvents[turn%len(adminEvents)]
	if _, err := tx.Exec(ctx, `SELECT herald.publish_admin_event($1, `+event.payload+`) FROM (SELECT $2::jsonb AS stats) s`, event.name, stats); err != nil {
		return fmt.Errorf("publishing %s: %w", event.name, err)
	}
	return nil
}

// adminEvents is what the admin service tells, over and over. A payload is SQL that may read stats, the platform's counters.
var adminEvents = []struct{ name, payload string }{ //nolint:gochecknoglobals // a constant table
	{"UserCountUpdate", `stats`},
	{"AnalyticsUpdate", `stats || jsonb_build_object('revenue', stats -> 'totalRevenue')`},
	{"UserActivityUpdate", `jsonb_build_object('userId', '` + Customer + `', 'action', 'website_generated', 'details', jsonb_build_object('projectId', 'proj-12345'))`},
	{"GenerationMetricsUpdate", `stats || '{"averageGenerationTime": 12.5}'`},
	{"SystemAlert", `'{"type": "warning", "message": "System performance degradation detected", "data": {"cpuUsage": 92, "threshold": 85}}'`},
	{"RevenueUpdate", `jsonb_build_object('dailyRevenue', stats -> 'revenueToday', 'totalRevenue30d', stats -> 'totalRevenue')`},
	{"AdminNotification", `jsonb_build_object('type', 'role-assignment', 'userId', '` + Customer + `', 'roleName', 'Moderator', 'action', 'assigned')`},
	{"AdminNotification", `'{"type": "system-event", "eventType": "backup", "description": "The nightly backup is complete", "data": {"tables": 42}}'`},
}
