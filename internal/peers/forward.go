package peers

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"time"

	"github.com/google/uuid"
)

// Path is where a node takes the requests of other nodes; the request's own path stands behind it.
const Path = "/_herald/node"

const retryAfter = "1" // seconds

var (
	errDraining  = errors.New("this node is stopping")
	errRelayed   = errors.New("the WebSocket is relayed")
	errNotTheOne = errors.New("another node answers there")
	errNotANode  = errors.New("what answers there is no node of this database")
	errNoURL     = errors.New("it tells no address: is it of an older release?")
)

// forwarding is a request on its way to another node.
type forwarding struct {
	peer     Peer
	url      *url.URL
	in       *http.Request
	w        *writer
	expected proofs
	since    time.Time
	streams  bool // the request lasts as long as the client does
	end      context.CancelCauseFunc
	err      error // why the other node gave no answer
	handed   bool  // handed to a relay, which ends it
}

type forwardingKey struct{}

// Forward hands a request to another node, and its answer to the client. It returns an error that wraps
// Config.Gone, and has written nothing, where that node is not there or cannot be reached. Forward answers all
// other failures itself.
func (p *Peers) Forward(w http.ResponseWriter, r *http.Request, node string) error {
	return p.forward(w, r, node, r.Method == http.MethodGet)
}

// forward is Forward; streams says that the request lasts as long as the client does.
func (p *Peers) forward(w http.ResponseWriter, r *http.Request, node string, streams bool) error {
	f, ctx, err := p.begin(w, r, node, streams)
	if err != nil {
		return p.refuse(w, r, node, err)
	}
	defer func() {
		if !f.handed {
			p.leave(f)
		}
		if broken := recover(); broken != nil { // the answer ended in the middle: net/http cuts the client's connection
			p.cfg.Metrics.forwarded.WithLabelValues(string(Broken)).Inc()
			panic(broken)
		}
	}()
	p.proxy.ServeHTTP(f.w, r.WithContext(context.WithValue(ctx, forwardingKey{}, f)))
	return p.finish(ctx, r, f)
}

// begin finds the node, and a place among the requests under way.
func (p *Peers) begin(
	w http.ResponseWriter, r *http.Request, node string, streams bool,
) (*forwarding, context.Context, error) {
	id, err := uuid.Parse(node)
	if err != nil || id == p.cfg.Node {
		return nil, nil, fmt.Errorf("%w: %q is not another node", p.cfg.Gone, shorten(node))
	}
	peer, ok := p.find(r.Context(), id)
	if !ok {
		return nil, nil, fmt.Errorf("%w: node %s is not registered", p.cfg.Gone, id)
	}
	target, err := parseURL(peer.URL)
	if err != nil {
		return nil, nil, fmt.Errorf("%w: node %s: %w", p.cfg.Gone, id, err)
	}
	if !peer.Alive {
		if err := p.awake(r.Context(), peer); err != nil {
			return nil, nil, fmt.Errorf("%w: node %s is silent: %w", p.cfg.Gone, id, err)
		}
	}
	ctx, end := context.WithCancelCause(r.Context())
	f := &forwarding{
		peer: peer, url: target, in: r, w: newWriter(w, p.cfg.WriteTimeout), since: time.Now(), streams: streams, end: end,
	}
	if err := p.enter(f); err != nil {
		end(err)
		return nil, nil, err
	}
	return f, ctx, nil
}

var errNoRoom = errors.New("as many requests to other nodes are under way as may be")

// enter takes a place for f.
func (p *Peers) enter(f *forwarding) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.draining && f.streams:
		return errDraining
	case p.cfg.MaxForwarded > 0 && len(p.under) >= p.cfg.MaxForwarded:
		return errNoRoom
	}
	p.under[f] = struct{}{}
	return nil
}

// leave gives the place back, once.
func (p *Peers) leave(f *forwarding) {
	f.end(nil)
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.under, f)
}

// Forwarding is how many requests to other nodes are under way.
func (p *Peers) Forwarding() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.under)
}

