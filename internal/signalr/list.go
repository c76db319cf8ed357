package signalr

import "time"

// Each calls f with every connection, also those before their handshake, without delaying connections that come and
// go. It leaves out no connection that is there from the beginning to the end, and may meet one twice where others
// leave meanwhile.
func (s *Server) Each(f func(*Conn)) { s.registry.each(f) }

// Greeted says whether the connection has shaken hands.
func (c *Conn) Greeted() bool { return c.greeted.Load() }

// OpenedAt is when the connection was opened, by this machine's clock.
func (c *Conn) OpenedAt() time.Time { return c.host.epoch.Add(time.Duration(c.clocks.opened)) }

// Transport names the connection's transport: WebSockets, ServerSentEvents or LongPolling. It is empty while a client
// with stateful reconnect is away.
func (c *Conn) Transport() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.transport == nil || c.detached != 0 {
		return ""
	}
	return c.transport.Name()
}
