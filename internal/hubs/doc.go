// Package hubs is the SignalR hubs that clients connect to: what can be called on them, who may call it, and which group
// it is about. Everything below is wired here and nothing is decided: the protocol is signalr's, the permission policy's, the
// delivery broadcast's, and which hubs there are the catalogue's, [event.Hubs].
//
// Each kind of groups that a hub has gives it three methods: SubscribeToOrder, UnsubscribeFromOrder and ResumeOrder. Every hub has RefreshToken,
// and the admin hub GetPlatformStats, GetConnectionCount and SendTestMessage. docs/events.md lists all of them with their arguments.
//
// A resume of groups whose events have positional arguments takes a third argument, which need not be there: true has each event say, behind
// its arguments, which it is.
//
// # Lifecycle
//
// [New] registers the methods; [Hubs.Authenticate] goes into the signalr server's configuration; [Hubs.Mount] puts the
// handlers on a mux. A connection is known to the broadcaster from its first group on until it is closed.
//
// What methods return and what the admin hub says by itself are Go structs: over MessagePack their fields are named as a .NET hub names them, and
// their times are timestamps.
//
// # Invariants
//
// No group is joined without a permission that held at the moment of joining: the broadcaster's Admission is taken before
// the permission is asked for, so a revocation in between sends the question back.
//
// A refusal is a [signalr.HubError] with the text Forbidden or Unauthorized and nothing else: an id that does not exist
// is refused like one that belongs to somebody else. On the admin hub the caller is sent ErrorOccurred as well, before the
// completion and with its text: for every call that fails, whatever failed, and also where the call wants no completion.
//
// A token is replaced by RefreshToken or by a request to the hub's path + "/refresh", with the same rules. A request may come while a method
// runs, which keeps the claims that it began with; so whoever joins a group looks, once it is in, whether they still are the connection's.
//
// A permission that could not be found out refuses who wants to join, and makes who has joined come back: on a token refresh the connection is
// closed with allowReconnect, and no group is left without a word.
//
// A resume is completed at the very place in the connection's queue where it joined: behind every replayed event and before
// any later one.
package hubs
