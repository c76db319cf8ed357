package broadcast

import (
	"errors"

	"github.com/yummyzoom/herald/internal/signalr"
)

// ErrNotContiguous is returned by [Broadcaster.Broadcast] for a batch that does not continue at the broadcaster's
// position.
var ErrNotContiguous = errors.New("batch does not continue at the broadcaster's position")

// ErrStale is returned by the methods of an [Admission] when access to the group has been revoked since, perhaps for
// another user. The caller has to check the permission again, with a new Admission.
var ErrStale = errors.New("access was revoked while the permission was being checked")

// ErrDisconnected is returned when the connection is gone, or its queue is full and it is being closed.
var ErrDisconnected = errors.New("connection is closed")

// Errors that reach the client, word for word.
var (
	// ErrRevoked ends a resume during which the user's grant was revoked.
	ErrRevoked error = &signalr.HubError{Message: "Forbidden"}
	// ErrUnsubscribed ends a resume during which the same connection left the group.
	ErrUnsubscribed error = &signalr.HubError{Message: "Unsubscribed while resuming"}
	// ErrResuming refuses a second resume of one group by one connection at the same time.
	ErrResuming error = &signalr.HubError{Message: "A resume of this group is already in progress"}
	// ErrTooManySubscriptions refuses more groups than one connection may join.
	ErrTooManySubscriptions error = &signalr.HubError{Message: "Too many subscriptions on this connection"}
)
