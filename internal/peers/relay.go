package peers

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"time"
)

// partingTimeout is how long one side of a WebSocket may continue when the other has ended.
const partingTimeout = time.Second

// relay takes the client's socket from the HTTP server and copies both ways until either side ends. It returns at
// once, so that the HTTP server's memory for the request is freed.
func (p *Peers) relay(f *forwarding, answer *http.Response) error {
	back, ok := answer.Body.(io.ReadWriteCloser)
	if !ok {
		return fmt.Errorf("%w: its WebSocket cannot be written to", errNotANode)
	}
	conn, rw, err := f.w.controller.Hijack()
	if err != nil {
		return fmt.Errorf("taking the client's socket over: %w", err)
	}
	answer.Body = http.NoBody // the proxy closes it
	f.w.begun, f.handed = true, true
	ws := &webSocket{client: conn, node: back, timeout: p.cfg.WriteTimeout}
	if err := ws.answer(f.w.Header(), answer); err != nil {
		ws.close()
		p.leave(f)
		return errRelayed
	}
	early, _ := rw.Peek(rw.Reader.Buffered()) // cannot fail: that much is buffered
	early = append([]byte(nil), early...)
	// The request's context ends with its handler.
	ctx, end := context.WithCancelCause(context.WithoutCancel(f.in.Context()))
	p.mu.Lock()
	f.end, f.in, f.w = end, nil, nil
	draining := p.draining
	p.mu.Unlock()
	if draining {
		end(errDraining)
	}
	p.relays.Go(func() {
		defer p.leave(f)
		stop := context.AfterFunc(ctx, ws.close)
		defer stop()
		ws.run(p, early)
	})
	return errRelayed
}

// webSocket is a WebSocket whose two ends are on two machines.
type webSocket struct {
	client  net.Conn
	node    io.ReadWriteCloser
	timeout time.Duration // of a write
}

// answer writes the other node's response, which opens the WebSocket.
func (ws *webSocket) answer(ours http.Header, answer *http.Response) error {
	_ = ws.client.SetWriteDeadline(time.Now().Add(ws.timeout)) // every socket supports it
	w := bufio.NewWriterSize(ws.client, bufferSize)
	maps.Copy(answer.Header, ours)
	// Flush reports the error
	_, _ = fmt.Fprintf(w, "HTTP/1.1 %d %s\r\n", answer.StatusCode, http.StatusText(answer.StatusCode))
	_ = answer.Header.Write(w)
	_, _ = w.WriteString("\r\n")
	if err := w.Flush(); err != nil {
		return fmt.Errorf("answering the client: %w", err)
	}
	_ = ws.client.SetWriteDeadline(time.Time{}) // from now on each write has its own time-out
	return nil
}

func (ws *webSocket) close() {
	_ = ws.node.Close()
	_ = ws.client.Close()
}

// run copies until both directions have ended, the second soon after the first.
func (ws *webSocket) run(p *Peers, early []byte) {
	defer ws.close()
	// A write that takes too long closes both sides: the other node's end supports no deadlines.
	toNode := timed{ws.node, ws.timeout, ws.close}
	up := make(chan struct{})
	go func() {
		defer close(up)
		if len(early) > 0 {
			if _, err := toNode.Write(early); err != nil {
				ws.close()
				return
			}
		}
		p.copy(toNode, ws.client)
		// The client has left. Its last data is on its way; the other node ends the rest.
		time.AfterFunc(partingTimeout, ws.close)
	}()
	p.copy(timed{ws.client, ws.timeout, ws.close}, ws.node)
	// The other node has ended the WebSocket, or is gone. The client's data is still read, because unread data would
	// reset the connection before the client has read the end.
	if half, ok := ws.client.(interface{ CloseWrite() error }); ok {
		_ = half.CloseWrite() // close reports the error
	}
	_ = ws.node.Close()
	_ = ws.client.SetReadDeadline(time.Now().Add(partingTimeout)) // every socket supports it
	<-up
}

func (p *Peers) copy(dst io.Writer, src io.Reader) {
	buffer := p.buffers.Get().(*[bufferSize]byte) //nolint:forcetypeassert,errcheck // New makes nothing else
	defer p.buffers.Put(buffer)
	for {
		n, err := src.Read(buffer[:])
		if n > 0 {
			if _, err := dst.Write(buffer[:n]); err != nil {
				if closer, ok := src.(io.Closer); ok && !errors.Is(err, io.EOF) {
					_ = closer.Close()
				}
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// timed bounds each write.
type timed struct {
	to      io.Writer
	timeout time.Duration
	expire  func()
}

func (t timed) Write(b []byte) (int, error) {
	late := time.AfterFunc(t.timeout, t.expire)
	defer late.Stop()
	return t.to.Write(b) //nolint:wrapcheck // nobody reads it
}
