// Package dbclock is the database's clock as a node knows it, and how wrong the node's own clock is.
//
// The database's clock decides what is due, which nodes are alive and what is old. That clock may be set as well. So
// no stored time is trusted to be past, nor two stored times to be in the order in which they were written. Where
// order matters it is a number that decides: a position, a row's number in a journal, an epoch.
package dbclock
