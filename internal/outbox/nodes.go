package outbox

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/google/uuid"

	"github.com/yummyzoom/herald/internal/outbox/dbsqlc"
)

// Nodes is the register of the running servers.
type Nodes struct {
	q    *dbsqlc.Queries
	self uuid.UUID
}

// NewNodes returns the register as seen by the node self.
func NewNodes(db dbsqlc.DBTX, self uuid.UUID) *Nodes { return &Nodes{q: dbsqlc.New(db), self: self} }

// Heartbeat says that this node is alive, how far it has broadcast, and how many connections each hub has.
func (n *Nodes) Heartbeat(ctx context.Context, host, version string, position int64, connections map[string]int) error {
	counts, err := json.Marshal(connections)
	if err != nil {
		return fmt.Errorf("encoding connection counts: %w", err)
	}
	err = n.q.NodeHeartbeat(ctx, dbsqlc.NodeHeartbeatParams{
		NodeID: n.self, Host: host, Version: version, BroadcastPosition: position, Connections: counts,
	})
	if err != nil {
		return fmt.Errorf("writing this node's heartbeat: %w", err)
	}
	return nil
}

// Connections adds up the connections per hub path of the other nodes that are alive.
func (n *Nodes) Connections(ctx context.Context) (map[string]int, error) {
	rows, err := n.q.NodeConnections(ctx, n.self)
	if err != nil {
		return nil, fmt.Errorf("reading the nodes: %w", err)
	}
	sum := map[string]int{}
	for _, row := range rows {
		var counts map[string]int
		if err := json.Unmarshal(row, &counts); err != nil {
			return nil, fmt.Errorf("reading a node's connection counts: %w", err)
		}
		for hub, count := range counts {
			sum[hub] += count
		}
	}
	return sum, nil
}

// Alive returns how many nodes are.
func (n *Nodes) Alive(ctx context.Context) (int64, error) {
	alive, err := n.q.NodesAlive(ctx)
	if err != nil {
		return 0, fmt.Errorf("counting the nodes: %w", err)
	}
	return alive, nil
}

// Leave removes this node.
func (n *Nodes) Leave(ctx context.Context) error {
	if err := n.q.NodeDelete(ctx, n.self); err != nil {
		return fmt.Errorf("removing this node: %w", err)
	}
	return nil
}

// Reap removes the nodes that have been silent for a minute and returns how many.
func (n *Nodes) Reap(ctx context.Context) (int64, error) {
	reaped, err := n.q.NodeReap(ctx)
	if err != nil {
		return 0, fmt.Errorf("reaping nodes: %w", err)
	}
	return reaped, nil
}
