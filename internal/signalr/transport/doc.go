// Package transport carries the bytes of one connection: over a WebSocket, or with an event stream or polls for what the server says and
// POST requests for what the client says. It knows neither hubs nor what the bytes mean. [Transport] is what all three have in common.
//
// # Half-transports
//
// Server-sent events and long polling carry what the server says. What the client says comes in POST requests, whose bodies [Inbox] makes
// one stream again, in the order in which the requests came. It holds a few kilobytes ahead of the reader; then they wait, and with them
// their clients.
//
// An event stream is one response, written as a socket is. Over long polling the messages are fetched: the writer waits for a request,
// hands it what is to be written, and waits for what came of it.
//
//	         ┌── no request: the writer waits, and the queue behind it fills up ◀────────────────────┐
//	frames ──┤                                                                                        │
//	         └── a request waits ──▶ given to it ──┬── client gone, nothing written: given back ──▶───┤
//	                                               ├── written ──▶ the next frames ──▶────────────────┘
//	                                               └── broke off midway ──▶ end
//
// What was written to a client that did not read it is lost, as it is in .NET: nobody can tell.
//
// # Memory
//
// At rest a transport holds no buffer but 256 bytes of a WebSocket's, to read the beginning of a frame into. What it reads and writes with
// it borrows from [Buffers], which a server has one of.
package transport
