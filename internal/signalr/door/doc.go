// Package door decides who comes in, and says so: which pages may connect ([Origins]), from where a request comes ([Proxies]), what
// negotiate offers and how it is answered ([Negotiation]), the tickets that say where a connection lives ([Tickets]), and what those are
// told who are turned away ([Refusal], [RefreshRefusal]). It also has what passes a request on to another node ([Passing], [Passed]).
//
// A client's share is limited here: how many connections there are ([Occupancy]), and how many of what a second ([Rate], [Allowances]).
//
// It knows neither hubs nor connections, and keeps nothing of a request that is over. Its types are safe for use by many goroutines, but for [Occupancy] and [Rate].
//
// # Rates
//
// All limits of so many a second are one type, [Rate], which keeps one number, 8 bytes, for each connection, user or address,
// and is told the time; [Allowances] is a rate for each address in a table of a fixed size. golang.org/x/time/rate keeps
// 80 bytes, a mutex and a clock of its own for each, and has no table.
package door
