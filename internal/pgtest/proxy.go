package pgtest

import (
	"context"
	"io"
	"net"
	"net/url"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// Proxy stands between a test and its database, and hurts the connections that go through it. It does not hurt
// those that come later, unless it is shut.
type Proxy struct {
	entrance

	upstream, dsn string

	mu       sync.Mutex
	quiet    chan struct{} // closed: what is open now is silent from now on
	shut     bool
	rejected int
}

// Shut closes all that is open, and whatever comes until Reopen.
func (p *Proxy) Shut() {
	p.mu.Lock()
	p.shut = true
	p.mu.Unlock()
	p.cut()
}

// Reopen ends Shut.
func (p *Proxy) Reopen() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.shut = false
}

// Rejected returns how many came in vain.
func (p *Proxy) Rejected() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.rejected
}

// NewProxy returns a proxy before db, which ends with the test.
func NewProxy(tb testing.TB, db *Database) *Proxy {
	tb.Helper()
	u, err := url.Parse(db.DSN())
	require.NoError(tb, err)
	p := &Proxy{upstream: u.Host, dsn: db.DSN(), quiet: make(chan struct{})}
	p.enter(tb, p.serve)
	return p
}

// DSN is the database's connection string, through the proxy.
func (p *Proxy) DSN() string { return p.through(p.dsn, "") }

// Stall takes everything that either side of the open connections sends and passes nothing on: neither side is told.
func (p *Proxy) Stall() {
	p.mu.Lock()
	defer p.mu.Unlock()
	close(p.quiet)
	p.quiet = make(chan struct{})
}

func (p *Proxy) serve(client net.Conn) {
	p.mu.Lock()
	quiet, shut := p.quiet, p.shut
	if shut {
		p.rejected++
	}
	p.mu.Unlock()
	if shut {
		return
	}
	server, err := dial(context.Background(), p.upstream)
	if err != nil || !p.keep(server) {
		return
	}
	var both sync.WaitGroup
	both.Go(func() { pass(server, client, quiet); p.drop(client) })
	both.Go(func() { pass(client, server, quiet); p.drop(server) })
	both.Wait()
}

// pass copies from one side to the other, and what comes once it is quiet to nobody.
func pass(to, from net.Conn, quiet <-chan struct{}) {
	buffer := make([]byte, 32<<10)
	for {
		n, err := from.Read(buffer)
		select {
		case <-quiet:
			if err == nil {
				_, _ = io.Copy(io.Discard, from)
			}
			return
		default:
		}
		if _, writeErr := to.Write(buffer[:n]); writeErr != nil || err != nil {
			return
		}
	}
}
