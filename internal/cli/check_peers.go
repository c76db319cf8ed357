package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/yummyzoom/herald/internal/app"
	"github.com/yummyzoom/herald/internal/nodes"
	"github.com/yummyzoom/herald/internal/peers"
)

// checkPeers reports whether the running nodes reach each other, by each node's last probe, and at which address
// others would reach a node with these settings.
func (c *checkCmd) checkPeers(ctx context.Context, pool *pgxpool.Pool, f *findings) {
	nodes, err := nodes.ReadReach(ctx, pool)
	if err != nil {
		f.add(err, "nodes reach each other")
		return
	}
	c.checkNodeURL(ctx, pool, len(nodes) > 1, f)
	hosts := map[string]bool{}
	for _, n := range nodes {
		hosts[n.Host] = true
	}
	for _, n := range nodes {
		name := fmt.Sprintf("node %s on %s", n.Node, oneLine(n.Host))
		if n.Draining {
			f.add(nil, "%s is draining: it takes no connections any more, until it is restarted", name)
		}
		if len(nodes) == 1 {
			f.add(nil, "%s is reached at %s by nodes that join it", name, oneLine(cmp.Or(n.URL, "no address")))
			return
		}
		f.add(reached(n, len(hosts) > 1), "%s is reached at %s", name, oneLine(n.URL))
		for _, other := range n.Unreachable {
			f.add(fmt.Errorf("%s: what a balancer sends to the one for connections of the other is refused",
				oneLine(other.Error)),
				"%s reaches node %s on %s at %s", name, other.Node, oneLine(other.Host), oneLine(other.URL))
		}
		if len(n.Unreachable) == 0 {
			f.add(nil, "%s reaches the others", name)
		}
	}
}

// reached returns an error where other nodes cannot reach the node, whatever their probes have found.
func reached(n nodes.Reach, severalHosts bool) error {
	switch {
	case n.URL == "":
		return errors.New(
			"it tells no address: it is of an older release, and what belongs to its connections cannot be forwarded to it")
	case severalHosts && peers.OnlyHere(n.URL):
		return errors.New("other machines take that for themselves: set HERALD_NODE_URL of that node")
	}
	return nil
}

// checkNodeURL reports at which address others would reach a node with these settings on this machine, and whether
// they would accept its certificate.
func (c *checkCmd) checkNodeURL(ctx context.Context, pool *pgxpool.Pool, several bool, f *findings) {
	nodeURL, err := c.nodeURL(ctx, pool)
	if errors.Is(err, peers.ErrNoPort) {
		f.add(nil, "a node of this machine's for others: its port is the system's choice")
		return
	}
	if err != nil {
		f.add(err, "a node of this machine's for others")
		return
	}
	roots, err := peers.ReadRoots(c.NodeCAFile)
	if err != nil {
		f.add(err, "a node of this machine's for others")
		return
	}
	advice, wrong := app.NodeAdvice(c.Server, nodeURL, roots)
	if wrong && (several || c.NodeURL != "" || c.NodeListen != "") {
		f.add(errors.New(advice), "a node of this machine's is reached at %s", nodeURL)
		return
	}
	if advice != "" {
		advice = " (" + advice + ")"
	}
	f.add(nil, "a node of this machine's is reached at %s%s", nodeURL, advice)
}

func (c *checkCmd) nodeURL(ctx context.Context, pool *pgxpool.Pool) (string, error) {
	conn, err := pool.Acquire(ctx)
	if err != nil {
		return "", fmt.Errorf("looking for this machine's address: %w", err)
	}
	defer conn.Release()
	listen := cmp.Or(c.NodeListen, c.Server.Listen, app.ListenDefault)
	return app.NodeURL(c.Server, listen, conn.Conn().PgConn().Conn().LocalAddr())
}
