package line

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/yummyzoom/herald/internal/bench"
	"github.com/yummyzoom/herald/internal/event"
	"github.com/yummyzoom/herald/internal/hubclient"
)

const (
	warmUp      = 50
	reportEvery = 250 // events between two lines of progress
)

// Latency is a run of the latency bench: the time from the return of the producer's COMMIT to the client's handler,
// first with one event at a time, then with several writers that offer a number of events per second.
type Latency struct {
	// DSN is the database, URL the server, Token an access token that may follow Order.
	DSN, URL, Token string
	Order           uuid.UUID
	// Events is how many events are measured one at a time; 0 skips that part.
	Events int
	// Pause is the longest pause between two events. Pauses are random, so that events do not fall into step with the
	// relay.
	Pause time.Duration
	// Rates are the numbers of events per second that Writers offer together; each is measured Runs times. Duration is
	// the length of one run; its baseline takes as long again, and the two alternate.
	Rates         []int
	Writers, Runs int
	Duration      time.Duration
	// Progress receives a line from time to time.
	Progress func(line string)
}

// received is one event as the client received it.
type received struct {
	id uuid.UUID
	at time.Time
}

// Run measures.
func (l *Latency) Run(ctx context.Context) ([]bench.Figure, error) {
	var figures []bench.Figure
	if l.Events > 0 {
		one, err := l.oneAtATime(ctx)
		if err != nil {
			return nil, err
		}
		figures = one
	}
	if len(l.Rates) > 0 {
		offered, err := l.atRates(ctx)
		if err != nil {
			return nil, err
		}
		figures = append(figures, offered...)
	}
	return figures, nil
}

// follow makes a client follow the bench's order, and returns once it does. stop ends the client.
func (l *Latency) follow(ctx context.Context, handle func(received)) (stop func(), err error) {
	ready := make(chan struct{})
	isReady := sync.OnceFunc(func() { close(ready) })
	following, cancel := context.WithCancel(ctx)
	ended := make(chan error, 1)
	var follower sync.WaitGroup
	follower.Go(func() {
		ended <- hubclient.Follow(following, hubclient.Config{
			URL: l.URL, Token: func(context.Context) (string, error) { return l.Token, nil },
		}, hubclient.Subscription{Group: event.OrderGroup(l.Order)}, func(e hubclient.Event) error {
			handle(received{e.EventID, e.ReceivedAt})
			return nil
		}, hubclient.Hooks{OnResumed: func(hubclient.Result) { isReady() }})
	})
	stop = func() { cancel(); follower.Wait() }
	select {
	case <-ready:
		return stop, nil
	case err = <-ended:
		err = fmt.Errorf("following the bench's order: %w", err)
	case <-ctx.Done():
		err = context.Cause(ctx)
	}
	stop()
	return nil, err
}

