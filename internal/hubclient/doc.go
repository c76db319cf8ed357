// Package hubclient is the Go client of Herald's hubs: [Follow] follows one group for as long as it is wanted, [Connect] opens
// one plain connection. The command line, the load generator and the tests stand on it.
//
// # What Follow promises
//
// The handler is called for each event of the group once, in the order of its sequence, whatever happens to the connection in
// between: the server is killed and restarted, closes with allowReconnect, goes silent, never finishes a handshake, lets the
// token expire. After each of these Follow connects again, with a new token, and resumes behind the last event that the
// handler has accepted; the place in the group moves when the handler returns nil, not before. It holds the server to its
// promise: the first event that is missing, repeated or out of order ends Follow with a [*ContiguityError]. What the server
// cannot replay is told as a gap and never passed over.
//
//	connect ──▶ resume ──▶ replayed events ──▶ OnResumed ──▶ live events ─┐
//	   ▲           └────▶ OnGap ─────────────────────────▶ live events ─┤
//	   └────────────── wait (backoff) ◀── OnDisconnected ◀── lost ──────┘
//
// A handler that is slow slows the socket down: 256 invocations wait for it, then nothing is read. A server then closes the
// connection sooner or later, which costs a resume and no event.
//
// A connection is given a new token before its own ends, by POST …/refresh, and by the hub's RefreshToken where that fails. So
// tokens of minutes do for connections of days.
//
// # On philippseith/signalr
//
// The hub protocol's client is github.com/philippseith/signalr v0.9.0: its handshake, its invocations and completions, its
// pings and its time-out. It stands on a signalr.Connection of this package, the wire, which takes the server's invocations
// out of the stream before the client sees them, because the client could not deliver them as Herald's events have to be:
//   - it calls a receiver's method on a goroutine of its own for each message, so calls overtake each other;
//   - a method has one fixed number of arguments, but a team cart event has one more on a resumed subscription; one too many
//     or too few, or a method that the receiver lacks, is answered with a completion that nobody asked for;
//   - a completion passes invocations, so it cannot be told which events came before the answer to a resume.
//
// The wire sees the records in the server's order and delivers invocations, and the fact of a completion, in that order on the
// goroutine that reads. No receiver is needed, and an event type of a later release is followed like any other.
//
// The wire is also what makes v0.9.0 end. Its own WebSocket connection lives on a background context, has a read limit of
// 32 KiB that cannot be raised from outside a wrapper, silently cuts messages that are longer than the reader's buffer, and
// loses what arrives in one message with the handshake's answer; its reader spins for ever on an io.EOF during the handshake;
// its connector tells a status code only in a text. So dialling is this package's own, over the same coder/websocket, an
// error reaches the client as text, and the wire passes the handshake's answer on alone. Further: the client's loop says that
// it has given up only by the Close message that it then writes, so the wire takes that as the sign; result channels are read
// to their end, or a goroutine stays; calls are made one at a time, because two at once can be given the same id. The client
// sees a ping now and then while only events arrive, or its time-out would strike: a server that sends events sends no pings.
//
// # MessagePack
//
// With Config.MessagePack the server is spoken to in MessagePack. The wire translates, record by record: philippseith's client speaks JSON all
// the same, and so do handlers and results, with the names that the server has written, in the order in which they stand. An event is known by
// JSON's names (eventId) and by those of a .NET hub (EventId).
//
// # Lifecycle
//
// Follow owns its connection and one goroutine for the resume's call, and waits for both. [Connection.Close] stops the client,
// cuts the socket and waits for the calls that are under way. Goroutines of philippseith's client that it does not wait for
// itself end at once then, since all of them hang on the wire.
package hubclient
