package simulation

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/yummyzoom/herald/internal/event"
)

// orderStep is a status and the event that announces it.
type orderStep struct {
	status string
	event  event.Type
}

// lifecycle is the order's statuses in turn.
var lifecycle = []orderStep{ //nolint:gochecknoglobals // a constant table
	{"Placed", event.OrderPlaced},
	{"Paid", event.OrderPaymentSucceeded},
	{"Accepted", event.OrderStatusChanged},
	{"Preparing", event.OrderStatusChanged},
	{"ReadyForDelivery", event.OrderStatusChanged},
	{"Delivered", event.OrderStatusChanged},
}

// endings are the steps outside the lifecycle, each of which ends an order: one for each event type that the
// lifecycle lacks.
var endings = func() (steps []orderStep) { //nolint:gochecknoglobals // a constant table
	named := make([]event.Type, 0, len(lifecycle))
	for _, step := range lifecycle {
		named = append(named, step.event)
	}
	for _, other := range others(event.Order, named) {
		steps = append(steps, orderStep{strings.TrimPrefix(string(other), "Order"), other})
	}
	return steps
}()

// others are the types of a family that a story does not name. They follow the story, so that each type is seen.
func others(family event.Family, named []event.Type) (types []event.Type) {
	for _, t := range event.Types() {
		if t.Family() == family && !slices.Contains(named, t) {
			types = append(types, t)
		}
	}
	return types
}

const publishOrder = `SELECT herald.publish_order_event($1, $2, $3, $4, $5, $6, estimated_delivery_time => now() + interval '30 minutes',
	delivered_at => CASE WHEN $4 = 'Delivered' THEN now() END)`

// followedOrder moves the one order that the printed command follows. It is ordered again as soon as it has been
// delivered.
func (s *Simulation) followedOrder(ctx context.Context, tx pgx.Tx, _ int) error {
	var status string
	err := tx.QueryRow(ctx, `SELECT status FROM demo.orders WHERE id = $1 FOR UPDATE`, OrderID).Scan(&status)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return fmt.Errorf("reading the followed order: %w", err)
	}
	return moveOrder(ctx, tx, OrderID, "YZ-1024", Customer, next(status))
}

// order places a new order of a random customer, or moves an open one. One turn in ending places an order that ends
// outside the lifecycle, as by a failed payment.
func (s *Simulation) order(ctx context.Context, tx pgx.Tx, turn int) error {
	const ending = 10
	if turn%ending == ending-1 {
		return moveOrder(ctx, tx, uuid.New(), orderNumber(), Customer, endings[turn/ending%len(endings)])
	}
	var id uuid.UUID
	var number, customer, status string
	err := tx.QueryRow(ctx, `SELECT id, number, customer_id, status FROM demo.orders
		WHERE status = ANY ($2) AND id <> $1 ORDER BY random() LIMIT 1 FOR UPDATE SKIP LOCKED`, OrderID, underWay()).
		Scan(&id, &number, &customer, &status)
	const moving = 0.7
	if err == nil && rand.Float64() < moving { //nolint:gosec // not a secret
		return moveOrder(ctx, tx, id, number, customer, next(status))
	}
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return fmt.Errorf("choosing an order: %w", err)
	}
	return moveOrder(ctx, tx, uuid.New(), orderNumber(), uuid.NewString(), lifecycle[0])
}

// underWay are the statuses that another status follows.
func underWay() (statuses []string) {
	for _, step := range lifecycle[:len(lifecycle)-1] {
		statuses = append(statuses, step.status)
	}
	return statuses
}

func orderNumber() string { return fmt.Sprintf("YZ-%d", 2000+rand.IntN(8000)) } //nolint:gosec // not a secret

func next(status string) orderStep {
	at := slices.IndexFunc(lifecycle, func(step orderStep) bool { return step.status == status })
	return lifecycle[(at+1)%len(lifecycle)]
}

func moveOrder(ctx context.Context, tx pgx.Tx, id uuid.UUID, number, customer string, to orderStep) error {
	_, err := tx.Exec(
		ctx, `INSERT INTO demo.orders (id, number, customer_id, restaurant_id, status) VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (id) DO UPDATE SET status = excluded.status, updated_at = now()`,
		id, number, customer, RestaurantID, to.status)
	if err != nil {
		return fmt.Errorf("moving order %s: %w", id, err)
	}
	_, err = tx.Exec(ctx, publishOrder, string(to.event), id, number, to.status, RestaurantID, customer)
	if err != nil {
		return fmt.Errorf("publishing %s of order %s: %w", to.event, id, err)
	}
	return nil
}

