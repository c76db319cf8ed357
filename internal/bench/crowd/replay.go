package crowd

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/yummyzoom/herald/internal/bench"
	"github.com/yummyzoom/herald/internal/event"
	"github.com/yummyzoom/herald/internal/eventlog"
)

// Replay is a run of the replay bench: how fast clients get their missed events when they resume. Each follows an
// order of its own. One node has broadcast the events and answers from its ring of recent events; another has just
// been started and answers from the log. Every client must be sent exactly its missed events, in order, or the bench
// fails.
//
// The baseline is the bare server, which sends as many bytes in prebuilt frames to as many clients. For the log
// there is a second baseline: one connection that reads the same rows, one client's after another's.
type Replay struct {
	// Program is the herald whose `bench members` and `bench bare` take part.
	Program string
	// DSN is the database. Start starts a server on it with additional settings, NAME=value.
	DSN   string
	Start func(ctx context.Context, settings ...string) (bench.Server, error)
	// Clients are the numbers of clients that resume at the same time; each is measured. Events is how many events each
	// client has missed.
	Clients []int
	Events  int
	// Runs is how often each number is measured. Duration is the least length of one run, for each node and baseline:
	// they take turns.
	Runs     int
	Duration time.Duration
	// Progress receives a line for each step.
	Progress func(line string)
}

// source is the source of a replay, or its baseline.
type source int

const (
	fromRing source = iota
	fromLog
	fromBare
	fromSQL
	sources = 4
)

const (
	// The most that an event takes in a queue and in the ring.
	queuedEvent = 512
	ringedEvent = 2 << 10
	// The settings' defaults.
	leastQueue = 1 << 20
	leastRing  = 64 << 20
)

// Run measures.
func (b *Replay) Run(ctx context.Context) ([]bench.Figure, error) {
	most := slices.Max(b.Clients)
	if err := bench.CheckOpenFiles(most); err != nil {
		return nil, err
	}
	r := &replayRun{Replay: b, orders: bench.NewOrders(most)}
	var err error
	if r.conn, err = bench.Connect(ctx, b.DSN); err != nil {
		return nil, err
	}
	defer bench.Disconnect(ctx, r.conn)
	if r.settings, err = bench.Conditions(ctx, r.conn); err != nil {
		return nil, err
	}
	stop, err := r.startNodes(ctx)
	if err != nil {
		return nil, err
	}
	defer stop()
	if r.members, err = startMembers(ctx, b.Program); err != nil {
		return nil, err
	}
	defer r.members.stop()
	if r.bare, err = r.startBare(ctx); err != nil {
		return nil, err
	}
	defer r.bare.stop()
	var figures []bench.Figure
	for _, n := range b.Clients {
		measured, err := r.measure(ctx, n)
		if err != nil {
			return nil, fmt.Errorf("%d clients: %w", n, err)
		}
		figures = append(figures, measured...)
	}
	return figures, nil
}

// replayRun is the bench at work.
type replayRun struct {
	*Replay

	orders   []uuid.UUID // one for each client
	conn     *pgx.Conn
	position int64           // of the log, after all events were published
	nodes    [2]bench.Server // by source
	members  *members
	bare     *bare
	frame    int            // bytes of an event's frame
	settings map[string]any // of the database and the nodes
}

// startNodes publishes the events, with a node that broadcasts them and one that starts later.
func (r *replayRun) startNodes(ctx context.Context) (stop func(), err error) {
	queue := max(leastQueue, 2*r.Events*queuedEvent)
	ring := max(leastRing, len(r.orders)*(r.Events+1)*ringedEvent)
	settings := []string{
		fmt.Sprintf("HERALD_QUEUE_BYTES=%d", queue), fmt.Sprintf("HERALD_RING_BYTES=%d", ring),
		fmt.Sprintf("HERALD_REPLAY_LIMIT=%d", max(r.Events, 1)),
	}
	r.settings["queue_bytes"], r.settings["ring_bytes"] = queue, ring
	ringed, err := r.Start(ctx, settings...)
	if err != nil {
		return nil, err
	}
	r.Progress(fmt.Sprintf("publishing %d events for each of %d orders", r.Events+1, len(r.orders)))
	logged, err := r.startLate(ctx, ringed, settings)
	if err != nil {
		ringed.Stop()
		return nil, err
	}
	r.nodes = [2]bench.Server{fromRing: ringed, fromLog: logged}
	return func() { logged.Stop(); ringed.Stop() }, nil
}

