// Package peers is how the nodes of one database speak with each other: a request that a balancer sends to one node, for a connection that another one
// holds, is handed to that node, and its answer to the client.
//
//	client ──▶ balancer ──▶ node A ── Forward ──▶ Entrance of node B ──▶ B's hubs
//	                            ◀── answer, event stream, both ways of a WebSocket ──┘
//
// # Who is where
//
// Each node registers the address at which the others reach it (HERALD_NODE_URL, or what [OwnURL] finds), and reads those of the others with each
// heartbeat: [Peers.Learn]. A node that is not in this book is looked for once a second at most, whatever clients ask for. A request
// costs no round trip to the database. A node that has stopped saying that it is alive is asked before it is sent anything: one that is cut off
// from the database still holds its connections, one that is frozen would be waited for in vain.
//
// # Who may speak
//
// The entrance is closed to all but nodes. A request carries a ticket, which is good once, for one node, and for the request that it was made for:
//
//   - It is signed (HMAC-SHA-256) with a key that is derived (HKDF) from the secrets that the nodes share in the database, and that rotate.
//     The signature covers the sender, the receiver, the time, a number, the client's address, scheme and host, the method, path and query, and every header
//     that means anything. It does not cover the body, which is passed on as it comes.
//   - A node's id is new with each process, so what was signed for one is nothing to another, nor to the same one after a restart.
//   - A node numbers its requests. The receiver knows the last 65,536 of each sender, 8 KiB, so none is taken twice, in whatever order they arrive.
//   - The time is the database's, which each node knows to a few milliseconds however wrong its own clock is; a ticket is good for 30 s of it. The numbers of
//     a sender that has been silent for two minutes are forgotten: by then nothing of it is valid.
//
// The answer carries a proof that only the node that was asked can make, so that nothing else that has come to its address is taken for it. Who uses the
// hub, and whether he may, is decided by his own token, which travels with the request: a node is believed in nothing but where the request came from.
// Headers by which a client claims to come from elsewhere are dropped; the client's address is the one that the first node has seen, so
// that limits, log and audit count clients, not nodes.
//
// With TLS certificates are verified, by the system's authorities or those of HERALD_NODE_CA_FILE, for the name in the address. Nothing switches that off.
// Without it whoever reads the wire reads users' tokens: that is for a private network.
//
// # When it does not work
//
// A node that is not registered, does not take a connection within a second, or is not who it should be, is gone to the client, before anything has been
// written: it starts anew, and resumes. A machine that vanishes is noticed after 5 s without an acknowledgement. Each node asks every
// other one, every 10 s and when one is new, over the same way; whom it cannot reach twice in a row it tells: [Peers.Unreachable].
//
// # What it costs
//
// As measured by TestWhatAForwardedConnectionCosts, at rest. On the node that holds the connection a forwarded one takes what one takes
// that comes straight, with a socket of the other node's in the place of the client's. On the node in between, on top:
//
//	               memory    goroutines    descriptors
//	event stream   58 KB     4             2
//	poll           48 KB     4             2
//	WebSocket      26 KB     2             2
//
// A request that is forwarded takes about 0.2 ms more than one that comes straight (BenchmarkHop, on one machine), an event of a stream less.
//
// Connections between nodes are used again, up to 256 idle ones to each other node, for 30 s. As many requests as HERALD_MAX_FORWARDED are under way at
// a time; the rest is answered with 503.
//
// # Lifecycle
//
// [New] opens nothing. [Peers.Run] asks the others until its context ends. [Peers.Shutdown] ends what waits: event streams end, polls are
// answered with nothing, so that they come again, elsewhere,
// WebSockets are closed, evenly over a time; POST requests are passed on to their end.
package peers