// refuse answers a request that was not begun, or leaves the answer to the caller.
func (p *Peers) refuse(w http.ResponseWriter, r *http.Request, node string, err error) error {
	ctx := r.Context()
	outcome := OwnerGone
	switch {
	case errors.Is(err, errNoRoom):
		outcome = NoRoom
		p.cfg.Logger.LogAttrs(ctx, slog.LevelWarn, "requests for other nodes are refused: as many are under way as may be",
			slog.Int("limit", p.cfg.MaxForwarded), slog.String("setting", "HERALD_MAX_FORWARDED"))
	case errors.Is(err, errDraining):
		outcome = Drained
	}
	p.cfg.Metrics.forwarded.WithLabelValues(string(outcome)).Inc()
	if outcome == OwnerGone {
		p.cfg.Logger.LogAttrs(ctx, slog.LevelInfo, "a request for another node finds it gone",
			slog.String("owner", shorten(node)), slog.Any("error", err))
		return err
	}
	writeBusy(w, err)
	return nil
}

func writeBusy(w http.ResponseWriter, why error) {
	h := w.Header()
	h.Set("Retry-After", retryAfter)
	h.Set("Content-Type", "text/plain")
	w.WriteHeader(http.StatusServiceUnavailable)
	_, _ = io.WriteString(w, why.Error()) //nolint:gosec // this package's own text; whoever asked may be gone
}

// finish reports the outcome of a request that the proxy is done with.
func (p *Peers) finish(ctx context.Context, r *http.Request, f *forwarding) error {
	switch {
	case f.err == nil || errors.Is(f.err, errRelayed):
		p.cfg.Metrics.forwarded.WithLabelValues(string(Answered)).Inc()
		return nil
	case r.Context().Err() != nil:
		p.cfg.Metrics.forwarded.WithLabelValues(string(ClientLeft)).Inc()
		return nil //nolint:nilerr // who has left wants no answer
	case errors.Is(context.Cause(ctx), errDraining):
		p.cfg.Metrics.forwarded.WithLabelValues(string(Drained)).Inc()
		// A poll gets an empty 200: its client polls again, by another node if it can. A 204, which ends a connection,
		// must not be sent here: as the answer to a connection's first poll it ends the whole process of Microsoft's
		// JavaScript client.
		if !f.w.begun {
			f.w.Header().Set("Content-Length", "0")
			f.w.WriteHeader(http.StatusOK)
		}
		return nil
	}
	p.cfg.Metrics.forwarded.WithLabelValues(string(NotReached)).Inc()
	p.cfg.Logger.LogAttrs(ctx, slog.LevelWarn,
		"another node cannot be reached: clients whose connections it holds start anew",
		slog.String("owner", f.peer.Node.String()), slog.String("owner_host", f.peer.Host),
		slog.String("address", f.peer.URL),
		slog.Any("error", f.err))
	return fmt.Errorf("%w: node %s at %s: %w", p.cfg.Gone, f.peer.Node, f.peer.URL, f.err)
}

// newProxy returns httputil's proxy, which carries requests and answers. The request's context names the node that
// a request is for.
func (p *Peers) newProxy() *httputil.ReverseProxy {
	return &httputil.ReverseProxy{
		Rewrite:        func(r *httputil.ProxyRequest) { p.rewrite(r) },
		Transport:      sealing{p},
		ModifyResponse: p.receive,
		ErrorHandler: func(_ http.ResponseWriter, r *http.Request, err error) {
			if f := underWay(r.Context()); f != nil {
				f.err = err
			}
		},
		ErrorLog:   log.New(quiet{p.cfg.Logger}, "", 0),
		BufferPool: pool{p},
	}
}

func underWay(ctx context.Context) *forwarding {
	f, _ := ctx.Value(forwardingKey{}).(*forwarding)
	return f
}

