package torture

import (
	"fmt"
	"math/rand/v2"

	"github.com/google/uuid"

	"github.com/yummyzoom/herald/internal/auth"
	"github.com/yummyzoom/herald/internal/event"
)

// secret signs the clients' tokens.
const secret = "a-secret-that-only-these-clients-know-0123456789"

// person is a user with the groups that it follows.
type person struct {
	name    string
	follows []*client
	starts  float64 // the part of the events that has been written when the person comes
}

// The shares of special people.
const (
	shareLate     = 0.25
	shareFromNow  = 0.5 // of those: they do not ask for earlier events
	shareExpiring = 0.3
)

// people invents the clients. Each follows several groups, with one connection for each.
func (r *run) people(rng *rand.Rand) []person {
	all := make([]person, r.cfg.Clients)
	for i := range all {
		p := person{name: fmt.Sprintf("client-%d", i)}
		fromNow := false
		if rng.Float64() < shareLate {
			p.starts, fromNow = faultsLast*rng.Float64(), rng.Float64() < shareFromNow
		}
		expiring := rng.Float64() < shareExpiring
		for _, c := range r.interests(rng, i) {
			c.client, c.expiring, c.secret, c.nodes, c.settled = p.name, expiring, secret, r.nodes, r.settled.Load
			c.delivered, c.verdict = &r.delivered, r.verdict
			c.preferred.Store(int64(i))
			if i%2 == 1 {
				c.balancer = r.balanced()
			}
			if !fromNow {
				c.cursor = &uuid.UUID{}
			}
			p.follows = append(p.follows, c)
		}
		all[i] = p
	}
	return all
}

// interests are the groups that the i-th client follows, and what permits them.
func (r *run) interests(rng *rand.Rand, i int) (follows []*client) {
	w := r.world
	switch i % 5 {
	case 0: // a customer, whose own orders need no grant
		customer := auth.Grant{Subject: fmt.Sprintf("customer-%d", i)}
		orders := w.orders[ordersPerClient*i : ordersPerClient*(i+1)]
		if i == 0 {
			orders = append([]order{w.long}, orders...)
		}
		for _, o := range orders {
			follows = append(follows, &client{tracker: tracker{group: event.OrderGroup(o.id)}, grant: customer, asked: true})
		}
	case 1: // staff, whose token says so
		for range 1 + rng.IntN(2) {
			id := w.restaurants[rng.IntN(len(w.restaurants))]
			staff := auth.Grant{Subject: fmt.Sprintf("staff-%d", i), Permissions: []string{"RestaurantStaff:" + id.String()}}
			follows = append(follows, &client{tracker: tracker{group: event.RestaurantGroup(id)}, grant: staff})
		}
	case 2: // members of a team cart, and owners of orders, whose tokens say so
		c, o := w.carts[rng.IntN(len(w.carts))], w.orders[rng.IntN(len(w.orders))]
		member := auth.Grant{
			Subject:     fmt.Sprintf("member-%d", i),
			Permissions: []string{"TeamCartMember:" + c.id.String(), "OrderOwner:" + o.id.String()},
		}
		follows = append(follows, &client{tracker: tracker{group: event.TeamCartGroup(c.id)}, grant: member},
			&client{tracker: tracker{group: event.OrderGroup(o.id)}, grant: member})
	case 3: // people with grants from another user, which can be revoked
		guest := auth.Grant{Subject: fmt.Sprintf("guest-%d", i)}
		restaurant, c := w.restaurants[rng.IntN(len(w.restaurants))], w.carts[rng.IntN(len(w.carts))]
		follows = append(follows,
			&client{
				tracker: tracker{group: event.RestaurantGroup(restaurant)}, grant: guest, asked: true,
				policy: event.MustBeRestaurantStaff, resource: restaurant,
			},
			&client{
				tracker: tracker{group: event.TeamCartGroup(c.id)}, grant: guest, asked: true,
				policy: event.MustBeTeamCartMember, resource: c.id,
			})
	default: // administrators
		admin := auth.Grant{Subject: fmt.Sprintf("admin-%d", i), Roles: []string{"Admin"}}
		groups := adminGroups()
		at := rng.IntN(len(groups))
		for n := range 2 {
			follows = append(follows, &client{tracker: tracker{group: groups[(at+n)%len(groups)]}, grant: admin})
		}
	}
	return follows
}

// scripted invents the clients under Node.
func (r *run) scripted(rng *rand.Rand) (all []*script, err error) {
	w := r.world
	for i := range r.cfg.NodeClients {
		c := &script{entrance: r.nodes[i%len(r.nodes)].entrance, closed: make(chan struct{}, 1)}
		if r.entrance != nil && i%2 == 1 {
			c.entrance, c.transport = r.entrance, []string{"LongPolling", "ServerSentEvents", "WebSockets"}[i/2%3]
		}
		g := auth.Grant{Subject: fmt.Sprintf("script-%d", i)}
		switch i % 4 {
		case 0:
			id := w.restaurants[rng.IntN(len(w.restaurants))]
			c.group, c.hub, c.method, c.arguments = event.RestaurantGroup(id), event.RestaurantOrdersPath,
				"ResumeRestaurant", []any{id}
			g.Permissions = []string{"RestaurantOwner:" + id.String()}
		case 1:
			id := w.carts[rng.IntN(len(w.carts))].id
			c.group, c.hub, c.method, c.arguments = event.TeamCartGroup(id), event.TeamCartPath, "ResumeCart", []any{id}
			g.Permissions = []string{"TeamCartHost:" + id.String()}
		case 2:
			c.group, c.hub, c.method, c.arguments = event.Alerts, event.AdminPath, "ResumeAlerts", []any{}
			g.Roles = []string{"Admin"}
		default:
			id := w.orders[rng.IntN(len(w.orders))].id
			c.group, c.hub, c.method, c.arguments = event.OrderGroup(id), event.CustomerOrdersPath, "ResumeOrder", []any{id}
			g.Permissions = []string{"OrderOwner:" + id.String()}
		}
		g.TTL = wholeRun
		if c.token, err = auth.Mint(secret, g); err != nil {
			return nil, err
		}
		c.client, c.delivered, c.verdict, c.cursor = fmt.Sprintf("script-%d", i), &r.delivered, r.verdict, &uuid.UUID{}
		all = append(all, c)
	}
	return all, nil
}
