package conformance_test

import (
	"context"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httputil"
	"net/url"

	"github.com/yummyzoom/herald/internal/signalr"
)

// forwardedHeader marks a request from another node. No client sends it here.
const forwardedHeader = "X-Conformance-Client"

// sharedKey is the key with which all nodes seal their tickets.
type sharedKey struct{}

func (sharedKey) Used() (id int32, secret [32]byte) { return 1, [32]byte{1} }

func (sharedKey) Find(_ context.Context, id int32) (secret [32]byte, ok bool) {
	return [32]byte{1}, id == 1
}

// join makes a server one of the node's, among others that forward requests to each other.
func (w *world) join(cfg *signalr.Config, n *node) {
	cfg.Node, cfg.Sealer, cfg.Forward = n.name, signalr.NewSealer(sharedKey{}), w.forward
	cfg.Others = func() (names []string) {
		for _, other := range w.nodes {
			names = append(names, other.name)
		}
		return names
	}
}

// forward hands a request to the node of that name, as package peers does for Herald.
func (w *world) forward(rw http.ResponseWriter, r *http.Request, name string) error {
	for _, n := range w.nodes {
		if n.name != name {
			continue
		}
		proxy := httputil.ReverseProxy{
			FlushInterval: -1, Transport: w.between, ErrorLog: log.New(io.Discard, "", 0),
			Rewrite: func(p *httputil.ProxyRequest) {
				p.SetURL(&url.URL{Scheme: "http", Host: n.address})
				p.Out.Host = p.In.Host
				p.Out.Header.Set(forwardedHeader, p.In.RemoteAddr)
			},
			ModifyResponse: func(answer *http.Response) error {
				for header := range answer.Header { // the owner has set them all
					rw.Header().Del(header)
				}
				return nil
			},
		}
		proxy.ServeHTTP(rw, r)
		return nil
	}
	return fmt.Errorf("%s: %w", name, signalr.ErrNodeGone)
}

// entrance admits requests that another node forwards, which that node has observed.
func entrance(next, observed http.Handler) http.Handler {
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		client := r.Header.Get(forwardedHeader)
		if client == "" {
			observed.ServeHTTP(rw, r)
			return
		}
		r.Header.Del(forwardedHeader)
		r.RemoteAddr = client
		next.ServeHTTP(rw, r.WithContext(signalr.WithForwarded(r.Context())))
	})
}
