package signalr

import (
	"errors"
	"log/slog"
	"net/http"

	"github.com/yummyzoom/herald/internal/signalr/door"
)

// livesHere says whether the requests with t are this node's to answer. A connection lives on the node that negotiated it, but for a
// WebSocket without stateful reconnect, which lives where the socket is: anywhere says that the request opens one, and while the ticket can
// be used for the first time any node takes it.
func (s *Server) livesHere(t door.Presented, anywhere bool) bool {
	return t.Node == s.cfg.Node || t.Node == "" || s.registry.find(t.Token) != nil || anywhere && !t.Stateful && !t.Expired(s.cfg.Now())
}

// elsewhere answers a request of user's with t whose connection lives on another node: that node does, or gone, where there is no such node any
// more. It returns false where the request is this node's. Another user's request is not worth a hop.
func (s *Server) elsewhere(
	w http.ResponseWriter, r *http.Request, hub *Hub, user User, t door.Presented, anywhere bool, gone func(http.ResponseWriter),
) bool {
	switch {
	case s.livesHere(t, anywhere):
		return false
	case s.cfg.Forward == nil || door.Forwarded(r.Context()):
		gone(w)
	case !t.Own:
		door.WriteOthers(w)
	case !s.passing.Enter(user.ID(), s.cfg.MaxConnectionsPerUser):
		s.refuse(w, r, hub, door.UserFull, retryFull)
	default:
		defer s.passing.Leave(user.ID())
		if !s.handOn(w, r, t.Node) {
			gone(w)
		}
	}
	return true
}

// handOn has another node answer the request. It returns false, and nothing is written, where that node is gone.
func (s *Server) handOn(w http.ResponseWriter, r *http.Request, node string) bool {
	err := s.cfg.Forward(w, r, node)
	if err != nil && !errors.Is(err, ErrNodeGone) {
		s.cfg.Logger.LogAttrs(r.Context(), slog.LevelWarn, "request was not handed on", slog.Any("error", err))
	}
	return err == nil
}

// seek answers a request about the connection of t, wherever that lives: on the node that negotiated it, or, of a WebSocket, on any other. They are
// asked one after another, so the request must have no body, and be one that few clients send and seldom. It returns false where the
// connection is this node's. Gone answers where it is no node's.
func (s *Server) seek(w http.ResponseWriter, r *http.Request, hub *Hub, user User, t door.Presented, gone func(http.ResponseWriter)) bool {
	if s.registry.find(t.Token) != nil {
		return false
	}
	if door.Forwarded(r.Context()) {
		door.SayUnknown(w)
		gone(w)
		return true
	}
	if !s.passing.Enter(user.ID(), s.cfg.MaxConnectionsPerUser) {
		s.refuse(w, r, hub, door.UserFull, retryFull)
		return true
	}
	defer s.passing.Leave(user.ID())
	for _, node := range s.mayHave(t) {
		answer := door.NewPassed(w)
		if s.handOn(answer, r, node) && !answer.IsUnknown() {
			return true
		}
	}
	gone(w)
	return true
}

// mayHave lists the other nodes that t's connection may live on, the likeliest first.
func (s *Server) mayHave(t door.Presented) []string {
	if s.cfg.Forward == nil {
		return nil
	}
	var nodes []string
	if t.Node != s.cfg.Node && t.Node != "" {
		nodes = append(nodes, t.Node)
	}
	if t.Stateful || s.cfg.Others == nil { // stateful ones live where they were negotiated
		return nodes
	}
	for _, other := range s.cfg.Others() {
		if other != s.cfg.Node && other != t.Node {
			nodes = append(nodes, other)
		}
	}
	return nodes
}
