package signalr

import "context"

// open starts the connection on a goroutine of its own, so that the HTTP server's memory for the request is freed.
func (c *Conn) open(user User) {
	c.prepare(user)
	if c.enlist() {
		go c.serve()
	}
}

// prepare sets what ending the connection needs.
func (c *Conn) prepare(user User) {
	c.ctx, c.cancel = context.WithCancel(context.Background())
	c.drain = c.write
	c.clocks.opened = c.now()
	c.clocks.refresh(c.clocks.opened)
	c.SetUser(user)
}

// enlist adds the connection to the server's; the caller then calls serve. It returns false where the server is
// shutting down.
func (c *Conn) enlist() bool {
	if !c.host.registry.add(c) {
		c.cancel()
		c.transport.Close()
		return false
	}
	c.host.cfg.Metrics.of(c.hub).connections.Inc()
	return true
}
