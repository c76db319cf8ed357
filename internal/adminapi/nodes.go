package adminapi

import (
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"

	"github.com/google/uuid"

	"github.com/yummyzoom/herald/internal/signalr"
)

const nodesPath = "/api/admin/realtime/nodes"

// nodeList is the answer of GET nodes.
type nodeList struct {
	Nodes []Node `json:"nodes"`
}

func (a *API) listNodes(r *request) (any, error) {
	nodes, err := a.nodes(r.Context())
	return nodeList{nodes}, err
}

// drained is the answer of POST nodes/{node}/drain.
type drained struct {
	Message string    `json:"message"`
	Node    uuid.UUID `json:"node"`
	Host    string    `json:"host"`
}

// drainNode drains this node, or asks the named node to drain itself.
func (a *API) drainNode(r *request) (any, error) {
	force, err := readForce(r.Request)
	if err != nil {
		return nil, err
	}
	node, err := a.nodeMeant(r)
	if err != nil {
		return nil, err
	}
	if node.ID == a.cfg.Fleet.Self().ID {
		return a.drainSelf(r, force)
	}
	status, body, err := a.ask(r, node, question{
		method: http.MethodPost, path: nodesPath + "/" + node.ID.String() + "/drain", body: map[string]any{"force": force},
	})
	var done drained
	if err == nil && status == http.StatusConflict { // the node's own problem says why it refuses
		return nil, passedOn(body)
	}
	if err = cmpError(err, func() error { return readAnswer(status, body, &done) }); err != nil {
		a.logger.WarnContext(
			r.Context(), "a node could not be drained", slog.String("drained_node", node.ID.String()),
			slog.Any("error", err),
		)
		return nil, newProblem(http.StatusServiceUnavailable,
			"The node "+node.ID.String()+" on "+shortened(node.Host)+" could not be drained: "+
				shortened(err.Error()))
	}
	return done, nil
}

// passedOn is another node's problem.
func passedOn(body []byte) *problem {
	said := newProblem(http.StatusConflict, "")
	if json.Unmarshal(body, said) != nil {
		return newProblem(http.StatusConflict, "The node refuses it.")
	}
	return said
}

// readForce reads a body that may be missing.
func readForce(r *http.Request) (force bool, err error) {
	if r.ContentLength == 0 {
		return false, nil
	}
	b, err := readBody(r)
	if err != nil {
		return false, err
	}
	force = b.flag("force")
	b.nothingElse()
	return force, b.err()
}

func (a *API) nodeMeant(r *request) (Node, error) {
	named := r.PathValue("node")
	self := a.cfg.Fleet.Self()
	if signalr.Forwarded(r.Context()) {
		if named != self.ID.String() {
			return Node{}, newProblem(http.StatusNotFound, "This is another node.")
		}
		return self, nil
	}
	nodes, err := a.nodesMeant(r, named)
	if err != nil {
		return Node{}, err
	}
	if len(nodes) > 1 {
		return Node{}, newProblem(
			http.StatusConflict, "Several nodes are on "+shortened(named)+": name one by its id, see GET "+nodesPath+".",
		)
	}
	return nodes[0], nil
}

func (a *API) drainSelf(r *request, force bool) (any, error) {
	before, err := a.cfg.Fleet.Drain(r.Context(), force)
	switch self := a.cfg.Fleet.Self(); {
	case errors.Is(err, ErrLastNode):
		return nil, newProblem(
			http.StatusConflict,
			"No other node is alive and takes connections, so that the clients of this one would have nowhere to go. "+
				`Start another node first, or send {"force":true}.`,
		)
	case err != nil:
		a.logger.ErrorContext(r.Context(), "this node could not be drained", slog.Any("error", err))
		return nil, unavailable("The node could not be drained.")
	case before:
		return drained{"Node is draining already", self.ID, self.Host}, nil
	default:
		return drained{"Node is draining", self.ID, self.Host}, nil
	}
}
