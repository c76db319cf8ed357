package signalr

import (
	"context"
	"fmt"

	"github.com/gobwas/ws"

	"github.com/yummyzoom/herald/internal/signalr/transport"
	"github.com/yummyzoom/herald/internal/signalr/wire"
)

// handshakeError is a refused handshake: the response is sent, and the connection ends.
type handshakeError struct {
	text  string
	frame wire.Frame
}

func (e *handshakeError) Error() string { return "handshake refused: " + e.text }

func refuseHandshake(text string) error {
	return &handshakeError{text: text, frame: wire.HandshakeFrame(text)}
}

// handshake handles the first record of the connection, as HubConnectionContext.HandshakeAsync does.
func (c *Conn) handshake(record []byte) error {
	request, err := wire.ParseHandshake(record)
	if err != nil {
		return refuseHandshake(textHandshakeError)
	}
	p, ok := c.host.protocolNamed(request.Protocol)
	if !ok {
		return refuseHandshake(textUnsupportedProtocol(request.Protocol))
	}
	if !p.Supports(request.Version) {
		return refuseHandshake(textUnsupportedVersion(p.Name(), request.Version))
	}
	if p.Binary() && !c.transport.Binary() {
		return refuseHandshake(textNeedsBinary(p.Name()))
	}
	c.agree(p, request.Version)
	if err := c.enqueueAndFlush(c.host.greetings[p.Slot()]); err != nil {
		return transport.ErrInterrupted
	}
	c.greeted.Store(true) // only now may other messages be sent
	c.host.registry.connected(c)
	c.connected = true
	return c.greet()
}

// agree sets what the handshake settled. It locks, because the writer may be answering a WebSocket ping meanwhile.
func (c *Conn) agree(p wire.Protocol, version int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.protocol = p
	if c.ticket.Stateful && version >= statefulVersion && c.posts == nil { // only WebSockets can be replaced
		c.stateful = newStateful()
	}
}

// greet calls OnConnected. Where that fails, the client is not asked to come back, as in .NET.
func (c *Conn) greet() error {
	on := &readerMark{conn: c, err: errResultInOnConnected}
	c.reading = context.WithValue(c.ctx, readerKey{}, on)
	_, err := c.guard("OnConnected", func() (any, error) { return nil, c.hub.onConnected(c.reading, c) })
	on.left.Store(true)
	c.reading = context.WithValue(c.ctx, readerKey{}, &readerMark{conn: c, err: errResultInMethod})
	if err == nil {
		return nil
	}
	c.end(ending{
		reason: ClosedByServer,
		err:    fmt.Errorf("connecting: %w", err),
		last:   c.lastWords(describe(textConnectionError, err), false, int(ws.StatusNormalClosure)),
		grace:  flushTimeout,
	})
	return transport.ErrInterrupted
}
