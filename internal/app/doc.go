// Package app is the only place that wires Herald together.
//
// [New] checks the configuration and opens the sockets; it asks no database. [App.Run] does the rest, and ends when
// its context ends:
//
//	sockets    /healthz and /metrics answer; /readyz says what the node waits for; hubs and API answer 503
//	database   it answers, its version is supported, it takes writes, it has the migrations (Config.Migrate applies
//	           them), and it is the one that events were relayed from before; then everything is built
//	line       relay, tail and listener run; the heartbeat registers the node
//	River      starts; it is the last step that may have to wait
//	serving    hubs and API are open, [App.Serving] is closed
//
// Each step that needs the database waits for it without a limit, with one log line at first and one a minute. An
// error that waiting cannot mend (postgres.Final, a restored dump) ends Run. The order in which a node shuts down:
//
//	stop accepting     the node is no longer ready and refuses new connections; clients are told to reconnect, spread
//	                   over HERALD_SHUTDOWN_SPREAD; each is sent events until then, and its queue is flushed; the
//	                   listeners close
//	River              jobs under way finish
//	relay, listener    the transaction under way ends, by commit or by rollback
//	tail               what this node relayed has been broadcast here, or is left for the next node to broadcast
//	pools              close
//
// # Connections to the database
//
// A node's pools have as many connections as pool_max_conns in HERALD_DATABASE_URL says, else six a CPU and at
// least 16. Two more connections stand beside the pools. The pools are divided so that heavy users cannot take
// connections from work that must not wait:
//
//	relay, listener    1 each, beside the pools
//	tail               1: what other nodes have relayed
//	readiness, metrics 2: one look and one scrape at a time; each answer serves every request of the next second,
//	                   because these requests need no token
//	authorisation      a quarter of the pools: may this user join this group
//	resumes            an eighth: the log
//	work               the rest: jobs, the heartbeat, the REST API and its pages
//
// So a node has 18 connections on up to two CPUs. The least is 12. The wait for a connection never counts as the
// database's answer time: a question's time-out begins when the question has its connection.
//
// # Degraded
//
// A degraded node works, but less well than it should. It stays ready and says so ("degraded: …"): it receives no
// notifications, its clock differs from the database's, or no node runs the periodic jobs.
package app
