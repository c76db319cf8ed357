package app_test

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/auth"
	"github.com/yummyzoom/herald/internal/test/pgtest"
)

// The resources that the matrix is about: one of each kind, and the admin groups.
type resource string

const (
	anOrder     resource = "order"
	aRestaurant resource = "restaurant"
	aCart       resource = "cart"
	theAdmins   resource = "admin"
)

// person is somebody who tries everything. What a person may is what the contract says of it, not what a token holds.
type person struct {
	name  string
	known bool // by a valid token
	admin bool
	opens resource // "": nothing

	token   string
	subject string
}

// may says whether the contract opens r to p.
func (p person) may(r resource) bool {
	if r == theAdmins {
		return p.admin
	}
	return p.known && p.opens == r
}

// place is what they try it on.
type place struct {
	order, restaurant, cart uuid.UUID
	event                   uuid.UUID // of the order
}

// people returns all of them, each with what makes it what it is: claims, a grant, or the order's first event.
func people(t *testing.T, db *pgtest.Database) (place, []person) {
	t.Helper()
	at := place{order: uuid.New(), restaurant: uuid.New(), cart: uuid.New()}
	pool := db.Pool(t)
	publish := `SELECT herald.publish_order_event('OrderPlaced', $1, 'YZ-1', 'Placed', $2, $3)`
	require.NoError(t, pool.QueryRow(t.Context(), publish, at.order, at.restaurant, "customer").Scan(&at.event))
	_, err := pool.Exec(t.Context(), publish, uuid.New(), uuid.New(), "other customer")
	require.NoError(t, err)
	_, err = pool.Exec(t.Context(), `SELECT herald.set_platform_stats('{"totalUsers": 10, "activeUsers": 5, "newUsersToday": 1,
		"websitesGenerated": 2, "imagesGenerated": 3, "failedGenerations": 0, "totalRevenue": 1.5, "revenueToday": 0.5}')`)
	require.NoError(t, err)

	everything := []string{
		"OrderOwner:" + at.order.String(), "RestaurantOwner:" + at.restaurant.String(), "RestaurantStaff:" + at.restaurant.String(),
		"TeamCartMember:" + at.cart.String(), "TeamCartHost:" + at.cart.String(),
	}
	elsewhere := []string{
		"OrderOwner:" + at.restaurant.String(), "RestaurantOwner:" + at.cart.String(), "RestaurantStaff:" + at.order.String(),
		"TeamCartMember:" + at.order.String(), "TeamCartHost:" + at.restaurant.String(),
	}
	mint := func(with string, g auth.Grant) string {
		token, err := auth.Mint(with, g)
		require.NoError(t, err)
		return token
	}
	all := []person{
		{name: "no token"},
		{name: "expired", token: mint(secret, auth.Grant{Subject: "customer", Roles: []string{"Admin"}, Permissions: everything, TTL: -time.Hour})},
		{name: "forged", token: mint("another secret of more than 32 bytes", auth.Grant{Subject: "customer", Roles: []string{"Admin"}, Permissions: everything})},
	}
	known := func(p person, roles []string, permissions ...string) {
		p.known, p.subject = true, p.name
		p.token = mint(secret, auth.Grant{Subject: p.subject, Roles: roles, Permissions: permissions})
		all = append(all, p)
	}
	granted := func(p person, policy string, id uuid.UUID) {
		_, err := pool.Exec(t.Context(), `SELECT herald.grant_access($1, $2, $3)`, policy, id, p.name)
		require.NoError(t, err)
		known(p, nil)
	}
	known(person{name: "customer", opens: anOrder}, nil) // who placed it
	known(person{name: "customer by claim", opens: anOrder}, nil, everything[0])
	granted(person{name: "customer by grant", opens: anOrder}, "MustBeOrderOwner", at.order)
	known(person{name: "other customer"}, nil)
	known(person{name: "somebody of other resources"}, []string{"User", "admin"}, elsewhere...)
	known(person{name: "owner", opens: aRestaurant}, nil, everything[1])
	granted(person{name: "owner by grant", opens: aRestaurant}, "MustBeRestaurantOwner", at.restaurant)
	known(person{name: "staff", opens: aRestaurant}, nil, everything[2])
	granted(person{name: "staff by grant", opens: aRestaurant}, "MustBeRestaurantStaff", at.restaurant)
	known(person{name: "cart member", opens: aCart}, nil, everything[3])
	known(person{name: "host", opens: aCart}, nil, everything[4])
	granted(person{name: "guest by grant", opens: aCart}, "MustBeTeamCartMember", at.cart)
	known(person{name: "guest"}, nil)
	known(person{name: "admin", admin: true}, []string{"Admin"})
	return at, all
}
