package signalr

import "time"

// Each calls f with every connection, those that have not shaken hands yet, too, without holding up those that come and go. One that is there from the
// beginning to the end is not left out; it may be met twice where others leave meanwhile.
func (s *Server) Each(f func(*Conn)) { s.registry.each(f) }

// Greeted says whether the connection has shaken hands.
func (c *Conn) Greeted() bool { return c.greeted.Load() }

// OpenedAt is when the connection was opened, by this machine's clock.
func (c *Conn) OpenedAt() time.Time { return c.host.epoch.Add(time.Duration(c.clocks.opened)) }

// Transport names how the connection's messages travel: WebSockets, ServerSentEvents or LongPolling. It is empty while a client with stateful
// reconnect is away.
func (c *Conn) Transport() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.transport == nil || c.detached != 0 {
		return ""
	}
	return c.transport.Name()
}
