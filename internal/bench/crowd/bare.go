package crowd

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"

	"github.com/gobwas/ws"
)

// The path selects the bare server's behaviour.
const (
	bareRest   = "/rest"   // echo, reads little ahead
	bareEcho   = "/echo"   // echo, reads far ahead
	bareFrames = "/frames" // answer the first message with the prebuilt frames too
	bareReplay = "/replay" // the same with the second message: the first is the handshake
)

// bare is a minimal WebSocket server: the library, a goroutine a connection, and nothing else. It is the baseline of
// the benches that measure a server process.
type bare struct {
	*child

	url string
}

// startBare starts the process. At /frames and /replay it sends this many frames of a size, headers included.
func startBare(ctx context.Context, program string, frames, size int) (*bare, error) {
	c, err := startChild(ctx, "the bare server", program, nil, "bench", "bare",
		fmt.Sprintf("--frames=%d", frames), fmt.Sprintf("--size=%d", size))
	if err != nil {
		return nil, err
	}
	line, err := bufio.NewReader(c.out).ReadString('\n')
	if err != nil {
		err = c.lost(ctx, err)
		c.stop()
		return nil, err
	}
	return &bare{c, "http://" + strings.TrimSpace(line)}, nil
}

// ServeBare is the bare server's process: it writes its address to out and serves until in ends. At /frames and
// /replay it sends count frames of size bytes.
func ServeBare(ctx context.Context, in io.Reader, out io.Writer, count, size int) error {
	var listen net.ListenConfig
	l, err := listen.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("listening: %w", err)
	}
	defer func() { _ = l.Close() }()
	if _, err := fmt.Fprintln(out, l.Addr()); err != nil {
		return fmt.Errorf("telling the address: %w", err)
	}
	frame := fillerFrame(size)
	failed := make(chan error, 1)
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				failed <- fmt.Errorf("accepting: %w", err)
				return
			}
			go func() {
				serveBare(conn, frame, count)
				_ = conn.Close()
			}()
		}
	}()
	ended := make(chan struct{})
	go func() {
		_, _ = io.Copy(io.Discard, in) // only the end of in matters
		close(ended)
	}()
	select {
	case err := <-failed:
		return err
	case <-ended: // connections are not waited for: the process ends
		return nil
	case <-ctx.Done():
		return nil
	}
}

// fillerFrame is a frame of this many bytes, its header included, with meaningless content.
func fillerFrame(size int) []byte {
	for payload := max(size, 0); payload >= 0; payload-- {
		if h := ws.HeaderSize(ws.Header{Length: int64(payload)}); h+payload <= size {
			return plainFrame(bytes.Repeat([]byte{' '}, payload))
		}
	}
	return nil
}

// serveBare serves one connection until it fails.
func serveBare(conn net.Conn, frame []byte, count int) {
	const littleAhead, farAhead = 256, 4096
	ahead, frames, hold := littleAhead, net.Buffers(nil), 0
	upgrader := ws.Upgrader{OnRequest: func(uri []byte) error {
		path, _, _ := bytes.Cut(uri, []byte{'?'})
		switch string(path) {
		case bareRest:
		case bareEcho:
			ahead = farAhead
		case bareFrames, bareReplay:
			frames = slices.Repeat(net.Buffers{frame}, count)
			if string(path) == bareReplay {
				hold = 1
			}
		default:
			return ws.RejectConnectionError(ws.RejectionStatus(404)) //nolint:mnd // not found
		}
		return nil
	}}
	if _, err := upgrader.Upgrade(conn); err != nil {
		return
	}
	in := bufio.NewReaderSize(conn, ahead)
	var space []byte
	for {
		var err error
		if space, err = echo(conn, in, space); err != nil {
			return
		}
		if hold--; hold < 0 && len(frames) > 0 {
			if _, err := frames.WriteTo(conn); err != nil {
				return
			}
		}
	}
}

var errClosing = errors.New("client says goodbye")

// echo sends one message back. space is the buffer for it.
func echo(conn net.Conn, in *bufio.Reader, space []byte) ([]byte, error) {
	h, err := ws.ReadHeader(in)
	if err != nil {
		return space, fmt.Errorf("reading: %w", err)
	}
	if h.OpCode == ws.OpClose {
		return space, errClosing
	}
	answer := ws.Header{Fin: h.Fin, OpCode: h.OpCode, Length: h.Length}
	header := ws.HeaderSize(answer)
	if need := header + int(h.Length); cap(space) < need {
		space = make([]byte, need)
	}
	space = space[:header+int(h.Length)]
	if _, err := io.ReadFull(in, space[header:]); err != nil {
		return space, fmt.Errorf("reading: %w", err)
	}
	ws.Cipher(space[header:], h.Mask, 0)
	if err := ws.WriteHeader(bytes.NewBuffer(space[:0]), answer); err != nil {
		return space, fmt.Errorf("writing: %w", err)
	}
	if _, err := conn.Write(space); err != nil {
		return space, fmt.Errorf("writing: %w", err)
	}
	return space, nil
}
