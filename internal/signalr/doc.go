// Package signalr is a server of the SignalR protocol: negotiate, the WebSocket transport, and the JSON hub protocol, with
// the texts of ASP.NET Core. It knows nothing of Herald.
//
// # What it promises
//
//   - Messages that are sent to one connection arrive in the order in which [Conn.Send] was called, or the connection ends.
//   - Send never blocks and never writes. A client that does not keep up has its own queue closed, with allowReconnect, and
//     nobody waits for it.
//   - The invocations of one connection run one after another, in order. Each that has an id completes exactly once,
//     whatever happens in the method; one without an id is never answered. What goes wrong in an invocation (no such
//     method, arguments that do not fit, an error, a panic) does not end the connection. Malformed data does.
//   - What is checked is checked before memory is allocated for it: the length of a frame, the depth of JSON. Negotiating
//     allocates nothing that stays: connection tokens are signed, not stored.
//
// # Lifecycle
//
// A [Server] is made by New, mounted by [Server.Handler], and run by [Server.Run], which must run for as long as clients are
// served: it alone enforces every time-out. A connection goes through
//
//	upgrade ──▶ handshake ──▶ OnConnected ──▶ invocations … ──▶ end ──▶ OnDisconnected ──▶ flush ──▶ linger ──▶ closed
//	               │ refused or late                              ▲
//	               └──────────────────────────────────────────────┘ without OnConnected and OnDisconnected
//
// end happens once, by whoever comes first: the client, the hub, the writer, the sweeper, the shutdown. From then on
// nothing can be queued behind the last message; the reader is interrupted, tells the hub, waits until the writer has
// flushed what is left (bounded by the end's grace), lingers until the client has said goodbye too, and closes the socket.
//
// # Stateful reconnect
//
// A connection that was negotiated with it outlives its WebSocket. Where that is cut, the reader and the writer wait for
// another one on the same token; the hub, its methods and whoever sends notice nothing, but for the queue filling up:
//
//	           ┌── WebSocket lost, or replaced by the client ──┐
//	connected ─┤                                               ├─▶ Sequence, unacknowledged messages, the queue ──▶ connected
//	           └── no other one within DisconnectTimeout ──▶ end
//
// Frames are shared and immutable, so that what is kept until the client acknowledges it is a pointer a message.
//
// # Goroutines
//
// At rest a connection has one goroutine, its reader, which holds no buffer but 256 bytes to read a frame's beginning into.
// A writer exists only while the queue is not empty; it takes all that is queued and writes it with one writev. There is no
// timer per connection: the sweeper looks at all of them twice a second.
//
// # Where the rest goes
//
// A hub protocol is a protocol, in a slot of its own in every [Message]; a transport is a transport, which carries bytes and
// need not know what they mean. Frames carry a WebSocket header that other transports skip.
package signalr
