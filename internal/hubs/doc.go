// Package hubs is the SignalR hubs that clients connect to: their methods, who may call them, and the groups that
// they are about. The package only wires its parts together. The protocol is signalr's, permissions are policy's,
// delivery is broadcast's, and the list of hubs is the catalogue's, [event.Hubs].
//
// Each kind of groups of a hub has three methods: SubscribeToOrder, UnsubscribeFromOrder and ResumeOrder. Every hub
// has RefreshToken, and the admin hub GetPlatformStats, GetConnectionCount and SendTestMessage. docs/events.md lists
// all of them with their arguments.
//
// A resume of groups whose events have positional arguments takes an optional third argument. If it is true, each
// event carries its cursor behind its arguments.
//
// # Lifecycle
//
// [New] registers the methods; [Hubs.Authenticate] goes into the signalr server's configuration; [Hubs.Mount] puts
// the handlers on a mux. The broadcaster knows a connection from its first group on until it is closed.
//
// Results of methods, and messages that the admin hub sends by itself, are Go structs: over MessagePack their fields
// are named as a .NET hub names them, and their times are timestamps.
//
// # Invariants
//
// No group is joined without a permission that held at the moment of joining. The broadcaster's Admission is taken
// before the permission is checked; a revocation in between has the check repeated.
//
// A refusal is a [signalr.HubError] with the text Forbidden or Unauthorized and nothing else: an id that does not
// exist is refused like one that belongs to another user. On the admin hub the caller is also sent ErrorOccurred
// with the completion's text, before the completion. This holds for every call that fails, for any reason, and also
// for a call that wants no completion.
//
// RefreshToken or a request to the hub's path + "/refresh" replaces a token, with the same rules. A request may come
// while a method runs, and the method keeps the claims that it began with. So a method that joins a group checks,
// after joining, whether its claims still are the connection's.
//
// If a permission cannot be checked, a join is refused. On a token refresh the connection is closed with
// allowReconnect, so that no group is lost without a word.
//
// A resume is completed at its exact place in the connection's queue: behind every replayed event and before any
// later one.
package hubs
