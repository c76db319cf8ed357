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

// Proxy stands between a test and its database, and hurts the connections that go through it. It does not hurt later
// ones, unless it is shut.
type Proxy struct {
	entrance

	upstream, dsn string

	mu       sync.Mutex
	quiet    chan struct{} // closed: the open connections are silent from now on
	shut     bool
	rejected int

	faults
}

// Cut closes all open connections.
func (p *Proxy) Cut() { p.cut() }

// Shut closes all open connections, and every new one until Reopen.
func (p *Proxy) Shut() {
	p.mu.Lock()
	p.shut = true
	p.mu.Unlock()
	p.cut()
}

// Reopen ends Shut, Answer and Ignore.
func (p *Proxy) Reopen() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.shut, p.code, p.ignoring = false, "", false
}

// Rejected returns how many connections were rejected.
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

// Stall takes everything that either side of the open connections sends and passes nothing on; neither side notices.
func (p *Proxy) Stall() {
	p.mu.Lock()
	defer p.mu.Unlock()
	close(p.quiet)
	p.quiet = make(chan struct{})
}

func (p *Proxy) serve(client net.Conn) {
	p.mu.Lock()
	quiet, shut, code, ignoring := p.quiet, p.shut, p.code, p.ignoring
	if shut || code != "" || ignoring {
		p.rejected++
	}
	p.mu.Unlock()
	switch {
	case shut:
		return
	case code != "":
		refuse(client, code)
		return
	case ignoring:
		_, _ = io.Copy(io.Discard, client)
		return
	}
	server, err := dial(context.Background(), p.upstream)
	if err != nil || !p.keep(server) {
		return
	}
	var both sync.WaitGroup
	both.Go(func() { pass(server, client, quiet, nil); p.drop(client); p.dropUnless(quiet, server) })
	both.Go(func() { pass(client, server, quiet, p.answered); p.drop(server); p.dropUnless(quiet, client) })
	both.Wait()
}

// dropUnless closes one side when the other has ended, unless the connection is stalled.
func (p *Proxy) dropUnless(quiet <-chan struct{}, conn net.Conn) {
	select {
	case <-quiet:
	default:
		p.drop(conn)
	}
}

// pass copies from one side to the other, and discards what comes once it is quiet. passing, where it is not nil,
// sees everything before it is passed on, may change it, and returns what is to be done then.
func pass(to, from net.Conn, quiet <-chan struct{}, passing func([]byte) (then func())) {
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
		then := func() {}
		if passing != nil && n > 0 {
			then = passing(buffer[:n])
		}
		_, writeErr := to.Write(buffer[:n])
		then()
		if writeErr != nil || err != nil {
			return
		}
	}
}
