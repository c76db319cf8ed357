package transport

import (
	"errors"
	"fmt"
	"net"
	"sync"
	"syscall"

	"github.com/yummyzoom/herald/internal/signalr/wire"
)

// maxJoined is how many bytes are copied into one write at most.
const maxJoined = 64 << 10

// rawSocket returns what WriteNow needs, or nil: behind TLS it cannot be known beforehand whether a write would wait.
func rawSocket(conn net.Conn) syscall.RawConn {
	tcp, ok := conn.(*net.TCPConn)
	if !ok {
		return nil
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return nil
	}
	return raw
}

// WriteNow joins the frames to runs, each written by one system call. Up to maxJoined bytes, copying frames costs
// less than telling the kernel where each of them is.
func (t *webSocket) WriteNow(frames []*wire.Frame) (whole, part int, err error) {
	if t.raw == nil {
		return 0, 0, nil
	}
	a, _ := attempts.Get().(*attempt)
	defer a.release()
	for whole < len(frames) {
		count := a.gather(frames[whole:])
		written, err := a.write(t.raw)
		if err != nil {
			return whole, 0, err
		}
		if written == len(a.data) {
			whole += count
			continue
		}
		for written >= len(frames[whole].Bytes) {
			written -= len(frames[whole].Bytes)
			whole++
		}
		return whole, written, nil
	}
	return whole, 0, nil
}

// attempt is a write that does not wait.
type attempt struct {
	run  []byte // the memory to join frames in; nil until it is needed
	data []byte // what is to be written

	written int
	err     error
	try     func(fd uintptr) bool // bound once, so that a write allocates nothing
}

var attempts = sync.Pool{New: func() any { //nolint:gochecknoglobals // memory to borrow
	a := &attempt{}
	a.try = a.system
	return a
}}

func (a *attempt) release() {
	a.data = nil
	attempts.Put(a)
}

// gather joins the first frames to the data, and returns how many they are.
func (a *attempt) gather(frames []*wire.Frame) int {
	if a.data = frames[0].Bytes; len(frames) == 1 || len(a.data) >= maxJoined {
		return 1
	}
	if a.run == nil {
		a.run = make([]byte, 0, maxJoined)
	}
	run, count := a.run[:0], 0
	for _, f := range frames {
		if len(run)+len(f.Bytes) > maxJoined {
			break
		}
		run = append(run, f.Bytes...)
		count++
	}
	a.data = run
	return count
}

// write returns how many bytes of the data the socket has taken.
func (a *attempt) write(raw syscall.RawConn) (int, error) {
	a.written, a.err = 0, nil
	err := raw.Write(a.try)
	if err == nil {
		err = a.err
	}
	if err != nil {
		return 0, fmt.Errorf("writing to socket: %w", err)
	}
	return a.written, nil
}

// system makes the system call for RawConn. It returns true, so that RawConn does not wait and call again.
func (a *attempt) system(fd uintptr) bool {
	for {
		n, err := syscall.Write(int(fd), a.data)
		switch {
		case errors.Is(err, syscall.EINTR):
			continue
		case errors.Is(err, syscall.EAGAIN):
		case err != nil:
			a.err = err
		default:
			a.written = n
		}
		return true
	}
}