// rewrite addresses the request. The client's own claims of its origin are not passed on.
func (p *Peers) rewrite(r *httputil.ProxyRequest) {
	f := underWay(r.In.Context())
	in := r.In.URL
	r.Out.URL = &url.URL{
		Scheme: f.url.Scheme, Host: f.url.Host, Path: Path + in.Path,
		RawPath: Path + in.EscapedPath(), RawQuery: in.RawQuery,
	}
	r.Out.Host = f.url.Host
	for _, name := range claims {
		r.Out.Header.Del(name)
	}
	r.Out.Header.Del("Expect") // the body is on its way
}

// claims are headers by which a client, or a proxy, names a request's origin, and headers that only a node may
// send.
var claims = []string{ //nolint:gochecknoglobals // a table
	"Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Forwarded-Port", "X-Real-Ip",
	ticketHeader, proofHeader,
}

// sealing signs requests as they are sent.
type sealing struct{ p *Peers }

// RoundTrip implements http.RoundTripper.
func (s sealing) RoundTrip(r *http.Request) (*http.Response, error) {
	f, p := underWay(r.Context()), s.p
	client, secure := p.cfg.Client(f.in)
	var err error
	if f.expected, err = p.seal(r, f.peer.Node, client, f.in.Host, secure); err != nil {
		return nil, err
	}
	return p.transport.RoundTrip(r) //nolint:wrapcheck // finish wraps it
}

// receive checks that the answer is the node's, and takes a WebSocket over.
func (p *Peers) receive(answer *http.Response) error {
	f := underWay(answer.Request.Context())
	if err := f.expected.check(answer); err != nil {
		return err
	}
	h := f.w.Header()
	for name := range answer.Header { // the other node has set all headers, CORS included
		h.Del(name)
	}
	if answer.StatusCode == http.StatusSwitchingProtocols {
		return p.relay(f, answer)
	}
	answer.Body = drained{answer.Body, answer.Request.Context()}
	return nil
}

// drained ends an event stream as the other node would, instead of breaking it off, when this node stops.
type drained struct {
	io.ReadCloser

	ctx context.Context //nolint:containedctx // the request's
}

func (d drained) Read(b []byte) (int, error) {
	n, err := d.ReadCloser.Read(b)
	if err != nil && errors.Is(context.Cause(d.ctx), errDraining) {
		err = io.EOF
	}
	return n, err
}

// check says what is wrong with an answer, and removes the proof.
func (e proofs) check(answer *http.Response) error {
	proof := answer.Header.Get(proofHeader)
	answer.Header.Del(proofHeader)
	switch proof {
	case e.own:
		return nil
	case e.other:
		return errNotTheOne
	}
	if answer.StatusCode == http.StatusUnauthorized && answer.Header.Get(refusedHeader) != "" {
		return fmt.Errorf("the node there refuses it (%s)", shorten(answer.Header.Get(refusedHeader)))
	}
	return fmt.Errorf("%w (it says %s)", errNotANode, answer.Status)
}

// parseURL parses the URL of a node, which has no path.
func parseURL(text string) (*url.URL, error) {
	if text == "" {
		return nil, errNoURL
	}
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return nil, fmt.Errorf("its address %q is none", shorten(text))
	}
	return u, nil
}

const longestName = 200

func shorten(text string) string {
	if len(text) > longestName {
		return strings.ToValidUTF8(text[:longestName], "") + "…"
	}
	return text
}

// pool lends buffers to the proxy, each for the duration of an answer.
type pool struct{ p *Peers }

func (b pool) Get() []byte {
	return b.p.buffers.Get().(*[bufferSize]byte)[:] //nolint:forcetypeassert,errcheck // New makes nothing else
}

func (b pool) Put(used []byte) { b.p.buffers.Put((*[bufferSize]byte)(used)) }

// quiet discards the proxy's own log lines: Forward logs the same in better words.
type quiet struct{ logger *slog.Logger }

func (q quiet) Write(line []byte) (int, error) {
	q.logger.LogAttrs(context.Background(), slog.LevelDebug, "forwarding", slog.String("proxy", string(line)))
	return len(line), nil
}
