package app

import (
	"context"
	"errors"
	"log/slog"
	"net/http"

	"github.com/google/uuid"

	"github.com/yummyzoom/herald/internal/adminapi"
	"github.com/yummyzoom/herald/internal/nodes"
)

// fleet is the nodes of this node's database, for administrators.
type fleet struct{ *App }

// Self implements [adminapi.Fleet].
func (a fleet) Self() adminapi.Node {
	state := adminapi.NodeReady
	if a.draining.Load() || a.stopping.Load() {
		state = adminapi.NodeDraining
	}
	count := 0
	for _, n := range a.hubs.Connections(a.signalr) {
		count += n
	}
	return adminapi.Node{
		ID: a.nodeID, Host: hostname(), Version: a.cfg.Version, Address: a.nodeURL, Connections: count, State: state,
		StartedAt: a.servedSince.UTC(),
	}
}

// Nodes implements [adminapi.Fleet].
func (a fleet) Nodes(ctx context.Context) ([]adminapi.Node, error) {
	registered, err := a.nodes.All(ctx)
	if err != nil {
		return nil, err
	}
	nodes := make([]adminapi.Node, len(registered))
	for i, n := range registered {
		nodes[i] = adminapi.Node{
			ID: n.Node, Host: n.Host, Version: n.Version, Address: n.URL, Connections: n.Connections, State: adminapi.NodeReady,
			StartedAt: n.StartedAt.UTC(), SilentSeconds: n.Silent.Seconds(),
		}
		switch {
		case !n.Alive:
			nodes[i].State = adminapi.NodeSilent
		case n.Draining:
			nodes[i].State = adminapi.NodeDraining
		}
	}
	return nodes, nil
}

// Ask implements [adminapi.Fleet].
func (a fleet) Ask(r *http.Request, node uuid.UUID, limit int) (status int, body []byte, err error) {
	return a.peers.Ask(r, node.String(), limit)
}

// Drain implements [adminapi.Fleet].
func (a fleet) Drain(ctx context.Context, force bool) (before bool, err error) {
	if a.draining.Load() || a.stopping.Load() {
		return true, nil
	}
	err = a.nodes.Drain(ctx, force)
	switch {
	case errors.Is(err, nodes.ErrLastNode):
		return false, adminapi.ErrLastNode
	case err != nil && !force:
		return false, err
	case err != nil: // the other nodes learn of it when the database is back
		a.logger.WarnContext(ctx, "this node is drained without a word to the others", slog.Any("error", err))
		a.nodes.Leaving()
	}
	return a.drain(ctx), nil
}

// drain removes this node from service as a shutdown does, but keeps it running. The node is not ready, takes no
// connections, and asks its clients to reconnect elsewhere; it relays, runs jobs and forwards requests as before.
// It lasts until a restart. drain returns true where the node already drains or stops.
func (a *App) drain(ctx context.Context) (before bool) {
	a.drainingMu.Lock()
	defer a.drainingMu.Unlock()
	if a.draining.Load() || a.stopping.Load() {
		return true
	}
	a.draining.Store(true)
	s := a.cfg.Server
	a.logger.InfoContext(ctx, "draining: this node takes no connections any more, until it is restarted",
		slog.Duration("spread", s.ShutdownSpread))
	// A drain continues when the node is told to stop meanwhile: clients that leave keep their time.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.ShutdownTimeout)
	a.leaving.Go(func() {
		defer cancel()
		a.leaving.Go(func() { a.peers.Drain(ctx, s.ShutdownSpread) })
		if err := a.signalr.Shutdown(ctx); err != nil {
			a.logger.WarnContext(ctx, "not every connection has left by itself", slog.Any("error", err))
			return
		}
		a.logger.InfoContext(ctx, "drained: every connection has left")
	})
	return false
}
