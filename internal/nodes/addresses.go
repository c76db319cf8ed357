package nodes

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/yummyzoom/herald/internal/postgres/dbsqlc"
)

// Address is where another node is reached, as it registered itself.
type Address struct {
	Node  uuid.UUID
	Host  string
	URL   string // empty: its release reports none
	Alive bool   // its last heartbeat is a few seconds old at most
}

// Unreachable is a node that another node cannot reach.
type Unreachable struct {
	Node  uuid.UUID `json:"node"`
	Host  string    `json:"host"`
	URL   string    `json:"url"` // that was tried
	Error string    `json:"error"`
}

// Reach says where a live node is reached, which nodes it cannot reach, and whether it was drained.
type Reach struct {
	Node        uuid.UUID
	Host, URL   string
	Unreachable []Unreachable
	Draining    bool // it takes no connections any more
}

// Tell sets what the next heartbeats report: where this node is reached, and which nodes it cannot reach.
func (n *Register) Tell(url string, unreachable []Unreachable) error {
	if unreachable == nil {
		unreachable = []Unreachable{}
	}
	text, err := json.Marshal(unreachable)
	if err != nil {
		return fmt.Errorf("encoding whom this node cannot reach: %w", err)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.url, n.unreachable = url, text
	return nil
}

func (n *Register) told() (url string, unreachable json.RawMessage, draining bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.unreachable == nil {
		return n.url, json.RawMessage("[]"), n.draining
	}
	return n.url, n.unreachable, n.draining
}

// readOthers is called with the rows of NodeAddresses.
func (n *Register) readOthers(rows pgx.Rows) error {
	others, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (a Address, err error) {
		err = row.Scan(&a.Node, &a.Host, &a.URL, &a.Alive)
		return a, err //nolint:wrapcheck // below
	})
	if err != nil {
		return fmt.Errorf("reading the nodes' addresses: %w", err)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.others = others
	return nil
}

// Others returns the other nodes that are registered, as the last heartbeat read them. The newest 1,024 are.
func (n *Register) Others() []Address {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.others
}

// ReadOthers reads them now.
func (n *Register) ReadOthers(ctx context.Context) ([]Address, error) {
	rows, err := n.q.NodeAddresses(ctx, n.self)
	if err != nil {
		return nil, fmt.Errorf("reading the nodes' addresses: %w", err)
	}
	others := make([]Address, len(rows))
	for i, r := range rows {
		others[i] = Address{r.NodeID, r.Host, r.Url, r.Alive}
	}
	return others, nil
}

// ReadReach returns for every live node where it is reached, and which nodes it cannot reach.
func ReadReach(ctx context.Context, db dbsqlc.DBTX) ([]Reach, error) {
	rows, err := dbsqlc.New(db).NodesReached(ctx)
	if err != nil {
		return nil, fmt.Errorf("reading whom the nodes reach: %w", err)
	}
	reach := make([]Reach, len(rows))
	for i, r := range rows {
		reach[i] = Reach{Node: r.NodeID, Host: r.Host, URL: r.Url, Draining: r.Draining}
		if err := json.Unmarshal(r.Unreachable, &reach[i].Unreachable); err != nil {
			return nil, fmt.Errorf("reading whom node %s cannot reach: %w", r.NodeID, err)
		}
	}
	return reach, nil
}