// startLate starts a node after the events.
func (r *replayRun) startLate(
	ctx context.Context, early bench.Server, settings []string,
) (late bench.Server, err error) {
	if err := publishEach(ctx, r.DSN, early.URL, r.orders, 0, r.Events+1); err != nil {
		return late, err
	}
	state, err := eventlog.NewReader(r.conn).State(ctx)
	if err != nil {
		return late, err
	}
	r.position = state.Position
	return r.Start(ctx, settings...)
}

// startBare starts the baseline, with frames of the same size as Herald's.
func (r *replayRun) startBare(ctx context.Context) (*bare, error) {
	s, err := r.resume(ctx, fromRing, 1)
	if err != nil {
		return nil, err
	}
	r.frame = s.Frame
	return startBare(ctx, r.Program, r.Events, r.frame)
}

// replayed is the result of one run.
type replayed struct {
	rates   [sources]float64      // events per second, all clients together
	clients [sources]bench.Sample // the duration of each client's replay
}

// measure measures with n clients.
func (r *replayRun) measure(ctx context.Context, n int) ([]bench.Figure, error) {
	if _, err := r.alternate(ctx, n, r.Duration/bench.WarmUpShare); err != nil {
		return nil, err
	}
	var all []replayed
	for i := range r.Runs {
		p, err := r.alternate(ctx, n, r.Duration)
		if err != nil {
			return nil, err
		}
		r.Progress(fmt.Sprintf(
			"%d clients, run %d of %d: from the ring %.0f events/s, from the log %.0f; bare server %.0f, plain read %.0f",
			n, i+1, r.Runs, p.rates[fromRing], p.rates[fromLog], p.rates[fromBare], p.rates[fromSQL]))
		all = append(all, p)
	}
	return r.figures(n, all), nil
}

// alternate replays from each source in turns until each has had its time, and checks that the replays came from
// there.
func (r *replayRun) alternate(ctx context.Context, n int, duration time.Duration) (p replayed, err error) {
	for _, node := range r.nodes {
		if err := bench.AwaitEmpty(ctx, r.conn, node.URL); err != nil {
			return p, err
		}
	}
	before, err := r.scrape(ctx)
	if err != nil {
		return p, err
	}
	var took [sources]time.Duration
	var rounds [sources]int
	for turn := 0; slices.Min(took[:]) < duration || turn == 0; turn++ {
		for i := range sources {
			from := source((i + turn) % sources)
			if took[from] >= duration && turn > 0 { // quick sources have many turns, and do not make the slow ones run longer
				continue
			}
			s, err := r.replay(ctx, from, n)
			if err != nil {
				return p, err
			}
			rounds[from]++
			took[from] += s.Took
			p.clients[from] = append(p.clients[from], s.Each...)
		}
	}
	after, err := r.scrape(ctx)
	if err != nil {
		return p, err
	}
	for from, name := range map[source]string{fromRing: bench.ResumedFromRing, fromLog: bench.ResumedFromLog} {
		if got, want := after[from][name]-before[from][name], n*rounds[from]; got != float64(want) {
			return p, fmt.Errorf("of %d resumes, %.0f were counted as %s: what should be measured was not", want, got, name)
		}
	}
	for from := range took {
		p.rates[from] = float64(n*r.Events*rounds[from]) / took[from].Seconds()
	}
	return p, nil
}

func (r *replayRun) scrape(ctx context.Context) (all [2]bench.Metrics, err error) {
	for i := range all {
		if all[i], err = bench.ScrapeAnew(ctx, r.nodes[i].URL); err != nil {
			return all, err
		}
	}
	return all, nil
}

// replay has n clients get their missed events from one source.
func (r *replayRun) replay(ctx context.Context, from source, n int) (stormed, error) {
	switch from {
	case fromBare:
		return r.pull(ctx, n)
	case fromSQL:
		return r.read(ctx, n)
	default:
		return r.resume(ctx, from, n)
	}
}

// resume has n clients connect to a node, resume all at once, and disconnect.
func (r *replayRun) resume(ctx context.Context, from source, n int) (s stormed, err error) {
	node := r.nodes[from]
	clients, err := newClients(node.Secret, n, r.orders)
	if err != nil {
		return s, err
	}
	if err := r.members.do(
		ctx, openAll, openOrder{URL: node.URL + bench.HubPath, Clients: clients, Dial: n}, nil,
	); err != nil {
		return s, err
	}
	if err := r.members.do(ctx, replay, stormOrder{First: 1, Events: r.Events}, &s); err != nil {
		return s, err
	}
	if err := r.members.do(ctx, cut, nil, nil); err != nil {
		return s, err
	}
	return s, awaitGone(ctx, node.URL)
}

