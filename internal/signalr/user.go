package signalr

import "time"

// User returns the connection's user.
func (c *Conn) User() User {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.user
}

// SetUser replaces the connection's user with any other, and with it the time at which the connection must be closed.
// For credentials that a client sends, use [Conn.Replace].
func (c *Conn) SetUser(u User) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.setUser(u)
}

// setUser is SetUser. The lock is held.
func (c *Conn) setUser(u User) {
	var expires int64
	if at := u.ExpiresAt(); !at.IsZero() {
		expires = at.UnixNano()
	}
	c.user = u
	c.expires.Store(expires)
}

// Value returns the value of the last SetValue.
func (c *Conn) Value() any {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.value
}

// SetValue keeps v for the layer above.
func (c *Conn) SetValue(v any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.value = v
}

// exchange sets the user where Replace allows it. The connection's end is made certain under the same lock.
func (c *Conn) exchange(u User) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch at := u.ExpiresAt(); {
	case c.ending != nil:
		return ErrClosed
	case u.ID() != c.user.ID():
		return ErrOtherUser
	case !at.IsZero() && !time.Now().Before(at):
		return ErrExpired
	}
	c.setUser(u)
	return nil
}
