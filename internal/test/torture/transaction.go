package torture

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/yummyzoom/herald/internal/event"
)

// statement is one statement of a transaction.
type statement struct {
	sql  string
	args []any
}

// transaction is the plan of a writer's next transaction.
type transaction struct {
	statements []statement // from BEGIN to COMMIT or ROLLBACK
	events     int64       // the events that it commits
	published  []publication
	slow       bool // its statements are sent one by one, with pauses, not all at once
}

// publication is an event as it can be published again.
type publication struct {
	id        uuid.UUID
	eventType event.Type
	form      int    // of an admin event: which of its carriers
	order     *order // one of these is set, or neither: an admin event
	cart      *cart
	audience  string
	chain     int
}

// The shares of the features of a transaction.
const (
	shareRolledBack = 0.1
	shareSlow       = 0.2
	shareSavepoint  = 0.3  // of the events
	shareUndone     = 0.5  // of the savepoints
	shareAgain      = 0.05 // of the events: an id that was published before
	shareLater      = 0.05 // of the events: with deliver_after
	shareCart       = 0.25
	shareAdmin      = 0.1
	mostEvents      = 4
	latestDelivery  = 3 * time.Second
)

// planner makes one writer's transactions.
type planner struct {
	rng    *rand.Rand
	world  *world
	writer int
	recent *recent
}

// The statements. One statement takes a chain's version and publishes the event that carries it: the writer of the
// next version has the row's lock, so its event gets a later place in the outbox.
const (
	nextVersion = `WITH v AS (UPDATE torture.chain SET version = version + 1 WHERE number = $1::int RETURNING number || '.' || version AS origin) `
	plainOrigin = `WITH v AS (SELECT $1::text AS origin) `

	publishOrder = `SELECT herald.publish_order_event($2::text, $3::uuid, v.origin, $4::text, $5::uuid, $6::text, $7::text,
		event_id => $8::uuid, deliver_after => $9::timestamptz) FROM v`
	publishCart = `SELECT herald.publish_teamcart_event($2::text, $3::uuid, v.origin, $4::text, $5::uuid,
		extra => $6::jsonb, event_id => $7::uuid, deliver_after => $8::timestamptz) FROM v`
	publishAdmin = `SELECT herald.publish_admin_event($2::text, replace(replace(replace($3::text,
		'` + originMark + `', v.origin), '` + chainMark + `', split_part(v.origin, '.', 1)),
		'` + versionMark + `', split_part(v.origin, '.', 2))::jsonb, event_id => $4::uuid, deliver_after => $5::timestamptz) FROM v`
)

// next plans a transaction.
func (p *planner) next() transaction {
	t := transaction{slow: p.rng.Float64() < shareSlow}
	isolation := []string{"READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE"}[p.rng.IntN(3)]
	t.do("BEGIN ISOLATION LEVEL " + isolation)
	for _, e := range p.events() {
		kept := true
		if p.rng.Float64() >= shareSavepoint {
			p.publish(&t, e)
		} else {
			t.do("SAVEPOINT part")
			p.publish(&t, e)
			if kept = p.rng.Float64() >= shareUndone; !kept {
				t.do("ROLLBACK TO part")
			}
			t.do("RELEASE part")
		}
		if kept {
			t.events++
		}
	}
	if p.rng.Float64() < shareRolledBack {
		t.events = 0
		t.do("ROLLBACK")
	} else {
		t.do("COMMIT")
	}
	return t
}

// events chooses the transaction's events, in the order of the chains, so that no two transactions deadlock.
func (p *planner) events() []publication {
	all := make([]publication, 0, mostEvents)
	for range 1 + p.rng.IntN(mostEvents) {
		all = append(all, p.event())
	}
	slices.SortStableFunc(all, func(a, b publication) int { return cmp.Compare(a.chain, b.chain) })
	return all
}

func (p *planner) event() publication {
	e := publication{id: uuid.Must(uuid.NewV7())}
	switch kind := p.rng.Float64(); {
	case kind < shareAdmin:
		e.eventType = pick(p.rng, ofFamily(event.Admin)...)
		e.form = p.rng.IntN(len(carriersOf[e.eventType]))
		e.chain = p.world.admins[p.writer]
	case kind < shareAdmin+shareCart:
		e.cart = &p.world.carts[p.rng.IntN(len(p.world.carts))]
		e.eventType = pick(p.rng, append(ofFamily(event.TeamCart), event.CartPaymentEvent)...)
		e.chain = e.cart.chain
	default:
		e = p.ofOrder(&p.world.orders[p.rng.IntN(len(p.world.orders))])
	}
	switch fate := p.rng.Float64(); {
	case fate < shareAgain:
		if again, ok := p.recent.pick(p.rng); ok {
			again.chain = 0
			return again
		}
	case fate < shareAgain+shareLater && (e.cart == nil || takes(e.eventType, cartOrigin)):
		// The other events do not carry their time.
		e.chain = later
	}
	return e
}

func (p *planner) ofOrder(o *order) publication {
	return publication{
		id: uuid.Must(uuid.NewV7()), order: o, chain: o.chain,
		eventType: pick(p.rng, append(ofFamily(event.Order), event.OrderStatusChanged)...),
		audience:  pick(p.rng, "Both", "Both", "Both", "Customer", "Restaurant"),
	}
}

// later is the chain of events that wait.
const later = -1

func pick[T any](rng *rand.Rand, all ...T) T { return all[rng.IntN(len(all))] }

// publish adds the statement that publishes an event.
func (p *planner) publish(t *transaction, e publication) {
	p.add(t, e, fmt.Sprintf("Status%d", p.rng.IntN(10)))
}

func (p *planner) add(t *transaction, e publication, status string) {
	sql, from := nextVersion, any(e.chain)
	var deliverAfter *time.Time
	switch e.chain {
	case 0:
		sql, from = plainOrigin, "0.0"
	case later:
		at := time.Now().Add(time.Duration(p.rng.Int64N(int64(latestDelivery)))).Truncate(time.Microsecond)
		deliverAfter = &at
		sql, from = plainOrigin, fmt.Sprintf("0.%d", at.UnixMicro())
	}
	switch {
	case e.order != nil:
		t.do(sql+publishOrder, from, string(e.eventType), e.order.id, status, e.order.restaurant, e.order.customer,
			e.audience, e.id, deliverAfter)
	case e.cart != nil:
		var orderID *uuid.UUID
		if takes(e.eventType, "orderId") {
			orderID = &e.cart.id
		}
		t.do(sql+publishCart, from, string(e.eventType), e.cart.id, status, orderID, further(e.eventType),
			e.id, deliverAfter)
	default:
		t.do(sql+publishAdmin, from, string(e.eventType), carriersOf[e.eventType][e.form].payload, e.id, deliverAfter)
	}
	t.published = append(t.published, e)
}

// further are the fields of a team cart event for which the function has no argument; nil: none.
func further(t event.Type) *string {
	var members []string
	for _, f := range t.Fields() {
		if f.Name != cartOrigin && f.Name != "status" && f.Name != "orderId" && f.Example != "" {
			members = append(members, fmt.Sprintf("%q:%s", f.Name, f.Example))
		}
	}
	if len(members) == 0 {
		return nil
	}
	extra := "{" + strings.Join(members, ",") + "}"
	return &extra
}

func (t *transaction) do(sql string, args ...any) {
	t.statements = append(t.statements, statement{sql, args})
}
