package line

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"github.com/yummyzoom/herald/internal/bench"
	"github.com/yummyzoom/herald/internal/relay"
)

// Publish is a run of the publish bench: how many small transactions per second producers complete, each inserting
// an order and publishing an event of it, while a server relays. The baseline is the same transaction with a plain
// insert of a row of the same size instead of the event. Both are measured again with a NOTIFY in every transaction,
// which shows what arming saves producers. The events are measured once more while the relay is paused. That shows
// the producers' own cost, because relay, server and producers share processors.
//
// The five take turns in short slices. A slice begins after every event published before has been relayed and
// broadcast, so none pays for another's work. The conditions show how many rows waited at the end of a slice.
type Publish struct {
	// Server relays meanwhile; DSN is its database.
	Server bench.Server
	DSN    string
	// Writers are the numbers of producers, each producer with its own connection; each number is measured.
	Writers []int
	// Runs is how often each number is measured. Duration is the length of one run, for each of the five.
	Runs     int
	Duration time.Duration
	// Progress receives a line for each step.
	Progress func(line string)
}

const (
	publishSlice = time.Second
	backlogLimit = 100_000 // the most rows that are counted
	pausedBy     = "herald bench publish"
)

// published is the result of one run.
type published struct {
	rates   [columns]float64 // transactions per second
	backlog int64            // the most rows that waited at the end of a slice
}

// Run measures.
func (b *Publish) Run(ctx context.Context) ([]bench.Figure, error) {
	r := &publishRun{Publish: b}
	var err error
	if r.conn, err = bench.Connect(ctx, b.DSN); err != nil {
		return nil, err
	}
	defer bench.Disconnect(ctx, r.conn)
	if r.settings, err = bench.Conditions(ctx, r.conn); err != nil {
		return nil, err
	}
	if err := endPause(ctx, r.conn); err != nil {
		return nil, err
	}
	if r.shop, err = openShop(ctx, r.conn); err != nil {
		return nil, err
	}
	defer r.shop.close(ctx)
	stop, err := listen(ctx, b.DSN)
	if err != nil {
		return nil, err
	}
	defer stop()
	var figures []bench.Figure
	for _, writers := range b.Writers {
		measured, err := r.measure(ctx, writers)
		if err != nil {
			return nil, fmt.Errorf("%d writers: %w", writers, err)
		}
		figures = append(figures, measured...)
	}
	return figures, nil
}

// endPause ends the pause of an earlier bench that was killed. A pause by an operator stays, and the bench fails.
func endPause(ctx context.Context, conn *pgx.Conn) error {
	pause, err := relay.ReadPausing(ctx, conn)
	if err != nil || !pause.Paused() {
		return err
	}
	if pause.By != pausedBy {
		return fmt.Errorf("the relay is paused by %s: end that with herald relay resume", pause.By)
	}
	_, err = relay.Resume(ctx, conn)
	return err
}

// publishRun is the bench at work.
type publishRun struct {
	*Publish

	conn     *pgx.Conn // the bench's own, which reads the queues
	shop     *shop
	settings map[string]any // of the database
}

// measure measures with this many writers.
func (r *publishRun) measure(ctx context.Context, writers int) ([]bench.Figure, error) {
	conns := make([]*pgx.Conn, writers)
	for i := range conns {
		var err error
		if conns[i], err = bench.Connect(ctx, r.DSN); err != nil {
			return nil, err
		}
		defer bench.Disconnect(ctx, conns[i])
	}
	if _, err := r.alternate(ctx, conns, r.Duration/bench.WarmUpShare); err != nil {
		return nil, err
	}
	var all []published
	for i := range r.Runs {
		p, err := r.alternate(ctx, conns, r.Duration)
		if err != nil {
			return nil, err
		}
		r.Progress(fmt.Sprintf(
			"%d writers, run %d of %d: %.0f tx/s, baseline %.0f, ratio %.2f; relay paused %.0f, ratio %.2f; with NOTIFY %.0f, baseline %.0f; %d rows waited at most",
			writers, i+1, r.Runs, p.rates[eventInsert], p.rates[plainInsert], p.rates[eventInsert]/p.rates[plainInsert],
			p.rates[eventPaused], p.rates[eventPaused]/p.rates[plainInsert], p.rates[eventNotify], p.rates[plainNotify],
			p.backlog,
		))
		all = append(all, p)
	}
	return r.figures(ctx, writers, all)
}

