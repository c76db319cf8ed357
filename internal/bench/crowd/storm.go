package crowd

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/yummyzoom/herald/internal/bench"
)

// Storm is a run of the storm bench: all clients lose their connections at once, miss events of their orders, and
// come back at once. Each negotiates, connects, does the handshake and resumes from its last event. Each must be
// sent exactly its missed events, in order, or the bench fails. The baseline is the bare server, which sends as many
// bytes to as many new connections.
//
// The storm's cost for PostgreSQL is the number of transactions that the database counted during the storm, less
// those of a quiet time before, scaled to the storm's length: a server at rest asks the database at a steady rate,
// too. PostgreSQL's processes report their counts up to ten seconds late, so the counters are read a while after the
// storm, and as long after any earlier work. A query outside of a transaction counts as one. The bench's own reading
// of the counters is in both counts once, so it cancels out. Autovacuum comes at any time and does not cancel out:
// hence the median, and resumed_from_ring in the conditions, the server's own count of resumes that it answered
// without the database.
type Storm struct {
	// Program is the herald whose `bench members` and `bench bare` take part.
	Program string
	// Server is the measured server, DSN its database.
	Server bench.Server
	DSN    string
	// Clients come back, each to one of Orders, after Events events of each order.
	Clients, Orders, Events int
	// Dial is how many clients are on their way back at the same time: from the first connection's start to the
	// resume's answer.
	Dial int
	// Quiet is the quiet time before the storm, and the delay of PostgreSQL's counters.
	Quiet time.Duration
	// Runs is the number of storms.
	Runs int
	// Progress receives a line for each step.
	Progress func(line string)
}

// Run measures.
func (b *Storm) Run(ctx context.Context) ([]bench.Figure, error) {
	if err := bench.CheckOpenFiles(b.Clients + 2*b.Dial); err != nil {
		return nil, err
	}
	if b.Quiet < countersLate {
		b.Progress(fmt.Sprintf(
			"PostgreSQL's counters are up to %s late: after %s of quiet, the transactions mean nothing", countersLate,
			b.Quiet,
		))
	}
	r := &stormRun{Storm: b, orders: bench.NewOrders(b.Orders)}
	var err error
	if r.counters, err = openCounters(ctx, b.DSN); err != nil {
		return nil, err
	}
	defer r.counters.close(ctx)
	if r.members, err = startMembers(ctx, b.Program); err != nil {
		return nil, err
	}
	defer r.members.stop()
	if err := r.gather(ctx); err != nil {
		return nil, err
	}
	var all []passed
	for i := range b.Runs {
		p, err := r.pass(ctx, 1+i*b.Events)
		if err != nil {
			return nil, err
		}
		b.Progress(fmt.Sprintf(
			"run %d of %d: the last of %d had everything after %.2f s (baseline %.2f s), the median after %.0f ms (%.0f ms), with %.0f transactions",
			i+1, b.Runs, b.Clients, p.herald.Took.Seconds(), p.bare.Took.Seconds(),
			bench.Sample(p.herald.Each).Percentile(bench.P50), bench.Sample(p.bare.Each).Percentile(bench.P50), p.transactions))
		all = append(all, p)
	}
	return b.figures(all), nil
}

// stormRun is the bench at work.
type stormRun struct {
	*Storm

	orders   []uuid.UUID
	clients  []client
	members  *members
	counters *counters
}

// passed is one storm.
type passed struct {
	herald, bare stormed
	transactions float64 // the storm's cost for PostgreSQL
	fromRing     float64 // resumes answered without the database
}

// gather makes all clients follow their orders, and then cuts their connections.
func (r *stormRun) gather(ctx context.Context) error {
	r.Progress(fmt.Sprintf("%d clients gather around %d orders", r.Clients, r.Orders))
	if err := r.publish(ctx, 0, 1); err != nil {
		return err
	}
	var err error
	if r.clients, err = newClients(r.Server.Secret, r.Clients, r.orders); err != nil {
		return err
	}
	o := openOrder{URL: r.Server.URL + bench.HubPath, Clients: r.clients, Dial: r.Dial, Negotiate: true}
	if err := r.members.do(ctx, openAll, o, nil); err != nil {
		return err
	}
	if err := r.members.do(ctx, joinAll, nil, nil); err != nil {
		return err
	}
	return r.members.do(ctx, cut, nil, nil)
}

