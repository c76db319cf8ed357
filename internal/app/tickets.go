package app

import (
	"context"
	"fmt"
	"net/http"

	"github.com/google/uuid"

	"github.com/yummyzoom/herald/internal/nodes"
	"github.com/yummyzoom/herald/internal/signalr"
)

// sealingKeys adapts the nodes' keys to the sealing of connection tickets.
type sealingKeys struct{ *nodes.Keys }

// Used is the key to seal with.
func (k sealingKeys) Used() (id int32, secret [32]byte) {
	key := k.Keys.Used()
	return key.ID, key.Secret
}

// Find is the key with that id.
func (k sealingKeys) Find(ctx context.Context, id int32) (secret [32]byte, ok bool) {
	key, ok := k.Keys.Find(ctx, id)
	return key.Secret, ok
}

// ticketName is a node's name in tickets: its id in 16 bytes.
func ticketName(node uuid.UUID) string { return string(node[:]) }

// forward hands a request to the node that its ticket names.
func (a *App) forward(w http.ResponseWriter, r *http.Request, name string) error {
	node, err := uuid.FromBytes([]byte(name))
	if err != nil {
		return fmt.Errorf("%w: a ticket names %q: %w", signalr.ErrNodeGone, name, err)
	}
	return a.peers.Forward(w, r, node.String())
}

// otherNodes are the other nodes that are alive, by their names in tickets.
func (a *App) otherNodes() []string {
	var names []string
	for _, other := range a.nodes.Others() {
		if other.Alive {
			names = append(names, ticketName(other.Node))
		}
	}
	return names
}
