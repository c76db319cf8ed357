package crowd

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"
)

// invoke makes every member call as fast as its calls are answered.
func (c *crowd) invoke(ctx context.Context, o invokeOrder) (invoked, error) {
	if o.Window <= 0 || len(o.Requests) < o.Window || len(o.Requests) != len(o.Replies) {
		return invoked{}, errors.New("there must be a window, no fewer requests than it lets through, and a reply to each")
	}
	members := c.all()
	calls := make([]int, len(members))
	start := time.Now()
	err := each(ctx, len(members), len(members), func(i int) (err error) {
		calls[i], err = members[i].pump(o, start.Add(o.Duration))
		return err
	})
	took := time.Since(start)
	all := invoked{Took: took}
	for _, n := range calls {
		all.Invocations += n
	}
	return all, err
}

// pump calls until the time is up, and returns how many calls were answered: all that it made.
func (m *member) pump(o invokeOrder, until time.Time) (calls int, err error) {
	if err := m.expectWithin(time.Until(until) + memberTimeout); err != nil {
		return 0, err
	}
	requests, replies := bytes.Join(o.Requests, nil), bytes.Join(o.Replies, nil)
	one, answer := len(o.Requests[0]), len(o.Replies[0])
	sent, read := 0, 0 // requests, and bytes of replies
	buffer := make([]byte, o.Window*answer)
	for {
		if time.Now().Before(until) {
			more := o.Window - (sent - read/answer)
			if err := m.sendAround(requests, one, sent, more); err != nil {
				return 0, err
			}
			sent += more
		}
		if read == sent*answer {
			return sent, m.waitForEver()
		}
		n, err := m.in.Read(buffer)
		if err != nil {
			return 0, fmt.Errorf("waiting for the answers to invocations: %w", err)
		}
		if err := same(replies, read, buffer[:n]); err != nil {
			return 0, err
		}
		read += n
	}
}

// sendAround sends the next n requests of a list that repeats for ever.
func (m *member) sendAround(requests []byte, one, sent, n int) error {
	for n > 0 {
		from := sent * one % len(requests)
		to := min(from+n*one, len(requests))
		if err := m.write(requests[from:to]); err != nil {
			return err
		}
		sent += (to - from) / one
		n -= (to - from) / one
	}
	return nil
}

// same says whether got equals the bytes from at on of want repeated for ever.
func same(want []byte, at int, got []byte) error {
	for rest := got; len(rest) > 0; {
		from := at % len(want)
		n := min(len(rest), len(want)-from)
		if !bytes.Equal(rest[:n], want[from:from+n]) {
			return fmt.Errorf("an invocation is answered with %q instead of %q", rest[:n], want[from:from+n])
		}
		rest, at = rest[n:], at+n
	}
	return nil
}
