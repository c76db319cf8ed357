package transport

import (
	"fmt"
	"net"
	"os"

	"github.com/yummyzoom/herald/internal/signalr/wire"
)

// errDeadline is a socket's error after its deadline.
var errDeadline = os.ErrDeadlineExceeded

const (
	// MaxVector is how many frames one writev takes. The runtime keeps the vector for as long as the socket lives, 16
	// bytes a frame.
	MaxVector = 128
	// maxRun is how many bytes are joined to one write where the socket has no writev: a TLS record is 16 KiB at most.
	maxRun = 16 << 10
)

// Write sends all frames in as few system calls as the socket allows.
func (t *webSocket) Write(frames []*wire.Frame) error {
	if len(frames) == 1 {
		return wrapWrite(t.conn.Write(frames[0].Bytes))
	}
	if tcp, ok := t.conn.(*net.TCPConn); ok {
		return t.writeVectors(tcp, frames)
	}
	return t.writeRuns(frames)
}

func (t *webSocket) writeVectors(tcp *net.TCPConn, frames []*wire.Frame) error {
	v := t.buffers.vector()
	defer t.buffers.putVector(v)
	for len(frames) > 0 {
		n := min(len(frames), MaxVector)
		v.all = v.all[:0]
		for _, f := range frames[:n] {
			v.all = append(v.all, f.Bytes)
		}
		v.left = v.all
		if _, err := v.left.WriteTo(tcp); err != nil {
			return fmt.Errorf("writing to socket: %w", err)
		}
		frames = frames[n:]
	}
	return nil
}

func (t *webSocket) writeRuns(frames []*wire.Frame) error {
	run := t.buffers.get()
	defer func() { t.buffers.Put(run) }()
	for i, f := range frames {
		run = append(run, f.Bytes...)
		if i+1 < len(frames) && len(run)+len(frames[i+1].Bytes) <= maxRun {
			continue
		}
		if err := wrapWrite(t.conn.Write(run)); err != nil {
			return err
		}
		run = run[:0]
	}
	return nil
}

func wrapWrite(_ int, err error) error {
	if err != nil {
		return fmt.Errorf("writing to socket: %w", err)
	}
	return nil
}