// cartEvents are the events of the simulated team cart, repeated for ever: it is paid and converted, and the next
// time it expires.
var cartEvents = func() []event.Type { //nolint:gochecknoglobals // a constant table
	story := []event.Type{
		event.CartUpdated, event.CartLocked, event.CartPaymentEvent, event.CartReadyToConfirm, event.CartConverted,
		event.CartUpdated, event.CartExpired,
	}
	return append(story, others(event.TeamCart, story)...)
}()

const publishCart = `SELECT herald.publish_teamcart_event($1, $2, user_id => $3, status => 'Paid', order_id => $4,
	extra => $5::jsonb - '{userId,status,orderId}'::text[])`

func (s *Simulation) teamCart(ctx context.Context, tx pgx.Tx, turn int) error {
	var status string
	err := tx.QueryRow(ctx, `SELECT status FROM demo.team_carts WHERE id = $1 FOR UPDATE`, TeamCartID).Scan(&status)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return fmt.Errorf("reading the team cart: %w", err)
	}
	eventType := cartEvents[turn%len(cartEvents)]
	_, err = tx.Exec(ctx, `INSERT INTO demo.team_carts (id, host_id, status) VALUES ($1, $2, $3)
		ON CONFLICT (id) DO UPDATE SET status = excluded.status, updated_at = now()`,
		TeamCartID, Customer, string(eventType))
	if err != nil {
		return fmt.Errorf("changing the team cart: %w", err)
	}
	_, err = tx.Exec(ctx, publishCart, string(eventType), TeamCartID, Customer, OrderID, eventType.Example("", true))
	if err != nil {
		return fmt.Errorf("publishing %s: %w", eventType, err)
	}
	return nil
}

// administration increases the platform's counters and publishes them to the dashboards.
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
	told := adminEvents[turn%len(adminEvents)]
	publish := `SELECT herald.publish_admin_event($1, ` + told.payload + `) FROM (SELECT $2::jsonb AS stats) s`
	if _, err = tx.Exec(ctx, publish, string(told.event), stats); err != nil {
		return fmt.Errorf("publishing %s: %w", told.event, err)
	}
	return nil
}

type adminEvent struct {
	event   event.Type
	payload string
}

// adminEvents are the events of the admin service, repeated for ever. A payload is SQL that may read stats, the
// platform's counters.
var adminEvents = func() []adminEvent { //nolint:gochecknoglobals // a constant table
	story := []adminEvent{
		{event.UserCountUpdate, `stats`},
		{event.AnalyticsUpdate, `stats || jsonb_build_object('revenue', stats -> 'totalRevenue')`},
		{event.UserActivityUpdate, `jsonb_build_object('userId', '` + Customer + `', 'action', 'website_generated',
			'details', jsonb_build_object('projectId', 'proj-12345'))`},
		{event.GenerationMetricsUpdate, `stats || '{"averageGenerationTime": 12.5}'`},
		{event.SystemAlert, `'{"type": "warning", "message": "System performance degradation detected",
			"data": {"cpuUsage": 92, "threshold": 85}}'`},
		{event.RevenueUpdate, `jsonb_build_object('dailyRevenue', stats -> 'revenueToday',
			'totalRevenue30d', stats -> 'totalRevenue')`},
		{event.AdminNotification, `jsonb_build_object('type', 'role-assignment', 'userId', '` + Customer + `',
			'roleName', 'Moderator', 'action', 'assigned')`},
		{event.AdminNotification, `'{"type": "system-event", "eventType": "backup",
			"description": "The nightly backup is complete", "data": {"tables": 42}}'`},
	}
	named := make([]event.Type, 0, len(story))
	for _, one := range story {
		named = append(named, one.event)
	}
	for _, other := range others(event.Admin, named) {
		for _, form := range other.Forms() {
			payload := strings.ReplaceAll(string(other.Example(form, true)), `'`, `''`)
			story = append(story, adminEvent{other, `'` + payload + `'`})
		}
	}
	return story
}()
