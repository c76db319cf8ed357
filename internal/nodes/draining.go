package nodes

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/yummyzoom/herald/internal/postgres/dbsqlc"
)

// ErrLastNode is returned when the last node that is alive and takes connections is to be drained.
var ErrLastNode = errors.New("no other node is alive and takes connections")

// State is a registered node, as of its last heartbeat.
type State struct {
	Node        uuid.UUID
	Host        string
	Version     string
	URL         string // where other nodes reach it; empty: its release reports none
	Connections int    // of all hubs
	Draining    bool   // it was drained, or stops
	Alive       bool   // its last heartbeat is a few seconds old at most
	StartedAt   time.Time
	Silent      time.Duration // since its last heartbeat
}

// All returns every registered node, including silent ones. The newest 1,024 are.
func (n *Register) All(ctx context.Context) ([]State, error) {
	rows, err := n.q.NodesRegistered(ctx)
	if err != nil {
		return nil, fmt.Errorf("reading the nodes: %w", err)
	}
	nodes := make([]State, len(rows))
	for i, r := range rows {
		nodes[i] = State{
			Node: r.NodeID, Host: r.Host, Version: r.Version, URL: r.Url, Draining: r.Draining, Alive: r.Alive,
			StartedAt: r.StartedAt,
			Silent:    max(0, time.Duration(r.SilentSeconds*float64(time.Second))),
		}
		var counts map[string]int
		if err := json.Unmarshal(r.Connections, &counts); err != nil {
			return nil, fmt.Errorf("reading the connection counts of node %s: %w", r.NodeID, err)
		}
		for _, count := range counts {
			nodes[i].Connections += count
		}
	}
	return nodes, nil
}

// Leaving makes the next heartbeats say that this node takes no more connections. It is not taken back.
func (n *Register) Leaving() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.draining = true
}

// Drain says so at once. Without force it fails with [ErrLastNode], and changes nothing, where no other live node
// takes connections: of two nodes that are drained at once one stays. The next heartbeat undoes a Drain that failed
// otherwise, even one whose answer was lost.
func (n *Register) Drain(ctx context.Context, force bool) error {
	n.row.Lock()
	defer n.row.Unlock()
	tx, err := n.db.Begin(ctx)
	if err != nil {
		return fmt.Errorf("draining this node: %w", err)
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }() // nothing to undo once it is committed
	q := dbsqlc.New(tx)
	if err := q.NodeDrainLock(ctx); err != nil {
		return fmt.Errorf("draining this node: %w", err)
	}
	others, err := q.NodeDrain(ctx, dbsqlc.NodeDrainParams{Self: n.self, Force: force})
	if err != nil {
		return fmt.Errorf("draining this node: %w", err)
	}
	if !others && !force {
		return ErrLastNode
	}
	if err := tx.Commit(ctx); err != nil {
		return fmt.Errorf("draining this node: %w", err)
	}
	n.Leaving()
	return nil
}