// pass publishes the events from number first on, while the clients are away, and lets the clients come back.
func (r *stormRun) pass(ctx context.Context, first int) (p passed, err error) {
	r.Progress(fmt.Sprintf("all clients are away; publishing %d events", r.Events*len(r.orders)))
	if err := r.publish(ctx, first, r.Events); err != nil {
		return p, err
	}
	before, err := bench.ScrapeAnew(ctx, r.Server.URL)
	if err != nil {
		return p, err
	}
	r.Progress(fmt.Sprintf("counting what the database does at rest, for %s after as long", r.Quiet))
	if err := bench.Wait(ctx, r.Quiet); err != nil {
		return p, err
	}
	quiet, err := r.counters.during(ctx, func() error { return bench.Wait(ctx, r.Quiet) })
	if err != nil {
		return p, err
	}
	r.Progress("all clients come back")
	busy, err := r.counters.during(ctx, func() error {
		if err := r.members.do(ctx, storm, stormOrder{Dial: r.Dial, First: first, Events: r.Events}, &p.herald); err != nil {
			return err
		}
		return bench.Wait(ctx, r.Quiet)
	})
	if err != nil {
		return p, err
	}
	p.transactions = busy.less(quiet)
	after, err := bench.ScrapeAnew(ctx, r.Server.URL)
	if err != nil {
		return p, err
	}
	p.fromRing = after[bench.ResumedFromRing] - before[bench.ResumedFromRing]
	if err := r.members.do(ctx, cut, nil, nil); err != nil {
		return p, err
	}
	p.bare, err = r.flood(ctx, p.herald.Frame)
	return p, err
}

// flood is the baseline, with frames of the same size as Herald's events.
func (r *stormRun) flood(ctx context.Context, frame int) (s stormed, err error) {
	bare, err := startBare(ctx, r.Program, r.Events, frame)
	if err != nil {
		return s, err
	}
	defer bare.stop()
	o := floodOrder{
		openOrder: openOrder{URL: bare.url + bareFrames, Clients: r.clients, Dial: r.Dial},
		Bytes:     r.Events * len(fillerFrame(frame)),
	}
	if err := r.members.do(ctx, flood, o, &s); err != nil {
		return s, fmt.Errorf("bare server: %w", err)
	}
	return s, nil
}

func (b *Storm) figures(all []passed) []bench.Figure {
	conditions := map[string]any{
		"clients": b.Clients, "orders": b.Orders, "events_each": b.Events, "at_a_time": b.Dial,
		"quiet_seconds":     b.Quiet.Seconds(),
		"resumed_from_ring": bench.ValuesOf(all, func(p passed) float64 { return p.fromRing }), "value": "median",
		"baseline": "the bare WebSocket server, which sends as many prebuilt frames of the size to as many new connections",
	}
	figure := func(name, unit string, what func(stormed) float64) bench.Figure {
		return bench.Figure{
			Name: name, Unit: unit, Runs: b.Runs, Conditions: conditions,
			Value:    bench.Median(bench.ValuesOf(all, func(p passed) float64 { return what(p.herald) })),
			Baseline: bench.Median(bench.ValuesOf(all, func(p passed) float64 { return what(p.bare) })),
		}
	}
	return []bench.Figure{
		figure("storm_last", "s", func(s stormed) float64 { return s.Took.Seconds() }),
		figure("storm_client_p50", "ms", func(s stormed) float64 { return bench.Sample(s.Each).Percentile(bench.P50) }),
		figure("storm_client_p99", "ms", func(s stormed) float64 { return bench.Sample(s.Each).Percentile(bench.P99) }),
		{
			Name: "storm_transactions", Unit: "", Runs: b.Runs, Conditions: conditions,
			Value: bench.Median(bench.ValuesOf(all, func(p passed) float64 { return p.transactions })),
		},
	}
}
