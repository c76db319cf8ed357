package adminapi

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"github.com/yummyzoom/herald/internal/signalr"
)

const (
	// askTimeout is how long another node may take for its answer.
	askTimeout = 2 * time.Second
	// askedAtOnce is how many of them are asked at a time.
	askedAtOnce = 16
	// answerMaximum bounds what is read of one node: a page of connections with their groups has less.
	answerMaximum = 8 << 20
)

// ErrLastNode is what [Fleet.Drain] fails with where no other node takes connections.
var ErrLastNode = errors.New("no other node is alive and takes connections")

// Node is a registered node, as its last heartbeat told.
type Node struct {
	ID            uuid.UUID `json:"node"`
	Host          string    `json:"host"`
	Version       string    `json:"version"`
	Address       string    `json:"address"` // where other nodes reach it; empty: it is of a release that tells none
	Connections   int       `json:"connections"`
	State         string    `json:"state"` // one of the states
	StartedAt     time.Time `json:"startedAt"`
	SilentSeconds float64   `json:"silentSeconds"` // since its last heartbeat
	Self          bool      `json:"self"`          // it is the one that answers
}

// The states of a node.
const (
	NodeReady    = "ready"    // it is alive and takes connections
	NodeDraining = "draining" // it takes none, and asks those that it has to go: it was drained, or stops
	NodeSilent   = "silent"   // it has not been heard of for some seconds
)

// Fleet is the nodes of one database.
type Fleet interface {
	// Self is this node.
	Self() Node
	// Nodes are all that are registered.
	Nodes(ctx context.Context) ([]Node, error)
	// Ask has another node answer r, with at most limit bytes.
	Ask(r *http.Request, node uuid.UUID, limit int) (status int, body []byte, err error)
	// Drain takes this node out, and says whether that was done before. It fails with [ErrLastNode] unless force is set.
	Drain(ctx context.Context, force bool) (before bool, err error)
}

// Unreachable is a node that was asked and did not answer.
type Unreachable struct {
	Node  uuid.UUID `json:"node"`
	Host  string    `json:"host"`
	Error string    `json:"error"`
}

// nodes are all that are registered, this one among them, by their ids.
func (a *API) nodes(ctx context.Context) ([]Node, error) {
	nodes, err := a.cfg.Fleet.Nodes(ctx)
	if err != nil {
		a.logger.ErrorContext(ctx, "the nodes could not be read", slog.Any("error", err))
		return nil, unavailable("The nodes could not be read.")
	}
	self := a.cfg.Fleet.Self()
	if !slices.ContainsFunc(nodes, func(n Node) bool { return n.ID == self.ID }) {
		nodes = append(nodes, self) // its heartbeat has not come through yet
	}
	for i := range nodes {
		nodes[i].Self = nodes[i].ID == self.ID
	}
	slices.SortFunc(nodes, func(x, y Node) int { return strings.Compare(x.ID.String(), y.ID.String()) })
	return nodes, nil
}

// nodesMeant are the nodes that a request is about: this one where another node asks, else all, or those of that id or host.
func (a *API) nodesMeant(r *request, named string) ([]Node, error) {
	if signalr.Forwarded(r.Context()) {
		return []Node{a.cfg.Fleet.Self()}, nil
	}
	nodes, err := a.nodes(r.Context())
	if err != nil || named == "" {
		return nodes, err
	}
	nodes = slices.DeleteFunc(nodes, func(n Node) bool {
		return !strings.EqualFold(named, n.ID.String()) && !strings.EqualFold(named, n.Host)
	})
	if len(nodes) == 0 {
		return nil, newProblem(http.StatusNotFound, "No node of that id or host is registered.")
	}
	return nodes, nil
}

// question is what other nodes are asked, with the token of the one who asks.
type question struct {
	method, path, query string
	body                any
}

// fromEach returns the answer of each node that gives one, asking them side by side, and names the others.
func fromEach[T any](a *API, r *request, nodes []Node, here func() T, q question) (answers []T, unreachable []Unreachable) {
	self := a.cfg.Fleet.Self().ID
	found, errs := make([]T, len(nodes)), make([]error, len(nodes))
	var asking errgroup.Group
	asking.SetLimit(askedAtOnce)
	for i, n := range nodes {
		if n.ID != self {
			asking.Go(func() error {
				status, body, err := a.ask(r, n, q)
				errs[i] = cmpError(err, func() error { return readAnswer(status, body, &found[i]) })
				return nil
			})
		}
	}
	for i, n := range nodes {
		if n.ID == self {
			found[i] = here()
		}
	}
	_ = asking.Wait() // errs has them
	answers, unreachable = make([]T, 0, len(nodes)), []Unreachable{}
	for i, n := range nodes {
		if errs[i] != nil {
			unreachable = append(unreachable, Unreachable{n.ID, n.Host, shortened(errs[i].Error())})
			continue
		}
		answers = append(answers, found[i])
	}
	return answers, unreachable
}

func cmpError(err error, next func() error) error {
	if err != nil {
		return err
	}
	return next()
}

// ask has one other node answer.
func (a *API) ask(r *request, n Node, q question) (status int, body []byte, err error) {
	ctx, cancel := context.WithTimeout(r.Context(), askTimeout)
	defer cancel()
	raw := []byte{}
	if q.body != nil {
		if raw, err = encode(q.body); err != nil {
			return 0, nil, err
		}
	}
	out := r.WithContext(ctx)
	out.Method, out.Body, out.ContentLength = q.method, http.NoBody, 0
	out.Header = http.Header{"Authorization": {cmp.Or(r.Header.Get("Authorization"), "Bearer "+r.URL.Query().Get("access_token"))}}
	if len(raw) > 0 {
		out.Body, out.ContentLength = readCloser{bytes.NewReader(raw)}, int64(len(raw))
		out.Header.Set("Content-Type", jsonType)
	}
	u := *r.URL
	u.Path, u.RawPath, u.RawQuery = q.path, "", q.query
	out.URL = &u
	return a.cfg.Fleet.Ask(out, n.ID, answerMaximum)
}

type readCloser struct{ *bytes.Reader }

func (readCloser) Close() error { return nil }

// readAnswer reads what another node has answered.
func readAnswer(status int, body []byte, into any) error {
	if status == http.StatusOK {
		if err := json.Unmarshal(body, into); err != nil {
			return fmt.Errorf("its answer cannot be read: %w", err)
		}
		return nil
	}
	var said problem
	if json.Unmarshal(body, &said) != nil || said.Title == "" {
		return fmt.Errorf("it answers %d: is it of an older release?", status)
	}
	return fmt.Errorf("it answers %d: %s", status, cmp.Or(said.Detail, said.Title))
}
