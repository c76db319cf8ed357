package bench

import (
	"context"
	"fmt"
	"math"
	"time"
)

// Idle is a run of the idle bench: what a connection costs that has been opened, shaken hands, been authenticated by its token and
// subscribed to an order of its own, and then only answers pings. The baseline is the bare server with the same clients.
type Idle struct {
	// Program is the herald whose `bench members` and `bench bare` take part.
	Program string
	// Start starts a server that has not been used yet, one for each run.
	Start func(ctx context.Context) (Server, error)
	// Connections is how many are opened, Dial how many at a time.
	Connections, Dial int
	// Settle is how long the server may take at most until its memory is looked at: see settle.
	Settle time.Duration
	// Runs is how often all of it is done.
	Runs int
	// Progress is told what has been measured.
	Progress func(line string)
}

// idleWarmUp is how many connections come and go before anything is measured: what a server loads and allocates for its first is
// its own.
const idleWarmUp = 100

// connections is what so many of them cost one process.
type connections struct {
	atOnce, resident float64 // bytes of memory a connection: when the last had come, and settled
	goroutines       float64 // a connection; 0 where it was not asked
	rate             float64 // connections a second
	cpu              float64 // microseconds of CPU time a connection
	settled          time.Duration
}

// Run measures.
func (b *Idle) Run(ctx context.Context) ([]Figure, error) {
	if err := checkOpenFiles(b.Connections); err != nil {
		return nil, err
	}
	var herald, bare []connections
	for i := range b.Runs {
		h, err := b.measureHerald(ctx)
		if err != nil {
			return nil, err
		}
		b.report(i, "herald", h)
		r, err := b.measureBare(ctx, h.settled)
		if err != nil {
			return nil, err
		}
		b.report(i, "bare server", r)
		herald, bare = append(herald, h), append(bare, r)
	}
	return b.figures(herald, bare), nil
}

func (b *Idle) report(run int, who string, c connections) {
	b.Progress(fmt.Sprintf("run %d of %d, %s: %.0f connections/s, %.0f µs CPU each, %.0f bytes each (%.0f at once), settled for %s",
		run+1, b.Runs, who, c.rate, c.cpu, c.resident, c.atOnce, c.settled.Round(time.Second)))
}

func (b *Idle) measureHerald(ctx context.Context) (connections, error) {
	server, err := b.Start(ctx)
	if err != nil {
		return connections{}, err
	}
	defer server.Stop()
	before, err := scrape(ctx, server.URL)
	if err != nil {
		return connections{}, err
	}
	clients, err := newClients(server.Secret, b.Connections, newOrders(b.Connections))
	if err != nil {
		return connections{}, err
	}
	c, err := b.measure(ctx, server.PID, openOrder{URL: server.URL + hubPath, Clients: clients, Dial: b.Dial},
		func(m *members) error { return m.do(ctx, subscribeAll, nil, nil) },
		func() (time.Duration, error) { return b.settle(ctx, server) },
		func(c *connections) error {
			after, err := scrape(ctx, server.URL)
			c.goroutines = (after[goroutines] - before[goroutines]) / float64(b.Connections)
			return err
		})
	if err != nil {
		return connections{}, fmt.Errorf("herald: %w", err)
	}
	return c, nil
}

// measureBare gives the bare server as much time to settle as Herald took.
func (b *Idle) measureBare(ctx context.Context, settle time.Duration) (connections, error) {
	server, err := startBare(ctx, b.Program, 0, 0)
	if err != nil {
		return connections{}, err
	}
	defer server.stop()
	const secret = "the bare server does not look at tokens"
	clients, err := newClients(secret, b.Connections, newOrders(b.Connections))
	if err != nil {
		return connections{}, err
	}
	c, err := b.measure(ctx, server.pid, openOrder{URL: server.url + bareRest, Clients: clients, Dial: b.Dial},
		func(*members) error { return nil },
		func() (time.Duration, error) { return settle, wait(ctx, settle) },
		func(*connections) error { return nil })
	if err != nil {
		return connections{}, fmt.Errorf("bare server: %w", err)
	}
	return c, nil
}

