// Package wire writes the messages of the hub protocols as bytes, and reads them. [Protocol] is a hub protocol, JSON
// or MessagePack. [Inbound] is a message from a client. [Message] is an invocation that is encoded once for all
// connections that it is sent to. [Frame] is bytes that are ready to be written. The package knows neither hubs nor
// connections nor transports.
//
// Messages from clients are checked before memory is allocated for them: how long a record is, how deeply it nests,
// how many elements it announces. Errors wrap [ErrMalformed], or are [ErrTooLarge].
//
// # MessagePack
//
// An event is JSON text. It is transcoded to MessagePack once, when the first connection that speaks MessagePack
// needs it. The text does not say which members are the server's own, nor which of its strings are times. The
// [Object] of a [Message] does, by the members' names and order, and for the outermost members alone: nothing is
// guessed from what a text looks like. [Names] says how such members are named.
//
// A method returns a Go value. It becomes JSON by encoding/json, and MessagePack by the same transcoder, which looks
// at the value beside the text for what JSON does not say: structs, times, binary data, floats. So the rules of
// encoding/json (tags, embedding, marshalers) are written nowhere else, and a method returns the same over both
// protocols. A call over MessagePack takes a microsecond more for it. A library's encoder would have tags and rules
// of its own.
//
// MessagePack from clients is read by hand, without allocating by a length that the client announces, and without
// building what the method does not take. An argument that a method takes becomes JSON for encoding/json, except
// texts, integers and binary data.
package wire
