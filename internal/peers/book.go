package peers

import (
	"context"
	"sync"
	"time"

	"github.com/google/uuid"
)

const (
	// refreshInterval is the least time between two reads of the register for a node that is not in the book.
	refreshInterval = time.Second
	refreshTimeout  = 2 * time.Second
)

// Peer is another node, as it registered itself.
type Peer struct {
	Node uuid.UUID
	Host string
	// URL is where it is reached, without a path. Empty: the node's release registers none.
	URL string
	// Alive says that the node reported so within the last seconds.
	Alive bool
}

// book is the register of nodes, as last read.
type book struct {
	mu    sync.Mutex
	peers map[uuid.UUID]Peer
	asked time.Time     // when it was last refreshed on demand
	fresh chan struct{} // closed when the refresh under way is over; nil: none is
}

// Learn replaces the book with all registered nodes.
func (p *Peers) Learn(peers []Peer) {
	known := make(map[uuid.UUID]Peer, len(peers))
	for _, peer := range peers {
		if peer.Node != p.cfg.Node {
			known[peer.Node] = peer
		}
	}
	p.book.mu.Lock()
	strange := false
	for node, peer := range known {
		was, ok := p.book.peers[node]
		strange = strange || !ok || was.URL != peer.URL
	}
	p.book.peers = known
	p.book.mu.Unlock()
	p.found.keep(known)
	p.silent.keep(known)
	if strange {
		select {
		case p.newcomer <- struct{}{}:
		default:
		}
	}
}

// all returns the book.
func (b *book) all() []Peer {
	b.mu.Lock()
	defer b.mu.Unlock()
	peers := make([]Peer, 0, len(b.peers))
	for _, peer := range b.peers {
		peers = append(peers, peer)
	}
	return peers
}

func (b *book) get(node uuid.UUID) (Peer, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	peer, ok := b.peers[node]
	return peer, ok
}

// find returns a node of the book. Where the node is missing the book is read anew: the node may have started a
// moment ago.
func (p *Peers) find(ctx context.Context, node uuid.UUID) (Peer, bool) {
	if peer, ok := p.book.get(node); ok || p.cfg.Refresh == nil {
		return peer, ok
	}
	p.refresh(ctx)
	return p.book.get(node)
}

// refresh reads the register once for all callers, and once a second at most.
func (p *Peers) refresh(ctx context.Context) {
	b := &p.book
	b.mu.Lock()
	wait := b.fresh
	if wait == nil && time.Since(b.asked) < refreshInterval {
		b.mu.Unlock()
		return
	}
	if wait == nil {
		wait = make(chan struct{})
		b.asked, b.fresh = time.Now(), wait
		go p.read(context.WithoutCancel(ctx), wait) // a caller may leave while others wait for the same answer
	}
	b.mu.Unlock()
	select {
	case <-wait:
	case <-ctx.Done():
	}
}

func (p *Peers) read(ctx context.Context, done chan struct{}) {
	ctx, cancel := context.WithTimeout(ctx, refreshTimeout)
	defer cancel()
	peers, err := p.cfg.Refresh(ctx)
	if err == nil {
		p.Learn(peers)
	}
	p.book.mu.Lock()
	p.book.fresh = nil
	p.book.mu.Unlock()
	close(done)
}
