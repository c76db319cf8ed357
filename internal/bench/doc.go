// Package bench is the part that all benches of Herald share: figures, the conditions under which they were
// measured, and the readings of a process, a database and a server. Package line measures an event's way through the
// database, package crowd measures connections; neither imports the other.
//
// A bench starts all that it needs, including a database and a server process. It prints its baseline beside each
// figure, with the conditions and the number of runs. Figures are compared as ratios within one run; the absolute
// numbers belong to the machine. Between two slices or runs a bench waits until the queues are empty: no row waits
// in the outbox, and the server has broadcast the whole log.
//
// CPU time and memory are the kernel's counts for the server's process. So the work of the bench and its clients
// affects only the figures of time, because they share the machine.
package bench
