package door

import (
	"math"
	"net/http"
	"strings"
	"time"
)

// RefreshPath is the path, behind the hub's own, at which a connection is given a new token (ASP.NET Core 11).
const RefreshPath = "/refresh"

// connectionTokenHeader is the header in which the .NET client sends the connection token. Earlier documents have the
// token in ?id=.
const connectionTokenHeader = "X-Signalr-Connection-Token" //nolint:gosec // a name

// Refreshed is the answer to a refresh. The .NET client refuses a lifetime that is not written as a whole number.
type Refreshed struct {
	ConnectionID string    `json:"connectionId"`
	RefreshedAt  time.Time `json:"refreshedAt"`
	Lifetime     *int32    `json:"tokenLifetimeSeconds,omitempty"`
}

// RefreshRefusal is the code of an answer to a refresh that changed nothing.
type RefreshRefusal string

// Why refreshes change nothing.
const (
	RefreshWithMethod      RefreshRefusal = "method_not_allowed"
	RefreshWithBody        RefreshRefusal = "request_too_large"
	RefreshWithoutToken    RefreshRefusal = "missing_connection_token"
	RefreshOfOther         RefreshRefusal = "subject_changed"
	RefreshBusy            RefreshRefusal = "temporarily_unavailable"
	RefreshFailed          RefreshRefusal = "server_error"
	refreshOfNone          RefreshRefusal = "connection_not_found"
	refreshUnauthenticated RefreshRefusal = "invalid_token"
	refreshForbidden       RefreshRefusal = "forbidden"
	refreshTooFast         RefreshRefusal = "too_many_requests"
)

func (r RefreshRefusal) answer() (status int, text string) {
	switch r {
	case RefreshWithMethod:
		return http.StatusMethodNotAllowed, "A refresh is a POST."
	case RefreshWithBody:
		return http.StatusRequestEntityTooLarge, "A refresh has no body."
	case RefreshWithoutToken:
		return http.StatusBadRequest,
			"The connection token is missing: it belongs into the header X-SignalR-Connection-Token."
	case RefreshOfOther:
		return http.StatusForbidden, "The token is another subject's; the connection keeps the one that it has."
	case RefreshBusy:
		return http.StatusServiceUnavailable, "The connection is being refreshed already."
	case RefreshFailed:
		return http.StatusInternalServerError, "The server failed."
	case refreshOfNone:
		return http.StatusNotFound, "There is no connection with that connection token."
	case refreshUnauthenticated:
		return http.StatusUnauthorized, "The access token is missing, expired or not valid."
	case refreshForbidden:
		return http.StatusForbidden, "The access token does not permit this connection."
	case refreshTooFast:
		return http.StatusTooManyRequests, "Too many requests at a time."
	default:
		return http.StatusInternalServerError, ""
	}
}

// Lifetime returns how many whole seconds are left until at, when a connection ends; nil: it has no end. It does not
// count the leeway for clocks, so a client that relies on it is never late.
func Lifetime(at, now time.Time) *int32 {
	if at.IsZero() {
		return nil
	}
	seconds := int32(min(max(at.Sub(now)/time.Second, 0), math.MaxInt32))
	return &seconds
}

// IsRefresh says whether r is for a hub's path + [RefreshPath].
func IsRefresh(r *http.Request) bool { return strings.HasSuffix(r.URL.Path, RefreshPath) }

// ConnectionToken returns the token that the request names, in the header or by ?id=.
func ConnectionToken(r *http.Request) string {
	if token := r.Header.Get(connectionTokenHeader); token != "" {
		return token
	}
	token, _ := Query(r, "id")
	return token
}

// WriteNotConnected answers a refresh for a connection that this node does not have.
func WriteNotConnected(w http.ResponseWriter) { WriteRefusal(w, refreshOfNone) }

// WriteRefusal answers a refresh that changes nothing.
func WriteRefusal(w http.ResponseWriter, why RefreshRefusal) {
	status, text := why.answer()
	writeJSONStatus(w, status, refreshAnswer{Code: why, Text: text})
}

type refreshAnswer struct {
	Code RefreshRefusal `json:"error"`
	Text string         `json:"error_description"`
}

// Refresh returns the refusal in the form of a refresh's answer.
func (r Refusal) Refresh() RefreshRefusal {
	switch r {
	case NotAuthenticated:
		return refreshUnauthenticated
	case NotPermitted:
		return refreshForbidden
	default:
		return refreshTooFast
	}
}
