// Package wire is how messages of the hub protocols are written as bytes, and read from them: [Protocol] is one of them, JSON or
// MessagePack, [Inbound] what a client has said, [Message] an invocation that is encoded once for all connections it is sent to, and
// [Frame] bytes that are ready to be written. It knows neither hubs nor connections nor transports.
//
// What clients send is checked before memory is allocated for it: how long a record is, how deeply it nests, how many elements it
// announces. Errors wrap [ErrMalformed], or are [ErrTooLarge].
//
// # MessagePack
//
// An event is JSON text and is made MessagePack from that, once, when the first member that speaks it needs it. The text
// does not say which members are the server's own and which of its texts are times; the [Object] that a [Message] is given
// does, by their names and their order, and for its outermost members alone: nothing is guessed from what a text looks like.
// [Names] says how such members are named.
//
// What a method returns is a Go value. It becomes JSON by encoding/json, and that MessagePack by the same transcoder, which
// looks at the value beside the text for what JSON does not say: structs, times, binary data, floats. So the rules of
// encoding/json (tags, embedding, marshalers) are written nowhere else, and a method returns the same over both protocols.
// A call over MessagePack takes a microsecond more for it. A library's encoder would have tags and rules of its own.
//
// What clients send is read by hand, without allocating by a length that they announce and without building what the method
// does not take; an argument that a method takes becomes JSON for encoding/json, but for texts, integers and binary data.
package wire
