// Package app is the only place that wires Herald together.
//
// [New] checks the configuration and opens the sockets; it asks no database. [App.Run] does the rest, and ends when its context does:
//
//	sockets    /healthz and /metrics answer; /readyz says what the node waits for, hubs and API are 503
//	database   it is there, of a version that is supported, takes writes, has the migrations (Config.Migrate applies them), and is
//	           the one that was relayed from; then everything is built
//	line       relay, tail and listener run, the heartbeat tells of the node
//	River      starts, as the last that may have to wait
//	serving    hubs and API are open, [App.Serving] is closed
//
// Whichever step needs the database waits for it, for as long as it takes: one log line, and one a minute. What waiting does not mend
// (postgres.Final, a restored dump) ends Run. What ends in which order:
//
//	stop accepting     the node is not ready any more and refuses new connections; clients are told to reconnect, spread over
//	                   HERALD_SHUTDOWN_SPREAD, and their queues are flushed; until then they are sent events; listeners close
//	River              jobs that are under way finish
//	relay, listener    the transaction that is under way ends, by commit or by rollback
//	tail               what has been relayed here has been broadcast, or is the next node's to broadcast
//	pools              close
//
// # Connections to the database
//
// A node has as many as pool_max_conns in HERALD_DATABASE_URL says, else six a CPU and at least 16, and two beside them. They are divided
// so that nobody who asks for much takes from those who must not wait:
//
//	relay, listener    1 each, beside the pools
//	tail               1: what other nodes have relayed
//	readiness, metrics 2: one look and one scrape at a time, whose answers are given for a second to all who ask (they need no token)
//	authorisation      a quarter of the pools: may this user join this group
//	resumes            an eighth: the log
//	work               the rest: jobs, the heartbeat, the REST API and its pages
//
// So 18 on up to two CPUs. The least is 12. Waiting for one of them is never taken for an answer of the database: a question's time-out begins when it
// has its connection.
//
// # Degraded
//
// A node that does its work, and less well than it should, is ready and says so ("degraded: …"): it does not hear notifications, its clock is not
// the database's, or periodic jobs are done by no node.
package app
