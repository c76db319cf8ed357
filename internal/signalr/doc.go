// Package signalr is a server of the SignalR protocol: negotiate, WebSockets, server-sent events and long polling, and the
// hub protocols JSON and MessagePack, with the texts of ASP.NET Core. It knows nothing of Herald.
//
// # Layers
//
// What stands below imports nothing of what stands above it:
//
//	server   Server: requests, negotiate, polls, POSTs, refreshes, other nodes, sweeping, shutting down
//	conn     Conn: reading, calling a Hub's methods, streams, sending and writing, stateful reconnect, its end
//	         ── packages of their own ──
//	transport  WebSocket, event stream, long polling: bytes in and out
//	wire       messages, frames, JSON, MessagePack       door   origins, tickets, limits, refusals
//
// # What it promises
//
//   - Messages that are sent to one connection arrive in the order in which [Conn.Send] was called, or the connection ends.
//   - Send never blocks and never writes; nor does Queue, and Flush, which writes, never waits. A client that does not keep up has its own queue closed, with allowReconnect, and
//     nobody waits for it.
//   - The invocations of one connection run one after another, in order, but for what streams: see below. Each that has an
//     id completes exactly once, whatever happens in the method; one without an id is never answered. What goes wrong in
//     an invocation (no such method, arguments that do not fit, an error, a panic) does not end the connection. Malformed
//     data does.
//   - OnDisconnected is called when no hub method runs any more, and no sequence of one.
//   - What is checked is checked before memory is allocated for it: the length of a frame or a record, how deeply it nests.
//     Negotiating allocates nothing that stays: connection tokens are sealed, not stored.
//   - What a peer may take is limited, see [Config], and counted where every connection passes: from before its transport is
//     opened until it is gone. Refused requests are answered with a status and a reason, see [Refusal]; a connection that
//     exceeds its rate is closed with one.
//
// # Lifecycle
//
// A [Server] is made by New, mounted by [Server.Handler], and run by [Server.Run], which must run for as long as clients are
// served: it alone enforces every time-out. A connection goes through
//
//	admission ──▶ upgrade ──▶ handshake ──▶ OnConnected ──▶ invocations … ──▶ end ──▶ OnDisconnected ──▶ flush ──▶ linger ──▶ closed
//	                             │ refused or late                              ▲
//	                             └──────────────────────────────────────────────┘ without OnConnected and OnDisconnected
//
// end happens once, by whoever comes first: the client, the hub, the writer, the sweeper, the shutdown. From then on
// nothing can be queued behind the last message; the reader is interrupted, tells the hub, waits until the writer has
// flushed what is left (bounded by the end's grace), lingers until the client has said goodbye too, and closes the socket.
// A shutdown lets readers go one after another, each once it is through with what it has read: [Server.Shutdown].
//
// # New credentials
//
// A connection ends when its user's do. A request to the hub's path + "/refresh" brings new ones of the same user ([Hub.OnRefresh]), whatever
// the transport, and whether or not there is one. [Conn.Replace] lets one after the other in, and decides under the lock under which the end
// is made certain: what is answered with success holds until the new end, what is not has changed nothing.
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
// # Streams
//
// A streaming method (Stream0 …) is called in its turn; the sequence that it returns runs on a goroutine of its own. A method
// with a stream from the client among its parameters ([Upload]) runs on a goroutine of its own from the beginning, because
// it waits for what the reader reads. The connection's end cancels the context of all of them, and waits for them. A hub's
// code must heed that context.
//
// Neither direction can fill memory. An item for the client is queued when it finds room in half of the queue. An item from
// the client waits as it was sent, not decoded: at most 10 of a stream and four times MaximumMessageSize bytes of a connection;
// while there is no room for the next, nothing more is read from the connection. Config.MaximumStreams bounds the streams of a
// connection, each counted until its method is over, and with them the goroutines that a client can have started.
//
// [Conn.Invoke] asks the client for a result, and must not be called on the reader, which would have to read it.
//
// # Half-transports
//
// Server-sent events and long polling carry what the server says; what the client says comes in POST requests: see package transport. A
// connection whose client has not polled for DisconnectTimeout ends. At its end the last messages wait for a request as long as a socket
// would be given to take them; the one after is answered 204.
//
// Every request is authenticated, and has to be by the user who opened the connection, but the connection keeps the user that it was opened
// with.
//
// # Several nodes
//
// A connection token is a sealed ticket: 16 random bytes, which are the connection's secret, when it expires, whether for stateful reconnect, a
// hash that tells its user from others, and the name of the node that issued it, encrypted and authenticated with AES-GCM together with
// the hub. With [Config.Sealer] all servers that share keys read each other's, so that negotiating and connecting need not meet the same one:
// behind a balancer without affinity any node takes any request. It is answered where the connection lives:
//
//	                          ┌─ a WebSocket, without stateful reconnect ───────────▶ here, wherever that is
//	negotiate ──▶ ticket ──▶ ─┼─ a WebSocket with stateful reconnect ──┐
//	(node A)                  ├─ an event stream, and its POSTs ───────┼─ at A ────▶ here
//	                          └─ polls, their POSTs and DELETE ────────┘  elsewhere ─▶ Config.Forward to A
//	                                                                                    └─ A is gone ──▶ 404, as of any unknown id
//
// A client keeps its token for as long as the connection lives and shows nothing else, so that the token alone has to say where a connection is that
// has more than one request. That is settled when it is issued. Such a connection could live where its first request arrives only if the
// nodes told each other, or if each request for it asked all of them. Therefore a WebSocket with stateful reconnect is forwarded
// from the beginning, though at first it could live anywhere: its client comes back with the same URL, to whichever node the balancer chooses.
// It pays one hop unless affinity takes it to its node. WebSockets without stateful reconnect, the most by far, pay none and
// outlive the node that negotiated them.
//
// A request is forwarded once: what comes from another node and is for a third is answered 404. Forwarding costs no seat. The node
// that has the connection counts it, for the client's address, which it is told. Who sends a request, and whether its page may, both nodes judge.
//
// A ticket opens one connection on the node that issued it, and so one event stream or polled connection, ever. Each other node takes
// one WebSocket with it, too, while it can be presented for the first time ([Config.HandshakeTimeout]). That does not matter: who
// presents it has to be its user, authenticated anew by each request, and could as well negotiate again; each socket takes a seat of its user's and its
// address's. All that a second one has of the first is its public id. To rule it out, nodes would have to ask each other at each connection.
//
// Whoever has the keys can issue tickets, and gains little: they open what a token of their user opens anyway. A key that is not used
// any more has to be known for as long as connections live whose tickets it has sealed.
//
// A ticket of Herald's takes 118 characters. Issuing and checking it take about 2 µs each, and no allocation stays; neither asks a database.
//
// # Goroutines
//
// At rest a connection has one goroutine, its reader, which holds no buffer but 256 bytes to read a frame's beginning into. Of
// an event stream it is the request's own. Each call that streams has one more. However deep a call went, the reader's stack is back at
// 4 KiB two or three garbage collections later; the Footprint tests hold that.
// A writer exists only while the queue is not empty; it takes all that is queued and writes it with one writev. There is no
// timer per connection: the sweeper looks at all of them twice a second.
//
// # The cost of a message
//
// Its encoding once per protocol: two allocations, the Message and the frame. For each client a pointer under the queue's lock and
// its share of one write(2). [Conn.Send] has a goroutine do the write, which costs starting it, a tenth of a write, and, where
// nothing else is to do, waking a thread for it, more than a write. Those who send to many call [Conn.Queue] and then
// [Conn.Flush], which writes what the socket takes at once and leaves to a goroutine only what it does not; frames that are
// written together are copied to one run of bytes, which is cheaper than a vector.
//
// # Where the rest goes
//
// A hub protocol is a protocol, in a slot of its own in every [Message]; a transport is a transport, which carries bytes and
// need not know what they mean. Frames carry a WebSocket header that other transports skip.
package signalr
