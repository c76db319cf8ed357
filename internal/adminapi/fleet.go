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
	// askTimeout is how long another node may take to answer.
	askTimeout = 2 * time.Second
	// askedAtOnce is how many nodes are asked at a time.
	askedAtOnce = 16
	// answerMaximum bounds the answer read from one node: a page of connections with their groups is smaller.
	answerMaximum = 8 << 20
)

// ErrLastNode is returned by [Fleet.Drain] if no other node takes connections.
var ErrLastNode = errors.New("no other node is alive and takes connections")

// Node is a registered node, as of its last heartbeat.
type Node struct {
	ID            uuid.UUID `json:"node"`
	Host          string    `json:"host"`
	Version       string    `json:"version"`
	Address       string    `json:"address"` // its address for other nodes; empty if its release announces none
	Connections   int       `json:"connections"`
	State         string    `json:"state"` // one of the states
	StartedAt     time.Time `json:"startedAt"`
	SilentSeconds float64   `json:"silentSeconds"` // since its last heartbeat
	Self          bool      `json:"self"`          // this is the node that answers
}

// The states of a node.
const (
	NodeReady    = "ready"    // the node is alive and takes connections
	NodeDraining = "draining" // the node takes no connections and asks its clients to go: it was drained, or stops
	NodeSilent   = "silent"   // the node has sent no heartbeat for some seconds
)

// Fleet is the nodes of one database.
type Fleet interface {
	// Self is this node.
	Self() Node
	// Nodes returns all registered nodes.
	Nodes(ctx context.Context) ([]Node, error)
	// Ask sends r to another node and reads at most limit bytes of its answer.
	Ask(r *http.Request, node uuid.UUID, limit int) (status int, body []byte, err error)
	// Drain takes this node out of service; before says whether it was out already. It fails with [ErrLastNode] unless
	// force is set.
	Drain(ctx context.Context, force bool) (before bool, err error)
}

// Unreachable is a node that was asked and did not answer.
type Unreachable struct {
	Node  uuid.UUID `json:"node"`
	Host  string    `json:"host"`
	Error string    `json:"error"`
}

// nodes returns all registered nodes, including this one, ordered by id.
func (a *API) nodes(ctx context.Context) ([]Node, error) {
	nodes, err := a.cfg.Fleet.Nodes(ctx)
	if err != nil {
		a.logger.ErrorContext(ctx, "the nodes could not be read", slog.Any("error", err))
		return nil, unavailable("The nodes could not be read.")
	}
	self := a.cfg.Fleet.Self()
	if !slices.ContainsFunc(nodes, func(n Node) bool { return n.ID == self.ID }) {
		nodes = append(nodes, self) // its first heartbeat is not in the database yet
	}
	for i := range nodes {
		nodes[i].Self = nodes[i].ID == self.ID
	}
	slices.SortFunc(nodes, func(x, y Node) int { return strings.Compare(x.ID.String(), y.ID.String()) })
	return nodes, nil
}

// nodesMeant returns the nodes that a request is about: this one if another node asks; else all, or those with that
// id or host.
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

// question is a request to other nodes, with the token of the administrator who asks.
type question struct {
	method, path, query string
	body                any
}

// fromEach asks the nodes in parallel. It returns the answers, and names the nodes that gave none.
func fromEach[T any](
	a *API, r *request, nodes []Node, here func() T, q question,
) (answers []T, unreachable []Unreachable) {
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
	_ = asking.Wait() // errs has the errors
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

// ask sends the request to one other node.
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
	out.Header = http.Header{
		"Authorization": {cmp.Or(r.Header.Get("Authorization"), "Bearer "+r.URL.Query().Get("access_token"))},
	}
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

// readAnswer decodes another node's answer.
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
