package app

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/yummyzoom/herald/internal/adminapi"
	"github.com/yummyzoom/herald/internal/nodes"
	"github.com/yummyzoom/herald/internal/peers"
	"github.com/yummyzoom/herald/internal/signalr"
)

// answerBeyondPoll is how long another node may take to begin its answer, beyond the duration of a poll.
const answerBeyondPoll = 15 * time.Second

// listenForNodes opens the sockets for other nodes, where they are not the main ones.
func (a *App) listenForNodes(ctx context.Context) (err error) {
	s := a.cfg.Server
	if s.NodeListen == "" {
		return nil
	}
	if a.nodeSockets, err = listenOn(ctx, s.NodeListen); err != nil {
		return fmt.Errorf("listening on HERALD_NODE_LISTEN %q: %w", s.NodeListen, err)
	}
	if !s.NodeSecure() {
		return nil
	}
	certificate, err := NodeCertificate(s)
	if err != nil {
		return err
	}
	secure(a.nodeSockets, certificate)
	return nil
}

// NodeCertificate reads the certificate that a node shows to other nodes.
func NodeCertificate(s Settings) (tls.Certificate, error) {
	certFile, keyFile, names := s.NodeCertFile, s.NodeKeyFile, "HERALD_NODE_CERT_FILE and HERALD_NODE_KEY_FILE"
	if certFile == "" {
		certFile, keyFile, names = s.TLSCertFile, s.TLSKeyFile, "HERALD_TLS_CERT_FILE and HERALD_TLS_KEY_FILE"
	}
	certificate, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("reading %s: %w", names, err)
	}
	return certificate, nil
}

// meet is the step of the start at which a node learns what it needs to speak with others: the nodes' keys, the
// shared clock, and its own address.
func (a *App) meet(ctx context.Context) error {
	if a.keys == nil {
		a.keys = nodes.NewKeys(nodes.KeysConfig{DB: a.pool, Logger: a.logger})
	}
	if err := a.keys.Load(ctx); err != nil {
		return err
	}
	if err := a.clock.Read(ctx, a.pool); err != nil {
		return err
	}
	return a.findURL(ctx)
}

func (a *App) findURL(ctx context.Context) error {
	conn, err := a.pool.Acquire(ctx)
	if err != nil {
		return fmt.Errorf("looking for this node's address: %w", err)
	}
	local := conn.Conn().PgConn().Conn().LocalAddr()
	conn.Release()
	sockets := a.mainSockets
	if len(a.nodeSockets) > 0 {
		sockets = a.nodeSockets
	}
	s := a.cfg.Server
	if a.nodeURL, err = NodeURL(s, sockets[0].Addr().String(), local); err != nil {
		return fmt.Errorf("looking for this node's address: %w", err)
	}
	attributes := []slog.Attr{slog.String("url", a.nodeURL)}
	level := slog.LevelInfo
	if advice, wrong := NodeAdvice(s, a.nodeURL, a.roots); advice != "" {
		attributes = append(attributes, slog.String("advice", advice))
		if wrong && (s.NodeURL != "" || s.NodeListen != "") { // else there may be no other node
			level = slog.LevelWarn
		}
	}
	a.logger.LogAttrs(ctx, level, "other nodes reach this one", attributes...)
	return nil
}

// NodeURL is the address at which other nodes reach a node with these settings that listens at listen; local is its
// end of a connection to the database.
func NodeURL(s Settings, listen string, local net.Addr) (string, error) {
	if s.NodeURL != "" {
		return strings.TrimSuffix(s.NodeURL, "/"), nil
	}
	return peers.OwnURL(s.NodeSecure(), listen, local)
}