// measure opens the connections to the process, prepares them, lets it settle, and has the last look before they are closed.
func (b *Idle) measure(
	ctx context.Context, pid int, o openOrder, prepare func(*members) error, settle func() (time.Duration, error), look func(*connections) error,
) (c connections, err error) {
	members, err := startMembers(ctx, b.Program)
	if err != nil {
		return c, err
	}
	defer members.stop()
	warmUp := o
	warmUp.Clients = o.Clients[:min(idleWarmUp, len(o.Clients))]
	if err := members.do(ctx, openAll, warmUp, nil); err != nil {
		return c, err
	}
	if err := prepare(members); err != nil {
		return c, err
	}
	if err := members.do(ctx, cut, nil, nil); err != nil {
		return c, err
	}

	memory, err := residentBytes(pid)
	if err != nil {
		return c, err
	}
	cpu, err := cpuTime(pid)
	if err != nil {
		return c, err
	}
	var opening taken
	if err := members.do(ctx, openAll, o, &opening); err != nil {
		return c, err
	}
	cpuAfter, err := cpuTime(pid)
	if err != nil {
		return c, err
	}
	n := float64(b.Connections)
	c.rate = n / opening.Took.Seconds()
	c.cpu = float64((cpuAfter - cpu).Microseconds()) / n
	if err := prepare(members); err != nil {
		return c, err
	}
	if err := members.do(ctx, rest, nil, nil); err != nil {
		return c, err
	}
	atOnce, err := residentBytes(pid)
	if err != nil {
		return c, err
	}
	if c.settled, err = settle(); err != nil {
		return c, err
	}
	settled, err := residentBytes(pid)
	if err != nil {
		return c, err
	}
	c.atOnce, c.resident = float64(atOnce-memory)/n, float64(settled-memory)/n
	return c, look(&c)
}

const (
	settlePoll = time.Second
	// settleStill is how long, and settleShare by how much, resident memory may have changed at most to count as settled.
	settleStill = 5 * time.Second
	settleShare = 0.01
)

// settle waits, at most for b.Settle, until the server has collected its garbage twice and its resident memory stays where it is. The
// first collection takes away what connecting has left; up to the second, which comes two minutes later where little is
// allocated, one sees what a server at rest leaves lying about itself.
func (b *Idle) settle(ctx context.Context, server Server) (time.Duration, error) {
	start := time.Now()
	first, err := scrape(ctx, server.URL)
	if err != nil {
		return 0, err
	}
	var still time.Time
	var at int64
	for time.Since(start) < b.Settle {
		if err := wait(ctx, min(settlePoll, b.Settle)); err != nil {
			return 0, err
		}
		now, err := scrape(ctx, server.URL)
		if err != nil {
			return 0, err
		}
		resident, err := residentBytes(server.PID)
		if err != nil {
			return 0, err
		}
		if math.Abs(float64(resident-at)) > settleShare*float64(at) {
			still, at = time.Now(), resident
		}
		if now[collections] >= first[collections]+2 && time.Since(still) >= settleStill {
			break
		}
	}
	return time.Since(start), nil
}

// wait returns after d, or when ctx ends.
func wait(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (b *Idle) figures(herald, bare []connections) []Figure {
	conditions := map[string]any{
		"connections": b.Connections, "dialled_at_a_time": b.Dial, "value": "median",
		"settled_seconds": of(herald, func(c connections) float64 { return math.Round(c.settled.Seconds()) }),
		"connect":         "TCP, WebSocket upgrade with a token in the query, SignalR handshake; no negotiation, no subscription",
		"resident":        "of the server's process, less its own before; settled: after two garbage collections at rest",
		"baseline":        "the bare WebSocket server with the same clients",
	}
	figure := func(name, unit string, what func(connections) float64) Figure {
		return Figure{
			Name: name, Unit: unit, Runs: b.Runs, Conditions: conditions,
			Value: median(of(herald, what)), Baseline: median(of(bare, what)),
		}
	}
	return []Figure{
		figure("idle_resident", "bytes", func(c connections) float64 { return c.resident }),
		figure("idle_resident_at_once", "bytes", func(c connections) float64 { return c.atOnce }),
		figure("idle_goroutines", "each", func(c connections) float64 { return c.goroutines }),
		figure("idle_connect_rate", "/s", func(c connections) float64 { return c.rate }),
		figure("idle_connect_cpu", "µs", func(c connections) float64 { return c.cpu }),
	}
}

// of returns one value of each.
func of[T any](all []T, what func(T) float64) []float64 {
	values := make([]float64, len(all))
	for i := range all {
		values[i] = what(all[i])
	}
	return values
}
