// Package app is the only place that wires Herald together.
//
// [New] connects to the database, refuses one without the migrations, and builds everything; [App.Run] starts it and ends when its
// context does. What runs, and in which order it ends:
//
//	stop accepting     the node is not ready any more and refuses new connections; clients are told to reconnect, spread over
//	                   HERALD_SHUTDOWN_SPREAD, and their queues are flushed; until then they are sent events; listeners close
//	River              jobs that are under way finish
//	relay, listener    the transaction that is under way ends, by commit or by rollback
//	tail               what has been relayed here has been broadcast, or is the next node's to broadcast
//	pool               closes
//
// A node that does its work, and less well than it should, is ready and says so ("degraded: …"): it does not hear notifications, its clock is not
// the database's, or periodic jobs are done by no node.
package app
