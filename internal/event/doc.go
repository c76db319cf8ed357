// Package event is Herald's vocabulary: what a producer writes (an [Event]), whom it is for (its [Group]s), and what a
// client receives (an [Invocation]: a method name and JSON arguments).
//
// What Herald knows of each type is one row of the catalogue ([Definition]); what a type does follows from its [Family].
// Nothing outside the catalogue decides by a type's name.
//
// Everything here is pure: no database, no socket, no clock. The same event, group and sequence give the same invocation on
// every node and in every release that knows the event's type, which is why a replayed event is byte for byte the event
// that was broadcast live.
//
// Names in payloads are matched exactly, and of a payload only what its event's type uses is read. What an order's or an admin event's holds
// beyond that stands behind Herald's own fields, as it is in the payload; a field with the name of one of Herald's own never replaces it.
// What clients cannot read, keys named __proto__ and deep nesting, is not passed on.
//
// [Type.Members] says what of an object is Herald's own, and which of that are times and numbers: protocols that have types for those write them
// so. It is one table for the payloads that are read and the objects that are written.
//
// An event that cannot be turned into invocations (a type that this release does not know, a payload whose fields have the
// wrong shape) is an [UndeliverableError]. The relay sets such an event aside instead of letting it block those behind it: one of a type
// that a newer release may know is tried again, any other is a dead letter at once.
package event
