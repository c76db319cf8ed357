package bench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/yummyzoom/herald/internal/event"
	"github.com/yummyzoom/herald/internal/hubclient"
)

const (
	warmUp       = 50
	answerWithin = 10 * time.Second
)

// Latency is a run of the latency bench: events one at a time, from the producer's COMMIT returning to the client's handler.
type Latency struct {
	// DSN is the database, URL the server, Token an access token that may follow Order.
	DSN, URL, Token string
	Order           uuid.UUID
	// Events is how many are measured.
	Events int
	// Pause is the longest pause between two events; each is random, so that none falls into step with the relay.
	Pause time.Duration
	// Progress is told from time to time how many have been measured. May be nil.
	Progress func(done int)
}

// received is one event as the client had it.
type received struct {
	id uuid.UUID
	at time.Time
}

// Run measures. The baseline is the least that any relay has to do on this machine after the producer's COMMIT: one durable
// transaction that inserts one row, and one notification that arrives.
func (l *Latency) Run(ctx context.Context) ([]Figure, error) {
	conn, err := pgx.Connect(ctx, l.DSN)
	if err != nil {
		return nil, fmt.Errorf("connecting to the database: %w", err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()

	arrivals := make(chan received, 1)
	ready := make(chan struct{})
	following, stop := context.WithCancel(ctx)
	ended := make(chan error, 1)
	var follower sync.WaitGroup
	follower.Go(func() {
		ended <- hubclient.Follow(following, hubclient.Config{
			URL: l.URL, Token: func(context.Context) (string, error) { return l.Token, nil },
		}, hubclient.Subscription{Group: event.OrderGroup(l.Order)}, func(e hubclient.Event) error {
			arrivals <- received{e.EventID, e.ReceivedAt}
			return nil
		}, hubclient.Hooks{OnResumed: func(hubclient.Result) { close(ready) }})
	})
	defer follower.Wait()
	defer stop()
	select {
	case <-ready:
	case err := <-ended:
		return nil, fmt.Errorf("following the bench's order: %w", err)
	case <-ctx.Done():
		return nil, ctx.Err()
	}

	before, err := scrape(ctx, l.URL)
	if err != nil {
		return nil, err
	}
	steps, ids, err := l.measure(ctx, conn, arrivals)
	if err != nil {
		return nil, err
	}
	after, err := scrape(ctx, l.URL)
	if err != nil {
		return nil, err
	}
	steps.batch = after.batchMeanSince(before)
	if steps.wakeUp, err = relayTimes(ctx, conn, ids, steps.committed); err != nil {
		return nil, err
	}
	baseline, err := l.baseline(ctx)
	if err != nil {
		return nil, err
	}
	return l.figures(steps, baseline), nil
}

// steps are the parts of the way, measured for each event.
type steps struct {
	commit    sample      // the producer's COMMIT itself
	total     sample      // from COMMIT's return to the client
	committed []time.Time // when COMMIT returned
	wakeUp    sample      // from COMMIT's return to the relay's transaction starting
	batch     float64     // the mean time of a relay's transaction, in milliseconds
}

func (l *Latency) measure(ctx context.Context, conn *pgx.Conn, arrivals <-chan received) (steps, []uuid.UUID, error) {
	var s steps
	var ids []uuid.UUID
	restaurant := uuid.New()
	for i := range warmUp + l.Events {
		if err := pause(ctx, l.Pause); err != nil {
			return s, nil, err
		}
		tx, err := conn.Begin(ctx)
		if err != nil {
			return s, nil, fmt.Errorf("beginning: %w", err)
		}
		var id uuid.UUID
		err = tx.QueryRow(ctx, `SELECT herald.publish_order_event('OrderStatusChanged', $1, 'YZ-1', 'Preparing', $2, 'bench')`,
			l.Order, restaurant).Scan(&id)
		if err != nil {
			return s, nil, fmt.Errorf("publishing: %w", err)
		}
		start := time.Now()
		if err := tx.Commit(ctx); err != nil {
			return s, nil, fmt.Errorf("committing: %w", err)
		}
		committed := time.Now()
		select {
		case got := <-arrivals:
			if got.id != id {
				return s, nil, fmt.Errorf("event %s arrived instead of %s", got.id, id)
			}
			if i >= warmUp {
				s.commit = append(s.commit, committed.Sub(start))
				s.total = append(s.total, max(got.at.Sub(committed), 0)) // it may arrive before COMMIT has returned here
				s.committed = append(s.committed, committed)
				ids = append(ids, id)
			}
		case <-time.After(answerWithin):
			return s, nil, fmt.Errorf("event %s has not arrived in %s", id, answerWithin)
		case <-ctx.Done():
			return s, nil, ctx.Err()
		}
		if l.Progress != nil && i >= warmUp {
			l.Progress(i - warmUp + 1)
		}
	}
	return s, ids, nil
}

func pause(ctx context.Context, longest time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(time.Duration(rand.Int64N(int64(max(longest, 1))))): //nolint:gosec // not a secret
		return nil
	}
}

// relayTimes returns how long after its COMMIT the relay's transaction for each event began. Database and bench share a clock.
func relayTimes(ctx context.Context, conn *pgx.Conn, ids []uuid.UUID, committed []time.Time) (sample, error) {
	rows, err := conn.Query(ctx, `SELECT r.relayed_at FROM unnest($1::uuid[]) WITH ORDINALITY i (id, n)
		JOIN herald.relayed_event r ON r.event_id = i.id ORDER BY i.n`, ids)
	if err != nil {
		return nil, fmt.Errorf("reading when the events were relayed: %w", err)
	}
	times, err := pgx.CollectRows(rows, pgx.RowTo[time.Time])
	if err != nil {
		return nil, fmt.Errorf("reading when the events were relayed: %w", err)
	}
	if len(times) != len(committed) {
		return nil, errors.New("not every event of the bench is in the log: does the server use another database?")
	}
	woken := make(sample, len(times))
	for i, at := range times {
		woken[i] = at.Sub(committed[i]) // below zero where the relay began before COMMIT had returned
	}
	return woken, nil
}

// baseline is the floor that this machine and PostgreSQL set: a transaction of one plain insert and a NOTIFY, from its BEGIN to the
// notification's arrival.
func (l *Latency) baseline(ctx context.Context) (sample, error) {
	writer, err := pgx.Connect(ctx, l.DSN)
	if err != nil {
		return nil, fmt.Errorf("connecting to the database: %w", err)
	}
	defer func() { _ = writer.Close(context.WithoutCancel(ctx)) }()
	listener, err := pgx.Connect(ctx, l.DSN)
	if err != nil {
		return nil, fmt.Errorf("connecting to the database: %w", err)
	}
	defer func() { _ = listener.Close(context.WithoutCancel(ctx)) }()
	if _, err := listener.Exec(ctx, "LISTEN "+baselineChannel); err != nil {
		return nil, fmt.Errorf("listening: %w", err)
	}
	if _, err := writer.Exec(ctx, "CREATE TABLE IF NOT EXISTS herald_bench_plain (id uuid, payload jsonb)"); err != nil {
		return nil, fmt.Errorf("creating the baseline's table: %w", err)
	}
	defer func() { _, _ = writer.Exec(context.WithoutCancel(ctx), "DROP TABLE herald_bench_plain") }()
	payload, err := json.Marshal(map[string]string{"orderNumber": "YZ-1", "status": "Preparing"})
	if err != nil {
		return nil, fmt.Errorf("encoding: %w", err)
	}
	arrived := make(chan time.Time, 1)
	listening, stop := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			if _, err := listener.WaitForNotification(listening); err != nil {
				return
			}
			arrived <- time.Now()
		}
	}()
	defer func() { stop(); <-done }()
	var s sample
	for range l.Events {
		if err := pause(ctx, l.Pause); err != nil {
			return nil, err
		}
		start := time.Now()
		tx, err := writer.Begin(ctx)
		if err != nil {
			return nil, fmt.Errorf("beginning: %w", err)
		}
		if _, err := tx.Exec(ctx, "INSERT INTO herald_bench_plain VALUES ($1, $2)", uuid.New(), payload); err != nil {
			return nil, fmt.Errorf("inserting: %w", err)
		}
		if _, err := tx.Exec(ctx, "NOTIFY "+baselineChannel); err != nil {
			return nil, fmt.Errorf("notifying: %w", err)
		}
		if err := tx.Commit(ctx); err != nil {
			return nil, fmt.Errorf("committing: %w", err)
		}
		select {
		case at := <-arrived:
			s = append(s, at.Sub(start))
		case <-time.After(answerWithin):
			return nil, errors.New("the baseline's notification has not arrived")
		}
	}
	return s, nil
}

