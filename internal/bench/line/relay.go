package line

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/yummyzoom/herald/internal/bench"
)

// Relay is a run of the relay bench: how many waiting events per second a server takes from the outbox to the log.
// Each event is for an order's group and for its restaurant's, so it makes two entries. The events are written while
// no server runs. The baseline is a loop over one connection that inserts as many rows with the log's columns and
// its two indexes.
//
// CPU time and WAL are those of the whole PostgreSQL server, so no other client should use it meanwhile.
type Relay struct {
	// Fresh makes a migrated database for one run; drop removes it.
	Fresh func(ctx context.Context) (dsn string, drop func(), err error)
	// Start starts a server on a database.
	Start func(ctx context.Context, dsn string) (bench.Server, error)
	// Events is how many events wait, for Groups groups: one group in twenty is a restaurant's, the others are orders'.
	Events, Groups int
	// Runs is how often it is measured, each time beside its baseline; the two take turns at being first.
	Runs int
	// Progress receives a line for each step.
	Progress func(line string)
}

const (
	entriesEach = 2 // the order's and the restaurant's
	// groupsPerRestaurant is how many groups there are for each restaurant.
	groupsPerRestaurant = 20
	// relayStalled is the longest time without progress.
	relayStalled = time.Minute
	relayReport  = 5 * time.Second // between two lines of progress
)

// relayed is the result of one run, or of its baseline.
type relayed struct {
	cost

	server     time.Duration // CPU time of the server's process
	peak       int64         // the server's peak memory, in bytes
	filled     time.Duration // time that it took to write the events
	outboxSize int64         // bytes
	logSize    int64
}

// Run measures.
func (b *Relay) Run(ctx context.Context) ([]bench.Figure, error) {
	if b.Groups < 2 { //nolint:mnd // an order and a restaurant
		return nil, errors.New("events need two groups at least: an order's and a restaurant's")
	}
	r := &relayRun{Relay: b, feed: relayFeed{restaurants: max(b.Groups/groupsPerRestaurant, 1)}}
	r.feed.orders = b.Groups - r.feed.restaurants
	var all, baselines []relayed
	for i := range b.Runs {
		product, baseline, err := r.measure(ctx, i)
		if err != nil {
			return nil, err
		}
		b.Progress(fmt.Sprintf("run %d of %d: %.0f events/s, baseline %.0f, ratio %.2f", i+1, b.Runs,
			product.rate(b.Events), baseline.rate(b.Events), product.rate(b.Events)/baseline.rate(b.Events)))
		all, baselines = append(all, product), append(baselines, baseline)
	}
	return r.figures(all, baselines), nil
}

// relayRun is the bench at work.
type relayRun struct {
	*Relay

	feed     relayFeed
	settings map[string]any // of the database
}

// measure does one run in its own database.
func (r *relayRun) measure(ctx context.Context, run int) (product, baseline relayed, err error) {
	dsn, drop, err := r.Fresh(ctx)
	if err != nil {
		return product, baseline, err
	}
	defer drop()
	conn, err := bench.Connect(ctx, dsn)
	if err != nil {
		return product, baseline, err
	}
	defer bench.Disconnect(ctx, conn)
	meter, err := newMeter(ctx, conn, r.Progress)
	if err != nil {
		return product, baseline, err
	}
	if r.settings, err = bench.Conditions(ctx, conn); err != nil {
		return product, baseline, err
	}
	filled, err := r.feed.fill(ctx, conn, r.Events, r.Progress)
	if err != nil {
		return product, baseline, err
	}
	steps := []func() error{
		func() (err error) { product, err = r.relay(ctx, conn, dsn, meter); return err },
		func() (err error) { baseline, err = r.insert(ctx, conn, meter); return err },
	}
	for i := range steps {
		if err := r.settle(ctx, conn); err != nil {
			return product, baseline, err
		}
		if err := steps[(i+run)%len(steps)](); err != nil {
			return product, baseline, err
		}
	}
	product.filled = filled
	return product, baseline, nil
}

// settle does the database's pending work before the measured time: ANALYZE and a checkpoint.
func (r *relayRun) settle(ctx context.Context, conn *pgx.Conn) error {
	if _, err := conn.Exec(ctx, "ANALYZE herald.outbox"); err != nil {
		return fmt.Errorf("analysing the outbox: %w", err)
	}
	if _, err := conn.Exec(ctx, "CHECKPOINT"); err != nil {
		if !isPrivilege(err) {
			return fmt.Errorf("writing a checkpoint: %w", err)
		}
		r.Progress("this user may not write a checkpoint (pg_checkpoint): one may come at any time")
	}
	return nil
}

