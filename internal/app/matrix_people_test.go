package app_test

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/auth"
	"github.com/yummyzoom/herald/internal/event"
	"github.com/yummyzoom/herald/internal/test/pgtest"
)

// resource is what an action concerns: one for each kind of groups that belong to a resource, by the kind's name,
// and the admin groups.
type resource string

const (
	anOrder     resource = "order"
	aRestaurant resource = "restaurant"
	aCart       resource = "teamcart"
	theAdmins   resource = "admin"
)

// person is a user or client that tries everything. Its rights are those of the contract, not those of its token.
type person struct {
	name  string
	known bool // it has a valid token
	admin bool
	opens resource // the resource that it may use; "": none

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

// place holds the resources that the people try to use.
type place struct {
	order, restaurant, cart uuid.UUID
	event                   uuid.UUID // of the order
	ids                     map[resource]uuid.UUID
}

// places returns one resource of each kind.
func places() place {
	at := place{ids: map[resource]uuid.UUID{}}
	for _, row := range event.Hubs() {
		for _, kind := range row.Groups {
			if kind.Resource != "" {
				at.ids[resource(kind.Name)] = uuid.New()
			}
		}
	}
	at.order, at.restaurant, at.cart = at.ids[anOrder], at.ids[aRestaurant], at.ids[aCart]
	return at
}

// kindOf is the kind of the groups of such resources.
func kindOf(r resource) *event.GroupKind {
	for _, row := range event.Hubs() {
		for _, kind := range row.Groups {
			if kind.Name == string(r) {
				return &kind
			}
		}
	}
	return &event.GroupKind{}
}

// permissionsOf are the names of the permissions that open the groups of such resources.
func permissionsOf(r resource) (names []string) {
	for _, policy := range kindOf(r).Policies {
		names = append(names, policy.Permissions...)
	}
	return names
}

// people returns all of them, each with its claims, its grant, or the order's first event.
func people(t *testing.T, db *pgtest.Database) (place, []person) {
	t.Helper()
	at := places()
	pool := db.Pool(t)
	publish := `SELECT herald.publish_order_event('OrderPlaced', $1, 'YZ-1', 'Placed', $2, $3)`
	require.NoError(t, pool.QueryRow(t.Context(), publish, at.order, at.restaurant, "customer").Scan(&at.event))
	_, err := pool.Exec(t.Context(), publish, uuid.New(), uuid.New(), "other customer")
	require.NoError(t, err)
	_, err = pool.Exec(t.Context(),
		`SELECT herald.set_platform_stats('{"totalUsers": 10, "activeUsers": 5, "newUsersToday": 1,
		"websitesGenerated": 2, "imagesGenerated": 3, "failedGenerations": 0, "totalRevenue": 1.5, "revenueToday": 0.5}')`)
	require.NoError(t, err)

	var everything, elsewhere []string
	for of, id := range at.ids {
		for _, permission := range permissionsOf(of) {
			everything = append(everything, permission+":"+id.String())
			for other, id := range at.ids {
				if other != of {
					elsewhere = append(elsewhere, permission+":"+id.String())
				}
			}
		}
	}
	mint := func(with string, g auth.Grant) string {
		token, err := auth.Mint(with, g)
		require.NoError(t, err)
		return token
	}
	all := []person{
		{name: "no token"},
		{
			name: "expired",
			token: mint(secret,
				auth.Grant{Subject: "customer", Roles: []string{"Admin"}, Permissions: everything, TTL: -time.Hour}),
		},
		{
			name: "forged",
			token: mint("another secret of more than 32 bytes",
				auth.Grant{Subject: "customer", Roles: []string{"Admin"}, Permissions: everything}),
		},
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
	for of, id := range at.ids {
		for _, permission := range permissionsOf(of) {
			known(person{name: "by the claim " + permission, opens: of}, nil, permission+":"+id.String())
		}
		for _, policy := range kindOf(of).PolicyNames() {
			granted(person{name: "by a grant for " + policy, opens: of}, policy, id)
		}
	}
	known(person{name: "other customer"}, nil)
	known(person{name: "somebody of other resources"}, []string{"User", "admin"}, elsewhere...)
	known(person{name: "guest"}, nil)
	known(person{name: "admin", admin: true}, []string{"Admin"})
	return at, all
}
