// Package dbclock is the database's clock as a node knows it, and how wrong the node's own is.
//
// The database's clock decides what is due, who is alive and what is old. That clock may be set as well, so no time
// that is stored is trusted to be past, nor two to be in the order in which they were written: what the order of
// things hangs on is a number (a position, a row's number in a journal, an epoch).
package dbclock
