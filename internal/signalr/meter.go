package signalr

import (
	"strconv"
)

// meter is what a client has spent of what it may send. The connection's reader keeps it, so that it takes neither a lock nor
// memory, and compares it with the time at which it read what it handles: a flood in one frame comes all at once.
//
// Two rates, because two things are worth bounding. Invocations run a hub's code, which may ask a database. All messages,
// invocations among them, and pings, stream items, completions, acknowledgements, cost being read and parsed: far less, so
// that rate is an order of magnitude more, and a flood still takes only a small share of a core. What makes work without
// being a message counts as one: a WebSocket frame that carries nothing of any, and what is read without completing a
// record, so that cutting messages into bytes gains nobody anything.
//
// A third rate is the user's, over all his connections: a hundred connections would else be a hundred times one's share. What exceeds it waits in its
// connection's reader until it is its turn, and with it what the client sends behind it: the user's devices cannot know of one another, and
// each has one invocation in that line at most.
//
// A client that exceeds a rate is closed for good, told why. It is not asked to reconnect: what floods is a loop gone wrong,
// or malice, and both would go on. Whoever comes back from an interruption sends a resume for each subscription, tens at most.
type meter struct {
	messages, invocations int64 // when everything has grown back, see rate
}

// excessError says that the client sends more than it may.
type excessError struct {
	what string
	rate int
}

func (e *excessError) Error() string {
	return "The client sends more than " + strconv.Itoa(e.rate) + " " + e.what + " per second."
}
