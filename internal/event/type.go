package event

import "slices"

// Type names what happened. The set is closed: the outbox refuses any other.
type Type string

// Order events. Each is an [OrderStatusBroadcast] to the order's group, the restaurant's, or both.
const (
	OrderPlaced           Type = "OrderPlaced"
	OrderPaymentSucceeded Type = "OrderPaymentSucceeded"
	OrderPaymentFailed    Type = "OrderPaymentFailed"
	OrderStatusChanged    Type = "OrderStatusChanged"
)

// TeamCart events, to the cart's group.
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

// AccessRevoked is Herald's own: herald.revoke_access writes it, and every node that reads it in the log takes the user's
// connections out of the group. It travels the same line as the events so that it can be neither lost nor overtaken; no
// client ever sees it, and it takes no number in the group's sequence.
const AccessRevoked Type = "AccessRevoked"

// Types lists the types that clients see.
func Types() []Type {
	return []Type{
		OrderPlaced, OrderPaymentSucceeded, OrderPaymentFailed, OrderStatusChanged,
		CartUpdated, CartLocked, CartPaymentEvent, CartReadyToConfirm, CartConverted, CartExpired,
		UserActivityUpdate, AnalyticsUpdate, UserCountUpdate, GenerationMetricsUpdate, RevenueUpdate, SystemAlert, AdminNotification,
	}
}

// Family says which of the rules for targets and payload an event type follows.
type Family int

// The families of event types.
const (
	Unknown Family = iota
	Order
	TeamCart
	Admin
	Control
)

var methods = map[Type]string{ //nolint:gochecknoglobals // a constant table
	OrderPlaced:           "ReceiveOrderPlaced",
	OrderPaymentSucceeded: "ReceiveOrderPaymentSucceeded",
	OrderPaymentFailed:    "ReceiveOrderPaymentFailed",
	OrderStatusChanged:    "ReceiveOrderStatusChanged",
	CartUpdated:           "ReceiveCartUpdated",
	CartLocked:            "ReceiveLocked",
	CartPaymentEvent:      "ReceivePaymentEvent",
	CartReadyToConfirm:    "ReceiveReadyToConfirm",
	CartConverted:         "ReceiveConverted",
	CartExpired:           "ReceiveExpired",
}

// Family returns the family of t, or [Unknown].
func (t Type) Family() Family {
	switch t {
	case OrderPlaced, OrderPaymentSucceeded, OrderPaymentFailed, OrderStatusChanged:
		return Order
	case CartUpdated, CartLocked, CartPaymentEvent, CartReadyToConfirm, CartConverted, CartExpired:
		return TeamCart
	case UserActivityUpdate, AnalyticsUpdate, UserCountUpdate, GenerationMetricsUpdate, RevenueUpdate, SystemAlert,
		AdminNotification:
		return Admin
	case AccessRevoked:
		return Control
	default:
		return Unknown
	}
}

// Method returns the name of the client method that an event of type t invokes.
func (t Type) Method() string {
	if m, ok := methods[t]; ok {
		return m
	}
	return string(t) // admin events are invoked under their own name
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
