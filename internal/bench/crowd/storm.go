package crowd

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/yummyzoom/herald/internal/bench"
)

// Storm is a run of the storm bench: all clients lose their connections at once, miss events of their orders, and come back at once, each
// by negotiating, connecting, shaking hands and resuming from its last event. Every one must be sent exactly what it missed, in order,
// or the bench fails. The baseline is the bare server, which sends as much to as many new connections.
//
// What it costs PostgreSQL is the transactions that the database has counted during the storm, less those of a quiet time before,
// by length: a server at rest asks the database too, as often as it does then. PostgreSQL's processes report what they have
// counted up to ten seconds late, so the counters are read a while after the storm, and as long after anything before it.
// A query outside of a transaction counts as one. The bench reads the counters in the same database, once for each of the
// times, so this cancels out. Autovacuum does not, which comes when it likes: hence the median, and resumed_from_ring in the
// conditions, which is how many resumes the server itself says it has answered without the database.
type Storm struct {
	// Program is the herald whose `bench members` and `bench bare` take part.
	Program string
	// Server is the one that is measured, DSN its database.
	Server bench.Server
	DSN    string
	// Clients come back, each to one of Orders, after Events events of each.
	Clients, Orders, Events int
	// Dial is how many clients are on their way back at the same time: from the first connection's start to the resume's answer.
	Dial int
	// Quiet is the quiet time before the storm, and how late PostgreSQL's counters may be.
	Quiet time.Duration
	// Runs is how often the storm comes.
	Runs int
	// Progress is told what happens.
	Progress func(line string)
}

// Run measures.
func (b *Storm) Run(ctx context.Context) ([]bench.Figure, error) {
	if err := bench.CheckOpenFiles(b.Clients + 2*b.Dial); err != nil {
		return nil, err
	}
	if b.Quiet < countersLate {
		b.Progress(fmt.Sprintf("PostgreSQL's counters are up to %s late: after %s of quiet, the transactions mean nothing", countersLate, b.Quiet))
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
		b.Progress(fmt.Sprintf("run %d of %d: the last of %d had everything after %.2f s (baseline %.2f s), the median after %.0f ms (%.0f ms), with %.0f transactions",
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
	transactions float64 // that it cost PostgreSQL
	fromRing     float64 // resumes that needed no database
}

// gather has all clients follow their orders, and then lose their connections.
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

// pass publishes the events from number first on, while the clients are away, and lets them come back.
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

// flood is the baseline, with frames of the size that Herald's events had.
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
		"clients": b.Clients, "orders": b.Orders, "events_each": b.Events, "at_a_time": b.Dial, "quiet_seconds": b.Quiet.Seconds(),
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
