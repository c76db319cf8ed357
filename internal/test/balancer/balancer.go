// Package balancer is a load balancer without any affinity, as nginx is unless told otherwise: each request goes to the next node,
// whichever node has answered the client before. Tests send their clients through it.
//
// A node that does not take a connection, and one that answers 503 to a request without a body, is passed over for the next one
// (nginx: proxy_next_upstream error http_503). What has begun is never sent twice.
package balancer

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log"
	"maps"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

const (
	dialTimeout   = 5 * time.Second
	headerTimeout = 5 * time.Second
)

var errNoNode = errors.New("no node takes the request")

// Balancer serves on a port of its own until Close.
type Balancer struct {
	// URL is where clients find it.
	URL string
	// Address is the same without a scheme.
	Address string

	nodes  func() []string
	tls    *tls.Config // nil: nodes are spoken to in plain
	next   atomic.Uint64
	server *http.Server
	done   chan struct{}

	mu    sync.Mutex
	taken map[string]int // requests by node
	open  map[net.Conn]struct{}
}

// New starts a balancer. nodes returns the addresses that there are at the moment, and is asked for each request.
func New(nodes func() []string) (*Balancer, error) { return start(nodes, "http", nil) }

// NewTLS is New for nodes that speak TLS with certificates of authorities. Clients speak to the balancer in plain.
func NewTLS(authorities *x509.CertPool, nodes func() []string) (*Balancer, error) {
	return start(nodes, "https", &tls.Config{RootCAs: authorities, ServerName: "127.0.0.1"})
}

func start(nodes func() []string, scheme string, nodesTLS *tls.Config) (*Balancer, error) {
	var listen net.ListenConfig
	socket, err := listen.Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listening: %w", err)
	}
	address := socket.Addr().String()
	b := &Balancer{
		URL: "http://" + address, Address: address, nodes: nodes, tls: nodesTLS, done: make(chan struct{}),
		taken: map[string]int{}, open: map[net.Conn]struct{}{},
	}
	b.server = &http.Server{
		ReadHeaderTimeout: headerTimeout, ErrorLog: log.New(io.Discard, "", 0),
		Handler: &httputil.ReverseProxy{
			Transport: b, FlushInterval: -1, ErrorLog: log.New(io.Discard, "", 0),
			Rewrite: func(r *httputil.ProxyRequest) {
				r.SetURL(&url.URL{Scheme: scheme, Host: "node"})
				r.Out.Host = r.In.Host // an Origin is compared with it
				r.SetXForwarded()
			},
		},
	}
	go func() {
		defer close(b.done)
		_ = b.server.Serve(socket) // until Close
	}()
	return b, nil
}

// Close ends it, with everything that is open through it.
func (b *Balancer) Close() {
	_ = b.server.Close()
	<-b.done
	b.Cut() // those of WebSockets, which the server has handed over
}

// Cut closes every connection to a node, and with it what clients have open through it.
func (b *Balancer) Cut() {
	b.mu.Lock()
	open := slices.Collect(maps.Keys(b.open))
	b.mu.Unlock()
	for _, conn := range open {
		_ = conn.Close()
	}
}

// Taken returns how many requests each node has been given.
func (b *Balancer) Taken() map[string]int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return maps.Clone(b.taken)
}

// RoundTrip gives the request to the next node. It implements http.RoundTripper.
func (b *Balancer) RoundTrip(r *http.Request) (*http.Response, error) {
	nodes := b.nodes()
	first := b.next.Add(1)
	err := errNoNode
	for i := range nodes {
		node := nodes[(first+uint64(i))%uint64(len(nodes))]
		var conn net.Conn
		if conn, err = b.dial(r.Context(), node); err != nil {
			continue
		}
		b.mu.Lock()
		b.taken[node]++
		b.mu.Unlock()
		var response *http.Response
		response, err = b.over(conn).RoundTrip(r)
		again := err == nil && response.StatusCode == http.StatusServiceUnavailable && r.ContentLength == 0 && i+1 < len(nodes)
		if !again {
			return response, err
		}
		_ = response.Body.Close()
	}
	return nil, err
}

func (b *Balancer) dial(ctx context.Context, node string) (net.Conn, error) {
	dialer := net.Dialer{Timeout: dialTimeout}
	conn, err := dialer.DialContext(ctx, "tcp", node)
	if err != nil {
		return nil, fmt.Errorf("dialling %s: %w", node, err)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	noted := &openConn{Conn: conn, b: b}
	b.open[noted] = struct{}{}
	return noted, nil
}

// openConn is a connection to a node.
type openConn struct {
	net.Conn

	b *Balancer
}

func (c *openConn) Close() error {
	err := c.Conn.Close()
	c.b.mu.Lock()
	defer c.b.mu.Unlock()
	delete(c.b.open, c)
	return err
}

// over makes one request over one connection.
func (b *Balancer) over(conn net.Conn) *http.Transport {
	return &http.Transport{
		TLSClientConfig: b.tls.Clone(), DisableKeepAlives: true, DisableCompression: true,
		DialContext: func(context.Context, string, string) (net.Conn, error) { return conn, nil },
	}
}
