package app

import (
	"context"
	"errors"

	"github.com/yummyzoom/herald/internal/audit"
	"github.com/yummyzoom/herald/internal/event"
	"github.com/yummyzoom/herald/internal/outbox"
)

var errOtherCustomer = errors.New("the order has another customer, that of its first event")

// contested tells of events that name another customer than their order's: whoever published them may have wanted access to the order.
func (a *App) contested(ctx context.Context, events []outbox.Contested) {
	a.metrics.relay.OtherCustomers.Add(float64(len(events)))
	for _, e := range events {
		a.audit.Refused(ctx, audit.Entry{
			Action: audit.NameCustomer, Subject: e.Customer, Group: string(event.OrderGroup(e.OrderID)), EventID: e.EventID,
		}, errOtherCustomer)
	}
}
