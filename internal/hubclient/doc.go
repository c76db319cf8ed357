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
// # What philippseith/signalr does, and what stands here by hand
//
// The hub protocol's client is github.com/philippseith/signalr v0.9.0: the handshake, invocations and completions, pings and the time-out. It
// stands on a signalr.Connection of this package, the wire. What is by hand, and why:
//
//   - wire.go takes the server's invocations out of the stream before the client sees them. The client runs a receiver's method on a goroutine
//     of its own for each message, so calls overtake each other; a method has one fixed number of arguments, but a team cart event has one more
//     on a resumed subscription, and the client answers a wrong number, or a method that the receiver lacks, with a completion that nobody
//     asked for; and a completion passes invocations, so it cannot be told which events came before the answer to a resume. The wire delivers
//     invocations, and the fact of a completion, in the server's order on the goroutine that reads. No receiver is needed, and an event type of
//     a later release is followed like any other.
//   - wire.go also makes v0.9.0 end. The client's reader spins for ever on an io.EOF during the handshake, so errors reach it as text. It says
//     that it has given up only by the Close message that it writes last, so the wire takes that as the sign. While a server sends events it
//     sends no pings, so the wire shows the client one now and then, or its time-out would strike.
//   - connection.go makes calls one at a time, because two at once can be given the same id, and reads result channels to their end, or a
//     goroutine stays.
//   - dial.go dials, over the same coder/websocket. The client's own WebSocket connection lives on a background context, has a read limit of
//     32 KiB that cannot be raised, cuts messages that are longer than the reader's buffer without a word, and loses what arrives in one
//     message with the handshake's answer; its connector tells a status code in a text only, keeps no connection token, which a refresh needs,
//     and does not read how long the token lasts.
//   - refresh.go gives the connection a new token, by POST …/refresh or by the hub's RefreshToken: the client knows neither.
//   - follow.go connects again. The client's own loop hides why a connection ended, and has no place between the handshake and the first
//     event in which to resume.
//   - place.go and subscription.go are Herald's: where in a group a follower stands, and whether the server keeps its promise. They know nothing
//     of SignalR.
//   - packed.go translates MessagePack, with vmihailenco/msgpack. The client's own MessagePack protocol does not help: the wire has to read the
//     records itself, for the reasons above, and handlers are promised JSON with the members in the order in which the server wrote them, which
//     decoding into Go maps would lose.
//
// # MessagePack
//
// With Config.MessagePack the server is spoken to in MessagePack. The wire translates, record by record: philippseith's client speaks JSON all
// the same, and so do handlers and results, with the names that the server has written. An event is known by JSON's names (eventId) and by
// those of a .NET hub (EventId).
//
// # Lifecycle
//
// Follow owns its connection and one goroutine for the resume's call, and waits for both. [Connection.Close] stops the client,
// cuts the socket and waits for the calls that are under way. Goroutines of philippseith's client that it does not wait for
// itself end at once then, since all of them hang on the wire.
package hubclient
