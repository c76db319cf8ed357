// Package peers is how the nodes of one database speak with each other. A balancer may send a request to one node
// for a connection that another node holds. The first node forwards the request to the holder, and the answer to
// the client.
//
//	client ──▶ balancer ──▶ node A ── Forward ──▶ Entrance of node B ──▶ B's hubs
//	                            ◀── answer, event stream, both ways of a WebSocket ──┘
//
// # The address book
//
// Each node registers the address at which the others reach it (HERALD_NODE_URL, or what [OwnURL] finds), and reads
// those of the others with each heartbeat: [Peers.Learn]. A node that is not in this book is looked up once a
// second at most, however many requests name it. A request costs no round trip to the database. A node that has
// stopped reporting that it is alive is probed before a request is sent to it: a node that is cut off from the
// database still holds its connections, while a frozen one would never answer.
//
// # Who may speak
//
// The entrance is closed to all but nodes. A request carries a ticket, which is good once, for one node, and for
// the request that it was made for:
//
//   - It is signed (HMAC-SHA-256) with a key that is derived (HKDF) from the secrets that the nodes share in the
//     database, and that rotate. The signature covers the sender, the receiver, the time, a number, the client's
//     address, scheme and host, the method, path and query, and every header that means anything. It does not cover
//     the body, which is passed on as it comes.
//   - A node's id is new with each process, so a ticket signed for one node is worthless to another, and to the
//     same node after a restart.
//   - A node numbers its requests. The receiver knows the last 65,536 of each sender, 8 KiB, so none is accepted
//     twice, in whatever order they arrive.
//   - The time is the database's, which each node knows to a few milliseconds however wrong its own clock is; a
//     ticket is good for 30 s of it. The numbers of a sender that has been silent for two minutes are forgotten: by
//     then none of its tickets is valid.
//
// The answer carries a proof that only the node that was asked can make, so that another server at its address is
// not taken for it. The user's own token, which travels with the request, decides who the user is and whether the
// user may use the hub: a node is trusted only for where the request came from. Headers by which a client claims
// another origin are dropped. The client's address is the one that the first node has seen, so that limits, log and
// audit count clients, not nodes.
//
// With TLS, certificates are verified, by the system's authorities or those of HERALD_NODE_CA_FILE, for the name in
// the address. No setting switches that off. Without TLS anyone who reads the wire reads users' tokens: that is for
// a private network.
//
// # When it does not work
//
// A node that is not registered, does not take a connection within a second, or is not who it should be, is gone as
// far as the client is concerned: the client is told so before anything has been written, starts anew, and resumes.
// A machine that vanishes is noticed after 5 s without an acknowledgement. Each node probes every other one over
// the same way, every 10 s and when one is new. A node that fails two probes in a row is reported:
// [Peers.Unreachable].
//
// # What it costs
//
// Measured by TestWhatAForwardedConnectionCosts, at rest. On the node that holds it, a forwarded connection costs
// as much as a direct one: the other node's socket replaces the client's. The node in between pays on top:
//
//	               memory    goroutines    descriptors
//	event stream   58 KB     4             2
//	poll           48 KB     4             2
//	WebSocket      26 KB     2             2
//
// A forwarded request takes about 0.2 ms more than a direct one (BenchmarkHop, on one machine), an event of a
// stream less.
//
// Connections between nodes are reused, up to 256 idle ones to each other node, for 30 s. At most
// HERALD_MAX_FORWARDED requests are under way at a time; the rest is answered with 503.
//
// # Lifecycle
//
// [New] opens nothing. [Peers.Run] probes the others until its context ends. [Peers.Shutdown] ends the requests
// that wait: event streams end; polls are answered empty, so that their clients poll again, elsewhere; WebSockets
// are closed, evenly over a time. POST requests are passed on to their end.
package peers
