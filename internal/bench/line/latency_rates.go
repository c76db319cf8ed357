package line

import (
	"context"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"github.com/yummyzoom/herald/internal/bench"
)

const (
	// latencySlice is how long product and baseline run at a time.
	latencySlice = time.Second
	// lateness is how late a transaction may begin without counting as late: timers themselves are imprecise.
	lateness = 2 * time.Millisecond
)

// way is the transactions of one slice or run.
type way struct {
	commits  bench.Sample // COMMIT itself
	sent     bench.Sample // from COMMIT being sent to the arrival
	returned bench.Sample // from COMMIT's return to the arrival; 0 if the arrival came first
	late     int          // transactions that began late, because the one before took long
	took     time.Duration
}

func (w *way) add(more way) {
	w.commits = append(w.commits, more.commits...)
	w.sent = append(w.sent, more.sent...)
	w.returned = append(w.returned, more.returned...)
	w.late += more.late
	w.took += more.took
}

// offeredRun is one run at one rate.
type offeredRun struct{ herald, baseline way }

// book records arrivals.
type book struct {
	mu sync.Mutex
	at map[uuid.UUID]time.Time
}

func (b *book) note(id uuid.UUID, at time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.at[id] = at
}

// take waits for n arrivals, and begins a new page.
func (b *book) take(ctx context.Context, n int) (map[uuid.UUID]time.Time, error) {
	for deadline := time.Now().Add(bench.AnswerWithin); ; {
		b.mu.Lock()
		page := b.at
		if len(page) >= n {
			b.at = map[uuid.UUID]time.Time{}
		}
		arrived := len(page)
		b.mu.Unlock()
		if arrived >= n {
			return page, nil
		}
		if time.Now().After(deadline) {
			return nil, fmt.Errorf("of %d, only %d have arrived in %s", n, arrived, bench.AnswerWithin)
		}
		if err := bench.Wait(ctx, bench.QueuePoll); err != nil {
			return nil, err
		}
	}
}

// rateRun is the bench at work.
type rateRun struct {
	*Latency

	conn          *pgx.Conn // the bench's own, which reads the queues
	writers       []*pgx.Conn
	restaurant    uuid.UUID
	events, plain book
	settings      map[string]any // of the database
}

// atRates measures at each of the rates.
func (l *Latency) atRates(ctx context.Context) ([]bench.Figure, error) {
	r := &rateRun{
		Latency: l, restaurant: uuid.New(),
		events: book{at: map[uuid.UUID]time.Time{}}, plain: book{at: map[uuid.UUID]time.Time{}},
	}
	var err error
	if r.conn, err = bench.Connect(ctx, l.DSN); err != nil {
		return nil, err
	}
	defer bench.Disconnect(ctx, r.conn)
	if r.settings, err = bench.Conditions(ctx, r.conn); err != nil {
		return nil, err
	}
	for range l.Writers {
		conn, err := bench.Connect(ctx, l.DSN)
		if err != nil {
			return nil, err
		}
		defer bench.Disconnect(ctx, conn)
		r.writers = append(r.writers, conn)
	}
	drop, err := plainTable(ctx, r.conn)
	if err != nil {
		return nil, err
	}
	defer drop()
	stopClient, err := l.follow(ctx, func(e received) { r.events.note(e.id, e.at) })
	if err != nil {
		return nil, err
	}
	defer stopClient()
	arrived, stopListener, err := listenTo(ctx, l.DSN)
	if err != nil {
		return nil, err
	}
	noted := make(chan struct{})
	go func() {
		defer close(noted)
		for n := range arrived {
			if id, err := uuid.Parse(n.payload); err == nil { // else it is another sender's
				r.plain.note(id, n.at)
			}
		}
	}()
	defer func() { stopListener(); <-noted }()
	var figures []bench.Figure
	for _, rate := range l.Rates {
		measured, err := r.measure(ctx, rate)
		if err != nil {
			return nil, fmt.Errorf("%d events a second: %w", rate, err)
		}
		figures = append(figures, measured...)
	}
	return figures, nil
}

func (r *rateRun) measure(ctx context.Context, rate int) ([]bench.Figure, error) {
	if _, err := r.alternate(ctx, rate, r.Duration/bench.WarmUpShare); err != nil {
		return nil, err
	}
	var all []offeredRun
	for i := range r.Runs {
		o, err := r.alternate(ctx, rate, r.Duration)
		if err != nil {
			return nil, err
		}
		if len(o.herald.sent) == 0 || len(o.baseline.sent) == 0 {
			return nil, fmt.Errorf("nothing was written in %s: offer more or let a run be longer", r.Duration)
		}
		r.Progress(fmt.Sprintf(
			"%d events/s, run %d of %d: %d events, p50 %.2f ms, p99 %.2f ms; baseline %.2f and %.2f ms", rate, i+1, r.Runs,
			len(o.herald.returned), o.herald.returned.Percentile(bench.P50), o.herald.returned.Percentile(bench.P99),
			o.baseline.sent.Percentile(bench.P50), o.baseline.sent.Percentile(bench.P99)))
		all = append(all, o)
	}
	return r.figures(rate, all), nil
}

