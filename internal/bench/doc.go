// Package bench measures Herald. A bench starts what it needs by itself, a database and a server process among them, prints its
// baseline beside each figure, and says under which conditions and how often it ran. Figures are compared as ratios
// within one run; the absolute numbers belong to the machine.
//
// # Who takes part
//
// The server is a process as in production, but for the fan-out, whose server is in the bench's own process: only so can the baseline
// use the same sockets. Clients are a process of their own, the members ([ServeMembers]), which does as little as possible and
// checks what it is sent. The baseline of what needs a server is another process, the bare server ([ServeBare]): the same WebSocket
// library and nothing else. Both are hidden commands of herald, started from the program's own file, and end with the bench.
//
//	         orders, one JSON object a line              WebSockets
//	bench ───────────────────────────────▶ members ═════════════════▶ server or bare server
//	      ◀─────────────────────────────── answers; what has arrived at all members, on a pipe beside
//
// The benches of what happens in the database (publish, relay) have no clients; latency has the Go client in the bench's own process.
// Their baselines are plain statements in the same database. Between two slices or runs a bench waits until the queues are empty: nothing
// waits in the outbox, and the server has broadcast the whole log.
//
// CPU time and memory are what the kernel counts for the server's process, so the bench's own work and the members' are in no figure but
// those of time: they have to share the machine.
package bench
