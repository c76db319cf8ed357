package pgtest

import (
	"bytes"
	"net"
	"testing"

	"github.com/jackc/pgx/v5/pgproto3"
	"github.com/stretchr/testify/require"
)

// faults is what a proxy does to what passes. The proxy's mutex guards it.
type faults struct {
	code     string // of the error that answers whoever comes
	ignoring bool

	answers  int    // that have passed
	at       int    // the answer behind which then is called
	then     func() // nil: nothing
	from, to []byte
}

// Answer answers whoever comes with an error of the SQLSTATE, until Reopen, and closes what is open.
func (p *Proxy) Answer(code string) {
	p.mu.Lock()
	p.code = code
	p.mu.Unlock()
	p.cut()
}

// Ignore takes the connections that come and answers nothing, until Reopen, and closes what is open.
func (p *Proxy) Ignore() {
	p.mu.Lock()
	p.ignoring = true
	p.mu.Unlock()
	p.cut()
}

// Behind calls then once, when the n-th answer from now on has been passed to a client: a piece of what the server says, which is
// what the server sends at once.
func (p *Proxy) Behind(n int, then func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.answers, p.at, p.then = 0, n, then
}

// Replace puts one text in the place of another of the same length in all that the server says from now on.
func (p *Proxy) Replace(tb testing.TB, from, to string) {
	tb.Helper()
	require.Len(tb, to, len(from))
	p.mu.Lock()
	defer p.mu.Unlock()
	p.from, p.to = []byte(from), []byte(to)
}

// answered sees what the server says.
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
