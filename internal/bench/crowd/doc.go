// Package crowd has the benches of connections: fanout, idle, invoke, storm and replay.
//
// The server is a process as in production, except for the fan-out: its server runs in the bench's own process,
// because only then can the baseline use the same sockets. The clients run in a process of their own, the members
// ([ServeMembers]), which does as little as possible and checks the messages that it is sent. The baseline of a
// bench with a server is another process, the bare server ([ServeBare]): the same WebSocket library and nothing
// else. Both are hidden commands of herald. They are started from the program's own file, and end with the bench.
//
//	         orders, one JSON object a line              WebSockets
//	bench ───────────────────────────────▶ members ═════════════════▶ server or bare server
//	      ◀─────────────────────────────── answers; what has arrived at all members, on a pipe beside
package crowd
