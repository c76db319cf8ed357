package crowd

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/gobwas/ws"
	"github.com/google/uuid"

	"github.com/yummyzoom/herald/internal/broadcast"
)

// eventOf is the id of an order's event number n. The publisher and the waiting members compute the same id, without
// talking to each other.
func eventOf(order uuid.UUID, n int) uuid.UUID { return uuid.NewSHA1(order, []byte(strconv.Itoa(n))) }

// join makes every member follow its order from now on. Event 0 of each order has been published, and is the
// members' cursor.
func (c *crowd) join(ctx context.Context) error {
	members := c.all()
	return each(ctx, len(members), c.opening.Dial, func(i int) error {
		m := members[i]
		raw, err := m.invoke("ResumeOrder", `"`+m.Order.String()+`",null`)
		if err != nil {
			return err
		}
		return checkResult(raw, broadcast.Result{Status: broadcast.Resumed, LastEventID: eventOf(m.Order, 0), Sequence: 1})
	})
}

func checkResult(raw json.RawMessage, want broadcast.Result) error {
	var got broadcast.Result
	if err := json.Unmarshal(raw, &got); err != nil {
		return fmt.Errorf("a resume is answered with %q: %w", raw, err)
	}
	if got != want {
		return fmt.Errorf("a resume is answered with %+v instead of %+v", got, want)
	}
	return nil
}

// returning is a member on its way back: its frames up to the answer of its resume, to be checked after the clock
// has stopped.
type returning struct {
	*member

	frames []byte
	bytes  int // of the frames before the answer, with their headers
}

// storm makes all members come back at once and resume, after cut has cut them off.
func (c *crowd) storm(ctx context.Context, o stormOrder) (stormed, error) {
	c.mu.Lock()
	opening := c.opening
	c.mu.Unlock()
	back := make([]returning, len(opening.Clients))
	result := stormed{Each: make([]time.Duration, len(back))}
	start := time.Now()
	err := each(ctx, len(back), o.Dial, func(i int) (err error) {
		from := time.Now()
		back[i], err = comeBack(ctx, opening, o, opening.Clients[i])
		result.Each[i] = time.Since(from)
		return err
	})
	result.Took = time.Since(start)
	if err != nil {
		return stormed{}, err
	}
	c.mu.Lock()
	for _, r := range back {
		c.open = append(c.open, r.member)
	}
	c.mu.Unlock()
	for i, r := range back {
		if i == 0 {
			event, _, _ := bytes.Cut(r.frames, []byte{recordSeparator})
			result.Frame = len(plainFrame(event)) + 1
		}
		if err := r.check(o); err != nil {
			return stormed{}, fmt.Errorf("client %d of order %s: %w", i, r.Order, err)
		}
		back[i].frames = nil
	}
	return result, nil
}

// comeBack connects again and resumes behind the event before the first.
func comeBack(ctx context.Context, opening openOrder, o stormOrder, who client) (returning, error) {
	m, err := dial(ctx, opening, who)
	if err != nil {
		return returning{}, err
	}
	return m.resume(o)
}

// resume asks for the events behind the one before the first, and returns the frames up to the answer.
func (m *member) resume(o stormOrder) (returning, error) {
	if err := m.expectWithin(memberTimeout); err != nil {
		return returning{}, err
	}
	arguments := fmt.Sprintf(`"%s","%s"`, m.Order, eventOf(m.Order, o.First-1))
	if err := m.send(invocation("1", "ResumeOrder", arguments)); err != nil {
		return returning{}, err
	}
	const usual = 640 // bytes of an event, to avoid growing
	r := returning{member: m, frames: make([]byte, 0, usual*(o.Events+1))}
	for {
		payload, err := m.next()
		if err != nil {
			return returning{}, fmt.Errorf("resuming: %w", err)
		}
		r.frames = append(r.frames, payload...)
		if bytes.HasPrefix(payload, []byte(`{"type":3,`)) {
			return r, m.waitForEver()
		}
		r.bytes += frameSize(len(payload))
	}
}

// frameSize is the size of a server's frame with this many bytes of payload.
func frameSize(payload int) int { return ws.HeaderSize(ws.Header{Length: int64(payload)}) + payload }

// check says what is wrong with a member's frames: they must be its events, each once, in order, and then the
// answer.
func (r returning) check(o stormOrder) error {
	next := o.First
	for records := r.frames; len(records) > 0; {
		record, rest, _ := bytes.Cut(records, []byte{recordSeparator})
		records = rest
		var m hubMessage
		if err := json.Unmarshal(record, &m); err != nil {
			return fmt.Errorf("was sent %q: %w", record, err)
		}
		switch {
		case m.Type == typePing:
		case m.Type == typeCompletion && m.Error != "":
			return errors.New(m.Error)
		case m.Type == typeCompletion && next != o.First+o.Events:
			return fmt.Errorf("was sent %d events instead of %d", next-o.First, o.Events)
		case m.Type == typeCompletion:
			return checkResult(m.Result, broadcast.Result{
				Status: broadcast.Resumed, Replayed: o.Events, LastEventID: eventOf(r.Order, next-1), Sequence: int64(next),
			})
		default:
			if err := checkEvent(m, r.Order, next); err != nil {
				return err
			}
			next++
		}
	}
	return errors.New("was not answered")
}

// checkEvent checks that m is event n of the order. Sequences count from 1.
func checkEvent(m hubMessage, order uuid.UUID, n int) error {
	var argument struct {
		OrderID, EventID uuid.UUID
		Sequence         int64
	}
	if len(m.Arguments) != 1 || json.Unmarshal(m.Arguments[0], &argument) != nil ||
		m.Target != "ReceiveOrderStatusChanged" {
		return fmt.Errorf("was sent %s%s", m.Target, m.Arguments)
	}
	if argument.OrderID != order || argument.EventID != eventOf(order, n) || argument.Sequence != int64(n)+1 {
		return fmt.Errorf("was sent %+v instead of event %s, sequence %d", argument, eventOf(order, n), n+1)
	}
	return nil
}

// flood is the storm without Herald: as many clients connect at once and are sent as many bytes.
func (c *crowd) flood(ctx context.Context, o floodOrder) (stormed, error) {
	result := stormed{Each: make([]time.Duration, len(o.Clients))}
	members := make([]*member, len(o.Clients))
	start := time.Now()
	err := each(ctx, len(members), o.Dial, func(i int) (err error) {
		from := time.Now()
		members[i], err = swim(ctx, o, o.Clients[i])
		result.Each[i] = time.Since(from)
		return err
	})
	result.Took = time.Since(start)
	for _, m := range members {
		if m != nil {
			m.drop()
		}
	}
	return result, err
}

// swim connects one client of a flood and reads all its bytes.
func swim(ctx context.Context, o floodOrder, who client) (*member, error) {
	m, err := dial(ctx, o.openOrder, who)
	if err != nil {
		return nil, err
	}
	for left := o.Bytes; left > 0; {
		payload, err := m.next()
		if err != nil {
			return m, fmt.Errorf("reading the prebuilt frames: %w", err)
		}
		left -= frameSize(len(payload))
	}
	return m, nil
}
