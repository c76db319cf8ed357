package door

import (
	"errors"
	"net/http"
)

// Refusal says why a request was refused.
type Refusal string

// Why requests are refused, and with which status.
const (
	OriginNotAllowed   Refusal = "origin"          // 403
	NotAuthenticated   Refusal = "unauthenticated" // 401
	NotPermitted       Refusal = "forbidden"       // 403: signalr.ErrForbidden
	NegotiatingTooFast Refusal = "rate"            // 429: Config.NegotiationRate
	AddressFull        Refusal = "address"         // 429: Config.MaxConnectionsPerAddress
	UserFull           Refusal = "user"            // 429: Config.MaxConnectionsPerUser
	ServerFull         Refusal = "server"          // 503: Config.MaxConnections
	ServerStopping     Refusal = "shutdown"        // 503: another server, or this one's successor, may be up already
)

// Answer returns the status and the text of a refusal.
func (r Refusal) Answer() (status int, text string) {
	switch r {
	case OriginNotAllowed:
		return http.StatusForbidden, "Origin is not allowed"
	case NotAuthenticated:
		return http.StatusUnauthorized, ""
	case NotPermitted:
		return http.StatusForbidden, ""
	case NegotiatingTooFast:
		return http.StatusTooManyRequests, "Too many connections are opened from this address at a time"
	case AddressFull:
		return http.StatusTooManyRequests, "There are too many connections from this address"
	case UserFull:
		return http.StatusTooManyRequests, "This user has too many connections"
	case ServerFull:
		return http.StatusServiceUnavailable, "The server has as many connections as it takes"
	case ServerStopping:
		return http.StatusServiceUnavailable, "The server is shutting down"
	default:
		return http.StatusInternalServerError, ""
	}
}

// Challenger is an error of Config.Authenticate that says how a client would have to authenticate: the value of
// WWW-Authenticate.
type Challenger interface {
	error
	Challenge() string
}

// Challenge returns the value of WWW-Authenticate for a request that is refused with err.
func Challenge(err error) string {
	if c, ok := errors.AsType[Challenger](err); ok {
		return c.Challenge()
	}
	return "Bearer"
}
