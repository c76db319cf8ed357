package signalr

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strconv"
	"time"

	"github.com/yummyzoom/herald/internal/signalr/door"
)

// retryRefresh is the Retry-After of a refresh whose connection is busy with another one.
const retryRefresh = time.Second

type refreshingKey struct{}

// Refreshing returns the connection that a request to the hub's path + "/refresh" is about, for Config.Authenticate.
// It is nil for other requests, and where this node has no such connection.
func Refreshing(ctx context.Context) *Conn {
	c, _ := ctx.Value(refreshingKey{}).(*Conn)
	return c
}

// refresh gives a connection the new token that the request carries (HttpConnectionDispatcher.ExecuteRefreshAsync of
// ASP.NET Core 11). A request that is answered with an error has changed nothing.
func (s *Server) refresh(w http.ResponseWriter, r *http.Request, hub *Hub) {
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		door.WriteRefusal(w, door.RefreshWithMethod)
		return
	}
	if wait := s.openings.Take(door.Site(s.proxies.Client(r)), int64(time.Since(s.epoch))); wait > 0 {
		s.refuseRefresh(w, r, hub, door.NegotiatingTooFast, wait)
		return
	}
	token := door.ConnectionToken(r)
	t, known := s.tickets.Check(r.Context(), hub.name, "", token)
	c := s.connectionOf(t, known)
	user, err := s.cfg.Authenticate(r.WithContext(context.WithValue(r.Context(), refreshingKey{}, c)))
	switch {
	case errors.Is(err, ErrForbidden):
		s.refuseRefresh(w, r, hub, door.NotPermitted, 0)
		return
	case err != nil || user == nil:
		w.Header().Set("WWW-Authenticate", door.Challenge(err))
		s.refuseRefresh(w, r, hub, door.NotAuthenticated, 0)
		return
	}
	if !door.TakeBody(w, r) {
		door.WriteRefusal(w, door.RefreshWithBody)
		return
	}
	switch {
	case token == "":
		door.WriteRefusal(w, door.RefreshWithoutToken)
	case !known:
		door.WriteNotConnected(w)
	// The other node authenticates the request again.
	case s.seek(w, door.WithoutBody(r), hub, user, t, door.WriteNotConnected):
	default:
		if c = s.connectionOf(t, known); c == nil { // the connection has just ended
			door.WriteNotConnected(w)
			return
		}
		s.replace(w, r, c, user)
	}
}

// connectionOf returns the connection of a ticket, whichever user shows it; nil where this node has none.
func (s *Server) connectionOf(t door.Presented, known bool) *Conn {
	if !known {
		return nil
	}
	return s.registry.find(t.Token)
}

// replace lets the hub decide about the new user, and answers.
func (s *Server) replace(w http.ResponseWriter, r *http.Request, c *Conn, user User) {
	if wait := s.registry.spendInvocation(c, s.userInvocations, c.now()); wait > 0 {
		s.refuseRefresh(w, r, c.hub, door.NegotiatingTooFast, wait)
		return
	}
	_, err := c.guard(door.RefreshPath, func() (any, error) { return nil, c.hub.onRefresh(r.Context(), c, user) }) //nolint:contextcheck // guard logs about the connection
	now := time.Now()
	switch {
	case err == nil:
		door.WriteJSON(w, door.Refreshed{
			ConnectionID: c.id, RefreshedAt: now.UTC().Truncate(time.Millisecond),
			Lifetime: door.Lifetime(user.ExpiresAt(), now),
		})
	case errors.Is(err, ErrClosed):
		door.WriteNotConnected(w)
	case errors.Is(err, ErrOtherUser):
		door.WriteRefusal(w, door.RefreshOfOther)
	case errors.Is(err, ErrForbidden):
		s.refuseRefresh(w, r, c.hub, door.NotPermitted, 0)
	case errors.Is(err, ErrExpired):
		w.Header().Set("WWW-Authenticate", `Bearer error="invalid_token"`) // RFC 6750 §3.1: another token is wanted
		s.refuseRefresh(w, r, c.hub, door.NotAuthenticated, 0)
	case errors.Is(err, ErrBusy):
		w.Header().Set("Retry-After", strconv.Itoa(int(retryRefresh/time.Second)))
		door.WriteRefusal(w, door.RefreshBusy)
	default:
		if _, panicked := errors.AsType[*panicError](err); !panicked { // guard has logged a panic
			s.cfg.Logger.LogAttrs(r.Context(), slog.LevelWarn, "refresh failed", c.attributes(door.RefreshPath, err)...)
		}
		door.WriteRefusal(w, door.RefreshFailed)
	}
}

// refuseRefresh is refuse in the form of a refresh's answer.
func (s *Server) refuseRefresh(
	w http.ResponseWriter, r *http.Request, hub *Hub, why door.Refusal, retry time.Duration,
) {
	s.tell(w, r, hub, why, retry)
	door.WriteRefusal(w, why.Refresh())
}
