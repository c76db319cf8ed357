package event

import "slices"

// Type names what happened. The set is closed, and the catalogue has a row for each: the outbox refuses any other.
type Type string

// The names below are for the catalogue's rows, tests, benches and the simulation. A type needs no name here: its
// row may have a text.

// Order events. Each is an OrderStatusBroadcastDto to the order's group, the restaurant's, or both.
const (
	OrderPlaced           Type = "OrderPlaced"
	OrderPaymentSucceeded Type = "OrderPaymentSucceeded"
	OrderPaymentFailed    Type = "OrderPaymentFailed"
	OrderStatusChanged    Type = "OrderStatusChanged"
)

// Team cart events, to the cart's group.
const (
	CartUpdated        Type = "CartUpdated"
	CartLocked         Type = "CartLocked"
	CartPaymentEvent   Type = "CartPaymentEvent"
	CartReadyToConfirm Type = "CartReadyToConfirm"
	CartConverted      Type = "CartConverted"
	CartExpired        Type = "CartExpired"
)

// Admin events, each to one of the admin hub's groups.
const (
	UserActivityUpdate      Type = "UserActivityUpdate"
	AnalyticsUpdate         Type = "AnalyticsUpdate"
	UserCountUpdate         Type = "UserCountUpdate"
	GenerationMetricsUpdate Type = "GenerationMetricsUpdate"
	RevenueUpdate           Type = "RevenueUpdate"
	SystemAlert             Type = "SystemAlert"
	AdminNotification       Type = "AdminNotification"
)

// AccessRevoked is Herald's own type. herald.revoke_access writes it, and every node that reads it in the log
// removes the user's connections from the group. It travels in the log with the events so that it can be neither
// lost nor overtaken. No client ever sees it, and it takes no number in the group's sequence.
const AccessRevoked Type = "AccessRevoked"

// Types lists the types that clients see.
func Types() []Type {
	var types []Type
	for _, r := range catalogue.all {
		if r.Family != Control {
			types = append(types, r.Type)
		}
	}
	return types
}

// Family selects the rules for an event type's targets and payload.
type Family int

// The families of event types.
const (
	Unknown Family = iota
	Order
	TeamCart
	Admin
	Control
)

// Family returns the family of t, or [Unknown].
func (t Type) Family() Family { return t.row().Family }

// Method returns the name of the client method that an event of type t invokes.
func (t Type) Method() string { return t.row().Method }

// Forms lists the forms that the payload may have. A type's only form has no name.
func (t Type) Forms() []string {
	if names := t.row().Definition.forms(); names != nil {
		return slices.Clone(names)
	}
	return []string{""}
}

// Endpoints lists the endpoints of the admin REST API that publish events of type t, with all defaults filled in.
func (t Type) Endpoints() []Endpoint { return slices.Clone(t.row().Endpoints) }

// Methods lists the client methods of all types, each once.
func Methods() []string {
	var methods []string
	for _, t := range Types() {
		if m := t.Method(); !slices.Contains(methods, m) {
			methods = append(methods, m)
		}
	}
	return methods
}

// First returns the first type of a family.
func (f Family) First() Type {
	at := slices.IndexFunc(catalogue.all, func(r *row) bool { return r.Family == f })
	return catalogue.all[at].Type
}

// AdminGroup returns the group whose members are invoked with an admin event's method; ok is false for any other
// method.
func AdminGroup(method string) (g Group, ok bool) {
	for _, r := range catalogue.all {
		if r.Family == Admin && r.Method == method {
			return r.Group, true
		}
	}
	return g, false
}

// Audience says which groups of an order event receive it.
type Audience string

// The audiences. [Both] is the default.
const (
	Restaurant Audience = "Restaurant"
	Customer   Audience = "Customer"
	Both       Audience = "Both"
)

// Audiences lists every valid audience.
func Audiences() []Audience { return slices.Clone([]Audience{Restaurant, Customer, Both}) }
