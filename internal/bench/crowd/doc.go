// Package crowd has the benches of connections: fanout, idle, invoke, storm and replay.
//
// The server is a process as in production, but for the fan-out, whose server is in the bench's own process: only so can the
// baseline use the same sockets. Clients are a process of their own, the members ([ServeMembers]), which does as little as
// possible and checks what it is sent. The baseline of what needs a server is another process, the bare server ([ServeBare]):
// the same WebSocket library and nothing else. Both are hidden commands of herald, started from the program's own file, and end
// with the bench.
//
//	         orders, one JSON object a line              WebSockets
//	bench ───────────────────────────────▶ members ═════════════════▶ server or bare server
//	      ◀─────────────────────────────── answers; what has arrived at all members, on a pipe beside
package crowd
