package hubclient_test

import (
	"context"
	"net"
	"net/http"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/signalr"
)

// node is one server process, as clients see it.
type node struct {
	address string
	server  *signalr.Server
	http    *http.Server
	stop    context.CancelFunc
	done    chan struct{}

	mu      sync.Mutex
	sockets map[net.Conn]bool
}

func startNode(t *testing.T, address string, server *signalr.Server, handler http.Handler) *node {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", address)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	n := &node{
		address: listener.Addr().String(), server: server, stop: cancel, done: make(chan struct{}),
		sockets: make(map[net.Conn]bool),
	}
	n.http = &http.Server{ReadHeaderTimeout: patience, ConnState: n.track, Handler: handler}
	var running sync.WaitGroup
	running.Go(func() { _ = n.http.Serve(listener) })
	running.Go(func() { _ = server.Run(ctx) })
	go func() { running.Wait(); close(n.done) }()
	return n
}

func (n *node) track(c net.Conn, s http.ConnState) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if s == http.StateClosed {
		delete(n.sockets, c)
		return
	}
	n.sockets[c] = true
}

// kill ends the server as SIGKILL would: every socket is gone, without a goodbye.
func (n *node) kill() {
	_ = n.http.Close()
	n.mu.Lock()
	for c := range n.sockets {
		if tcp, ok := c.(*net.TCPConn); ok {
			_ = tcp.SetLinger(0)
		}
		_ = c.Close()
	}
	n.mu.Unlock()
	n.stop()
	<-n.done
}
