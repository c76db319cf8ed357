// Package transport carries the bytes of one connection: over a WebSocket, or with an event stream or polls for what
// the server sends and POST requests for what the client sends. It knows neither hubs nor what the bytes mean.
// [Transport] is what all three have in common.
//
// # Half-transports
//
// Server-sent events and long polling carry what the server sends. What the client sends comes in POST requests.
// [Inbox] joins their bodies to one stream, in the order in which the requests came. It holds a few kilobytes ahead
// of the reader. When it is full, the requests wait, and with them their clients.
//
// An event stream is one response, written as a socket is. Over long polling the client fetches the messages: the
// writer waits for a request, hands it the frames, and waits for the outcome.
//
//	         ┌── no request: the writer waits, and the queue behind it fills up ◀────────────────────┐
//	frames ──┤                                                                                        │
//	         └── a request waits ──▶ given to it ──┬── client gone, nothing written: given back ──▶───┤
//	                                               ├── written ──▶ the next frames ──▶────────────────┘
//	                                               └── broke off midway ──▶ end
//
// Messages that were written to a client that did not read them are lost, as in .NET: the server cannot tell.
//
// # Memory
//
// At rest a transport holds no buffer but 256 bytes of a WebSocket's, to read the beginning of a frame into. For all
// other reading and writing it borrows memory from [Buffers]; a server has one of them.
package transport
