package signalr

import (
	"errors"
	"log/slog"
	"net/http"

	"github.com/yummyzoom/herald/internal/signalr/door"
)

// livesHere says whether this node answers the requests with t. A connection lives on the node that negotiated it. A
// WebSocket without stateful reconnect lives where its socket is: anywhere says that the request opens one, and any
// node takes it until the ticket expires.
func (s *Server) livesHere(t door.Presented, anywhere bool) bool {
	return t.Node == s.cfg.Node || t.Node == "" || s.registry.find(t.Token) != nil ||
		anywhere && !t.Stateful && !t.Expired(s.cfg.Now())
}

// elsewhere answers a request with t whose connection lives on another node: that node answers, or gone where it is
// no more. It returns false where the connection is this node's. Another user's request is not worth a hop.
func (s *Server) elsewhere(
	w http.ResponseWriter, r *http.Request, hub *Hub, user User, t door.Presented, anywhere bool,
	gone func(http.ResponseWriter),
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

// handOn has another node answer the request. It returns false, with nothing written, where that node is gone.
func (s *Server) handOn(w http.ResponseWriter, r *http.Request, node string) bool {
	err := s.cfg.Forward(w, r, node)
	if err != nil && !errors.Is(err, ErrNodeGone) {
		s.cfg.Logger.LogAttrs(r.Context(), slog.LevelWarn, "request was not handed on", slog.Any("error", err))
	}
	return err == nil
}

// seek answers a request about the connection of t, wherever it lives: on the node that negotiated it, or, for a
// WebSocket, on any other. It asks the nodes one after another, so the request must have no body and must be rare. It
// returns false where the connection is this node's. gone answers where no node has it.
func (s *Server) seek(
	w http.ResponseWriter, r *http.Request, hub *Hub, user User, t door.Presented, gone func(http.ResponseWriter),
) bool {
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
	if t.Stateful || s.cfg.Others == nil { // stateful connections live where they were negotiated
		return nodes
	}
	for _, other := range s.cfg.Others() {
		if other != s.cfg.Node && other != t.Node {
			nodes = append(nodes, other)
		}
	}
	return nodes
}
