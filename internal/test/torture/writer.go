package torture

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/time/rate"
)

const (
	transactionTimeout = 30 * time.Second
	connectTimeout     = 5 * time.Second
	retryPause         = 50 * time.Millisecond
	slowestPause       = 10 * time.Millisecond // between two statements of a slow transaction
	recentEvents       = 64
)

// recent are events that may be published again, committed or not, of any writer.
type recent struct {
	mu     sync.Mutex
	events []publication
	next   int
}

func (r *recent) add(published []publication) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, e := range published {
		if len(r.events) < recentEvents {
			r.events = append(r.events, e)
			continue
		}
		r.events[r.next] = e
		r.next = (r.next + 1) % recentEvents
	}
}

func (r *recent) pick(rng *rand.Rand) (publication, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.events) == 0 {
		return publication{}, false
	}
	return r.events[rng.IntN(len(r.events))], true
}

// writing is all writers together.
type writing struct {
	dsn     string
	target  int64
	limit   *rate.Limiter // nil: unlimited
	written atomic.Int64  // events of transactions that are known to have committed
	recent  recent
}

// producerConfig is how a producer connects: with the role that may publish, and no other right.
func producerConfig(dsn string) (*pgx.ConnConfig, error) {
	config, err := pgx.ParseConfig(dsn)
	if err != nil {
		return nil, fmt.Errorf("reading the database's URL: %w", err)
	}
	config.RuntimeParams["application_name"] = ownName
	config.RuntimeParams["role"] = "herald_producer"
	config.ConnectTimeout = connectTimeout
	return config, nil
}

// ownName is the application name of the harness's own sessions, which no fault kills.
const ownName = "torture"

// session is a connection that is made anew when it was lost.
type session struct {
	config *pgx.ConnConfig
	conn   *pgx.Conn
}

// get returns a connection, however long that takes.
func (s *session) get(ctx context.Context) (*pgx.Conn, error) {
	for s.conn == nil || s.conn.IsClosed() {
		conn, err := pgx.ConnectConfig(ctx, s.config)
		switch {
		case err == nil:
			s.conn = conn
		case !pause(ctx, retryPause):
			return nil, context.Cause(ctx)
		}
	}
	return s.conn, nil
}

func (s *session) close() {
	if s.conn != nil {
		ctx, cancel := context.WithTimeout(context.Background(), connectTimeout)
		defer cancel()
		_ = s.conn.Close(ctx) // it was for reading, or is rolled back
	}
}

// write runs one writer until enough has been written.
func (w *writing) write(ctx context.Context, p *planner) error {
	config, err := producerConfig(w.dsn)
	if err != nil {
		return err
	}
	s := session{config: config}
	defer s.close() //nolint:contextcheck // its own time-out bounds it
	for w.written.Load() < w.target {
		t := p.next()
		if w.limit != nil {
			if err := w.limit.WaitN(ctx, int(max(t.events, 1))); err != nil {
				return context.Cause(ctx)
			}
		}
		conn, err := s.get(ctx)
		if err != nil {
			return err
		}
		w.recent.add(t.published)
		if err := transact(ctx, conn, p.rng, t); err != nil {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			continue
		}
		w.written.Add(t.events)
	}
	return nil
}

var errNotCommitted = errors.New("the transaction was rolled back instead")

// transact runs a transaction. A transaction with an error may have been committed all the same; the database
// knows.
func transact(ctx context.Context, conn *pgx.Conn, rng *rand.Rand, t transaction) error {
	ctx, cancel := context.WithTimeout(ctx, transactionTimeout)
	defer cancel()
	err := t.execute(ctx, conn, rng)
	if err != nil && !conn.IsClosed() {
		if _, err := conn.Exec(ctx, "ROLLBACK"); err != nil {
			_ = conn.Close(ctx) // the next transaction gets a new one
		}
	}
	return err
}

func (t *transaction) execute(ctx context.Context, conn *pgx.Conn, rng *rand.Rand) error {
	if t.slow {
		return t.oneByOne(ctx, conn, rng)
	}
	batch := &pgx.Batch{}
	for _, s := range t.statements {
		batch.Queue(s.sql, s.args...)
	}
	results := conn.SendBatch(ctx, batch)
	defer results.Close()
	for _, s := range t.statements {
		tag, err := results.Exec()
		if err != nil {
			return fmt.Errorf("%s: %w", s.sql, err)
		}
		if s.sql == "COMMIT" && tag.String() != "COMMIT" {
			return errNotCommitted
		}
	}
	return results.Close()
}

func (t *transaction) oneByOne(ctx context.Context, conn *pgx.Conn, rng *rand.Rand) error {
	for i, s := range t.statements {
		if i > 0 && !pause(ctx, time.Duration(rng.Int64N(int64(slowestPause)))) {
			return context.Cause(ctx)
		}
		tag, err := conn.Exec(ctx, s.sql, s.args...)
		if err != nil {
			return fmt.Errorf("%s: %w", s.sql, err)
		}
		if s.sql == "COMMIT" && tag.String() != "COMMIT" {
			return errNotCommitted
		}
	}
	return nil
}

// linger runs one long transaction after another until enough has been written: an event at its beginning, and one
// at its end. They are about an order of their own, so that no other writer waits for its lock.
func (w *writing) linger(ctx context.Context, p *planner, own *order, length time.Duration) error {
	config, err := producerConfig(w.dsn)
	if err != nil {
		return err
	}
	s := session{config: config}
	defer s.close() //nolint:contextcheck // its own time-out bounds it
	for w.written.Load() < w.target {
		conn, err := s.get(ctx)
		if err != nil {
			return err
		}
		if err := w.lingerOnce(ctx, conn, p, own, length); err != nil && ctx.Err() != nil {
			return context.Cause(ctx)
		}
	}
	return nil
}

func (w *writing) lingerOnce(ctx context.Context, conn *pgx.Conn, p *planner, own *order, length time.Duration) error {
	bounded, cancel := context.WithTimeout(ctx, length+transactionTimeout)
	defer cancel()
	half := func() transaction {
		var t transaction
		p.publish(&t, p.ofOrder(own))
		return t
	}
	err := pgx.BeginFunc(bounded, conn, func(tx pgx.Tx) error {
		for i := range 2 {
			t := half()
			for _, s := range t.statements {
				if _, err := tx.Exec(bounded, s.sql, s.args...); err != nil {
					return fmt.Errorf("%s: %w", strings.Fields(s.sql)[0], err)
				}
			}
			if i == 0 && !pause(bounded, length) {
				return context.Cause(bounded)
			}
		}
		return nil
	})
	if err != nil {
		_ = conn.Close(bounded) // the next one is made anew
		if !pause(ctx, retryPause) {
			return context.Cause(ctx)
		}
		return err
	}
	w.written.Add(2)
	return nil
}