// alternate runs product and baseline in turns until each has had its time.
func (r *rateRun) alternate(ctx context.Context, rate int, duration time.Duration) (o offeredRun, err error) {
	slices := [2]func() error{
		func() error {
			w, err := r.slice(ctx, rate, min(duration, latencySlice), &r.events, func(
				conn *pgx.Conn, id uuid.UUID,
			) (time.Time, time.Time, error) {
				return publishOne(ctx, conn, r.Order, r.restaurant, id)
			})
			o.herald.add(w)
			return err
		},
		func() error {
			w, err := r.slice(ctx, rate, min(duration, latencySlice), &r.plain, func(
				conn *pgx.Conn, id uuid.UUID,
			) (time.Time, time.Time, error) {
				return notifyOne(ctx, conn, id)
			})
			o.baseline.add(w)
			return err
		},
	}
	for n := 0; n%len(slices) != 0 || min(o.herald.took, o.baseline.took) < duration; n++ {
		if err := bench.AwaitEmpty(ctx, r.conn, r.URL); err != nil {
			return o, err
		}
		if err := slices[(n+n/2)%2](); err != nil { // each is first as often as the other
			return o, err
		}
	}
	return o, bench.AwaitEmpty(ctx, r.conn, r.URL)
}

// tried is one transaction.
type tried struct {
	id              uuid.UUID
	sent, committed time.Time // of its COMMIT
	late            bool
}

// slice makes all writers offer their share of the rate, each at random moments, and waits for the arrivals.
func (r *rateRun) slice(ctx context.Context, rate int, duration time.Duration, arrivals *book,
	write func(*pgx.Conn, uuid.UUID) (sent, committed time.Time, err error),
) (w way, err error) {
	done := make([][]tried, len(r.writers))
	mean := float64(time.Second) * float64(len(r.writers)) / float64(rate)
	start := time.Now()
	group, writing := errgroup.WithContext(ctx)
	for i, conn := range r.writers {
		group.Go(func() error {
			// The moments are fixed, however long a transaction takes: a writer that is late writes at once.
			for _, moment := range moments(start, duration, mean) {
				if err := bench.Wait(writing, time.Until(moment)); err != nil {
					return err
				}
				late, id := time.Since(moment) > lateness, uuid.New()
				sent, committed, err := write(conn, id)
				if err != nil {
					return err
				}
				done[i] = append(done[i], tried{id, sent, committed, late})
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return w, err
	}
	w.took = time.Since(start)
	total := 0
	for _, d := range done {
		total += len(d)
	}
	arrived, err := arrivals.take(ctx, total)
	if err != nil {
		return w, err
	}
	for _, d := range done {
		for _, t := range d {
			at, ok := arrived[t.id]
			if !ok {
				return w, fmt.Errorf("event %s has not arrived, and another one has", t.id)
			}
			w.commits = append(w.commits, t.committed.Sub(t.sent))
			w.sent = append(w.sent, at.Sub(t.sent))
			w.returned = append(w.returned, max(at.Sub(t.committed), 0))
			if t.late {
				w.late++
			}
		}
	}
	return w, nil
}

// moments returns when one writer writes: at random, so that it does not fall into step with another writer or with
// the relay. mean is the mean time between two moments, in nanoseconds.
func moments(start time.Time, duration time.Duration, mean float64) (all []time.Time) {
	for at := rand.ExpFloat64() * mean; at < float64(duration); at += rand.ExpFloat64() * mean { //nolint:gosec // not a secret
		all = append(all, start.Add(time.Duration(at)))
	}
	return all
}

func (r *rateRun) figures(rate int, all []offeredRun) []bench.Figure {
	c := map[string]any{
		"offered_per_second": rate, "writers": len(r.writers), "clients": 1, "run_seconds": r.Duration.Seconds(),
		"slice_seconds": min(r.Duration, latencySlice).Seconds(),
		"events":        bench.ValuesOf(all, func(o offeredRun) float64 { return float64(len(o.herald.returned)) }),
		"written_late":  bench.ValuesOf(all, func(o offeredRun) float64 { return float64(o.herald.late) }),
		"measured":      "from COMMIT's return in the producer to the client's handler",
		"baseline":      "a transaction of one plain insert and a NOTIFY, at the same rate: from COMMIT being sent to its arrival at a listening connection",
	}
	maps.Copy(c, r.settings)
	var figures []bench.Figure
	for _, p := range []struct {
		name  string
		share float64
	}{{"p50", bench.P50}, {"p99", bench.P99}} {
		of := func(what func(offeredRun) bench.Sample) []float64 {
			return bench.ValuesOf(all, func(o offeredRun) float64 { return what(o).Percentile(p.share) })
		}
		milliseconds := func(v []float64) float64 { return math.Round(1000*bench.Median(v)) / 1000 } //nolint:mnd // in µs
		values := of(func(o offeredRun) bench.Sample { return o.herald.returned })
		baselines := of(func(o offeredRun) bench.Sample { return o.baseline.sent })
		each := maps.Clone(c)
		each["ratios"] = bench.Ratios(values, baselines)
		each["commit_ms"] = milliseconds(of(func(o offeredRun) bench.Sample { return o.herald.commits }))
		each["from_commit_sent_ms"] = milliseconds(of(func(o offeredRun) bench.Sample { return o.herald.sent }))
		figures = append(figures, bench.Figure{
			Name: fmt.Sprintf("latency_%d_%s", rate, p.name), Unit: "ms", Value: bench.Median(values),
			Baseline: bench.Median(baselines), Runs: r.Runs,
			Conditions: each,
		})
	}
	return figures
}
