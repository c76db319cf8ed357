// Package hubclient is the Go client of Herald's hubs. [Follow] follows one group until its context ends; [Connect]
// opens one plain connection. The command line, the load generator and the tests use it.
//
// # What Follow promises
//
// The handler is called for each event of the group once, in the order of its sequence, whatever happens to the
// connection in between: the server is killed and restarted, closes with allowReconnect, goes silent, never finishes
// a handshake, lets the token expire. After each of these Follow connects again, with a new token, and resumes
// behind the last event that the handler has accepted. The place in the group moves when the handler returns nil,
// not before. Follow checks the server's promise: the first event that is missing, repeated or out of order ends
// Follow with a [*ContiguityError]. Events that the server cannot replay are reported as a gap and never silently
// skipped.
//
//	connect ──▶ resume ──▶ replayed events ──▶ OnResumed ──▶ live events ─┐
//	   ▲           └────▶ OnGap ─────────────────────────▶ live events ─┤
//	   └────────────── wait (backoff) ◀── OnDisconnected ◀── lost ──────┘
//
// A slow handler slows the socket down: 256 invocations wait for it, then nothing is read. A server then closes the
// connection sooner or later; this costs a resume and no event.
//
// A connection gets a new token before its own ends, by POST …/refresh, or by the hub's RefreshToken where that
// fails. So tokens of minutes are enough for connections of days.
//
// # Work split with philippseith/signalr
//
// The hub protocol's client is github.com/philippseith/signalr v0.9.0: the handshake, invocations and completions,
// pings and the time-out. It runs over a signalr.Connection of this package, the wire. This package does the
// following itself:
//
//   - wire.go takes the server's invocations out of the stream before the client sees them. The client runs a
//     receiver's method on a goroutine of its own for each message, so calls overtake each other. A receiver's
//     method has a fixed number of arguments, but a team cart event has one more on a resumed subscription. The
//     client answers a wrong number, or a method that the receiver lacks, with a completion although the server
//     wants none. And the client lets a completion overtake invocations, so the events before the answer to a
//     resume cannot be told from those after it. The wire delivers invocations, and the fact of a completion, in
//     the server's order on the goroutine that reads. No receiver is needed, and an event type of a later release
//     is followed like any other.
//   - wire.go also makes v0.9.0 end. The client's reader spins for ever on an io.EOF during the handshake, so
//     errors reach it as text. The only sign that the client has given up is the Close message that it writes last,
//     so the wire ends the connection at that message. While a server sends events it sends no pings, so the wire
//     passes a ping to the client now and then; else the client's time-out would strike.
//   - connection.go makes calls one at a time, because two at once can get the same id, and reads result channels
//     to their end, because else a goroutine stays.
//   - dial.go dials, over the same coder/websocket. The client's own WebSocket connection lives on a background
//     context, has a read limit of 32 KiB that cannot be raised, silently cuts messages that are longer than the
//     reader's buffer, and loses data that arrives in one message with the handshake's answer. Its connector
//     reports a status code only in a text, keeps no connection token, which a refresh needs, and does not read how
//     long the token lasts.
//   - refresh.go gives the connection a new token, by POST …/refresh or by the hub's RefreshToken: the client knows
//     neither.
//   - follow.go connects again. The client's own loop hides why a connection ended, and leaves no moment between
//     the handshake and the first event in which to resume.
//   - place.go and subscription.go are Herald's: a follower's place in a group, and the check of the server's
//     promise. They know nothing of SignalR.
//   - packed.go translates MessagePack, with vmihailenco/msgpack. The client's own MessagePack protocol does not
//     help: the wire has to read the records itself, for the reasons above. And handlers are promised JSON with the
//     members in the server's order, which decoding into Go maps would lose.
//
// # MessagePack
//
// With Config.MessagePack the wire speaks MessagePack with the server and translates record by record.
// philippseith's client, handlers and results still see JSON, with the names that the server has written. An event
// is recognised by JSON's names (eventId) and by those of a .NET hub (EventId).
//
// # Lifecycle
//
// Follow owns its connection and one goroutine for the resume's call, and waits for both. [Connection.Close] stops
// the client, cuts the socket and waits for the calls in progress. philippseith's client does not wait for all its
// goroutines; the others end at once then, since all of them depend on the wire.
package hubclient
