// Package door decides who comes in, and says so: which pages may connect ([Origins]), from where a request comes ([Proxies]), what
// negotiate offers and how it is answered ([Negotiation]), the tickets that say where a connection lives ([Tickets]), and what those are
// told who are turned away ([Refusal], [RefreshRefusal]). It also has what passes a request on to another node ([Passing], [Passed]).
//
// It knows neither hubs nor connections, and keeps nothing of a request that is over. Its types are safe for use by many goroutines.
package door
