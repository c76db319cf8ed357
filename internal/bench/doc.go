// Package bench is what all benches of Herald share: figures, the conditions that they were measured under, and what a
// process, a database and a server say of themselves. Package line measures the way of an event through the database,
// package crowd measures connections; neither knows the other.
//
// A bench starts what it needs by itself, a database and a server process among them, prints its baseline beside each figure,
// and says under which conditions and how often it ran. Figures are compared as ratios within one run; the absolute numbers
// belong to the machine. Between two slices or runs a bench waits until the queues are empty: nothing waits in the outbox, and
// the server has broadcast the whole log.
//
// CPU time and memory are what the kernel counts for the server's process, so the bench's own work and its clients' are in no
// figure but those of time: they have to share the machine.
package bench
