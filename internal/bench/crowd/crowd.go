package crowd

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

// pingEvery is the interval of the members' pings, the same as the JavaScript client's: a server closes a connection
// after half a minute of silence.
const pingEvery = 15 * time.Second

// crowd is the members' process: the clients of one bench.
type crowd struct {
	arrivals *os.File
	failed   chan error // receives the cause of the process's end

	mu      sync.Mutex
	open    []*member
	opening openOrder // the last one
	counter counter
	stuck   *member
}

// ServeMembers is the members' process. It executes the orders that it reads from in and answers on out, until in
// ends. To arrivals it writes which messages have arrived.
func ServeMembers(ctx context.Context, in io.Reader, out io.Writer, arrivals *os.File) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	c := &crowd{arrivals: arrivals, failed: make(chan error, 1)}
	c.counter.tell = c.tell
	go c.ping(ctx)
	go func() {
		err := c.obey(ctx, json.NewDecoder(in), json.NewEncoder(out))
		if errors.Is(err, io.EOF) {
			err = nil
		}
		c.fail(err)
	}()
	select {
	case err := <-c.failed: // nothing is waited for: the process ends
		return err
	case <-ctx.Done():
		return nil
	}
}

// fail ends the process, with err if that is not nil.
func (c *crowd) fail(err error) {
	select {
	case c.failed <- err:
	default: // one cause is enough
	}
}

// obey executes orders until in ends.
func (c *crowd) obey(ctx context.Context, in *json.Decoder, out *json.Encoder) error {
	for {
		var r request
		if err := in.Decode(&r); err != nil {
			return fmt.Errorf("reading what to do: %w", err)
		}
		result, err := c.do(ctx, r)
		var a answer
		if err == nil {
			a.Result, err = json.Marshal(result)
		}
		if err != nil {
			a = answer{Error: err.Error()}
		}
		if err := out.Encode(a); err != nil {
			return fmt.Errorf("answering: %w", err)
		}
	}
}

func (c *crowd) do(ctx context.Context, r request) (any, error) {
	switch r.Do {
	case openAll:
		return with(r, func(o openOrder) (any, error) { return c.openAll(ctx, o) })
	case subscribeAll:
		return c.subscribe(ctx)
	case rest:
		c.rest()
		return nil, nil
	case cut:
		c.cut()
		return nil, nil
	case countAll:
		return with(r, func(o countOrder) (any, error) { return nil, c.count(o) })
	case openStuck:
		return with(r, func(o openOrder) (any, error) { return nil, c.openStuck(ctx, o) })
	case closeStuck:
		c.stuck.drop()
		return nil, nil
	case invokeAll:
		return with(r, func(o invokeOrder) (any, error) { return c.invoke(ctx, o) })
	case joinAll:
		return nil, c.join(ctx)
	case storm:
		return with(r, func(o stormOrder) (any, error) { return c.storm(ctx, o) })
	case flood:
		return with(r, func(o floodOrder) (any, error) { return c.flood(ctx, o) })
	case replay:
		return with(r, func(o stormOrder) (any, error) { return c.replay(ctx, o) })
	case pull:
		return with(r, func(o pullOrder) (any, error) { return c.pull(ctx, o) })
	default:
		return nil, fmt.Errorf("members cannot %q", r.Do)
	}
}

// with decodes the content of a request.
func with[T any](r request, do func(T) (any, error)) (any, error) {
	var order T
	if err := json.Unmarshal(r.With, &order); err != nil {
		return nil, fmt.Errorf("reading the order to %s: %w", r.Do, err)
	}
	return do(order)
}

// each calls f for 0 to n-1, at most atATime at once, until one call fails.
func each(ctx context.Context, n, atATime int, f func(i int) error) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(max(atATime, 1))
	for i := 0; i < n && ctx.Err() == nil; i++ {
		group.Go(func() error { return f(i) })
	}
	return group.Wait()
}

// openAll connects more members.
func (c *crowd) openAll(ctx context.Context, o openOrder) (taken, error) {
	start := time.Now()
	before := len(c.all())
	c.mu.Lock()
	c.opening = o
	c.mu.Unlock()
	err := each(ctx, len(o.Clients), o.Dial, func(i int) error {
		m, err := dial(ctx, o, o.Clients[i])
		if err != nil {
			return err
		}
		c.mu.Lock()
		c.open = append(c.open, m) // at once, so that it is kept alive while others connect
		c.mu.Unlock()
		return m.waitForEver()
	})
	took := time.Since(start)
	if err == nil && o.Counting {
		for _, m := range c.all()[before:] {
			go func() { c.fail(c.counter.count(m)) }()
		}
	}
	return taken{took}, err
}

// openStuck connects a member that reads only the answers to its connecting.
func (c *crowd) openStuck(ctx context.Context, o openOrder) error {
	m, err := dial(ctx, o, o.Clients[0])
	if err != nil {
		return err
	}
	c.stuck = m
	if tcp, ok := m.conn.(*net.TCPConn); ok {
		// Else the kernel would take megabytes for it before the server could see that the member does not read.
		if err := tcp.SetReadBuffer(memberBuffer); err != nil {
			return fmt.Errorf("making a socket's buffer small: %w", err)
		}
	}
	return m.waitForEver()
}

// subscribe makes every member follow its order.
func (c *crowd) subscribe(ctx context.Context) (taken, error) {
	start := time.Now()
	members := c.all()
	err := each(ctx, len(members), c.opening.Dial, func(i int) error {
		_, err := members[i].invoke("SubscribeToOrder", `"`+members[i].Order.String()+`"`)
		return err
	})
	return taken{time.Since(start)}, err
}

// rest makes every member read and discard its messages.
func (c *crowd) rest() {
	for _, m := range c.all() {
		go func() {
			for {
				if _, err := m.next(); err != nil {
					if slices.Contains(c.all(), m) { // else it was cut
						c.fail(fmt.Errorf("a member at rest: %w", err))
					}
					return
				}
			}
		}()
	}
}

// cut ends all connections.
func (c *crowd) cut() {
	c.mu.Lock()
	gone := c.open
	c.open = nil
	c.mu.Unlock()
	for _, m := range gone {
		m.drop()
	}
}

func (c *crowd) all() []*member {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.open
}

// ping keeps the members' connections alive.
func (c *crowd) ping(ctx context.Context) {
	ticker := time.NewTicker(pingEvery)
	defer ticker.Stop()
	frame := maskedFrame([]byte(`{"type":6}` + "\x1e"))
	for {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
		c.mu.Lock()
		members, silent := c.open, c.opening.Silent
		c.mu.Unlock()
		if silent {
			continue
		}
		for _, m := range members {
			_ = m.write(frame) // the member's reader will see the error
		}
	}
}
