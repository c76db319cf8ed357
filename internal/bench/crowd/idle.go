package crowd

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/yummyzoom/herald/internal/bench"
)

// Idle is a run of the idle bench: the cost of a connection that has been opened, has done the handshake, is
// authenticated by its token and subscribed to an order of its own, and from then on only exchanges pings. The
// baseline is the bare server with the same clients.
type Idle struct {
	// Program is the herald whose `bench members` and `bench bare` take part.
	Program string
	// Start starts a new server for each run.
	Start func(ctx context.Context) (bench.Server, error)
	// Connections is how many connections are opened, Dial how many at a time.
	Connections, Dial int
	// Settle is the longest wait for the server's second garbage collection at rest, before its memory is read.
	Settle time.Duration
	// Runs is how often the whole measurement is repeated.
	Runs int
	// Progress receives a line for each measurement.
	Progress func(line string)
}

// idleWarmUp is how many connections come and go before the measurement, to exclude what a server loads and
// allocates for its first connections.
const idleWarmUp = 100

// connections is the cost of the connections for one process.
type connections struct {
	atOnce, resident float64 // bytes of memory a connection: after the last one was opened, and settled
	goroutines       float64 // a connection; 0 if not measured
	rate             float64 // connections per second
	cpu              float64 // microseconds of CPU time a connection
	settled          time.Duration
}

