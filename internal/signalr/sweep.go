package signalr

import (
	"context"
	"time"

	"github.com/gobwas/ws"

	"github.com/yummyzoom/herald/internal/signalr/wire"
)

// sweepInterval is how often all connections are checked: half of the second within which an expired one must go.
const sweepInterval = 500 * time.Millisecond

// Run sweeps: it sends the keep-alive pings, and ends connections that are silent, stuck, late with the handshake, or
// expired. No connection has a timer of its own. When ctx ends, Run shuts the server down. It returns when all
// connections are gone, with nil unless some had to be cut off.
func (s *Server) Run(ctx context.Context) error {
	ticker := time.NewTicker(sweepInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			s.sweep(time.Now())
		case <-s.registry.gone:
			return nil
		case <-ctx.Done():
			return s.finish(ctx, ticker)
		}
	}
}

// finish goes on sweeping while the connections leave, to cut off stuck ones.
func (s *Server) finish(ctx context.Context, ticker *time.Ticker) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.cfg.ShutdownSpread+shutdownTimeout)
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- s.Shutdown(ctx) }()
	for {
		select {
		case <-ticker.C:
			s.sweep(time.Now())
		case err := <-done:
			return err
		}
	}
}

// sweep checks every connection once.
func (s *Server) sweep(now time.Time) {
	elapsed, wall := int64(now.Sub(s.epoch)), now.UnixNano()
	s.registry.each(func(c *Conn) { c.check(elapsed, wall) })
	s.registry.forget(s.cfg.Now().UnixNano())
}

// check does what is due for a connection at the time given: elapsed in nanoseconds since the server was made, wall
// since 1970.
func (c *Conn) check(elapsed, wall int64) {
	cfg := &c.host.cfg
	if c.polls == nil && c.clocks.stuck(elapsed, int64(cfg.WriteTimeout)) {
		c.end(ending{reason: ClientTooSlow, err: errStuck, drop: true, abort: true})
		return
	}
	if expires := c.expires.Load(); expires > 0 && wall >= expires {
		c.end(ending{
			reason: CredentialsExpired,
			last:   c.lastWords(textExpired, true, int(ws.StatusNormalClosure)),
			grace:  flushTimeout,
			unless: func() bool { return c.expires.Load() != expires }, // it has been given new credentials
		})
		return
	}
	if c.polls != nil && c.polls.Absent(elapsed) > int64(cfg.DisconnectTimeout) {
		c.end(ending{reason: ClientTimedOut, err: errUnpolled, drop: true, abort: true})
		return
	}
	if !c.greeted.Load() {
		if elapsed-c.clocks.opened > int64(cfg.HandshakeTimeout) {
			c.end(ending{
				reason: HandshakeFailed,
				err:    errSilent,
				last:   append([]wire.Frame{wire.HandshakeFrame(textHandshakeLate)}, c.goodbye(int(ws.StatusNormalClosure))...),
				grace:  overflowGrace,
			})
		}
		return
	}
	if c.polls != nil { // .NET calls it inherent keep-alive
		return
	}
	if c.stateful != nil {
		if c.checkDetached(elapsed) {
			return
		}
		c.ack()
	}
	if c.clocks.silent(elapsed, int64(cfg.ClientTimeout)) {
		c.timeOut()
		return
	}
	if c.clocks.idle(elapsed, int64(cfg.KeepAliveInterval)) {
		c.ping()
	}
}
