package crowd

import (
	"context"
	"fmt"
	"time"
)

// replay makes all members resume at once, on their open connections.
func (c *crowd) replay(ctx context.Context, o stormOrder) (stormed, error) {
	members := c.all()
	sent := make([]returning, len(members))
	result, err := c.atOnce(ctx, func(i int) (err error) {
		sent[i], err = members[i].resume(o)
		return err
	})
	if err != nil {
		return stormed{}, err
	}
	bytes := 0
	for i, r := range sent { // after the clock has stopped
		if err := r.check(o); err != nil {
			return stormed{}, fmt.Errorf("client %d of order %s: %w", i, r.Order, err)
		}
		bytes += r.bytes
	}
	result.Frame = bytes / max(o.Events*len(sent), 1)
	return result, nil
}

// pull is the replay without Herald: as many members send a message of a resume's size, and are sent as many
// bytes.
func (c *crowd) pull(ctx context.Context, o pullOrder) (stormed, error) {
	members := c.all()
	return c.atOnce(ctx, func(i int) error {
		m := members[i]
		if err := m.expectWithin(memberTimeout); err != nil {
			return err
		}
		ask := invocation("1", "ResumeOrder", fmt.Sprintf(`"%s","%s"`, m.Order, m.Order))
		if err := m.send(ask); err != nil {
			return err
		}
		for left := o.Bytes + frameSize(len(ask)); left > 0; {
			payload, err := m.next()
			if err != nil {
				return fmt.Errorf("reading the prebuilt frames: %w", err)
			}
			left -= frameSize(len(payload))
		}
		return m.waitForEver()
	})
}

// atOnce makes all members do something at the same time.
func (c *crowd) atOnce(ctx context.Context, do func(i int) error) (stormed, error) {
	n := len(c.all())
	result := stormed{Each: make([]time.Duration, n)}
	start := time.Now()
	err := each(ctx, n, n, func(i int) error {
		from := time.Now()
		err := do(i)
		result.Each[i] = time.Since(from)
		return err
	})
	result.Took = time.Since(start)
	return result, err
}