func (l *Latency) figures(s steps, baseline sample) []Figure {
	conditions := map[string]any{
		"events": len(s.total), "pause_max_ms": l.Pause.Milliseconds(), "writers": 1, "clients": 1,
		"baseline": "a transaction of one plain insert and a NOTIFY, from BEGIN to its arrival at a listening connection",
	}
	figure := func(name string, value, base float64) Figure {
		return Figure{Name: name, Value: value, Unit: "ms", Baseline: base, Runs: 1, Conditions: conditions}
	}
	const p50, p95, p99 = 0.50, 0.95, 0.99
	share := func(name string, milliseconds float64) Figure {
		return Figure{Name: name, Value: 100 * milliseconds / s.total.mean(), Unit: "%", Runs: 1, Conditions: conditions} //nolint:mnd // percent
	}
	wakeUp, total := s.wakeUp.mean(), s.total.mean()
	return []Figure{
		figure("latency_p50", s.total.percentile(p50), baseline.percentile(p50)),
		figure("latency_p95", s.total.percentile(p95), baseline.percentile(p95)),
		figure("latency_p99", s.total.percentile(p99), baseline.percentile(p99)),
		share("share_wake_up", wakeUp),
		share("share_relay_transaction", s.batch),
		share("share_delivery", max(total-wakeUp-s.batch, 0)),
		figure("commit_mean", s.commit.mean(), 0),
	}
}
