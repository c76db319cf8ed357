package crowd

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/yummyzoom/herald/internal/bench"
	"github.com/yummyzoom/herald/internal/signalr"
)

const (
	// stuckBytes: a member is stuck if this many bytes stay in its queue for a while.
	stuckBytes = 32 << 10
	stuckFor   = 100 * time.Millisecond
	// stuckWithin is how long it may take until the kernel's buffers for a member that does not read are full.
	stuckWithin = 30 * time.Second
)

// measureStuck compares the rate of the other members with and without one member that reads nothing. Each run has a
// new stuck member, which is stuck before the run begins and still connected when it ends.
func (r *fanRun) measureStuck(ctx context.Context, window int) (bench.Figure, error) {
	// All messages of a run wait in the stuck member's queue, which must not overflow: half of it is enough.
	most := (signalr.DefaultSettings().QueueBytes/2 - stuckBytes) / r.feed.size()
	if most < leastWindows*window {
		return bench.Figure{}, fmt.Errorf(
			"%d messages of %d bytes are too many for one run with a stuck member", leastWindows*window, r.feed.size(),
		)
	}
	f := flow{window: window, duration: r.Duration, most: most, send: r.broadcast}
	var beside, alone []float64
	for i := range r.Runs {
		messages, took, err := r.run(ctx, f)
		if err != nil {
			return bench.Figure{}, err
		}
		without := r.rate(messages, took)
		with, err := r.runBesideStuck(ctx, f)
		if err != nil {
			return bench.Figure{}, err
		}
		beside, alone = append(beside, with), append(alone, without)
		r.Progress(fmt.Sprintf(
			"%d members and a stuck one, window %d, run %d of %d: %.0f messages/s, without it %.0f, ratio %.2f",
			len(r.sockets), window, i+1, r.Runs, with, without, with/without))
	}
	conditions := r.conditions(window, beside, alone, "the same without the member that reads nothing")
	conditions["messages_most"] = most
	return bench.Figure{
		Name: fmt.Sprintf("fanout_%d_window_%d_stuck", len(r.sockets), window), Unit: "messages/s",
		Value: bench.Median(beside), Baseline: bench.Median(alone), Runs: r.Runs, Conditions: conditions,
	}, nil
}

func (r *fanRun) runBesideStuck(ctx context.Context, f flow) (float64, error) {
	o := openOrder{URL: r.hub.url, Dial: 1, Clients: []client{{Token: sticking}}, Silent: true}
	if err := r.members.do(ctx, openStuck, o, nil); err != nil {
		return 0, err
	}
	stuck, err := r.hub.nextJoined(ctx)
	if err != nil {
		return 0, err
	}
	if err := fill(ctx, stuck.Conn); err != nil {
		return 0, err
	}
	before := stuck.QueuedBytes()
	messages, took, err := r.run(ctx, f)
	if err != nil {
		return 0, err
	}
	if stuck.Context().Err() != nil || stuck.QueuedBytes() <= before {
		return 0, errors.New("the stuck member was not stuck for the whole run")
	}
	if err := r.members.do(ctx, closeStuck, nil, nil); err != nil {
		return 0, err
	}
	return r.rate(messages, took), r.hub.awaitLeft(ctx)
}

// fill sends to a connection whose client does not read, until its queue no longer empties.
func fill(ctx context.Context, c *signalr.Conn) error {
	const filler = 4 << 10
	padding := json.RawMessage(`"` + strings.Repeat("x", filler) + `"`)
	message := signalr.NewMessage("Filler", []json.RawMessage{padding})
	ctx, cancel := context.WithTimeout(ctx, stuckWithin)
	defer cancel()
	for {
		for c.QueuedBytes() < stuckBytes {
			if err := c.Send(message); err != nil {
				return fmt.Errorf("filling the queue of a stuck member: %w", err)
			}
		}
		if stuck, err := isStuck(ctx, c); stuck || err != nil {
			return err
		}
	}
}

// isStuck waits until there is room in the queue or it is certain that there will be none.
func isStuck(ctx context.Context, c *signalr.Conn) (bool, error) {
	waiting, cancel := context.WithTimeout(ctx, stuckFor)
	defer cancel()
	err := c.WaitQueue(waiting, stuckBytes)
	switch {
	case ctx.Err() != nil:
		return false, errors.New("a member that does not read does not get stuck")
	case errors.Is(err, context.DeadlineExceeded):
		return true, nil
	case err != nil:
		return false, fmt.Errorf("filling the queue of a stuck member: %w", err)
	default:
		return false, nil
	}
}
