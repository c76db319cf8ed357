package event

import (
	"slices"
	"strings"

	"github.com/google/uuid"
)

// hubRoot precedes every hub's name in its path.
const hubRoot = "/hubs/"

// The hubs' paths.
const (
	CustomerOrdersPath   = hubRoot + "customer-orders"
	RestaurantOrdersPath = hubRoot + "restaurant-orders"
	TeamCartPath         = hubRoot + "teamcart"
	AdminPath            = hubRoot + "admin"
)

// The policies that guard the groups.
const (
	MustBeOrderOwner      = "MustBeOrderOwner"
	MustBeRestaurantOwner = "MustBeRestaurantOwner"
	MustBeRestaurantStaff = "MustBeRestaurantStaff"
	MustBeTeamCartMember  = "MustBeTeamCartMember"
)

// hubs is the catalogue of hubs. The served hubs, their permissions, the documents and the Go client all come from
// these rows.
var hubs = []Hub{ //nolint:gochecknoglobals // a constant table
	{Path: CustomerOrdersPath, Title: "CustomerOrders", Groups: []GroupKind{{
		Name: "order", Method: "Order", Resource: "order", ID: "orderId",
		Policies: []Policy{{MustBeOrderOwner, []string{"OrderOwner"}}},
	}}},
	{Path: RestaurantOrdersPath, Title: "RestaurantOrders", Groups: []GroupKind{{
		Name: "restaurant", Method: "Restaurant", Resource: "restaurant", ID: "restaurantId",
		Policies: []Policy{
			{MustBeRestaurantOwner, []string{"RestaurantOwner"}}, {MustBeRestaurantStaff, []string{"RestaurantStaff"}},
		},
	}}},
	{Path: TeamCartPath, Title: "TeamCart", Setting: "HERALD_FEATURE_TEAMCART", Groups: []GroupKind{{
		Name: "teamcart", Method: "Cart", Resource: "cart", ID: "teamCartId", Cursor: true,
		Policies: []Policy{{MustBeTeamCartMember, []string{"TeamCartMember", "TeamCartHost"}}},
	}}},
	{Path: AdminPath, Title: "Admin", Admin: true, Groups: []GroupKind{
		{Name: "admins", Method: "Admins", JoinedByAll: true},
		{Name: "user-activity", Method: "UserActivity"},
		{Name: "analytics", Method: "Analytics"},
		{Name: "alerts", Method: "Alerts"},
	}},
}

// Hub is a row of the catalogue of hubs.
type Hub struct {
	Path  string
	Title string // the hub's name in declarations
	// Setting is the switch that turns the hub on. Empty: the hub is always there.
	Setting string
	// Admin: only users with the admin role may connect, and they may join every group.
	Admin bool
	// Groups are the kinds of groups of the hub's methods: one kind that belongs to a resource, or any number of kinds
	// that do not.
	Groups []GroupKind
}

// GroupKind is what groups with the same name up to the colon have in common.
type GroupKind struct {
	Name     string // up to the colon; the whole name of the only group of a kind without a resource
	Method   string // its name in the hub's methods: the Order of SubscribeToOrder
	Resource string // the resource's name in documents; empty: there is one group, and no id
	ID       string // the name of the resource's id in documents
	// Policies are those that open its groups; each one is enough. None: the admin role opens them.
	Policies []Policy
	// Cursor: the events' arguments do not carry their position, so a resume can ask for a trailing argument that does.
	Cursor bool
	// JoinedByAll: every connection to the hub is in the group, so there is a method to resume it and none to
	// subscribe.
	JoinedByAll bool
}

// Policy is a question about a user and a resource.
type Policy struct {
	Name string
	// Permissions are the names of the token permissions that satisfy the policy. In the token, a colon and the
	// resource's id follow the name.
	Permissions []string
}

// Hubs returns the catalogue of hubs.
func Hubs() []Hub { return slices.Clone(hubs) }

// HubNamed returns the hub with a name such as "customer-orders", or nil. It is the catalogue's own row.
func HubNamed(name string) *Hub { return HubAt(hubRoot + name) }

// HubAt returns the hub at a path such as "/hubs/customer-orders", or nil. It is the catalogue's own row: a copy on the
// way of every connection would stay on that connection's stack.
func HubAt(path string) *Hub {
	for i := range hubs {
		if hubs[i].Path == path {
			return &hubs[i]
		}
	}
	return nil
}

// HubNames returns the names of all hubs.
func HubNames() []string {
	names := make([]string, len(hubs))
	for i := range hubs {
		names[i] = hubs[i].Name()
	}
	return names
}

// GroupForms lists the forms of group names: "order:ID, restaurant:ID, teamcart:ID, admins, user-activity, analytics
// or alerts".
func GroupForms() string {
	var forms []string
	for i := range hubs {
		for _, k := range hubs[i].Groups {
			if k.Resource != "" {
				k.Name += ":ID"
			}
			forms = append(forms, k.Name)
		}
	}
	return enumerated(forms, "or")
}

// PermissionForms lists the forms of permissions that open groups: "OrderOwner:{id}, …, TeamCartMember:{id} and
// TeamCartHost:{id}".
func PermissionForms() string {
	var forms []string
	for i := range hubs {
		for _, k := range hubs[i].Groups {
			for _, p := range k.Policies {
				for _, name := range p.Permissions {
					forms = append(forms, name+":{id}")
				}
			}
		}
	}
	return enumerated(forms, "and")
}

// PolicyNames returns the names of all policies, in the order of the groups that they open.
func PolicyNames() []string {
	var names []string
	for i := range hubs {
		for _, k := range hubs[i].Groups {
			for _, p := range k.Policies {
				names = append(names, p.Name)
			}
		}
	}
	return names
}

// enumerated joins names as in a sentence.
func enumerated(all []string, conjunction string) string {
	last := len(all) - 1
	return strings.Join(all[:last], ", ") + " " + conjunction + " " + all[last]
}

// Name is the hub's name in metrics and queries: "customer-orders".
func (h *Hub) Name() string { return strings.TrimPrefix(h.Path, hubRoot) }

// SubscribeMethod is the hub's method that joins a group of the kind.
func (k *GroupKind) SubscribeMethod() string { return "SubscribeTo" + k.Method }

// UnsubscribeMethod is the hub's method that leaves a group of the kind.
func (k *GroupKind) UnsubscribeMethod() string { return "UnsubscribeFrom" + k.Method }

// ResumeMethod is the hub's method that joins a group of the kind and replays missed events.
func (k *GroupKind) ResumeMethod() string { return "Resume" + k.Method }

// Group is the kind's group of a resource; a kind without resources has only one.
func (k *GroupKind) Group(id uuid.UUID) Group { return Group{kinds[k.Name], id} }

// PolicyNames returns the names of the policies that open the kind's groups.
func (k *GroupKind) PolicyNames() []string {
	names := make([]string, len(k.Policies))
	for i, p := range k.Policies {
		names[i] = p.Name
	}
	return names
}

// kindOfPolicy returns the kind whose groups a policy opens.
func kindOfPolicy(policy string) (*GroupKind, bool) {
	for i := range hubs {
		for j := range hubs[i].Groups {
			if k := &hubs[i].Groups[j]; slices.Contains(k.PolicyNames(), policy) {
				return k, true
			}
		}
	}
	return nil, false
}
