// Package policy decides whether a principal may join a group.
//
// # The rules
//
//	order:{id}        MustBeOrderOwner                               permission OrderOwner:{id}
//	restaurant:{id}   MustBeRestaurantOwner or …Staff                permission RestaurantOwner:{id} or RestaurantStaff:{id}
//	teamcart:{id}     MustBeTeamCartMember                           permission TeamCartMember:{id} or TeamCartHost:{id}
//	admins, user-activity, analytics, alerts                         the admin role
//
// A permission in the token suffices. Without one the database is asked, through the configured SQL function
// f(policy text, resource_id uuid, user_id text) returns boolean: one round trip, whatever the group. The database has the
// last word only in this direction: it can allow what the token does not say, and a grant that is revoked there does not
// outweigh a permission that the token carries.
//
// # Invariants
//
// Whatever goes wrong refuses: an error, a time-out, null, a malformed group. A principal that has expired is
// [ErrUnauthorized], everything else [ErrForbidden], and no third thing is ever returned. An id that does not exist is
// refused like one that belongs to somebody else.
package policy
