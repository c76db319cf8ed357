package crowd

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strconv"
	"time"

	"github.com/yummyzoom/herald/internal/bench"
)

// Fanout is a run of the fan-out bench: how many messages per second reach the members of one group. A hub and a
// broadcaster serve real sockets in the bench's own process, so that the baseline, a loop that writes one prebuilt
// frame, uses the very same sockets. The members are another process, which reports each message that has arrived at
// all of them. At most a window of messages is outstanding. A run ends when every message has arrived.
type Fanout struct {
	// Program is the herald whose `bench members` holds the clients.
	Program string
	// Members are the sizes of the group, Windows the numbers of outstanding messages; every combination is measured.
	Members, Windows []int
	// Payload is the size of a message in bytes, with its record separator; WebSocket adds a header.
	Payload int
	// Runs is how often each combination is measured. Duration is the length of one run; its baseline takes as long
	// again, and the two alternate.
	Runs     int
	Duration time.Duration
	// Stuck is the size of the group that is measured with and without one member that reads nothing; 0: none.
	Stuck int
	// Dial is how many members connect at a time.
	Dial int
	// Progress receives a line for each measurement.
	Progress func(line string)
}

const (
	leastWindows = 4 // the least length of a run, in windows: the first is not in step with the arrivals yet
	// slice is how long baseline and product run at a time: the rates of a busy machine drift within seconds.
	slice = 20 * time.Millisecond
	// fanoutPatience bounds how much longer than planned a run may take, in case a message is lost.
	fanoutPatience = 2 * time.Minute
)

// Run measures.
func (f *Fanout) Run(ctx context.Context) ([]bench.Figure, error) {
	sizes := slices.Sorted(slices.Values(f.Members))
	if f.Stuck > 0 {
		sizes = append(sizes, f.Stuck)
		slices.Sort(sizes)
		sizes = slices.Compact(sizes)
	}
	if len(sizes) == 0 {
		return nil, nil
	}
	if err := bench.CheckOpenFiles(sizes[len(sizes)-1] + 1); err != nil {
		return nil, err
	}
	feed, err := newFanFeed(f.Payload)
	if err != nil {
		return nil, err
	}
	hub, err := startFanHub(ctx)
	if err != nil {
		return nil, err
	}
	defer hub.stop()
	members, err := startMembers(ctx, f.Program)
	if err != nil {
		return nil, err
	}
	defer members.stop()
	r := &fanRun{Fanout: f, hub: hub, members: members, feed: feed}
	var figures []bench.Figure
	for _, size := range sizes {
		if err := r.grow(ctx, size); err != nil {
			return nil, err
		}
		for _, window := range f.Windows {
			if slices.Contains(f.Members, size) {
				figure, err := r.measure(ctx, window)
				if err != nil {
					return nil, fmt.Errorf("%d members, window %d: %w", size, window, err)
				}
				figures = append(figures, figure)
			}
			if size == f.Stuck {
				figure, err := r.measureStuck(ctx, window)
				if err != nil {
					return nil, fmt.Errorf("%d members and a stuck one, window %d: %w", size, window, err)
				}
				figures = append(figures, figure)
			}
		}
	}
	return figures, nil
}

// fanRun is the bench at work.
type fanRun struct {
	*Fanout

	hub     *fanHub
	members *members
	feed    *fanFeed
	sockets []net.Conn // the members' sockets, in the order of joining
}

// grow opens as many connections as the group lacks.
func (r *fanRun) grow(ctx context.Context, size int) error {
	lacking := size - len(r.sockets)
	if lacking <= 0 {
		return nil
	}
	o := openOrder{URL: r.hub.url, Dial: r.Dial, Clients: make([]client, lacking), Counting: true, Silent: true}
	for i := range o.Clients {
		o.Clients[i].Token = strconv.Itoa(i) // each member is another user
	}
	if err := r.members.do(ctx, openAll, o, nil); err != nil {
		return err
	}
	for range lacking {
		joined, err := r.hub.nextJoined(ctx)
		if err != nil {
			return err
		}
		r.sockets = append(r.sockets, joined.socket)
	}
	return nil
}

