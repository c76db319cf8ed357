package signalr

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"
)

const (
	// refreshPath is where, behind the hub's own path, a connection is given a new token (ASP.NET Core 11).
	refreshPath = "/refresh"
	// connectionTokenHeader is where its client puts the connection token. Earlier documents have it in ?id=.
	connectionTokenHeader = "X-Signalr-Connection-Token" //nolint:gosec // a name
	// maxRefreshBody is how much of a body is taken that means nothing: clients send none.
	maxRefreshBody = 4 << 10
	// retryRefresh is when a client is told to come again whose connection is busy with another refresh.
	retryRefresh = time.Second
)

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

// lifetime is how many whole seconds u's connections have left; nil: they have no end. It is until they are closed, without the leeway
// for clocks, so that a client that counts on it is never late.
func lifetime(u User, now time.Time) *int32 {
	at := u.ExpiresAt()
	if at.IsZero() {
		return nil
	}
	seconds := int32(min(max(at.Sub(now)/time.Second, 0), math.MaxInt32))
	return &seconds
}

func isRefresh(r *http.Request) bool { return strings.HasSuffix(r.URL.Path, refreshPath) }

type refreshingKey struct{}

// Refreshing returns the connection that a request to the hub's path + "/refresh" is about, for Config.Authenticate. It is nil for other
// requests, and where there is no such connection.
func Refreshing(ctx context.Context) *Conn {
	c, _ := ctx.Value(refreshingKey{}).(*Conn)
	return c
}

// refresh gives a connection the new token that the request carries (HttpConnectionDispatcher.ExecuteRefreshAsync of ASP.NET Core 11).
// What is answered with an error has changed nothing.
func (s *Server) refresh(w http.ResponseWriter, r *http.Request, hub *Hub) {
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		writeRefusal(w, refreshRefusal{"method_not_allowed", "A refresh is a POST.", http.StatusMethodNotAllowed})
		return
	}
	if wait := s.openings.take(Site(s.clientAddress(r)), int64(time.Since(s.epoch))); wait > 0 {
		s.refuseRefresh(w, r, hub, NegotiatingTooFast, wait)
		return
	}
	token := connectionToken(r)
	t, known := s.tickets.check(r.Context(), hub.name, "", token)
	c := s.connectionOf(t, known)
	user, err := s.cfg.Authenticate(r.WithContext(context.WithValue(r.Context(), refreshingKey{}, c)))
	switch {
	case errors.Is(err, ErrForbidden):
		s.refuseRefresh(w, r, hub, NotPermitted, 0)
		return
	case err != nil || user == nil:
		w.Header().Set("WWW-Authenticate", challenge(err))
		s.refuseRefresh(w, r, hub, NotAuthenticated, 0)
		return
	}
	if !takeBody(w, r) {
		writeRefusal(w, refreshRefusal{"request_too_large", "A refresh has no body.", http.StatusRequestEntityTooLarge})
		return
	}
	switch {
	case token == "":
		writeRefusal(w, refreshRefusal{
			"missing_connection_token", "The connection token is missing: it belongs into the header X-SignalR-Connection-Token.", http.StatusBadRequest,
		})
	case !known:
		writeNotConnected(w)
	case s.seek(w, withoutBody(r), hub, user, t, writeNotConnected): // the other node authenticates it again
	default:
		if c = s.connectionOf(t, known); c == nil { // it has just ended
			writeNotConnected(w)
			return
		}
		s.replace(w, r, c, user)
	}
}

// connectionToken is the one that the request names, in the header or by ?id=.
func connectionToken(r *http.Request) string {
	if token := r.Header.Get(connectionTokenHeader); token != "" {
		return token
	}
	token, _ := queryValue(r, "id")
	return token
}

// connectionOf returns the connection of a ticket, whoever shows it; nil where this node has none.
func (s *Server) connectionOf(t presented, known bool) *Conn {
	if !known {
		return nil
	}
	return s.registry.find(t.token)
}

