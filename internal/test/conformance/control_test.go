package conformance_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"
)

// control does for a case what a hub method cannot. POST /control/{op}: the body is the op's argument in JSON. The
// answer is the op's result, or 500 with the reason.
func (w *world) control(rw http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), patience)
	defer cancel()
	var a controlArgument
	err := json.NewDecoder(r.Body).Decode(&a)
	var result any
	if err == nil {
		result, err = w.do(ctx, r.PathValue("op"), a)
	}
	if err != nil {
		http.Error(rw, err.Error(), http.StatusInternalServerError)
		return
	}
	rw.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(rw).Encode(result)
}

// controlArgument has the arguments of all ops.
type controlArgument struct {
	Connection string           `json:"connection"` // a connection id
	Case       string           `json:"case"`
	Key        string           `json:"key"`
	Token      string           `json:"token"`
	Path       string           `json:"path"`  // of a server of the case's own
	Proxy      string           `json:"proxy"` // its address
	Target     string           `json:"target"`
	Args       []any            `json:"args"`
	Reason     string           `json:"reason"`
	Reconnect  bool             `json:"reconnect"`
	Count      int              `json:"count"`
	How        string           `json:"how"`
	After      map[string]int64 `json:"after"` // bytes that pass before a cut, by direction
}

func (w *world) do(ctx context.Context, op string, a controlArgument) (any, error) {
	switch op {
	case "requests": // the requests that the case has made so far
		w.mu.Lock()
		defer w.mu.Unlock()
		return append([]request{}, w.requests[a.Case]...), nil
	case "revoke": // makes a token bad
		w.mu.Lock()
		defer w.mu.Unlock()
		w.revoked[a.Token] = true
		return nil, nil
	case "holding": // waits until Hold runs
		return nil, w.gate(a.Key).awaitHolding(ctx)
	case "release": // ends Hold
		return nil, w.gate(a.Key).release()
	case "send": // calls a method of the client's
		return w.withPeer(ctx, a, func(p *peer) (any, error) { return nil, send(p.conn, a.Target, a.Args...) })
	case "ask": // calls a method of the client's and returns its result
		return w.withPeer(ctx, a, func(p *peer) (any, error) { return p.ask(ctx, a) })
	case "close": // closes the connection
		return w.withPeer(ctx, a, func(p *peer) (any, error) { p.conn.Close(a.Reason, a.Reconnect); return nil, nil })
	case "noted": // waits until the client has sent so many numbers
		return w.withPeer(ctx, a, func(p *peer) (any, error) { return p.awaitNoted(ctx, a.Count) })
	case "ended": // waits until the connection is gone for the hub, and returns why
		return w.withPeer(ctx, a, func(p *peer) (any, error) { return p.awaitEnd(ctx) })
	case "server": // runs another one
		return nil, w.newServer(a.Path) //nolint:contextcheck // the server outlives the request
	case "shutdown": // shuts that one down
		return nil, w.shutDown(a.Path)
	case "proxy": // opens a proxy in front of the servers
		return w.newProxy(ctx)
	case "cut", "stall", "resume", "shut":
		return w.onProxy(op, a)
	default:
		return nil, fmt.Errorf("no such op: %q", op)
	}
}

// withPeer waits for the connection, which the client may know before the hub does.
func (w *world) withPeer(ctx context.Context, a controlArgument, f func(*peer) (any, error)) (any, error) {
	for {
		w.mu.Lock()
		p, arrived := w.peers[a.Connection], w.arrived
		w.mu.Unlock()
		if p != nil {
			return f(p)
		}
		select {
		case <-arrived:
		case <-ctx.Done():
			return nil, fmt.Errorf("waiting for connection %q: %w", a.Connection, ctx.Err())
		}
	}
}

// ended says why a connection is gone.
type ended struct {
	Error string `json:"error"` // empty where one side said goodbye
}

func (p *peer) awaitEnd(ctx context.Context) (any, error) {
	select {
	case <-p.ended:
	case <-ctx.Done():
		return nil, fmt.Errorf("waiting for the connection's end: %w", ctx.Err())
	}
	var e ended
	if p.err != nil {
		e.Error = p.err.Error()
	}
	return e, nil
}

func (p *peer) awaitNoted(ctx context.Context, count int) (any, error) {
	const lookAgain = 5 * time.Millisecond
	tick := time.NewTicker(lookAgain)
	defer tick.Stop()
	for {
		if t := p.tally(); t.Count >= count {
			return t, nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil, fmt.Errorf("waiting for %d numbers, of which there are %d: %w", count, p.tally().Count, ctx.Err())
		}
	}
}

// gate is what Hold waits for.
type gate struct {
	holding, released chan struct{}

	mu sync.Mutex // guards closing them
}

func (w *world) gate(key string) *gate {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.gates[key] == nil {
		w.gates[key] = &gate{holding: make(chan struct{}), released: make(chan struct{})}
	}
	return w.gates[key]
}

func (g *gate) hold(ctx context.Context) error {
	if err := g.close(g.holding); err != nil {
		return err
	}
	select {
	case <-g.released:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (g *gate) awaitHolding(ctx context.Context) error {
	select {
	case <-g.holding:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("waiting for a call of Hold: %w", ctx.Err())
	}
}

func (g *gate) release() error { return g.close(g.released) }

func (g *gate) close(c chan struct{}) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	select {
	case <-c:
		return errors.New("the key was used before")
	default:
		close(c)
		return nil
	}
}
