package signalr

import (
	"log/slog"
	"net/http"
	"strconv"
	"time"

	"github.com/yummyzoom/herald/internal/signalr/door"
	"github.com/yummyzoom/herald/internal/signalr/transport"
)

const (
	// retryFull is when a client that found a limit reached is told to look again.
	retryFull = 10 * time.Second
	// retryStopping is the same for a server that shuts down.
	retryStopping = time.Second
	// hintInterval is how often the log may say that a proxy seems not to be trusted.
	hintInterval = time.Minute
)

// refuse answers r. A retry of more than zero tells the client when to come back, in whole seconds.
func (s *Server) refuse(w http.ResponseWriter, r *http.Request, hub *Hub, why door.Refusal, retry time.Duration) {
	s.tell(w, r, hub, why, retry)
	status, text := why.Answer()
	door.WriteText(w, status, text)
}

// tell is what refuse does beside the answer.
func (s *Server) tell(w http.ResponseWriter, r *http.Request, hub *Hub, why door.Refusal, retry time.Duration) {
	if retry > 0 {
		seconds := (retry + time.Second - 1) / time.Second
		w.Header().Set("Retry-After", strconv.FormatInt(int64(seconds), 10))
	}
	s.cfg.Metrics.refused.WithLabelValues(hub.name, string(why)).Inc()
	s.tellRefusal(r, hub, why)
	if why == door.AddressFull || why == door.NegotiatingTooFast {
		s.hint(r)
	}
}

// tellRefusal says in the log what an operator can do something about. Who shows no valid token is told of by whoever looks at tokens.
func (s *Server) tellRefusal(r *http.Request, hub *Hub, why door.Refusal) {
	about := []slog.Attr{slog.String("hub", hub.name), slog.String("reason", string(why)), slog.String("address", s.proxies.Client(r).String())}
	switch why {
	case door.OriginNotAllowed:
		s.cfg.Logger.LogAttrs(r.Context(), slog.LevelWarn, "pages of this origin may not connect", append(about,
			slog.String("origin", r.Header.Get("Origin")), slog.String("advice", "if it is one of yours, add it to the allowed origins"))...)
	case door.AddressFull, door.UserFull, door.ServerFull, door.NegotiatingTooFast:
		s.cfg.Logger.LogAttrs(r.Context(), slog.LevelInfo, "request refused by a limit", about...)
	default:
		s.cfg.Logger.LogAttrs(r.Context(), slog.LevelDebug, "request refused", about...)
	}
}

// hint tells the operator of the likeliest reason for an address to reach a limit: it is a proxy's, behind which there are
// many.
func (s *Server) hint(r *http.Request) {
	if r.Header.Get("X-Forwarded-For") == "" || s.proxies.Sent(r) {
		return
	}
	now, last := int64(time.Since(s.epoch)), s.hinted.Load()
	if last > 0 && now-last < int64(hintInterval) || !s.hinted.CompareAndSwap(last, now) {
		return
	}
	s.cfg.Logger.LogAttrs(r.Context(), slog.LevelWarn,
		"clients are refused by a limit for one address that seems to be a proxy's (X-Forwarded-For): is it missing from the trusted proxies?")
}

// opens says whether r opens a connection: it negotiates one, or it is a WebSocket that was not negotiated. The others belong
// to a connection that was paid for.
func opens(r *http.Request) bool {
	if door.IsNegotiation(r) {
		return true
	}
	id, _ := door.Query(r, "id")
	return id == "" && transport.IsWebSocketRequest(r)
}

// mayOpen answers requests for a connection that come while the server shuts down, or too fast. It stands before
// authentication, which costs more than all the rest of such a request.
func (s *Server) mayOpen(w http.ResponseWriter, r *http.Request, hub *Hub) bool {
	if s.registry.isClosed() {
		s.refuse(w, r, hub, door.ServerStopping, retryStopping)
		return false
	}
	if wait := s.openings.take(door.Site(s.proxies.Client(r)), int64(time.Since(s.epoch))); wait > 0 {
		s.refuse(w, r, hub, door.NegotiatingTooFast, wait)
		return false
	}
	return true
}

// newConn returns a connection of user's, which is to be admitted, and opened.
func (s *Server) newConn(r *http.Request, hub *Hub, user User) *Conn {
	address := s.proxies.Client(r)
	return &Conn{server: s, hub: hub, address: address, seat: seat{user: user.ID(), site: door.Site(address)}}
}

// hasRoom answers a negotiation whose connection would be refused: the client learns it at once.
func (s *Server) hasRoom(w http.ResponseWriter, r *http.Request, hub *Hub, user User) bool {
	if why := s.registry.full(&s.newConn(r, hub, user).seat); why != "" {
		s.refuse(w, r, hub, why, retryFull)
		return false
	}
	return true
}

// admit takes the connection's seat and its token, if it has one, or answers why not. A connection that is admitted must be
// opened, or else released: [Conn.open] does one of the two.
func (s *Server) admit(w http.ResponseWriter, r *http.Request, c *Conn) bool {
	outcome, why := s.registry.claim(c)
	if outcome != claimed {
		s.turnAway(w, r, c, outcome, why)
	}
	return outcome == claimed
}

// turnAway answers a request whose claim has failed.
func (s *Server) turnAway(w http.ResponseWriter, r *http.Request, c *Conn, outcome claim, why door.Refusal) {
	switch outcome {
	case claimed:
	case alreadyActive:
		door.WriteText(w, http.StatusConflict, "")
	case alreadySpent:
		s.unknownID(w, r, c.hub, unknownEnded)
	case shuttingDown:
		s.refuse(w, r, c.hub, door.ServerStopping, retryStopping)
	case noRoom:
		s.refuse(w, r, c.hub, why, retryFull)
	}
}