// withoutBody is r as another node gets it: what there was of a body has been read, and meant nothing.
func withoutBody(r *http.Request) *http.Request {
	if r.ContentLength == 0 {
		return r
	}
	bare := r.Clone(r.Context())
	bare.Body, bare.ContentLength, bare.TransferEncoding = http.NoBody, 0, nil
	bare.Header.Del("Content-Length")
	return bare
}

// takeBody reads a body, of which nothing is wanted, and returns false where it is one that no client sends.
func takeBody(w http.ResponseWriter, r *http.Request) bool {
	if r.ContentLength == 0 {
		return true
	}
	limitBody(w)
	n, err := io.CopyN(io.Discard, r.Body, maxRefreshBody+1)
	if n <= maxRefreshBody && errors.Is(err, io.EOF) {
		return true
	}
	if r.ProtoMajor == 1 {
		w.Header().Set("Connection", "close") // as for any body that is not read to its end
	}
	return false
}

// replace lets the hub decide about the new user, and answers.
func (s *Server) replace(w http.ResponseWriter, r *http.Request, c *Conn, user User) {
	if wait := s.registry.spendInvocation(c, s.userInvocations, c.now()); wait > 0 {
		s.refuseRefresh(w, r, c.hub, NegotiatingTooFast, wait)
		return
	}
	_, err := c.guard(refreshPath, func() (any, error) { return nil, c.hub.onRefresh(r.Context(), c, user) }) //nolint:contextcheck // guard logs about the connection
	now := time.Now()
	switch {
	case err == nil:
		writeJSON(w, refreshed{ConnectionID: c.id, RefreshedAt: now.UTC().Truncate(time.Millisecond), Lifetime: lifetime(user, now)})
	case errors.Is(err, ErrClosed):
		writeNotConnected(w)
	case errors.Is(err, ErrOtherUser):
		writeRefusal(w, refreshRefusal{"subject_changed", "The token is another subject's; the connection keeps the one that it has.", http.StatusForbidden})
	case errors.Is(err, ErrForbidden):
		s.refuseRefresh(w, r, c.hub, NotPermitted, 0)
	case errors.Is(err, ErrExpired):
		w.Header().Set("WWW-Authenticate", `Bearer error="invalid_token"`) // RFC 6750 §3.1: another token is wanted
		s.refuseRefresh(w, r, c.hub, NotAuthenticated, 0)
	case errors.Is(err, ErrBusy):
		w.Header().Set("Retry-After", strconv.Itoa(int(retryRefresh/time.Second)))
		writeRefusal(w, refreshRefusal{"temporarily_unavailable", "The connection is being refreshed already.", http.StatusServiceUnavailable})
	default:
		if _, panicked := errors.AsType[*panicError](err); !panicked { // which guard has logged
			s.cfg.Logger.LogAttrs(r.Context(), slog.LevelWarn, "refresh failed", c.attributes(refreshPath, err)...)
		}
		writeRefusal(w, refreshRefusal{"server_error", "The server failed.", http.StatusInternalServerError})
	}
}

// refuseRefresh is refuse in the form that refreshes are answered in.
func (s *Server) refuseRefresh(w http.ResponseWriter, r *http.Request, hub *Hub, why Refusal, retry time.Duration) {
	var refusal refreshRefusal
	switch why {
	case NotAuthenticated:
		refusal = refreshRefusal{"invalid_token", "The access token is missing, expired or not valid.", http.StatusUnauthorized}
	case NotPermitted:
		refusal = refreshRefusal{"forbidden", "The access token does not permit this connection.", http.StatusForbidden}
	default:
		refusal = refreshRefusal{"too_many_requests", "Too many requests at a time.", http.StatusTooManyRequests}
	}
	s.tell(w, r, hub, why, retry)
	writeRefusal(w, refusal)
}

func writeNotConnected(w http.ResponseWriter) {
	writeRefusal(w, refreshRefusal{"connection_not_found", "There is no connection with that connection token.", http.StatusNotFound})
}

func writeRefusal(w http.ResponseWriter, refusal refreshRefusal) {
	writeJSONStatus(w, refusal.status, refusal)
}
