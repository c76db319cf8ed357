package pgtest

import (
	"bytes"
	"net"
	"testing"

	"github.com/jackc/pgx/v5/pgproto3"
	"github.com/stretchr/testify/require"
)

// faults is what a proxy does to the traffic. The proxy's mutex guards it.
type faults struct {
	code     string // of the error that answers new connections
	ignoring bool

	answers  int    // that have passed
	at       int    // the answer behind which then is called
	then     func() // nil: nothing
	from, to []byte
}

// Answer answers new connections with an error of the SQLSTATE, until Reopen, and closes the open ones.
func (p *Proxy) Answer(code string) {
	p.mu.Lock()
	p.code = code
	p.mu.Unlock()
	p.cut()
}

// Ignore accepts new connections without an answer, until Reopen, and closes the open ones.
func (p *Proxy) Ignore() {
	p.mu.Lock()
	p.ignoring = true
	p.mu.Unlock()
	p.cut()
}

// Behind calls then once, when the n-th answer from now on has been passed to a client. An answer is a piece that
// the server sends at once.
func (p *Proxy) Behind(n int, then func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.answers, p.at, p.then = 0, n, then
}

// Replace replaces a text by another of the same length in everything that the server sends from now on.
func (p *Proxy) Replace(tb testing.TB, from, to string) {
	tb.Helper()
	require.Len(tb, to, len(from))
	p.mu.Lock()
	defer p.mu.Unlock()
	p.from, p.to = []byte(from), []byte(to)
}

// answered sees what the server sends.
func (p *Proxy) answered(piece []byte) (then func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.from) > 0 {
		copy(piece, bytes.ReplaceAll(piece, p.from, p.to))
	}
	p.answers++
	if p.then == nil || p.answers < p.at {
		return func() {}
	}
	then, p.then = p.then, nil
	return then
}

// refuse answers a client's start with an error.
func refuse(client net.Conn, code string) {
	backend := pgproto3.NewBackend(client, client)
	if _, err := backend.ReceiveStartupMessage(); err != nil {
		return
	}
	backend.Send(&pgproto3.ErrorResponse{
		Severity: "FATAL", SeverityUnlocalized: "FATAL", Code: code,
		Message: "refused by the test",
	})
	_ = backend.Flush() // the client may be gone
}
