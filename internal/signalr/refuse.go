package signalr

import (
	"log/slog"
	"net/http"
	"strconv"
	"time"

	"github.com/yummyzoom/herald/internal/signalr/door"
)

const (
	// retryFull is the Retry-After for a client that found a limit reached.
	retryFull = 10 * time.Second
	// retryStopping is the Retry-After of a server that shuts down.
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

// tell does all of refuse but the answer.
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

// tellRefusal logs a refusal, at a level that says whether the operator can do something about it. Invalid tokens are
// logged by the code that checks them.
func (s *Server) tellRefusal(r *http.Request, hub *Hub, why door.Refusal) {
	about := []slog.Attr{
		slog.String("hub", hub.name), slog.String("reason", string(why)),
		slog.String("address", s.proxies.Client(r).String()),
	}
	switch why {
	case door.OriginNotAllowed:
		s.cfg.Logger.LogAttrs(r.Context(), slog.LevelWarn, "pages of this origin may not connect", append(about,
			slog.String("origin", r.Header.Get("Origin")),
			slog.String("advice", "if it is one of yours, add it to the allowed origins"))...)
	case door.AddressFull, door.UserFull, door.ServerFull, door.NegotiatingTooFast:
		s.cfg.Logger.LogAttrs(r.Context(), slog.LevelInfo, "request refused by a limit", about...)
	default:
		s.cfg.Logger.LogAttrs(r.Context(), slog.LevelDebug, "request refused", about...)
	}
}

// hint warns the operator of the likeliest reason why an address reaches a limit: it is the address of a proxy with
// many clients behind it.
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

// Why a connection id is unknown, for the log.
const (
	unknownTicket = "its connection token was not issued by a node of this database, or is older than their keys"
	unknownEnded  = "its connection has ended, or its token was not used in time"
	unknownNode   = "the node that its connection lives on is gone or cannot be reached"
)

// unknownID answers a request for a connection that this node does not have. The client then begins anew. A log line
// now and then means a restart; many mean a balancer that takes requests to nodes of another database.
func (s *Server) unknownID(w http.ResponseWriter, r *http.Request, hub *Hub, why string) {
	door.WriteUnknownID(w)
	s.cfg.Logger.LogAttrs(r.Context(), slog.LevelInfo, "request for an unknown connection, the client begins anew",
		slog.String("hub", hub.name), slog.String("method", r.Method), slog.String("address", s.proxies.Client(r).String()),
		slog.String("reason", why))
}
