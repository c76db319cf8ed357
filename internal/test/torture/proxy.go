package torture

import (
	"context"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// proxy carries TCP connections to a target, and can cut, delay and silence them.
type proxy struct {
	address string
	target  func() string // called for each connection; empty: there is no target
	delay   atomic.Int64  // the delay of every piece in nanoseconds

	listener net.Listener
	open     sync.WaitGroup
	ctx      context.Context // the proxy's life
	end      context.CancelFunc

	mu    sync.Mutex
	pairs map[*pair]struct{}
	gate  chan struct{} // closed while bytes may pass
}

// pair is an accepted connection and the one that it is carried to.
type pair struct {
	in  net.Conn
	mu  sync.Mutex
	out net.Conn // nil until it has been made
	cut bool
}

func newProxy(target func() string) (*proxy, error) {
	ctx, cancel := context.WithCancel(context.Background())
	var listen net.ListenConfig
	l, err := listen.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		cancel()
		return nil, fmt.Errorf("listening for a proxy: %w", err)
	}
	p := &proxy{
		address: l.Addr().String(), target: target, listener: l, ctx: ctx, end: cancel,
		pairs: map[*pair]struct{}{}, gate: make(chan struct{}),
	}
	close(p.gate)
	p.open.Go(p.accept)
	return p, nil
}

func (p *proxy) accept() {
	for {
		in, err := p.listener.Accept()
		if err != nil {
			return
		}
		p.open.Go(func() { p.carry(in) })
	}
}

func (p *proxy) carry(in net.Conn) {
	c := &pair{in: in}
	p.mu.Lock()
	p.pairs[c] = struct{}{}
	p.mu.Unlock()
	defer func() {
		c.close()
		p.mu.Lock()
		delete(p.pairs, c)
		p.mu.Unlock()
	}()
	if !p.pass() {
		return
	}
	var dialer net.Dialer
	out, err := dialer.DialContext(p.ctx, "tcp", p.target())
	if err != nil || !c.reached(out) {
		return
	}
	var both sync.WaitGroup
	both.Go(func() { p.copy(c, out, in) })
	both.Go(func() { p.copy(c, in, out) })
	both.Wait()
}

// copy carries one direction until either side ends, which ends both.
func (p *proxy) copy(c *pair, to, from net.Conn) {
	defer c.close()
	buffer := make([]byte, 16<<10)
	for {
		n, err := from.Read(buffer)
		if n > 0 {
			if !p.pass() {
				return
			}
			if _, err := to.Write(buffer[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// pass returns when a piece may be carried on, and false when the proxy has ended.
func (p *proxy) pass() bool {
	if late := time.Duration(p.delay.Load()); late > 0 && !pause(p.ctx, late) {
		return false
	}
	p.mu.Lock()
	gate := p.gate
	p.mu.Unlock()
	select {
	case <-gate:
		return true
	case <-p.ctx.Done():
		return false
	}
}

// reached stores the other side, unless the pair has been cut meanwhile.
func (c *pair) reached(out net.Conn) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cut {
		_ = out.Close()
		return false
	}
	c.out = out
	return true
}

// close ends both sides.
func (c *pair) close() { c.end(func(conn net.Conn) { _ = conn.Close() }) }

func (c *pair) end(closing func(net.Conn)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.cut = true
	closing(c.in)
	if c.out != nil {
		closing(c.out)
	}
}

// abort closes a connection as a network does that loses it.
func abort(conn net.Conn) {
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = conn.Close()
}

// cut ends all current connections.
func (p *proxy) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.pairs {
		c.end(abort)
	}
}

// silence holds all data back until the returned function is called; neither side sees an error.
func (p *proxy) silence() (speak func()) {
	gate := make(chan struct{})
	p.mu.Lock()
	defer p.mu.Unlock()
	p.gate = gate
	return func() { close(gate) }
}

func (p *proxy) close() {
	p.end()
	_ = p.listener.Close()
	p.cut()
	p.open.Wait()
}

// pause waits, and returns false where ctx ended the wait.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
