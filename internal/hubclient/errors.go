package hubclient

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/google/uuid"

	"github.com/yummyzoom/herald/internal/event"
)

// ErrClosed is the error of a connection that [Connection.Close] ended.
var ErrClosed = errors.New("connection is closed")

var (
	errConnectTimeout = errors.New("server did not complete the handshake in time")
	errResumeTimeout  = errors.New("server did not answer the resume in time")
	errTooManyHeld    = errors.New("too many events before the answer to the resume")
	errNotAResult     = errors.New("server's answer to the resume is not a result")
)

// StatusError is an HTTP answer with which a connect cannot go on.
type StatusError struct {
	Step string // "negotiate", "upgrade" or "refresh"
	Code int
}

func (e *StatusError) Error() string {
	return fmt.Sprintf("%s: server answers %d %s", e.Step, e.Code, http.StatusText(e.Code))
}

// permanent says that trying again will not help. Only negotiate's status decides this. An upgrade is refused with
// 404 if the server has been restarted since negotiate, or if another node got the request, and with 401 if the
// token has just expired; the next negotiate shows which.
func (e *StatusError) permanent() bool {
	if e.Step != stepNegotiate {
		return false
	}
	return e.Code == http.StatusUnauthorized || e.Code == http.StatusForbidden || e.Code == http.StatusNotFound
}

// HubError is the error text with which the server completed an invocation.
type HubError struct {
	Method  string
	Message string // as the server wrote it
}

func (e *HubError) Error() string { return e.Method + ": " + e.Message }

// Forbidden says that the user may not join the group.
func (e *HubError) Forbidden() bool { return strings.HasSuffix(e.Message, " HubException: Forbidden") }

// permanent is true for a refusal, or a server that does not know the method; false for a failure that may pass,
// such as a token that has just expired. A refusal may pass, too: see [Config.ForbiddenPatience].
func (e *HubError) permanent() bool {
	return e.Forbidden() || strings.HasPrefix(e.Message, "Failed to invoke ")
}

// ServerClosedError is the server's Close message.
type ServerClosedError struct {
	Text           string // empty if the server gave no reason
	AllowReconnect bool
}

func (e *ServerClosedError) Error() string {
	text := "server closed the connection"
	if e.Text != "" {
		text += ": " + e.Text
	}
	return text
}

func (e *ServerClosedError) permanent() bool { return !e.AllowReconnect }

// ContiguityError says that the server broke its promise: an event of the group is missing, or came twice or out of
// order.
type ContiguityError struct {
	Group   event.Group
	Want    int64     // the next sequence expected
	Got     int64     // the sequence that came, or that the server names as the newest
	EventID uuid.UUID // the event that came
}

func (e *ContiguityError) Error() string {
	return fmt.Sprintf("group %s: event %s has sequence %d, want %d", e.Group, e.EventID, e.Got, e.Want)
}

func (e *ContiguityError) permanent() bool { return true }

// handlerError carries the handler's error out of the reconnect loop.
type handlerError struct{ err error }

func (e *handlerError) Error() string   { return e.err.Error() }
func (e *handlerError) Unwrap() error   { return e.err }
func (e *handlerError) permanent() bool { return true }

// errNoNegotiation is the error for an answer that no hub gives.
var errNoNegotiation = errors.New("not an answer to negotiate: is a hub's server there?")

// hopeless says whether err ends a Follow that has not connected yet: the answer comes from no hub, or is not to be
// trusted. Later the same error may come from a proxy before a server that is down.
func hopeless(err error) bool {
	if errors.Is(err, http.ErrSchemeMismatch) || errors.Is(err, errNoNegotiation) {
		return true
	}
	if _, untrusted := errors.AsType[*tls.CertificateVerificationError](err); untrusted {
		return true
	}
	status, ok := errors.AsType[*StatusError](err)
	if !ok || status.Step != stepNegotiate {
		return false
	}
	passing := []int{http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests}
	return status.Code < http.StatusInternalServerError && !slices.Contains(passing, status.Code)
}

// permanent says whether err ends [Follow].
func permanent(err error) bool {
	var p interface{ permanent() bool }
	return errors.As(err, &p) && p.permanent()
}
