// Package policy decides whether a principal may join a group.
//
// # The rules
//
// The catalogue of hubs, [event.Hubs], says what opens a group: one of the policies of its kind, such as MustBeOrderOwner for order:{id}, which a
// permission such as OrderOwner:{id} meets; or, for the admin hub's groups, the admin role.
//
// A permission in the token suffices. Without one the database is asked, through the configured SQL function
// f(policy text, resource_id uuid, user_id text) returns boolean: one round trip, whatever the group. The database has the
// last word only in this direction: it can allow what the token does not say, and a grant that is revoked there does not
// outweigh a permission that the token carries.
//
// Of the questions about one user two are put at a time; the others wait for their turn, in order, for as long as their callers do. One whose
// subscriptions are refused over many connections takes no more of the database than that.
//
// # Invariants
//
// Whatever goes wrong refuses: an error, a time-out, null, a malformed group. A principal that has expired is
// [ErrUnauthorized]; a question that the database could not answer is [ErrUndecided], which refuses like a no and is no reason to end what
// exists; everything else is [ErrForbidden], and no fourth thing is ever returned. An id that does not exist is refused like one that
// belongs to somebody else.
//
// # The cache
//
// A yes of the database is remembered for a short time, a no never: whoever has just been granted access, or has just placed the order, is let
// in at once. What is remembered, and what is being asked, ends with a revocation of the same user: the node that reads one in the log calls
// [Checker.Revoked] before it takes the user's connections out of the group. So a yes that is older than the revocation either meets the
// broadcaster before it has handled the revocation, which then finds the member or makes the join stale, or is not found any more. Until the node
// reads the revocation a remembered yes can still open the group, for a moment and for nothing that was published behind the
// revocation. Rights that end in tables of a service's own, without herald.revoke_access, are not seen: the lifetime of an entry bounds that.
package policy
