package app

import (
	"context"
	"errors"

	"github.com/yummyzoom/herald/internal/auditlog"
	"github.com/yummyzoom/herald/internal/event"
	"github.com/yummyzoom/herald/internal/relay/pass"
)

var errOtherCustomer = errors.New("the order has another customer, that of its first event")

// contested logs events that name a customer other than their order's: their producer may have wanted access to the
// order.
func (a *App) contested(ctx context.Context, events []pass.Contested) {
	a.metrics.relay.OtherCustomers.Add(float64(len(events)))
	for _, e := range events {
		a.audit.Refused(ctx, auditlog.Entry{
			Action: auditlog.NameCustomer, Subject: e.Customer, Group: event.OrderGroup(e.OrderID).String(), EventID: e.EventID,
		}, errOtherCustomer)
	}
}
