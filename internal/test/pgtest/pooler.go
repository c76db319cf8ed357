package pgtest

import (
	"bufio"
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"
	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/postgres"
)

// Pooler is a connection pooler in transaction mode, like PgBouncer: each transaction gets one of a few sessions,
// and if possible another one than the transaction before. It refuses startup parameters that it does not know, does
// not know prepared statements, and drops the notifications that reach an idle session.
type Pooler struct {
	entrance

	dsn      string
	statuses map[string]string // what the server tells every client when it connects
	idle     chan *session
	done     chan struct{}
}

// NewPooler returns a pooler before db with the given number of sessions, which ends with the test.
func NewPooler(tb testing.TB, db *Database, sessions int) *Pooler {
	tb.Helper()
	p := &Pooler{
		dsn: db.DSN(), statuses: statuses(tb, db), idle: make(chan *session, sessions),
		done: make(chan struct{}),
	}
	p.enter(tb, p.serve)
	for range sessions {
		require.True(tb, p.replace(), "connecting to the test database")
	}
	tb.Cleanup(func() { close(p.done) }) // before the entrance closes, so that no client waits for a session
	return p
}

// DSN is the database's connection string, through the pooler. parameters, such as "default_query_exec_mode=exec",
// may be empty.
func (p *Pooler) DSN(parameters string) string { return p.through(p.dsn, parameters) }

// session is a connection to the server. Its reader runs for as long as it lives.
type session struct {
	conn net.Conn

	mu      sync.Mutex
	client  net.Conn // whose transaction it serves; nil where it is idle
	free    func()   // called when that transaction is over
	answers int      // that the client waits for
	begun   bool     // the client has sent something that no Sync has followed yet
	dead    bool
}

func statuses(tb testing.TB, db *Database) map[string]string {
	tb.Helper()
	conn := db.Conn(tb).PgConn()
	values := map[string]string{}
	for _, name := range []string{"server_version", "server_encoding", "client_encoding", "standard_conforming_strings"} {
		values[name] = conn.ParameterStatus(name)
	}
	return values
}

func (p *Pooler) connect(ctx context.Context) (*session, error) {
	config, err := pgconn.ParseConfig(p.dsn)
	if err != nil {
		return nil, fmt.Errorf("reading the test database's address: %w", err)
	}
	if Shadowed() { // what the README says to give the role behind a pooler, where Herald sets nothing
		config.RuntimeParams["search_path"] = postgres.SearchPath
	}
	pg, err := pgconn.ConnectConfig(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("connecting to the test database: %w", err)
	}
	if err := pg.SyncConn(ctx); err != nil { // nothing else reads from it
		return nil, fmt.Errorf("taking the connection over: %w", err)
	}
	hijacked, err := pg.Hijack()
	if err != nil {
		return nil, fmt.Errorf("taking the connection over: %w", err)
	}
	s := &session{conn: hijacked.Conn}
	if !p.keep(s.conn) {
		return nil, net.ErrClosed
	}
	p.running.Go(func() {
		s.run()
		p.drop(s.conn)
	})
	return s, nil
}

// run passes on what the server sends, until the connection ends.
func (s *session) run() {
	defer func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.dead = true
		if s.client != nil {
			_ = s.client.Close()
		}
	}()
	from := bufio.NewReader(s.conn)
	for {
		m, err := readMessage(from)
		if err != nil {
			return
		}
		s.mu.Lock()
		client := s.client
		s.mu.Unlock()
		if client == nil {
			continue // a notification
		}
		if _, err := client.Write(m); err != nil {
			_ = s.conn.Close() // with the transaction that it is in
			return
		}
		if m.kind() == 'Z' {
			s.answered(m.body()[0])
		}
	}
}

// answered gives the session back where the client's transaction is over.
func (s *session) answered(status byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answers--
	if status != 'I' || s.answers > 0 || s.begun || s.client == nil {
		return
	}
	s.client = nil
	s.free()
}

// sent notes what the client is about to send to the server, and reports whether the session is still the client's.
func (s *session) sent(client net.Conn, kind byte) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.client != client {
		return false
	}
	s.begun = true
	if kind == 'Q' || kind == 'S' {
		s.begun = false
		s.answers++
	}
	return true
}

// take waits for a session and makes it client's. It returns nil when the test ends or the server is away.
func (p *Pooler) take(client net.Conn) *session {
	for {
		var s *session
		select {
		case <-p.done:
			return nil
		case s = <-p.idle:
		}
		if s.serve(client, func() { p.idle <- s }) { // there is room: the session came from idle
			return s
		}
		if !p.replace() {
			return nil
		}
	}
}

// serve makes the session client's, and reports whether it is alive.
func (s *session) serve(client net.Conn, free func()) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.dead {
		return false
	}
	s.client, s.free, s.answers, s.begun = client, free, 0, false
	return true
}

// replace puts a new session in the place of one that has ended, or a dead one where the server is away, and reports
// whether it is alive.
func (p *Pooler) replace() bool {
	const timeout = 5 * time.Second
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	s, err := p.connect(ctx)
	if err != nil {
		s = &session{dead: true}
	}
	p.idle <- s
	return err == nil
}

func (p *Pooler) serve(client net.Conn) {
	from := bufio.NewReader(client)
	if !p.welcome(client, from) {
		return
	}
	var s *session
	defer func() {
		if s == nil {
			return
		}
		s.mu.Lock()
		mine := s.client == client
		if mine {
			s.client, s.dead = nil, true
			_ = s.conn.Close() // with the transaction that it is in
		}
		s.mu.Unlock()
		if mine {
			p.idle <- s
		}
	}()
	for {
		m, err := readMessage(from)
		if err != nil || m.kind() == 'X' {
			return
		}
		if s == nil || !s.sent(client, m.kind()) {
			if s = p.take(client); s == nil || !s.sent(client, m.kind()) {
				return
			}
		}
		if _, err := s.conn.Write(m); err != nil {
			return
		}
	}
}

// welcome answers a client's start and reports whether it may go on.
func (p *Pooler) welcome(client net.Conn, from *bufio.Reader) bool {
	backend := pgproto3.NewBackend(from, client)
	start, err := backend.ReceiveStartupMessage()
	startup, ok := start.(*pgproto3.StartupMessage)
	if err != nil || !ok {
		return false // it asks to cancel, which is refused by silence
	}
	known := []string{
		"user", "database", "application_name", "client_encoding", "datestyle", "timezone",
		"standard_conforming_strings",
	}
	for name := range startup.Parameters {
		if !slices.Contains(known, name) {
			backend.Send(&pgproto3.ErrorResponse{
				Severity: "FATAL", Code: "08P01",
				Message: "unsupported startup parameter: " + name,
			})
			_ = backend.Flush()
			return false
		}
	}
	backend.Send(&pgproto3.AuthenticationOk{})
	for name, value := range p.statuses {
		backend.Send(&pgproto3.ParameterStatus{Name: name, Value: value})
	}
	key := binary.BigEndian.AppendUint32(nil, rand.Uint32())
	backend.Send(&pgproto3.BackendKeyData{ProcessID: rand.Uint32(), SecretKey: key})
	backend.Send(&pgproto3.ReadyForQuery{TxStatus: 'I'})
	return backend.Flush() == nil
}
