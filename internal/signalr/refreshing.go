package signalr

import (
	"math"
	"net/http"
	"strings"
	"time"
)

// refreshPath is where, behind the hub's own path, a connection is given a new token (ASP.NET Core 11).
const refreshPath = "/refresh"

// connectionTokenHeader is where its client puts the connection token. Earlier documents have it in ?id=.
const connectionTokenHeader = "X-Signalr-Connection-Token" //nolint:gosec // a name

// refreshed is the answer to a refresh. The .NET client refuses a lifetime that is not written as a whole number.
type refreshed struct {
	ConnectionID string    `json:"connectionId"`
	RefreshedAt  time.Time `json:"refreshedAt"`
	Lifetime     *int32    `json:"tokenLifetimeSeconds,omitempty"`
}

// refreshRefusal is what a refresh is answered with that changed nothing.
type refreshRefusal struct {
	Code   string `json:"error"`
	Text   string `json:"error_description"`
	status int
}

// What a refresh is answered with that changed nothing.
var ( //nolint:gochecknoglobals // never changed
	refreshWithMethod   = refreshRefusal{"method_not_allowed", "A refresh is a POST.", http.StatusMethodNotAllowed}
	refreshWithBody     = refreshRefusal{"request_too_large", "A refresh has no body.", http.StatusRequestEntityTooLarge}
	refreshWithoutToken = refreshRefusal{"missing_connection_token", "The connection token is missing: it belongs into the header X-SignalR-Connection-Token.", http.StatusBadRequest}
	refreshOfOther      = refreshRefusal{"subject_changed", "The token is another subject's; the connection keeps the one that it has.", http.StatusForbidden}
	refreshBusy         = refreshRefusal{"temporarily_unavailable", "The connection is being refreshed already.", http.StatusServiceUnavailable}
	refreshFailed       = refreshRefusal{"server_error", "The server failed.", http.StatusInternalServerError}
	refreshOfNone       = refreshRefusal{"connection_not_found", "There is no connection with that connection token.", http.StatusNotFound}
)

// lifetime is how many whole seconds connections that end at a time have left; nil: they have no end. It is until they are closed, without the leeway
// for clocks, so that a client that counts on it is never late.
func lifetime(at, now time.Time) *int32 {
	if at.IsZero() {
		return nil
	}
	seconds := int32(min(max(at.Sub(now)/time.Second, 0), math.MaxInt32))
	return &seconds
}

func isRefresh(r *http.Request) bool { return strings.HasSuffix(r.URL.Path, refreshPath) }

// connectionToken is the one that the request names, in the header or by ?id=.
func connectionToken(r *http.Request) string {
	if token := r.Header.Get(connectionTokenHeader); token != "" {
		return token
	}
	token, _ := queryValue(r, "id")
	return token
}

func writeNotConnected(w http.ResponseWriter) { writeRefusal(w, refreshOfNone) }

func writeRefusal(w http.ResponseWriter, refusal refreshRefusal) {
	writeJSONStatus(w, refusal.status, refusal)
}

// refresh is the refusal in the form that refreshes are answered in.
func (r Refusal) refresh() refreshRefusal {
	switch r {
	case NotAuthenticated:
		return refreshRefusal{"invalid_token", "The access token is missing, expired or not valid.", http.StatusUnauthorized}
	case NotPermitted:
		return refreshRefusal{"forbidden", "The access token does not permit this connection.", http.StatusForbidden}
	default:
		return refreshRefusal{"too_many_requests", "Too many requests at a time.", http.StatusTooManyRequests}
	}
}