// awaitGone returns when a server has no connections any more.
func awaitGone(ctx context.Context, url string) error {
	ctx, cancel := context.WithTimeoutCause(
		ctx, bench.AnswerWithin, errors.New("the server has connections that the bench has ended"),
	)
	defer cancel()
	for {
		m, err := bench.Scrape(ctx, url)
		if err != nil {
			return err
		}
		if m[bench.ConnectionsOfHub] == 0 {
			return nil
		}
		if err := bench.Wait(ctx, bench.QueuePoll); err != nil {
			return err
		}
	}
}

// pull has n clients get as many bytes from the bare server.
func (r *replayRun) pull(ctx context.Context, n int) (s stormed, err error) {
	clients, err := newClients(r.nodes[fromRing].Secret, n, r.orders)
	if err != nil {
		return s, err
	}
	if err := r.members.do(
		ctx, openAll, openOrder{URL: r.bare.url + bareReplay, Clients: clients, Dial: n}, nil,
	); err != nil {
		return s, err
	}
	if err := r.members.do(ctx, pull, pullOrder{Bytes: r.Events * len(fillerFrame(r.frame))}, &s); err != nil {
		return s, fmt.Errorf("bare server: %w", err)
	}
	return s, r.members.do(ctx, cut, nil, nil)
}

// read reads the rows that n clients lack, as a node would, and discards them.
func (r *replayRun) read(ctx context.Context, n int) (s stormed, err error) {
	log := eventlog.NewReader(r.conn)
	const cursor = 1 // the sequence of the clients' cursor
	start := time.Now()
	for _, order := range r.orders[:n] {
		from := time.Now()
		entries, err := log.Read(ctx, event.OrderGroup(order), cursor, r.position, r.Events, math.MaxInt32)
		if err != nil {
			return s, err
		}
		if len(entries) != r.Events {
			return s, fmt.Errorf("the log has %d events of an order instead of %d", len(entries), r.Events)
		}
		s.Each = append(s.Each, time.Since(from))
	}
	s.Took = time.Since(start)
	return s, nil
}

func (r *replayRun) figures(n int, all []replayed) []bench.Figure {
	const bareBaseline = "the bare WebSocket server, which sends as many prebuilt frames of the size to as many connections"
	figure := func(
		name string, from, beside source, baseline string, what func(p replayed, from source) float64,
	) bench.Figure {
		values := bench.ValuesOf(all, func(p replayed) float64 { return what(p, from) })
		baselines := bench.ValuesOf(all, func(p replayed) float64 { return what(p, beside) })
		milliseconds := func(share float64) float64 {
			return bench.Median(bench.ValuesOf(all, func(p replayed) float64 { return p.clients[from].Percentile(share) }))
		}
		c := map[string]any{
			"clients": n, "events_each": r.Events, "frame_bytes": r.frame, "run_seconds": r.Duration.Seconds(),
			"client_p50_ms": milliseconds(bench.P50), "client_p99_ms": milliseconds(bench.P99),
			"ratios":   bench.Ratios(values, baselines),
			"measured": "from the resume's call to its answer, on connections that are open", "baseline": baseline,
		}
		maps.Copy(c, r.settings)
		return bench.Figure{
			Name: name, Unit: "events/s", Value: bench.Median(values), Baseline: bench.Median(baselines), Runs: r.Runs,
			Conditions: c,
		}
	}
	together := func(p replayed, from source) float64 { return p.rates[from] }
	client := func(p replayed, from source) float64 { // the median client's rate
		return float64(r.Events) * float64(time.Second/time.Millisecond) / p.clients[from].Percentile(bench.P50)
	}
	ring, log := fmt.Sprintf("replay_ring_%d", n), fmt.Sprintf("replay_log_%d", n)
	return []bench.Figure{
		figure(ring, fromRing, fromBare, bareBaseline, together),
		figure(ring+"_client", fromRing, fromBare, bareBaseline, client),
		figure(log, fromLog, fromBare, bareBaseline, together),
		figure(log+"_client", fromLog, fromBare, bareBaseline, client),
		figure(
			log+"_sql", fromLog, fromSQL, "a read of the same rows, one client's after another's, over one connection",
			together,
		),
	}
}