// NodeAdvice says what an operator should know of a node that others reach at nodeURL, and whether it is wrong;
// empty where there is nothing.
func NodeAdvice(s Settings, nodeURL string, roots *x509.CertPool) (advice string, wrong bool) {
	if strings.HasPrefix(nodeURL, "https:") && s.NodeSecure() {
		certificate, err := NodeCertificate(s)
		if err == nil {
			err = peers.VerifyCertificate(certificate, nodeURL, roots)
		}
		if err != nil {
			return fmt.Sprintf("other nodes refuse its certificate there (%v): set HERALD_NODE_URL to a name that it is for, HERALD_NODE_CA_FILE to its "+
				"authority, or HERALD_NODE_LISTEN", err), true
		}
	}
	switch {
	case peers.OnlyHere(nodeURL):
		return "only nodes on this machine reach that: set HERALD_NODE_URL where there are others", false
	case !strings.HasPrefix(nodeURL, "https:"):
		return "plain HTTP, in which users' tokens travel in clear: for a private network", false
	}
	return "", false
}

// buildPeers builds how this node speaks with the others.
func (a *App) buildPeers() error {
	s := a.cfg.Server
	var err error
	a.peers, err = peers.New(peers.Config{
		Node: a.nodeID, Keys: nodeKeys{a.keys}, Now: a.clock.Now, Roots: a.roots, Gone: signalr.ErrNodeGone,
		Refresh: func(ctx context.Context) ([]peers.Peer, error) {
			others, err := a.nodes.ReadOthers(ctx)
			return asPeers(others), err
		},
		Client: a.client, Forwarded: welcomed, Settings: s.PeerSettings,
		WriteTimeout: s.WriteTimeout, AnswerTimeout: s.PollTimeout + answerBeyondPoll, Logger: a.logger,
		Metrics: a.metrics.peers,
	})
	return err
}

// client says which address sends a request, and whether by TLS.
func (a *App) client(r *http.Request) (netip.Addr, bool) {
	secure := r.TLS != nil || a.signalr.FromTrusted(r) && strings.EqualFold(r.Header.Get("X-Forwarded-Proto"), "https")
	return a.signalr.ClientAddress(r), secure
}

// welcomed marks requests from another node, and tells the door.
func welcomed(ctx context.Context) context.Context {
	if p, _ := ctx.Value(placeKey{}).(*place); p != nil {
		p.welcome()
	}
	return signalr.WithForwarded(ctx)
}

// forNodesOnly is the handler that other nodes reach: the hubs, and administrators' questions about each node.
func (a *App) forNodesOnly(api *adminapi.API) http.Handler {
	mux := http.NewServeMux()
	a.hubs.Mount(mux, a.signalr)
	mux.Handle("/api/", api.ForNodes())
	return a.peers.Entrance(mux)
}

// withEntrance serves the entrance for other nodes beside next.
func (a *App) withEntrance(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if peers.IsEntrance(r) {
			a.entrance.ServeHTTP(w, r)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// nodeKeys adapts the keys to package peers.
type nodeKeys struct{ *nodes.Keys }

// Newest is the key to use now.
func (k nodeKeys) Newest() (id int32, secret []byte, ok bool) {
	key := k.Used()
	return key.ID, key.Secret[:], true
}

// Find is the key with that id.
func (k nodeKeys) Find(ctx context.Context, id int32) (secret []byte, ok bool) {
	key, ok := k.Keys.Find(ctx, id)
	return key.Secret[:], ok
}

func asPeers(others []nodes.Address) []peers.Peer {
	known := make([]peers.Peer, len(others))
	for i, o := range others {
		known[i] = peers.Peer{Node: o.Node, Host: o.Host, URL: o.URL, Alive: o.Alive}
	}
	return known
}

// unreachable returns the nodes that this node cannot reach, for the other nodes to read.
func (a *App) unreachable() []nodes.Unreachable {
	var all []nodes.Unreachable
	for _, f := range a.peers.Unreachable() {
		all = append(all, nodes.Unreachable(f))
	}
	return all
}

// peersDegraded names the nodes that this node cannot reach; of many, some.
func (a *App) peersDegraded() []string {
	const most = 3
	found := a.peers.Unreachable()
	var all []string
	for _, f := range found[:min(len(found), most)] {
		all = append(all,
			fmt.Sprintf(
				"node %s on %s cannot be reached at %s (%s), so that what is sent here for connections that it holds is refused",
				f.Node, f.Host, f.URL, f.Error))
	}
	if more := len(found) - most; more > 0 {
		all = append(all, fmt.Sprintf("%d more nodes cannot be reached", more))
	}
	return all
}
