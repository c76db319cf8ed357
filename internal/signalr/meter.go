package signalr

import (
	"strconv"
)

// meter holds what a client has spent of its rates. Only the connection's reader uses it, so it takes neither a lock
// nor memory. It counts by the time at which the reader read the data: a flood in one frame comes all at once.
//
// Two rates bound two things. Invocations run a hub's code, which may ask a database. All messages (invocations,
// pings, stream items, completions, acknowledgements) cost reading and parsing. That is far less, so their rate is an
// order of magnitude more, and a flood still takes only a small share of a core. Work without a message counts as one
// message: a WebSocket frame that carries no part of one, and a read that completes no record. So cutting messages
// into bytes gains an attacker nothing.
//
// A third rate is the user's, over all connections of that user: with a hundred connections a user would else have a
// hundred shares. An invocation that exceeds it waits in its connection's reader until its turn, and with it what the
// client sends behind it. It is not refused, because the user's devices cannot know of one another. Each connection
// has at most one invocation in that line.
//
// A client that exceeds a connection's rate is closed for good, and told why. It is not asked to reconnect: a flood
// is a loop gone wrong, or malice, and both would go on. A client that comes back from an interruption sends a resume
// for each subscription, tens at most.
type meter struct {
	messages, invocations int64 // when the whole burst is available again, see door.Rate
}

// excessError says that the client sends more than it may.
type excessError struct {
	what string
	rate int
}

func (e *excessError) Error() string {
	return "The client sends more than " + strconv.Itoa(e.rate) + " " + e.what + " per second."
}
