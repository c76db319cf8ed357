package e2e_test

import (
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

// entrance is a minimal load balancer: it hands connections to the first of its servers that answers.
type entrance struct {
	url   string
	nodes atomic.Pointer[[]string] // addresses, the preferred one first
}

func balance(t *testing.T, nodes ...*server) *entrance {
	t.Helper()
	var listen net.ListenConfig
	l, err := listen.Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	e := &entrance{url: "http://" + l.Addr().String()}
	var addresses []string
	for _, node := range nodes {
		addresses = append(addresses, strings.TrimPrefix(node.url, "http://"))
	}
	e.nodes.Store(&addresses)
	var open sync.WaitGroup
	open.Go(func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			open.Go(func() { e.carry(in) })
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		for _, node := range nodes { // ends the connections that it carries
			_ = node.cmd.Process.Kill()
		}
		open.Wait()
	})
	return e
}

// prefer puts the node first.
func (e *entrance) prefer(t *testing.T, node *server) {
	t.Helper()
	addresses := []string{strings.TrimPrefix(node.url, "http://")}
	for _, other := range *e.nodes.Load() {
		if other != addresses[0] {
			addresses = append(addresses, other)
		}
	}
	e.nodes.Store(&addresses)
}

// carry copies both ways until either side ends.
func (e *entrance) carry(in net.Conn) {
	defer in.Close()
	for _, address := range *e.nodes.Load() {
		out, err := net.Dial("tcp", address) //nolint:noctx // on this machine: answered at once
		if err != nil {
			continue
		}
		var both sync.WaitGroup
		both.Go(func() {
			_, _ = io.Copy(out, in)
			_ = out.Close()
		})
		both.Go(func() {
			_, _ = io.Copy(in, out)
			_ = in.Close()
		})
		both.Wait()
		return
	}
}