// alternate runs the columns in turns until each has had its time.
func (r *publishRun) alternate(
	ctx context.Context, conns []*pgx.Conn, duration time.Duration,
) (p published, err error) {
	var done [columns]int
	var took [columns]time.Duration
	for n := 0; n%columns != 0 || took[0] < duration; n++ {
		c := turn(n)
		if err := bench.AwaitEmpty(ctx, r.conn, r.Server.URL); err != nil {
			return p, err
		}
		transactions, lasted, err := r.sliceOf(ctx, conns, c, min(duration, publishSlice))
		if err != nil {
			return p, err
		}
		done[c] += transactions
		took[c] += lasted
		lag, err := relay.ReadLag(ctx, r.conn, backlogLimit)
		if err != nil {
			return p, err
		}
		if c != eventPaused {
			p.backlog = max(p.backlog, lag.Waiting)
		}
	}
	for c := range done {
		p.rates[c] = float64(done[c]) / took[c].Seconds()
	}
	return p, bench.AwaitEmpty(ctx, r.conn, r.Server.URL)
}

// turn is the column of slice n: each round has all columns, and begins with another one than the last round.
func turn(n int) column { return column((n + n/columns) % columns) }

// sliceOf runs a slice of one column, with the relay paused if the column asks for it.
func (r *publishRun) sliceOf(
	ctx context.Context, conns []*pgx.Conn, c column, duration time.Duration,
) (transactions int, took time.Duration, err error) {
	if c == eventPaused {
		paused, err := relay.Pause(ctx, r.conn, pausedBy)
		if err != nil {
			return 0, 0, err
		}
		if !paused {
			return 0, 0, errors.New("somebody has paused the relay meanwhile: see herald relay status")
		}
		defer func() {
			if _, resumed := relay.Resume(context.WithoutCancel(ctx), r.conn); err == nil {
				err = resumed
			}
		}()
	}
	return r.slice(ctx, conns, c, duration)
}

// slice makes all writers write for a while.
func (r *publishRun) slice(
	ctx context.Context, conns []*pgx.Conn, c column, duration time.Duration,
) (transactions int, took time.Duration, err error) {
	done := make([]int, len(conns))
	start := time.Now()
	group, ctx := errgroup.WithContext(ctx)
	for i, conn := range conns {
		group.Go(func() error {
			for time.Since(start) < duration || done[i] == 0 {
				if err := r.shop.order(ctx, conn, c); err != nil {
					return err
				}
				done[i]++
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return 0, 0, err
	}
	took = time.Since(start)
	for _, n := range done {
		transactions += n
	}
	return transactions, took, nil
}

func (r *publishRun) figures(ctx context.Context, writers int, all []published) ([]bench.Figure, error) {
	sizes := map[string]any{}
	for name, table := range map[string]string{
		"outbox_bytes": "herald.outbox", "log_bytes": "herald.event_log",
		"plain_bytes": shopSchema + "." + plainInsert.eventTable(),
	} {
		bytes, err := bench.TableBytes(ctx, r.conn, table)
		if err != nil {
			return nil, err
		}
		sizes[name] = bytes
	}
	figure := func(name string, c, beside column, baseline string) bench.Figure {
		values := bench.ValuesOf(all, func(p published) float64 { return p.rates[c] })
		baselines := bench.ValuesOf(all, func(p published) float64 { return p.rates[beside] })
		conditions := map[string]any{
			"writers": writers, "run_seconds": r.Duration.Seconds(), "slice_seconds": min(r.Duration, publishSlice).Seconds(),
			"ratios": bench.Ratios(values, baselines), "baseline": baseline,
			"transaction":    "BEGIN, insert of an order, publish_order_event for two groups or the other insert, COMMIT: a round trip each",
			"waiting_at_end": bench.ValuesOf(all, func(p published) float64 { return float64(p.backlog) }),
			"row_bytes":      r.shop.rowBytes, "plain_row_bytes": r.shop.plainBytes,
		}
		maps.Copy(conditions, sizes)
		maps.Copy(conditions, r.settings)
		return bench.Figure{
			Name: fmt.Sprintf("%s_%d", name, writers), Unit: "tx/s", Value: bench.Median(values),
			Baseline: bench.Median(baselines), Runs: r.Runs,
			Conditions: conditions,
		}
	}
	return []bench.Figure{
		figure("publish", eventInsert, plainInsert, "a plain insert of a row of the same size instead of the event"),
		figure(
			"publish_paused", eventPaused, plainInsert,
			"a plain insert of a row of the same size instead of the event; the relay is paused, so this is what producers pay themselves",
		),
		figure("publish_notify", eventNotify, eventInsert, "the same without a NOTIFY in every transaction"),
		figure("plain_notify", plainNotify, plainInsert, "the same without a NOTIFY in every transaction"),
	}, nil
}
