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
//	pool               closes
package app
