package peers

import (
	"context"
	"time"
)

// paceInterval is how often some of the requests are ended.
const paceInterval = 20 * time.Millisecond

// Drain ends the requests that wait, evenly over spread, as the connections of this node are ended: event streams
// end, polls are answered empty, WebSockets are closed; their clients connect anew elsewhere. New such requests are
// refused from then on. A POST does not wait: it is passed on, then and later.
func (p *Peers) Drain(ctx context.Context, spread time.Duration) {
	p.mu.Lock()
	p.draining = true
	var streams []*forwarding
	for f := range p.under {
		if f.streams {
			streams = append(streams, f)
		}
	}
	p.mu.Unlock()
	p.retire(ctx, streams, spread)
}

// Shutdown is Drain, and returns when no request is under way any more, or when ctx ends, which cuts the rest off.
func (p *Peers) Shutdown(ctx context.Context, spread time.Duration) {
	p.Drain(ctx, spread)
	ticker := time.NewTicker(paceInterval)
	defer ticker.Stop()
	for p.Forwarding() > 0 {
		select {
		case <-ticker.C:
			continue
		case <-ctx.Done():
		}
		p.mu.Lock()
		for f := range p.under {
			f.end(errDraining)
		}
		p.mu.Unlock()
		break
	}
	p.relays.Wait()
	p.transport.CloseIdleConnections()
}

// retire ends streams, one after another.
func (p *Peers) retire(ctx context.Context, streams []*forwarding, spread time.Duration) {
	ticker := time.NewTicker(paceInterval)
	defer ticker.Stop()
	started, all := time.Now(), len(streams)
	for len(streams) > 0 {
		due := all
		if since := time.Since(started); since < spread {
			due = int(float64(all) * float64(since) / float64(spread))
		}
		for ; len(streams) > 0 && all-len(streams) < due; streams = streams[1:] {
			p.mu.Lock()
			end := streams[0].end // a relay sets an end of its own
			p.mu.Unlock()
			end(errDraining)
		}
		if len(streams) == 0 {
			return
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
	}
}
