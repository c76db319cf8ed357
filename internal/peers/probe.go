package peers

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"
)

const (
	pingTimeout = 2 * time.Second
	pingsAtOnce = 8
	// confirmAfter is how long after a failed probe the node is probed once more, before the failure is reported.
	confirmAfter = time.Second
	// mostFindings is how many unreachable nodes are reported, and longestError how much of each error.
	mostFindings = 16
	longestError = 300
	toldEvery    = time.Minute
)

// Finding is a node that this one cannot reach, and why.
type Finding struct {
	Node  uuid.UUID `json:"node"`
	Host  string    `json:"host"`
	URL   string    `json:"url"` // the URL that was tried
	Error string    `json:"error"`
}

// findings are the results of the last probes, by node.
type findings struct {
	mu     sync.Mutex
	probed map[uuid.UUID]probed
}

type probed struct {
	peer   Peer // as it was probed
	err    error
	failed int       // failures in a row
	told   time.Time // when it was last logged
}

// keep forgets the nodes that are no longer registered.
func (f *findings) keep(known map[uuid.UUID]Peer) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for node := range f.probed {
		if _, ok := known[node]; !ok {
			delete(f.probed, node)
		}
	}
}

// Run probes every other node, every few seconds and when one is new, until ctx ends.
func (p *Peers) Run(ctx context.Context) error {
	for {
		p.Probe(ctx)
		// Random, so that the nodes do not probe at the same time.
		wait := p.cfg.ProbeInterval*9/10 + rand.N(p.cfg.ProbeInterval/5+1) //nolint:gosec,mnd // no secret; a tenth more or less
		select {
		case <-ctx.Done():
			return nil
		case <-p.newcomer:
		case <-time.After(wait):
		}
	}
}

// Probe probes every other node that is alive once, and once more at the first failure in a row.
func (p *Peers) Probe(ctx context.Context) {
	var group errgroup.Group
	group.SetLimit(pingsAtOnce)
	for _, peer := range p.book.all() {
		if !peer.Alive {
			continue
		}
		group.Go(func() error {
			err := p.ping(ctx, peer)
			if err != nil && p.found.add(peer, err) == 1 {
				select {
				case <-ctx.Done():
				case <-time.After(confirmAfter):
				}
				err = p.ping(ctx, peer)
			}
			if ctx.Err() == nil {
				p.probed(ctx, peer, err)
			}
			return nil
		})
	}
	_ = group.Wait() // none fails
}

// add stores the result of a probe, and returns how many in a row have failed.
func (f *findings) add(peer Peer, err error) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.probed == nil {
		f.probed = map[uuid.UUID]probed{}
	}
	was := f.probed[peer.Node]
	now := probed{peer: peer, err: err, told: was.told}
	if err != nil {
		now.failed = was.failed + 1
	}
	f.probed[peer.Node] = now
	return now.failed
}

// probed stores the result of a confirmed probe, and logs it.
func (p *Peers) probed(ctx context.Context, peer Peer, err error) {
	p.found.mu.Lock()
	was := p.found.probed[peer.Node]
	p.found.mu.Unlock()
	failed := p.found.add(peer, err)
	now := time.Now()
	switch {
	case err == nil && !was.told.IsZero():
		p.cfg.Logger.LogAttrs(ctx, slog.LevelInfo, "another node can be reached again",
			slog.String("node", peer.Node.String()), slog.String("node_host", peer.Host), slog.String("address", peer.URL))
		p.found.tell(peer.Node, time.Time{})
	case failed > 1 && now.Sub(was.told) > toldEvery && p.stillAlive(peer):
		p.found.tell(peer.Node, now)
		p.cfg.Logger.LogAttrs(ctx, slog.LevelWarn,
			"another node cannot be reached: what is sent here for connections that it holds cannot be forwarded",
			slog.String("node", peer.Node.String()), slog.String("node_host", peer.Host),
			slog.String("address", peer.URL), slog.Any("error", err))
	}
}

func (f *findings) tell(node uuid.UUID, at time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if was, ok := f.probed[node]; ok {
		was.told = at
		f.probed[node] = was
	}
}

func (p *Peers) stillAlive(peer Peer) bool {
	now, ok := p.book.get(peer.Node)
	return ok && now.Alive
}

// Unreachable returns the nodes that are alive but failed two probes in a row: of many, some.
func (p *Peers) Unreachable() []Finding {
	var all []Finding
	for _, state := range p.States() {
		if state.Err != nil {
			all = append(all, Finding{Node: state.Node, Host: state.Host, URL: state.URL, Error: cutText(state.Err.Error())})
		}
	}
	return all[:min(len(all), mostFindings)]
}

// State is another node that is alive, and why it cannot be reached; nil where it can.
type State struct {
	Peer

	Err error
}

// States returns the probed nodes that are alive, by host.
func (p *Peers) States() []State {
	p.found.mu.Lock()
	defer p.found.mu.Unlock()
	var states []State
	for node, found := range p.found.probed {
		peer, ok := p.book.get(node)
		if !ok || !peer.Alive {
			continue
		}
		state := State{Peer: found.peer}
		if found.failed > 1 {
			state.Err = found.err
		}
		states = append(states, state)
	}
	slices.SortFunc(states, func(a, b State) int {
		return strings.Compare(a.Host+a.Node.String(), b.Host+b.Node.String())
	})
	return states
}

func cutText(text string) string {
	if len(text) > longestError {
		return strings.ToValidUTF8(text[:longestError], "") + "…"
	}
	return text
}

// ping probes another node over the path of forwarded requests.
func (p *Peers) ping(ctx context.Context, peer Peer) error {
	u, err := parseURL(peer.URL)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, pingTimeout, errSilent)
	defer cancel()
	u.Path = Path + pingPath
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), http.NoBody)
	if err != nil {
		return fmt.Errorf("its address %q is none", shorten(peer.URL))
	}
	expected, err := p.seal(r, peer.Node, netip.Addr{}, "", false)
	if err != nil {
		return err
	}
	answer, err := p.transport.RoundTrip(r)
	if err != nil {
		if errors.Is(context.Cause(ctx), errSilent) {
			return errSilent
		}
		return err //nolint:wrapcheck // it names the address
	}
	defer answer.Body.Close()
	_, _ = io.CopyN(io.Discard, answer.Body, bufferSize) // so that the connection can be used again
	return expected.check(answer)
}

var errSilent = fmt.Errorf("no answer within %s", pingTimeout)