// Run measures.
func (b *Idle) Run(ctx context.Context) ([]bench.Figure, error) {
	if err := bench.CheckOpenFiles(b.Connections); err != nil {
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
	b.Progress(fmt.Sprintf(
		"run %d of %d, %s: %.0f connections/s, %.0f µs CPU each, %.0f bytes each (%.0f at once), settled for %s",
		run+1, b.Runs, who, c.rate, c.cpu, c.resident, c.atOnce, c.settled.Round(time.Second)))
}

// subject is the server that idle connections are opened to.
type subject struct {
	pid       int
	open      openOrder
	subscribe bool
	settle    func() (time.Duration, error) // waits until its memory can be read, and returns how long that took
}

func (b *Idle) measureHerald(ctx context.Context) (connections, error) {
	server, err := b.Start(ctx)
	if err != nil {
		return connections{}, err
	}
	defer server.Stop()
	before, err := bench.ScrapeAnew(ctx, server.URL)
	if err != nil {
		return connections{}, err
	}
	clients, err := newClients(server.Secret, b.Connections, bench.NewOrders(b.Connections))
	if err != nil {
		return connections{}, err
	}
	var after bench.Metrics
	c, err := b.measure(ctx, subject{
		pid: server.PID, open: openOrder{URL: server.URL + bench.HubPath, Clients: clients, Dial: b.Dial}, subscribe: true,
		settle: func() (took time.Duration, err error) {
			after, took, err = b.settle(ctx, server)
			return took, err
		},
	})
	if err != nil {
		return connections{}, fmt.Errorf("herald: %w", err)
	}
	c.goroutines = (after[bench.Goroutines] - before[bench.Goroutines]) / float64(b.Connections)
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
	clients, err := newClients(secret, b.Connections, bench.NewOrders(b.Connections))
	if err != nil {
		return connections{}, err
	}
	c, err := b.measure(ctx, subject{
		pid: server.pid, open: openOrder{URL: server.url + bareRest, Clients: clients, Dial: b.Dial},
		settle: func() (time.Duration, error) { return settle, bench.Wait(ctx, settle) },
	})
	if err != nil {
		return connections{}, fmt.Errorf("bare server: %w", err)
	}
	return c, nil
}

// measure opens the connections and measures their cost.
func (b *Idle) measure(ctx context.Context, s subject) (c connections, err error) {
	members, err := startMembers(ctx, b.Program)
	if err != nil {
		return c, err
	}
	defer members.stop()
	warmUp := s.open
	warmUp.Clients = warmUp.Clients[:min(idleWarmUp, len(warmUp.Clients))]
	if _, err := s.gather(ctx, members, warmUp); err != nil {
		return c, err
	}
	if err := members.do(ctx, cut, nil, nil); err != nil {
		return c, err
	}

	memory, err := bench.ResidentBytes(s.pid)
	if err != nil {
		return c, err
	}
	opened, err := s.gather(ctx, members, s.open)
	if err != nil {
		return c, err
	}
	if err := members.do(ctx, rest, nil, nil); err != nil {
		return c, err
	}
	atOnce, err := bench.ResidentBytes(s.pid)
	if err != nil {
		return c, err
	}
	if c.settled, err = s.settle(); err != nil {
		return c, err
	}
	settled, err := bench.ResidentBytes(s.pid)
	if err != nil {
		return c, err
	}
	n := float64(b.Connections)
	c.rate, c.cpu = n/opened.took.Seconds(), float64(opened.cpu.Microseconds())/n
	c.atOnce, c.resident = float64(atOnce-memory)/n, float64(settled-memory)/n
	return c, nil
}

// opened is the cost of opening connections, without subscribing.
type opened struct{ took, cpu time.Duration }

// gather opens connections and has them subscribe.
func (s subject) gather(ctx context.Context, members *members, o openOrder) (opened, error) {
	before, err := bench.CPUTime(s.pid)
	if err != nil {
		return opened{}, err
	}
	var opening taken
	if err := members.do(ctx, openAll, o, &opening); err != nil {
		return opened{}, err
	}
	after, err := bench.CPUTime(s.pid)
	if err != nil {
		return opened{}, err
	}
	if s.subscribe {
		err = members.do(ctx, subscribeAll, nil, nil)
	}
	return opened{opening.Took, after - before}, err
}

// settlePoll is how often the server at rest is asked for its metrics: as rarely as Prometheus does, because an
// answer costs the server memory, too.
const settlePoll = 15 * time.Second

// settle waits, at most for b.Settle, until the server has collected its garbage twice, and then returns its
// metrics. The first collection frees the garbage of connecting. The second comes two minutes later if little is
// allocated; by then the memory shows the garbage that a server at rest itself makes.
func (b *Idle) settle(ctx context.Context, server bench.Server) (now bench.Metrics, took time.Duration, err error) {
	start := time.Now()
	first, err := bench.ScrapeAnew(ctx, server.URL)
	if err != nil {
		return nil, 0, err
	}
	for now = first; now[bench.Collections] < first[bench.Collections]+2 && time.Since(start) < b.Settle; {
		if err := bench.Wait(ctx, min(settlePoll, b.Settle-time.Since(start))); err != nil {
			return nil, 0, err
		}
		if now, err = bench.Scrape(ctx, server.URL); err != nil {
			return nil, 0, err
		}
	}
	return now, time.Since(start), nil
}

func (b *Idle) figures(herald, bare []connections) []bench.Figure {
	conditions := map[string]any{
		"connections": b.Connections, "dialled_at_a_time": b.Dial, "value": "median",
		"settled_seconds": bench.ValuesOf(herald, func(c connections) float64 { return math.Round(c.settled.Seconds()) }),
		"connect":         "TCP, WebSocket upgrade with a token in the query, SignalR handshake; no negotiation, no subscription",
		"resident":        "of the server's process, less its own before; settled: after two garbage collections at rest",
		"baseline":        "the bare WebSocket server with the same clients",
	}
	figure := func(name, unit string, what func(connections) float64) bench.Figure {
		return bench.Figure{
			Name: name, Unit: unit, Runs: b.Runs, Conditions: conditions,
			Value: bench.Median(bench.ValuesOf(herald, what)), Baseline: bench.Median(bench.ValuesOf(bare, what)),
		}
	}
	return []bench.Figure{
		figure("idle_resident", "bytes", func(c connections) float64 { return c.resident }),
		figure("idle_resident_at_once", "bytes", func(c connections) float64 { return c.atOnce }),
		figure("idle_goroutines", "each", func(c connections) float64 { return c.goroutines }),
		figure("idle_connect_rate", "/s", func(c connections) float64 { return c.rate }),
		figure("idle_connect_cpu", "µs", func(c connections) float64 { return c.cpu }),
	}
}
