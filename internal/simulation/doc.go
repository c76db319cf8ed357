// Package simulation plays the platform's services for `herald dev`: an order service, a team cart service and an admin service,
// each writing real transactions of its own tables (schema demo) and of the outbox, through the functions that the
// contract gives to producers. Some transactions roll back after they have published, as they do in life, and nothing of
// them is ever seen.
//
// A service is a loop of short transactions until its context ends. It never reads what Herald writes.
package simulation
