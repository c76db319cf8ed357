package torture

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"github.com/yummyzoom/herald/internal/auth"
	"github.com/yummyzoom/herald/internal/hubclient"
	"github.com/yummyzoom/herald/internal/test/torture/checker"
)

const (
	leeway      = 30 * time.Second // Herald's leeway for a token's times
	tokenLife   = 3 * time.Second  // of tokens that expire within the run, leeway included
	beyond      = 20 * time.Second // outside the leeway
	refusedWait = 500 * time.Millisecond
)

// errAgain ends a connection that the client itself ends.
var errAgain = errors.New("to be resumed")

// client follows one group with Herald's own resuming client, through all faults.
type client struct {
	tracker

	grant     auth.Grant
	secret    string
	nodes     []*node
	balancer  string // the balancer's address, where the client's requests go through one
	expiring  bool   // its tokens live for seconds
	asked     bool   // the database decides its permissions, not its token
	policy    string // the policy by which it can be shut out; empty: it cannot be
	resource  uuid.UUID
	settled   func() bool  // the faults are over: tokens are right from now on
	revoking  sync.Mutex   // held while its grant is revoked
	preferred atomic.Int64 // index of the node that it connects to

	skew  atomic.Int64                  // of its clock, in nanoseconds
	stuck atomic.Pointer[chan struct{}] // closed when it goes on; nil: it is not stuck

	socketMu sync.Mutex
	socket   net.Conn // the newest socket
	again    context.CancelCauseFunc

	late bool // the token of the connection under way is outside the leeway
}

// follow follows until ctx ends.
func (c *client) follow(ctx context.Context) {
	transport := &http.Transport{DialContext: c.dial, DisableKeepAlives: true}
	cfg := hubclient.Config{
		URL: "http://herald", Token: c.token, HTTPClient: &http.Client{Transport: transport},
		Backoff:        []time.Duration{0, 50 * time.Millisecond, 200 * time.Millisecond, time.Second},
		ConnectTimeout: 5 * time.Second, KeepAliveInterval: time.Second, ServerTimeout: 6 * time.Second,
		ResumeTimeout: 15 * time.Second,
		Logger:        slog.New(slog.DiscardHandler),
	}
	for ctx.Err() == nil {
		err := c.once(ctx, cfg)
		if ctx.Err() != nil {
			return
		}
		c.failed(err)
		c.judge(err)
		if !errors.Is(err, errAgain) && !pause(ctx, refusedWait) {
			return
		}
	}
}

// once follows once from the client's own cursor on.
func (c *client) once(ctx context.Context, cfg hubclient.Config) error {
	ctx, again := context.WithCancelCause(ctx)
	defer again(nil)
	c.socketMu.Lock()
	c.again = again
	c.socketMu.Unlock()
	c.mu.Lock()
	cursor := c.cursor
	c.mu.Unlock()
	return hubclient.Follow(ctx, cfg, hubclient.Subscription{Group: c.group, LastEventID: cursor},
		func(e hubclient.Event) error {
			if stuck := c.stuck.Load(); stuck != nil {
				select {
				case <-*stuck:
				case <-ctx.Done():
					return context.Cause(ctx)
				}
			}
			return c.process(e.Method, e.Arguments, e.EventID, e.Sequence)
		}, hubclient.Hooks{
			OnConnected: func() {
				c.connected()
				if c.late {
					c.find(checker.Admitted, uuid.Nil, "401: the token expired longer ago than the leeway", "a connection")
				}
			},
			OnDisconnected: func(err error) {
				c.failed(err)
				c.preferred.Add(1)
			},
			OnResumed: func(r hubclient.Result) { c.joined(r.LastEventID, r.Sequence) },
			OnGap:     func(r hubclient.Result) { c.gap(r.Sequence) },
		})
}

// judge reports an end that no fault explains.
func (c *client) judge(err error) {
	var (
		status     *hubclient.StatusError
		refusal    *hubclient.HubError
		contiguity *hubclient.ContiguityError
	)
	switch {
	case errors.Is(err, errAgain):
	case errors.As(err, &contiguity):
		kind := checker.Hole
		if contiguity.Got < contiguity.Want {
			kind = checker.Repeated
		}
		c.find(kind, contiguity.EventID, fmt.Sprintf("sequence %d", contiguity.Want),
			fmt.Sprintf("sequence %d", contiguity.Got))
	case errors.As(err, &status) && status.Code == http.StatusUnauthorized &&
		(c.expiring || c.late || c.skew.Load() != 0):
		// Its token has expired, on the way perhaps.
	case errors.As(err, &refusal) && refusal.Forbidden() && c.asked:
		// The client has been shut out, or the database could not be asked.
	default:
		c.find(checker.Refused, uuid.Nil, "to be let in, or told to try again", err.Error())
	}
}

// token is the client's accessTokenFactory. It reads the client's own clock.
func (c *client) token(context.Context) (string, error) {
	g := c.grant
	now := time.Now()
	c.late = false
	if !c.settled() {
		skew := time.Duration(c.skew.Load())
		switch {
		case skew < -leeway:
			// The clock was far behind when it issued a token of an hour, which has expired by more than the leeway.
			c.late = true
			g.Now, g.TTL = now.Add(skew), -skew-leeway-beyond
		case c.expiring:
			g.Now, g.TTL = now.Add(skew), tokenLife-leeway-skew
		default:
			g.Now = now.Add(skew)
		}
	}
	return auth.Mint(c.secret, g)
}

// dial connects to the balancer, or to the node that the client prefers now: then negotiation and upgrade go to the
// same node.
func (c *client) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	address := c.balancer
	if address == "" {
		address = c.nodes[c.preferred.Load()%int64(len(c.nodes))].where()
	}
	if address == "" {
		return nil, errors.New("the node does not serve")
	}
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("dialling: %w", err)
	}
	c.socketMu.Lock()
	c.socket = conn
	c.socketMu.Unlock()
	return conn, nil
}

// cut breaks the client's connection.
func (c *client) cut() {
	c.socketMu.Lock()
	defer c.socketMu.Unlock()
	if c.socket != nil {
		abort(c.socket)
	}
}

// resume makes the client end its connection and resume.
func (c *client) resume() {
	c.socketMu.Lock()
	defer c.socketMu.Unlock()
	if c.again != nil {
		c.again(errAgain)
	}
}

// stick stops the client from processing for a while.
func (c *client) stick(ctx context.Context, d time.Duration) {
	free := make(chan struct{})
	if !c.stuck.CompareAndSwap(nil, &free) {
		return // it is stuck already
	}
	pause(ctx, d)
	c.stuck.Store(nil)
	close(free)
}

// step sets the client's clock back, by more or less than the leeway. The client reconnects with a token that this
// clock calls valid; then the clock is set right.
func (c *client) step(ctx context.Context, d time.Duration, rng *rand.Rand) {
	skew := -leeway + 5*time.Second
	switch rng.IntN(3) {
	case 0:
		skew = -2 * leeway
	case 1:
		skew = leeway - 5*time.Second // fast
	}
	if !c.skew.CompareAndSwap(0, int64(skew)) {
		return
	}
	c.cut()
	pause(ctx, d)
	c.skew.Store(0)
	c.resume()
}