// relay lets a server relay the waiting events.
func (r *relayRun) relay(ctx context.Context, conn *pgx.Conn, dsn string, m *meter) (done relayed, err error) {
	before, err := m.read(ctx)
	if err != nil {
		return done, err
	}
	server, err := r.Start(ctx, dsn)
	if err != nil {
		return done, err
	}
	defer server.Stop()
	end, err := r.awaitLog(ctx, conn)
	if err != nil {
		return done, err
	}
	after, err := m.read(ctx)
	if err != nil {
		return done, err
	}
	done.cost = after.less(before)
	if done.server, err = bench.CPUTime(server.PID); err != nil {
		return done, err
	}
	if err := bench.AwaitEmpty(ctx, conn, server.URL); err != nil {
		return done, err
	}
	if done.peak, err = bench.PeakResidentBytes(server.PID); err != nil {
		return done, err
	}
	var began time.Time
	// From the first batch's transaction, not the process's start: a server's start-up time is not part of the relay's
	// rate.
	if err := conn.QueryRow(ctx, "SELECT min(relayed_at) FROM herald.relayed_event").Scan(&began); err != nil {
		return done, fmt.Errorf("reading when the relay began: %w", err)
	}
	done.took = end.Sub(began)
	if err := r.check(ctx, conn); err != nil {
		return done, err
	}
	if done.outboxSize, err = bench.TableBytes(ctx, conn, "herald.outbox"); err != nil {
		return done, err
	}
	done.logSize, err = bench.TableBytes(ctx, conn, "herald.event_log")
	return done, err
}

// awaitLog returns the time, by the database's clock, when every event is in the log.
func (r *relayRun) awaitLog(ctx context.Context, conn *pgx.Conn) (now time.Time, err error) {
	entries := int64(entriesEach * r.Events)
	var position, before int64
	moved := time.Now()
	for reported := moved; ; {
		err := conn.QueryRow(ctx, "SELECT s.position, clock_timestamp() FROM herald.relay_state s").Scan(&position, &now)
		if err != nil {
			return now, fmt.Errorf("reading how far the relay is: %w", err)
		}
		switch {
		case position >= entries:
			return now, nil
		case position > before:
			before, moved = position, time.Now()
		case time.Since(moved) > relayStalled:
			return now, fmt.Errorf("the relay has stopped at position %d of %d", position, entries)
		}
		if time.Since(reported) > relayReport {
			reported = time.Now()
			r.Progress(fmt.Sprintf("%d of %d events relayed", position/entriesEach, r.Events))
		}
		if err := bench.Wait(ctx, bench.QueuePoll); err != nil {
			return now, err
		}
	}
}

// check checks that the log holds every event in each of its groups, without a hole.
func (r *relayRun) check(ctx context.Context, conn *pgx.Conn) error {
	var entries, events, holes int64
	err := conn.QueryRow(ctx, `SELECT sum(g.entries)::bigint, (SELECT count(*) FROM herald.relayed_event),
			count(*) FILTER (WHERE g.first <> 1 OR g.last <> g.entries)
		FROM (SELECT count(*) AS entries, min(l.sequence) AS first, max(l.sequence) AS last FROM herald.event_log l GROUP BY l.group_name) g`).
		Scan(&entries, &events, &holes)
	if err != nil {
		return fmt.Errorf("checking the log: %w", err)
	}
	if entries != int64(entriesEach*r.Events) || events != int64(r.Events) || holes > 0 {
		return fmt.Errorf("the log is wrong: %d events with %d entries instead of %d with %d, %d groups with holes",
			events, entries, r.Events, entriesEach*r.Events, holes)
	}
	return nil
}

func (r *relayRun) figures(all, baselines []relayed) []bench.Figure {
	each := func(total float64) float64 { return math.Round(100*total/float64(r.Events)) / 100 } //nolint:mnd // 2 places
	rate := func(d relayed) float64 { return d.rate(r.Events) }
	figure := func(name, unit string, what func(relayed) float64, beside []relayed) bench.Figure {
		return bench.Figure{
			Name: name, Unit: unit, Runs: r.Runs, Value: bench.Median(bench.ValuesOf(all, what)),
			Baseline:   bench.Median(bench.ValuesOf(beside, what)),
			Conditions: r.conditions(all, bench.Ratios(bench.ValuesOf(all, rate), bench.ValuesOf(baselines, rate))),
		}
	}
	figures := []bench.Figure{
		figure("relay_rate", "events/s", rate, baselines),
		figure("relay_wal", "bytes", func(d relayed) float64 { return each(float64(d.wal)) }, baselines),
		figure("relay_cpu_server", "µs", func(d relayed) float64 { return each(float64(d.server.Microseconds())) }, nil),
		figure("relay_peak_resident", "bytes", func(d relayed) float64 { return float64(d.peak) }, nil),
	}
	if all[0].cpu > 0 {
		figures = append(figures, figure(
			"relay_cpu_postgres", "µs", func(d relayed) float64 { return each(float64(d.cpu.Microseconds())) }, baselines,
		))
	}
	return figures
}

func (r *relayRun) conditions(all []relayed, ratios []float64) map[string]any {
	c := map[string]any{
		"events": r.Events, "entries": entriesEach * r.Events, "orders": r.feed.orders, "restaurants": r.feed.restaurants,
		"ratios":       ratios,
		"fill_seconds": bench.ValuesOf(all, func(d relayed) float64 { return math.Round(d.filled.Seconds()) }),
		"outbox_bytes": all[0].outboxSize, "log_bytes": all[0].logSize,
		"time": "from the start of the first batch's transaction until relay_state says that everything is in the log; CPU time and WAL with the server's start, an event each",
		"baseline": fmt.Sprintf(
			"INSERT … SELECT of as many rows with the log's columns and its two indexes, a transaction for every %d events, over one connection",
			insertBatch,
		),
	}
	maps.Copy(c, r.settings)
	return c
}
