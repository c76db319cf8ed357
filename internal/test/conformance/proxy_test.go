package conformance_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"strings"
	"sync"
)

// proxy stands between clients and the servers, and hurts the connections that go through it. Later connections are
// forwarded unharmed.
type proxy struct {
	listener net.Listener
	upstream string
	running  sync.WaitGroup

	mu     sync.Mutex
	closed bool
	open   map[*link]bool
}

// link is one client's TCP connection and its continuation to the server.
type link struct {
	client, server *net.TCPConn

	mu      sync.Mutex
	stalled chan struct{}    // closed by resume; nil where bytes flow
	limit   map[string]int64 // bytes that may still pass, by direction, before the link is cut; none: no limit
	how     string           // how to cut
}

// The directions of a link.
const (
	up   = "up"   // from the client to the server
	down = "down" // from the server to the client
)

// opened tells a case where its proxy is.
type opened struct {
	URL   string `json:"url"`
	Proxy string `json:"proxy"`
}

func (w *world) newProxy(ctx context.Context) (opened, error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return opened{}, fmt.Errorf("opening proxy: %w", err)
	}
	p := &proxy{listener: listener, upstream: strings.TrimPrefix(w.url, "http://"), open: map[*link]bool{}}
	address := listener.Addr().String()
	w.mu.Lock()
	w.proxies[address] = p
	w.mu.Unlock()
	p.running.Go(p.accept)
	return opened{URL: "http://" + address, Proxy: address}, nil
}

func (w *world) closeProxies() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, p := range w.proxies {
		p.close()
	}
}

// onProxy performs a case's operation on a proxy.
func (w *world) onProxy(op string, a controlArgument) (any, error) {
	w.mu.Lock()
	p := w.proxies[a.Proxy]
	w.mu.Unlock()
	if p == nil {
		return nil, fmt.Errorf("no such proxy: %q", a.Proxy)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	switch op {
	case "shut": // for good
		_ = p.listener.Close()
		for l := range p.open {
			l.cut("reset")
		}
	case "cut":
		for l := range p.open {
			if len(a.After) == 0 {
				l.cut(a.How)
			} else {
				l.cutAfter(a.After, a.How)
			}
		}
	case "stall":
		for l := range p.open {
			l.stall()
		}
	case "resume":
		for l := range p.open {
			l.resume()
		}
	}
	return nil, nil
}

func (p *proxy) accept() {
	for {
		conn, err := p.listener.Accept()
		if err != nil {
			return
		}
		client, ok := conn.(*net.TCPConn)
		if !ok {
			return
		}
		server, err := new(net.Dialer).DialContext(context.Background(), "tcp", p.upstream)
		if err != nil {
			_ = client.Close()
			continue
		}
		l := &link{client: client, server: server.(*net.TCPConn), limit: map[string]int64{}}
		p.mu.Lock()
		if p.closed {
			l.cut("reset")
		}
		p.open[l] = true
		p.mu.Unlock()
		p.running.Go(func() { p.forward(l) })
	}
}

func (p *proxy) forward(l *link) {
	var both sync.WaitGroup
	both.Go(func() { l.pump(up, l.client, l.server) })
	both.Go(func() { l.pump(down, l.server, l.client) })
	both.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.open, l)
	_ = l.client.Close()
	_ = l.server.Close()
}

func (p *proxy) close() {
	_ = p.listener.Close()
	p.mu.Lock()
	p.closed = true
	for l := range p.open {
		l.resume()
		l.cut("reset")
	}
	p.mu.Unlock()
	p.running.Wait()
}

// pump forwards one direction until it ends, and tells the other side by a half-close.
func (l *link) pump(direction string, from, to *net.TCPConn) {
	buffer := make([]byte, 16<<10)
	for {
		n, err := from.Read(buffer)
		if n > 0 && !l.pass(direction, to, buffer[:n]) {
			return
		}
		if err != nil {
			if !errors.Is(err, io.EOF) {
				_ = to.SetLinger(0) // a reset is passed on as a reset
			}
			_ = to.CloseWrite()
			return
		}
	}
}

// pass forwards b, or as much of it as the limit allows before it cuts the link.
func (l *link) pass(direction string, to *net.TCPConn, b []byte) bool {
	l.mu.Lock()
	stalled := l.stalled
	l.mu.Unlock()
	if stalled != nil {
		<-stalled
	}
	l.mu.Lock()
	left, limited := l.limit[direction]
	if limited {
		l.limit[direction] = left - int64(len(b))
	}
	how := l.how
	l.mu.Unlock()
	if limited && int64(len(b)) >= left {
		_, _ = to.Write(b[:left])
		l.cut(how)
		return false
	}
	_, err := to.Write(b)
	return err == nil
}

// cut ends the link: "reset" by a reset on both sides, "close" by a proper end, "half" by an end that only the server
// sees, while what it sends still reaches the client.
func (l *link) cut(how string) {
	switch how {
	case "half":
		_ = l.server.CloseWrite()
		return
	case "reset":
		_ = l.client.SetLinger(0)
		_ = l.server.SetLinger(0)
	}
	_ = l.client.Close()
	_ = l.server.Close()
}

// cutAfter lets so many more bytes pass, by direction, and then cuts, most likely in the middle of a message.
func (l *link) cutAfter(bytes map[string]int64, how string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.limit, l.how = maps.Clone(bytes), how
}

// stall lets nothing pass any more, in either direction, without closing anything.
func (l *link) stall() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.stalled == nil {
		l.stalled = make(chan struct{})
	}
}

func (l *link) resume() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.stalled != nil {
		close(l.stalled)
		l.stalled = nil
	}
}
