package crowd

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/yummyzoom/herald/internal/auth"
	"github.com/yummyzoom/herald/internal/bench"
)

// Invoke is a run of the invocations bench: how many SubscribeToOrder calls, authorised by the token's claims, one
// core of the server answers in a second. The orders repeat, so all but each connection's first calls find the
// subscription made. The baseline is the bare server, which is sent the same frames and echoes them.
type Invoke struct {
	// Program is the herald whose `bench members` and `bench bare` take part.
	Program string
	// Server is the measured server.
	Server bench.Server
	// Connections is how many connections call at the same time, Window how many calls each has outstanding, Orders how
	// many orders the calls are about.
	Connections, Window, Orders int
	// Runs is how often it is measured, after its baseline. Duration is the length of one run.
	Runs     int
	Duration time.Duration
	// Progress receives a line for each measurement.
	Progress func(line string)
}

// calls is the result of one run.
type calls struct {
	perCPU float64 // calls answered per second of the server's CPU time
	rate   float64 // calls answered per second
}

// Run measures.
func (b *Invoke) Run(ctx context.Context) ([]bench.Figure, error) {
	bare, err := startBare(ctx, b.Program, 0, 0)
	if err != nil {
		return nil, err
	}
	defer bare.stop()
	members, err := startMembers(ctx, b.Program)
	if err != nil {
		return nil, err
	}
	defer members.stop()
	orders := bench.NewOrders(b.Orders)
	permissions := make([]string, len(orders))
	for i, order := range orders {
		permissions[i] = permission(order)
	}
	token, err := auth.Mint(b.Server.Secret, auth.Grant{Subject: "bench", Permissions: permissions, TTL: tokenLife})
	if err != nil {
		return nil, err
	}
	var herald, baseline []calls
	for i := range b.Runs {
		o := invokeOrder{Window: b.Window, Duration: b.Duration}
		o.Requests, o.Replies = b.conversation(orders, true)
		r, err := b.measure(ctx, members, bare.pid, bare.url+bareEcho, token, o)
		if err != nil {
			return nil, fmt.Errorf("bare server: %w", err)
		}
		_, o.Replies = b.conversation(orders, false)
		h, err := b.measure(ctx, members, b.Server.PID, b.Server.URL+bench.HubPath, token, o)
		if err != nil {
			return nil, fmt.Errorf("herald: %w", err)
		}
		b.Progress(fmt.Sprintf("run %d of %d: %.0f invocations a second of CPU time, %.0f a second; baseline %.0f and %.0f",
			i+1, b.Runs, h.perCPU, h.rate, r.perCPU, r.rate))
		herald, baseline = append(herald, h), append(baseline, r)
	}
	return b.figures(herald, baseline), nil
}

// conversation returns the frames of the calls, whose ids differ while they are outstanding, and of their answers:
// echoes, or Herald's.
func (b *Invoke) conversation(orders []uuid.UUID, echoed bool) (requests, replies [][]byte) {
	for len(requests) < 2*b.Window || len(requests)%len(orders) != 0 {
		id := fmt.Sprintf("%06d", len(requests)) // all have one size
		call := invocation(id, "SubscribeToOrder", `"`+orders[len(requests)%len(orders)].String()+`"`)
		answer := fmt.Appendf(nil, `{"type":3,"invocationId":%q,"result":null}`+"\x1e", id)
		if echoed {
			answer = call
		}
		requests, replies = append(requests, maskedFrame(call)), append(replies, plainFrame(answer))
	}
	return requests, replies
}

// measure makes new connections to the process call for a while, after a warm-up that does not count.
func (b *Invoke) measure(
	ctx context.Context, members *members, pid int, url, token string, o invokeOrder,
) (calls, error) {
	open := openOrder{URL: url, Clients: make([]client, b.Connections), Dial: b.Connections, Silent: true}
	for i := range open.Clients {
		open.Clients[i].Token = token
	}
	if err := members.do(ctx, openAll, open, nil); err != nil {
		return calls{}, err
	}
	warmUp := o
	warmUp.Duration /= bench.WarmUpShare
	if err := members.do(ctx, invokeAll, warmUp, nil); err != nil {
		return calls{}, err
	}
	before, err := bench.CPUTime(pid)
	if err != nil {
		return calls{}, err
	}
	var done invoked
	if err := members.do(ctx, invokeAll, o, &done); err != nil {
		return calls{}, err
	}
	after, err := bench.CPUTime(pid)
	if err != nil {
		return calls{}, err
	}
	if err := members.do(ctx, cut, nil, nil); err != nil {
		return calls{}, err
	}
	used := max(after-before, time.Second/bench.UserHZ) // the resolution of CPU time
	return calls{
		perCPU: float64(done.Invocations) / used.Seconds(),
		rate:   float64(done.Invocations) / done.Took.Seconds(),
	}, nil
}

func (b *Invoke) figures(herald, bare []calls) []bench.Figure {
	figure := func(name, unit string, what func(calls) float64) bench.Figure {
		values, baselines := bench.ValuesOf(herald, what), bench.ValuesOf(bare, what)
		return bench.Figure{
			Name: name, Unit: unit, Value: bench.Median(values), Baseline: bench.Median(baselines), Runs: b.Runs,
			Conditions: map[string]any{
				"connections": b.Connections, "window": b.Window, "orders": b.Orders, "run_seconds": b.Duration.Seconds(),
				"ratios": bench.Ratios(values, baselines), "value": "median",
				"baseline": "the bare WebSocket server, which echoes the same frames",
			},
		}
	}
	return []bench.Figure{
		figure("invoke_per_cpu_second", "/s", func(c calls) float64 { return c.perCPU }),
		figure("invoke_rate", "/s", func(c calls) float64 { return c.rate }),
	}
}