// measure alternates baseline and product, with this number of outstanding messages.
func (r *fanRun) measure(ctx context.Context, window int) (bench.Figure, error) {
	// Baseline and product alternate in short slices, so that other load of the machine slows both alike.
	turns := [2]flow{{window: window, send: r.writeRaw}, {window: window, send: r.broadcast}}
	for i := range turns {
		turns[i].duration = r.Duration / bench.WarmUpShare
		if _, _, err := r.run(ctx, turns[i]); err != nil {
			return bench.Figure{}, err
		}
		turns[i].duration = min(r.Duration, slice)
	}
	var rates, baselines []float64
	for i := range r.Runs {
		alternated, err := r.alternate(ctx, turns)
		if err != nil {
			return bench.Figure{}, err
		}
		baselines, rates = append(baselines, alternated[0]), append(rates, alternated[1])
		r.Progress(fmt.Sprintf("%d members, window %d, run %d of %d: %.0f messages/s, baseline %.0f, ratio %.2f",
			len(r.sockets), window, i+1, r.Runs, alternated[1], alternated[0], alternated[1]/alternated[0]))
	}
	return bench.Figure{
		Name: fmt.Sprintf("fanout_%d_window_%d", len(r.sockets), window), Unit: "messages/s",
		Value: bench.Median(rates), Baseline: bench.Median(baselines), Runs: r.Runs,
		Conditions: r.conditions(window, rates, baselines, "a loop that writes one prebuilt frame to the same sockets"),
	}, nil
}

func (r *fanRun) conditions(window int, rates, baselines []float64, baseline string) map[string]any {
	return map[string]any{
		"members": len(r.sockets), "window": window, "payload_bytes": r.Payload, "frame_bytes": r.feed.size(),
		"run_seconds": r.Duration.Seconds(), "ratios": bench.Ratios(rates, baselines), "value": "median",
		"baseline": baseline,
	}
}

// alternate runs the two in turns until each has had its time, and returns the rate of each.
func (r *fanRun) alternate(ctx context.Context, turns [2]flow) (rates [2]float64, err error) {
	var messages [2]int
	var took [2]time.Duration
	for n := 0; min(took[0], took[1]) < r.Duration; n++ {
		turn := (n + n/2) % 2 // each is first as often as the other
		sent, lasted, err := r.run(ctx, turns[turn])
		if err != nil {
			return rates, err
		}
		messages[turn] += sent
		took[turn] += lasted
	}
	for turn := range rates {
		rates[turn] = r.rate(messages[turn], took[turn])
	}
	return rates, nil
}

// rate is the messages per second that the members received, all together.
func (r *fanRun) rate(messages int, took time.Duration) float64 {
	return float64(messages) * float64(len(r.sockets)) / took.Seconds()
}

// run runs one flow until every message has arrived.
func (r *fanRun) run(ctx context.Context, f flow) (messages int, took time.Duration, err error) {
	o := countOrder{Size: r.feed.size(), Window: f.window, First: r.feed.frame()}
	if err := r.members.do(ctx, countAll, o, nil); err != nil {
		return 0, 0, err
	}
	if err := r.members.arrivals.SetReadDeadline(time.Now().Add(f.duration + fanoutPatience)); err != nil {
		return 0, 0, fmt.Errorf("setting a deadline: %w", err)
	}
	return f.run(ctx, r.members)
}

// broadcast sends the next n messages as Herald does.
func (r *fanRun) broadcast(ctx context.Context, n int) error {
	if err := r.hub.broadcaster.Broadcast(ctx, r.feed.next(n)); err != nil {
		return err
	}
	r.feed.prepare(n)
	return nil
}

// writeRaw sends n messages as the baseline does.
func (r *fanRun) writeRaw(_ context.Context, n int) error {
	frame := r.feed.frame()
	for range n {
		for _, socket := range r.sockets {
			if _, err := socket.Write(frame); err != nil {
				return fmt.Errorf("writing to a member: %w", err)
			}
		}
	}
	return nil
}

// flow sends as fast as messages arrive.
type flow struct {
	window   int           // how many messages may be outstanding
	duration time.Duration // how long to go on
	most     int           // the most messages to send; 0: no limit
	send     func(ctx context.Context, n int) error
}

// run returns how many messages have arrived at all members, and in what time.
func (f flow) run(ctx context.Context, members *members) (messages int, took time.Duration, err error) {
	var room [arrivalRoom * arrivalSize]byte
	sent, arrived := 0, 0
	for start := time.Now(); ; {
		took = time.Since(start)
		more := f.window - (sent - arrived)
		if f.most > 0 {
			more = min(more, f.most-sent)
		}
		if took >= f.duration && sent >= leastWindows*f.window {
			more = 0
		}
		if more > 0 {
			if err := f.send(ctx, more); err != nil {
				return 0, 0, err
			}
			sent += more
		}
		if sent == arrived {
			return sent, took, nil
		}
		now, err := members.arrived(ctx, &room)
		if err != nil {
			return 0, 0, err
		}
		arrived = max(arrived, now)
	}
}
