// Package simulation plays the platform's services for `herald dev`: an order service, a team cart service and an
// admin service. Each writes real transactions of its own tables (schema demo) and of the outbox, through the
// functions that the contract gives to producers. As in production, some transactions roll back after they have
// published, and clients never see their events.
//
// A service is a loop of short transactions until its context ends. It never reads Herald's tables.
package simulation
