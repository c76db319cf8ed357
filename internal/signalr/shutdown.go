package signalr

import (
	"context"
	"fmt"
	"time"

	"github.com/gobwas/ws"
)

const (
	// leastPace is how many connections a second are told to leave at least: a few are gone at once, however long the
	// spread.
	leastPace = 100
	// paceInterval is how often the next ones are told.
	paceInterval = 10 * time.Millisecond
	// inFlightTimeout is how long after the spread a running invocation may take to complete.
	inFlightTimeout = 2 * time.Second
)

// Shutdown lets no client in any more, and asks every client to reconnect: evenly over Config.ShutdownSpread, so that
// they do not arrive together where they go. A client whose turn has not come is served as ever. For a client whose
// turn has come, the running invocation is completed, and the queue and a Close message with allowReconnect are sent;
// then it is closed. A client that leaves by itself does not delay the others. Shutdown waits until all are gone.
// Where ctx ends first it cuts the rest off and returns the context's error.
func (s *Server) Shutdown(ctx context.Context) error {
	s.retire(ctx, s.registry.close())
	inFlight := time.NewTimer(inFlightTimeout)
	defer inFlight.Stop()
	select {
	case <-s.registry.gone:
		return nil
	case <-ctx.Done():
	case <-inFlight.C:
		for _, c := range s.registry.close() {
			c.end(c.shutdownEnding()) // cancels the running hub method
		}
	}
	select {
	case <-s.registry.gone:
		return nil
	case <-ctx.Done():
	}
	for _, c := range s.registry.close() {
		c.end(ending{reason: ServerShuttingDown, drop: true, abort: true})
		c.cutOff()
	}
	select {
	case <-s.registry.gone:
	case <-time.After(cutOffTimeout): // a hub method does not heed its context
	}
	return fmt.Errorf("shutting down SignalR: %w", context.Cause(ctx))
}

// retire lets the connections end one after another. It returns when each has been told, or none is left.
func (s *Server) retire(ctx context.Context, conns []*Conn) {
	pace, atOnce := 0.0, len(conns)
	if spread := s.cfg.ShutdownSpread.Seconds(); spread > 0 {
		pace, atOnce = max(leastPace, float64(len(conns))/spread), 1
	}
	ticker := time.NewTicker(paceInterval)
	defer ticker.Stop()
	started, told := time.Now(), 0
	for {
		due := atOnce + int(pace*time.Since(started).Seconds())
		for ; len(conns) > 0 && told < due; conns = conns[1:] {
			if conns[0].retire() {
				told++
			}
		}
		if len(conns) == 0 {
			return
		}
		select {
		case <-ticker.C:
		case <-s.registry.gone:
			return
		case <-ctx.Done():
			return
		}
	}
}

// retire lets the connection end for the shutdown: its reader reads no more, and ends it once it has handled what it
// has read. Streams, which may have no end, are cancelled then. It returns false where the connection is ending
// already.
func (c *Conn) retire() bool {
	c.mu.Lock()
	if c.ending != nil || c.retiring.Swap(true) {
		c.mu.Unlock()
		return false
	}
	detached := c.detached != 0
	c.transport.Interrupt() // under the lock, so that the reader cannot be lingering yet
	c.mu.Unlock()
	if detached { // the client is away, and will come back to another server
		c.end(c.shutdownEnding())
	}
	return true
}

func (c *Conn) shutdownEnding() ending {
	return ending{
		reason: ServerShuttingDown,
		last:   c.lastWords("", true, int(ws.StatusNormalClosure)),
		grace:  flushTimeout,
	}
}

// shutdownTimeout is how long after the spread Run waits for the connections when its context ends.
const shutdownTimeout = 10 * time.Second

// cutOffTimeout is how long connections that were cut off may take to notice.
const cutOffTimeout = time.Second
