// Package event is Herald's vocabulary: what a producer writes (an [Event]), whom it is for (its [Group]s), and what
// a client receives (an [Invocation]: a method name and JSON arguments).
//
// What Herald knows of each type is one row of the catalogue ([Definition]). A type's behaviour follows from its
// [Family]; no code outside the catalogue decides by a type's name.
//
// The package is pure: no database, no socket, no clock. The same event, group and sequence give the same invocation
// on every node and in every release that knows the event's type. That is why a replayed event is byte for byte the
// event that was broadcast live.
//
// Names in payloads match exactly. Of a payload, Herald uses only the fields of its event's type. An order's or an
// admin event's further fields follow Herald's own fields unchanged; a payload field with the name of one of
// Herald's own never replaces it. Clients cannot read keys named __proto__ or deep nesting, so neither is passed on.
//
// [Type.Members] lists the object members that are Herald's own, and which of them are times and numbers: protocols
// with types for those write them so. One table serves reading payloads and writing objects.
//
// An event that cannot be turned into invocations (a type that this release does not know, a payload whose fields
// have the wrong shape) is an [UndeliverableError]. The relay sets such an event aside, so that it does not block
// those behind it. An event of a type that a newer release may know is tried again; any other is a dead letter at
// once.
package event
