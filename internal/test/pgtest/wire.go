package pgtest

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/url"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// entrance is a listener of the test's own and everything that runs behind it.
type entrance struct {
	listener net.Listener
	running  sync.WaitGroup

	mu     sync.Mutex
	closed bool
	open   map[net.Conn]struct{}
}

// enter opens a listener whose connections are given to serve; all of them end with the test.
func (e *entrance) enter(tb testing.TB, serve func(net.Conn)) {
	tb.Helper()
	var err error
	e.listener, err = new(net.ListenConfig).Listen(tb.Context(), "tcp", "127.0.0.1:0")
	require.NoError(tb, err)
	e.open = map[net.Conn]struct{}{}
	e.running.Go(func() {
		for {
			conn, err := e.listener.Accept()
			if err != nil {
				return
			}
			if e.keep(conn) {
				e.running.Go(func() { defer e.drop(conn); serve(conn) })
			}
		}
	})
	tb.Cleanup(e.close)
}

// keep notes a connection, to be closed with the others. Where the others are closed already it closes it and
// returns false.
func (e *entrance) keep(conn net.Conn) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		_ = conn.Close()
		return false
	}
	e.open[conn] = struct{}{}
	return true
}

func (e *entrance) drop(conn net.Conn) {
	_ = conn.Close()
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.open, conn)
}

// cut closes every connection.
func (e *entrance) cut() {
	e.mu.Lock()
	defer e.mu.Unlock()
	for conn := range e.open {
		_ = conn.Close()
	}
}

func (e *entrance) close() {
	e.mu.Lock()
	e.closed = true
	e.mu.Unlock()
	_ = e.listener.Close()
	e.cut()
	e.running.Wait()
}

// through returns the connection string of database with this entrance's address in the place of the server's, and
// parameters added.
func (e *entrance) through(database, parameters string) string {
	u, err := url.Parse(database)
	if err != nil {
		panic(err) // the cluster made it
	}
	u.Host = e.listener.Addr().String()
	if parameters != "" {
		u.RawQuery += "&" + parameters
	}
	return u.String()
}

func dial(ctx context.Context, address string) (net.Conn, error) {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("connecting to the database: %w", err)
	}
	return conn, nil
}

// message is one of the wire protocol's, with its type and length in front.
type message []byte

func (m message) kind() byte   { return m[0] }
func (m message) body() []byte { return m[5:] }

func readMessage(from io.Reader) (message, error) {
	const header, most = 5, 64 << 20
	m := make(message, header, 128)
	if _, err := io.ReadFull(from, m); err != nil {
		return nil, err
	}
	size := int(binary.BigEndian.Uint32(m[1:])) - 4
	if size < 0 || size > most {
		return nil, fmt.Errorf("a message of %d bytes", size)
	}
	m = append(m, make([]byte, size)...)
	_, err := io.ReadFull(from, m[header:])
	return m, err
}
