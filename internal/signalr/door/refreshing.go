package door

import (
	"math"
	"net/http"
	"strings"
	"time"
)

// RefreshPath is where, behind the hub's own path, a connection is given a new token (ASP.NET Core 11).
const RefreshPath = "/refresh"

// connectionTokenHeader is where its client puts the connection token. Earlier documents have it in ?id=.
const connectionTokenHeader = "X-Signalr-Connection-Token" //nolint:gosec // a name

// Refreshed is the answer to a refresh. The .NET client refuses a lifetime that is not written as a whole number.
type Refreshed struct {
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
	RefreshWithMethod   = refreshRefusal{"method_not_allowed", "A refresh is a POST.", http.StatusMethodNotAllowed}
	RefreshWithBody     = refreshRefusal{"request_too_large", "A refresh has no body.", http.StatusRequestEntityTooLarge}
	RefreshWithoutToken = refreshRefusal{"missing_connection_token", "The connection token is missing: it belongs into the header X-SignalR-Connection-Token.", http.StatusBadRequest}
	RefreshOfOther      = refreshRefusal{"subject_changed", "The token is another subject's; the connection keeps the one that it has.", http.StatusForbidden}
	RefreshBusy         = refreshRefusal{"temporarily_unavailable", "The connection is being refreshed already.", http.StatusServiceUnavailable}
	RefreshFailed       = refreshRefusal{"server_error", "The server failed.", http.StatusInternalServerError}
	refreshOfNone       = refreshRefusal{"connection_not_found", "There is no connection with that connection token.", http.StatusNotFound}
)

// Lifetime is how many whole seconds connections that end at a time have left; nil: they have no end. It is until they are closed, without the leeway
// for clocks, so that a client that counts on it is never late.
func Lifetime(at, now time.Time) *int32 {
	if at.IsZero() {
		return nil
	}
	seconds := int32(min(max(at.Sub(now)/time.Second, 0), math.MaxInt32))
	return &seconds
}

func IsRefresh(r *http.Request) bool { return strings.HasSuffix(r.URL.Path, RefreshPath) }

// ConnectionToken is the one that the request names, in the header or by ?id=.
func ConnectionToken(r *http.Request) string {
	if token := r.Header.Get(connectionTokenHeader); token != "" {
		return token
	}
	token, _ := Query(r, "id")
	return token
}

func WriteNotConnected(w http.ResponseWriter) { WriteRefusal(w, refreshOfNone) }

func WriteRefusal(w http.ResponseWriter, refusal refreshRefusal) {
	writeJSONStatus(w, refusal.status, refusal)
}

// Refresh is the refusal in the form that refreshes are answered in.
func (r Refusal) Refresh() refreshRefusal {
	switch r {
	case NotAuthenticated:
		return refreshRefusal{"invalid_token", "The access token is missing, expired or not valid.", http.StatusUnauthorized}
	case NotPermitted:
		return refreshRefusal{"forbidden", "The access token does not permit this connection.", http.StatusForbidden}
	default:
		return refreshRefusal{"too_many_requests", "Too many requests at a time.", http.StatusTooManyRequests}
	}
}
