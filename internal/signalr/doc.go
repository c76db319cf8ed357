// Package signalr is a server of the SignalR protocol: negotiate, WebSockets, server-sent events and long polling,
// and the hub protocols JSON and MessagePack, with the texts of ASP.NET Core. It knows nothing of Herald.
//
// # Layers
//
// A layer imports nothing of the layers above it:
//
//	server   Server: requests, negotiate, polls, POSTs, refreshes, other nodes, sweeping, shutting down
//	conn     Conn: reading, calling a Hub's methods, streams, sending and writing, stateful reconnect, its end
//	         ── packages of their own ──
//	transport  WebSocket, event stream, long polling: bytes in and out
//	wire       messages, frames, JSON, MessagePack       door   origins, tickets, limits, refusals
//
// # What it promises
//
//   - Messages for one connection arrive in the order of the calls of [Conn.Send], or the connection ends.
//   - Send and Queue never block and never write. Flush writes and never waits. A client that does not keep up has
//     its own queue closed, with allowReconnect. No other client waits for it.
//   - The invocations of one connection run one after another, in order; for those that stream see below. An
//     invocation with an id completes exactly once, whatever happens in the method. One without an id is never
//     answered. A fault of an invocation (no such method, arguments that do not fit, an error, a panic) does not end
//     the connection. Malformed data does.
//   - OnDisconnected is called when no hub method of the connection runs any more, and no sequence of one.
//   - Checks precede allocation: the length of a frame or a record, and how deeply it nests. Negotiating allocates
//     nothing that stays: connection tokens are sealed, not stored.
//   - What a peer may take is limited, see [Config]. A connection is counted from before its transport is opened
//     until it is gone, whatever the transport. A refused request is answered with a status and a reason, see
//     [Refusal]. A connection that exceeds its rate is closed with a reason.
//
// # Lifecycle
//
// A [Server] is made by New, mounted by [Server.Handler], and run by [Server.Run]. Run must run for as long as
// clients are served: it alone enforces every time-out. A connection goes through
//
//	admission ──▶ upgrade ──▶ handshake ──▶ OnConnected ──▶ invocations … ──▶ end ──▶ OnDisconnected
//	                              │                                                     │
//	                              └── refused or late ──▶ end ──────────────────────────┴──▶ flush ──▶ linger ──▶ closed
//
// The end happens once. The first of the client, the hub, the writer, the sweeper and the shutdown causes it. From
// then on nothing can be queued behind the last message. The reader is interrupted, tells the hub, waits until the
// writer has flushed the rest (bounded by the end's grace), lingers until the client has said goodbye too, and closes
// the socket. A shutdown lets readers go one after another, each once it has handled what it has read:
// [Server.Shutdown].
//
// # New credentials
//
// A connection ends when its user's credentials expire. A request to the hub's path + "/refresh" brings new
// credentials of the same user ([Hub.OnRefresh]), over every transport, and also while the connection has none.
// [Conn.Replace] lets in one refresh after the other. It decides under the lock under which the end is made certain:
// a refresh that is answered with success holds until the new expiry, and any other has changed nothing.
//
// # Stateful reconnect
//
// A connection that was negotiated with stateful reconnect outlives its WebSocket. When the WebSocket is cut, the
// reader and the writer wait for another one on the same token. The hub, its methods and the senders notice only that
// the queue fills up:
//
//	           ┌── WebSocket lost, or replaced by the client ──┐
//	connected ─┤                                               ├─▶ Sequence, unacknowledged messages, queue ─▶ connected
//	           └── no other one within DisconnectTimeout ──▶ end
//
// Frames are shared and immutable. So a message that is kept until the client acknowledges it costs a pointer.
//
// # Streams
//
// A streaming method (Stream0 …) is called in its turn. The sequence that it returns runs on a goroutine of its own.
// A method with a stream from the client among its parameters ([Upload]) runs on a goroutine of its own from the
// beginning, because it waits for what the reader reads. The connection's end cancels the context of all of them, and
// waits for them. A hub's code must heed that context.
//
// Neither direction can fill memory. An item for the client is queued when it finds room in half of the queue. An
// item from the client waits encoded: at most 10 items of a stream, and four times MaximumMessageSize bytes of a
// connection. While there is no room for the next item, nothing more is read from the connection.
// Config.MaximumStreams bounds the streams of a connection, each counted until its method is over. So it bounds the
// goroutines that a client can start.
//
// [Conn.Invoke] asks the client for a result. It must not be called on the reader, which would have to read that
// result.
//
// # Half-transports
//
// Server-sent events and long polling carry what the server sends. What the client sends comes in POST requests: see
// package transport. A connection whose client has not polled for DisconnectTimeout ends. At the end its last
// messages wait for a poll as long as a socket would be given to take them. The poll after that is answered 204.
//
// Every request is authenticated, and must be by the user who opened the connection. Such a request does not replace
// the connection's User.
//
// # Several nodes
//
// A connection token is a sealed ticket. It holds 16 random bytes, which are the connection's secret; when it
// expires; whether it is for stateful reconnect; a hash that tells its user from others; and the name of the node
// that issued it. It is encrypted and authenticated with AES-GCM, together with the hub. With [Config.Sealer] all
// servers that share keys read each other's tickets, so that a client may negotiate with one and connect to another:
// behind a balancer without affinity any node takes any request. A request is answered where its connection lives:
//
//	                          ┌─ a WebSocket, without stateful reconnect ───────────▶ here, wherever that is
//	negotiate ──▶ ticket ──▶ ─┼─ a WebSocket with stateful reconnect ──┐
//	(node A)                  ├─ an event stream, and its POSTs ───────┼─ at A ────▶ here
//	                          └─ polls, their POSTs and DELETE ────────┘  elsewhere ─▶ Config.Forward to A
//	                                                                       └─ A is gone ──▶ 404, as of any unknown id
//
// A client keeps its token for as long as the connection lives, and shows nothing else. So the token alone must say
// where a connection with several requests lives, and that is settled when it is issued. Such a connection could live
// where its first request arrives only if the nodes told each other, or if each request for it asked all of them.
// Therefore a WebSocket with stateful reconnect is forwarded from the beginning, though at first it could live
// anywhere: its client comes back with the same URL, to whichever node the balancer chooses. It pays one hop unless
// affinity takes it to its node. WebSockets without stateful reconnect, the most by far, pay none and outlive the
// node that negotiated them.
//
// A request is forwarded once: a request that comes from another node and is for a third is answered 404. Forwarding
// costs no seat. The node that has the connection counts it, for the client's address, which it is told. Both nodes
// check who sends a request, and whether its page may.
//
// A ticket opens one connection on the node that issued it, and so one event stream or polled connection, ever. Each
// other node takes one WebSocket with it, too, while it can be presented for the first time
// ([Config.HandshakeTimeout]). That does no harm: the sender must be the ticket's user, authenticated anew by each
// request, and could as well negotiate again. Each socket takes a seat of its user's and its address's. A second
// socket shares only the public id of the first. To rule it out, nodes would have to ask each other at each
// connection.
//
// An attacker with the keys can issue tickets, and gains little: a ticket opens what a token of its user opens
// anyway. A retired key must stay known for as long as connections live whose tickets it has sealed.
//
// A ticket of Herald's takes 118 characters. Issuing and checking one take about 2 µs each, and no allocation stays.
// Neither asks a database.
//
// # Goroutines
//
// At rest a connection has one goroutine, its reader, which holds no buffer but 256 bytes to read a frame's beginning
// into. An event stream's reader is the request's own goroutine. Each call that streams has one more. However deep a
// call went, the reader's stack is back at 4 KiB two or three garbage collections later; the Footprint tests hold
// that. A writer exists only while the queue is not empty. It takes all that is queued and writes it with one writev.
// There is no timer per connection: the sweeper looks at all of them twice a second.
//
// # The cost of a message
//
// A message is encoded once per protocol, with two allocations: the Message and the frame. For each client it costs a
// pointer under the queue's lock and its share of one write(2). [Conn.Send] has a goroutine do the write. Starting it
// costs a tenth of a write, and, where the process is otherwise idle, waking a thread for it costs more than a write.
// A sender to many clients calls [Conn.Queue] and then [Conn.Flush]. Flush writes what the socket takes at once and
// leaves only the rest to a goroutine. Frames that are written together are copied to one run of bytes, which is
// cheaper than a vector.
//
// # Where the rest goes
//
// A new hub protocol is a protocol, in a slot of its own in every [Message]. A new transport is a transport, which
// carries bytes and need not know what they mean. Frames carry a WebSocket header that other transports skip.
package signalr
