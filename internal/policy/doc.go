// Package policy decides whether a principal may join a group.
//
// # The rules
//
// The catalogue of hubs, [event.Hubs], says what opens a group: one of the policies of its kind, such as
// MustBeOrderOwner for order:{id}, which a permission such as OrderOwner:{id} meets; or, for the admin hub's
// groups, the admin role.
//
// A permission in the token suffices. Without one the database is asked, through the configured SQL function
// f(policy text, resource_id uuid, user_id text) returns boolean: one round trip, whatever the group. The database
// can only add rights: it can allow what the token does not say, but a grant that is revoked there does not
// outweigh a permission that the token carries.
//
// Two questions about one user are asked at a time; the others wait for their turn, in order, for as long as their
// callers do. So a user whose subscriptions are refused over many connections takes no more of the database than
// two questions at a time.
//
// # Invariants
//
// Every failure refuses: an error, a time-out, null, a malformed group. A principal that has expired is
// [ErrUnauthorized]. A question that the database could not answer is [ErrUndecided], which refuses like a no but
// does not end an existing membership. Everything else is [ErrForbidden]; no fourth result exists. An id that does
// not exist is refused like one that belongs to another user.
//
// # The cache
//
// A yes of the database is remembered for a short time, a no never: a user who has just been granted access, or has
// just placed the order, is let in at once. A revocation of a user ends that user's remembered answers and
// questions under way: the node that reads it in the log calls [Checker.Revoked] before it takes the user's
// connections out of the group. So a yes that is older than the revocation has one of two ends. It meets the
// broadcaster before the broadcaster has handled the revocation, which then finds the member or makes the join
// stale; or it is no longer found. Until the node reads the revocation a remembered yes can still open the group,
// for a moment and for nothing that was published behind the revocation. Rights that end in a service's own tables,
// without herald.revoke_access, are not seen: the lifetime of an entry bounds that.
package policy