// oneAtATime waits for each event before it publishes the next. The baseline is the least work of any relay on this
// machine after the producer's COMMIT: one durable transaction that inserts one row, and one notification that
// arrives.
func (l *Latency) oneAtATime(ctx context.Context) ([]bench.Figure, error) {
	conn, err := bench.Connect(ctx, l.DSN)
	if err != nil {
		return nil, err
	}
	defer bench.Disconnect(ctx, conn)

	arrivals := make(chan received, 1)
	stop, err := l.follow(ctx, func(r received) { arrivals <- r })
	if err != nil {
		return nil, err
	}
	defer stop()

	if err := bench.AwaitEmpty(ctx, conn, l.URL); err != nil {
		return nil, err
	}
	before, err := bench.ScrapeAnew(ctx, l.URL)
	if err != nil {
		return nil, err
	}
	steps, ids, err := l.measure(ctx, conn, arrivals)
	if err != nil {
		return nil, err
	}
	after, err := bench.ScrapeAnew(ctx, l.URL)
	if err != nil {
		return nil, err
	}
	steps.batch = after.BatchMeanSince(before)
	if steps.wakeUp, err = relayTimes(ctx, conn, ids, steps.committed); err != nil {
		return nil, err
	}
	if err := bench.AwaitEmpty(ctx, conn, l.URL); err != nil {
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
	commit    bench.Sample // the producer's COMMIT itself
	total     bench.Sample // from COMMIT's return to the client
	committed []time.Time  // when COMMIT returned
	wakeUp    bench.Sample // from COMMIT's return to the relay's transaction starting
	batch     float64      // the mean time of a relay's transaction, in milliseconds
}

func (l *Latency) measure(ctx context.Context, conn *pgx.Conn, arrivals <-chan received) (steps, []uuid.UUID, error) {
	var s steps
	var ids []uuid.UUID
	restaurant := uuid.New()
	for i := range warmUp + l.Events {
		if err := pause(ctx, l.Pause); err != nil {
			return s, nil, err
		}
		id := uuid.New()
		start, committed, err := publishOne(ctx, conn, l.Order, restaurant, id)
		if err != nil {
			return s, nil, err
		}
		select {
		case got := <-arrivals:
			if got.id != id {
				return s, nil, fmt.Errorf("event %s arrived instead of %s", got.id, id)
			}
			if i >= warmUp {
				s.commit = append(s.commit, committed.Sub(start))
				s.total = append(s.total, max(got.at.Sub(committed), 0)) // the event may arrive before COMMIT has returned here
				s.committed = append(s.committed, committed)
				ids = append(ids, id)
			}
		case <-time.After(bench.AnswerWithin):
			return s, nil, fmt.Errorf("event %s has not arrived in %s", id, bench.AnswerWithin)
		case <-ctx.Done():
			return s, nil, ctx.Err()
		}
		if done := i - warmUp + 1; done > 0 && done%reportEvery == 0 {
			l.Progress(fmt.Sprintf("%d of %d events, one at a time", done, l.Events))
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

// relayTimes returns how long after its COMMIT the relay's transaction for each event began. Database and bench
// share a clock.
func relayTimes(ctx context.Context, conn *pgx.Conn, ids []uuid.UUID, committed []time.Time) (bench.Sample, error) {
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
	woken := make(bench.Sample, len(times))
	for i, at := range times {
		woken[i] = at.Sub(committed[i]) // negative if the relay began before COMMIT had returned
	}
	return woken, nil
}

func (l *Latency) figures(s steps, baseline bench.Sample) []bench.Figure {
	conditions := map[string]any{
		"events": len(s.total), "pause_max_ms": l.Pause.Milliseconds(), "writers": 1, "clients": 1,
		"baseline": "a transaction of one plain insert and a NOTIFY, from BEGIN to its arrival at a listening connection",
	}
	figure := func(name string, value, base float64) bench.Figure {
		return bench.Figure{Name: name, Value: value, Unit: "ms", Baseline: base, Runs: 1, Conditions: conditions}
	}
	const p50, p95, p99 = 0.50, 0.95, 0.99
	share := func(name string, milliseconds float64) bench.Figure {
		return bench.Figure{
			Name:       name,
			Value:      100 * milliseconds / s.total.Mean(),
			Unit:       "%",
			Runs:       1,
			Conditions: conditions,
		} //nolint:mnd // percent
	}
	wakeUp, total := s.wakeUp.Mean(), s.total.Mean()
	return []bench.Figure{
		figure("latency_p50", s.total.Percentile(p50), baseline.Percentile(p50)),
		figure("latency_p95", s.total.Percentile(p95), baseline.Percentile(p95)),
		figure("latency_p99", s.total.Percentile(p99), baseline.Percentile(p99)),
		share("share_wake_up", wakeUp),
		share("share_relay_transaction", s.batch),
		share("share_delivery", max(total-wakeUp-s.batch, 0)),
		figure("commit_mean", s.commit.Mean(), 0),
	}
}
