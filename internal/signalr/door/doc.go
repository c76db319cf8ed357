// Package door decides which requests come in, and answers those that do not. It has the origins whose pages may
// connect ([Origins]), the address that a request comes from ([Proxies]), what negotiate offers and answers
// ([Negotiation]), the tickets that say where a connection lives ([Tickets]), and the answers of refusals ([Refusal],
// [RefreshRefusal]). It also has what passes a request on to another node ([Passing], [Passed]).
//
// A client's share is limited here: how many connections it has ([Occupancy]), and how much it does a second ([Rate],
// [Allowances]).
//
// Package door knows neither hubs nor connections, and keeps nothing of a request that is over. Its types are safe
// for concurrent use, except [Occupancy] and [Rate].
//
// # Rates
//
// Every limit per second is a [Rate]. It keeps one number, 8 bytes, for each connection, user or address, and is told
// the time. [Allowances] is a rate for each address in a table of a fixed size. golang.org/x/time/rate keeps 80
// bytes, a mutex and a clock of its own for each, and has no table.
package door
