package signalr

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"net/http"
	"sync"
)

type forwardedKey struct{}

// WithForwarded marks the context of a request that another node has handed on. Such a request is answered here: it is never
// handed on again, and its RemoteAddr is the client's whatever its headers say.
func WithForwarded(ctx context.Context) context.Context {
	return context.WithValue(ctx, forwardedKey{}, true)
}

// Forwarded says whether the request with that context comes from another node.
func Forwarded(ctx context.Context) bool {
	forwarded, _ := ctx.Value(forwardedKey{}).(bool)
	return forwarded
}

// livesHere says whether the requests with t are this node's to answer. A connection lives on the node that negotiated it, but for a
// WebSocket without stateful reconnect, which lives where the socket is: anywhere says that the request opens one, and while the ticket can
// be used for the first time any node takes it.
func (s *Server) livesHere(t presented, anywhere bool) bool {
	return t.node == s.cfg.Node || t.node == "" || s.registry.find(t.token) != nil || anywhere && !t.stateful && !t.expired(s.cfg.Now())
}

// elsewhere answers a request of user's with t whose connection lives on another node: that node does, or gone, where there is no such node any
// more. It returns false where the request is this node's. Another user's request is not worth a hop.
func (s *Server) elsewhere(
	w http.ResponseWriter, r *http.Request, hub *Hub, user User, t presented, anywhere bool, gone func(http.ResponseWriter),
) bool {
	switch {
	case s.livesHere(t, anywhere):
		return false
	case s.cfg.Forward == nil || Forwarded(r.Context()):
		gone(w)
	case !t.own:
		writeOthers(w)
	case !s.passing.enter(user.ID(), s.cfg.MaxConnectionsPerUser):
		s.refuse(w, r, hub, UserFull, retryFull)
	default:
		defer s.passing.leave(user.ID())
		if !s.handOn(w, r, t.node) {
			gone(w)
		}
	}
	return true
}

// passing counts the requests that are handed on, by their users. They take no seat here, but what a node hands on at a time is limited, and one user
// must not take all of it: a user's share is what the connections of one node can need, a poll or a stream and some POSTs each.
type passing struct {
	mu    sync.Mutex
	users map[string]int
}

const passingPerConnection = 4

// enter takes a place, where the user has one left of those that so many connections can need.
func (p *passing) enter(user string, connections int) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if connections > 0 && p.users[user] >= connections*passingPerConnection {
		return false
	}
	if p.users == nil {
		p.users = make(map[string]int)
	}
	p.users[user]++
	return true
}

func (p *passing) leave(user string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.users[user]--; p.users[user] == 0 {
		delete(p.users, user)
	}
}

// handOn has another node answer the request. It returns false, and nothing is written, where that node is gone.
func (s *Server) handOn(w http.ResponseWriter, r *http.Request, node string) bool {
	err := s.cfg.Forward(w, r, node)
	if err != nil && !errors.Is(err, ErrNodeGone) {
		s.cfg.Logger.LogAttrs(r.Context(), slog.LevelWarn, "request was not handed on", slog.Any("error", err))
	}
	return err == nil
}

// unknownHeader tells the node that has handed a request on that the connection is not here, so that it asks the next one.
const unknownHeader = "X-Signalr-Unknown-Here"

// seek answers a request about the connection of t, wherever that lives: on the node that negotiated it, or, of a WebSocket, on any other. They are
// asked one after another, so the request must have no body, and be one that few clients send and seldom. It returns false where the
// connection is this node's. Gone answers where it is no node's.
func (s *Server) seek(w http.ResponseWriter, r *http.Request, hub *Hub, user User, t presented, gone func(http.ResponseWriter)) bool {
	if s.registry.find(t.token) != nil {
		return false
	}
	if Forwarded(r.Context()) {
		w.Header().Set(unknownHeader, "1")
		gone(w)
		return true
	}
	if !s.passing.enter(user.ID(), s.cfg.MaxConnectionsPerUser) {
		s.refuse(w, r, hub, UserFull, retryFull)
		return true
	}
	defer s.passing.leave(user.ID())
	for _, node := range s.mayHave(t) {
		answer := &answerOrUnknown{ResponseWriter: w, header: maps.Clone(w.Header())}
		if s.handOn(answer, r, node) && !answer.unknown {
			return true
		}
	}
	gone(w)
	return true
}

// mayHave lists the other nodes that t's connection may live on, the likeliest first.
func (s *Server) mayHave(t presented) []string {
	if s.cfg.Forward == nil {
		return nil
	}
	var nodes []string
	if t.node != s.cfg.Node && t.node != "" {
		nodes = append(nodes, t.node)
	}
	if t.stateful || s.cfg.Others == nil { // stateful ones live where they were negotiated
		return nodes
	}
	for _, other := range s.cfg.Others() {
		if other != s.cfg.Node && other != t.node {
			nodes = append(nodes, other)
		}
	}
	return nodes
}

// answerOrUnknown passes an answer on, unless it says that the connection is unknown there.
type answerOrUnknown struct {
	http.ResponseWriter

	header  http.Header
	written bool
	unknown bool
}

// Unwrap is for [http.ResponseController].
func (a *answerOrUnknown) Unwrap() http.ResponseWriter { return a.ResponseWriter }

// Header is the answer's own until it is passed on.
func (a *answerOrUnknown) Header() http.Header {
	if a.written {
		return a.ResponseWriter.Header() // for trailers
	}
	return a.header
}

// WriteHeader decides.
func (a *answerOrUnknown) WriteHeader(status int) {
	if a.written || a.unknown {
		return
	}
	if a.unknown = a.header.Get(unknownHeader) != ""; a.unknown {
		return
	}
	a.written = true
	to := a.ResponseWriter.Header()
	clear(to)
	maps.Copy(to, a.header)
	a.ResponseWriter.WriteHeader(status)
}

// Write passes on what follows.
func (a *answerOrUnknown) Write(b []byte) (int, error) {
	a.WriteHeader(http.StatusOK)
	if a.unknown {
		return len(b), nil
	}
	return a.ResponseWriter.Write(b) //nolint:wrapcheck // it is one itself
}
