package hubclient

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"
)

const (
	// queueLength is how many invocations may wait for a handler; then the socket is not read until it has caught up.
	queueLength = 256

	// settledAfter is how long a subscription has to last for the backoff to start over without an event.
	settledAfter = 5 * time.Second
)

// Hooks tell what becomes of a [Follow]. Each may be nil. They run on Follow's goroutine, like the handler.
type Hooks struct {
	// OnConnected: hands are shaken, the group is not yet resumed.
	OnConnected func()
	// OnDisconnected: the connection is lost, or could not be made, and will be tried again.
	OnDisconnected func(err error)
	// OnResumed: everything up to the result's event has been handled, and what follows is live.
	OnResumed func(Result)
	// OnGap: the server cannot say what was missed. State has to be fetched anew; what follows is live.
	OnGap func(Result)
}

// Follow calls handle for every event of the group, exactly once and in order, on the goroutine that calls Follow. It
// reconnects and resumes by itself. It returns
//   - the cause of ctx's end, once that ends;
//   - what handle failed with, wrapped: the event counts as not handled;
//   - a [*HubError] where the server refuses the group, for [Config.ForbiddenPatience] if it had let Follow in before, or does not know the method, a [*StatusError] where it answers
//     negotiate with 401, 403 or 404, a [*ServerClosedError] where it forbids to reconnect;
//   - where there has been no connection yet, what tells that there is no hub: a certificate that does not verify, a server that does not speak TLS,
//     an answer that no hub gives;
//   - a [*ContiguityError] where the server skipped, repeated or reordered an event;
//   - what is wrong with cfg or sub.
//
// When it returns, the connection is closed.
func Follow(ctx context.Context, cfg Config, sub Subscription, handle func(Event) error, hooks Hooks) error {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return err
	}
	how, err := sub.resumption()
	if err != nil {
		return err
	}
	f := &follower{cfg: cfg, how: how, hooks: hooks, place: newPlace(sub, handle)}
	for {
		err := f.once(ctx)
		switch {
		case f.mayPass(err):
		case !f.connected && hopeless(err), permanent(err): // first: a handler that fails may have cancelled ctx too
			return fmt.Errorf("following %s: %w", sub.Group, err)
		case ctx.Err() != nil:
			return context.Cause(ctx)
		}
		cfg.Logger.LogAttrs(ctx, slog.LevelInfo, "hub connection lost",
			slog.String("hub", how.hub), slog.Int("attempt", f.attempt), slog.Any("error", err))
		if hooks.OnDisconnected != nil {
			hooks.OnDisconnected(err)
		}
		if err := f.wait(ctx); err != nil {
			return err
		}
	}
}

// follower is one call of Follow.
type follower struct {
	cfg     Config
	how     resumption
	hooks   Hooks
	place   *place
	attempt int // connects since the last that was good for something

	connected bool      // there has been a connection
	joined    bool      // the server has let it into the group before
	forbidden time.Time // since when it has refused every attempt; zero where the last one ended otherwise
}

// forbiddenAttempts is into how many parts of [Config.ForbiddenPatience] the attempts divide it at least.
const forbiddenAttempts = 5

// mayPass says whether err is a refusal of a group that was open before, and not for too long.
func (f *follower) mayPass(err error) bool {
	var refusal *HubError
	if !f.joined || !errors.As(err, &refusal) || !refusal.Forbidden() {
		f.forbidden = time.Time{}
		return false
	}
	if f.forbidden.IsZero() {
		f.forbidden = time.Now()
	}
	return time.Since(f.forbidden) < f.cfg.ForbiddenPatience
}

// wait waits for the next attempt's turn.
func (f *follower) wait(ctx context.Context) error {
	pause := f.cfg.Backoff[min(f.attempt, len(f.cfg.Backoff)-1)]
	if !f.forbidden.IsZero() {
		pause = min(pause, f.cfg.ForbiddenPatience/forbiddenAttempts)
	}
	timer := time.NewTimer(pause)
	defer timer.Stop()
	f.attempt++
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// outcome is what the resume's Invoke returned.
type outcome struct {
	result []byte
	err    error
}

// once connects, resumes and follows until the connection is lost. It never returns nil.
func (f *follower) once(ctx context.Context) error {
	queue := make(chan received, queueLength)
	quit := make(chan struct{})
	c, err := connect(ctx, f.cfg, f.how.hub, func(r received) {
		select {
		case queue <- r:
		case <-quit:
		}
	})
	if err != nil {
		return err
	}
	defer c.Close()   //nolint:contextcheck // its own time-outs bound it, also when ctx has ended
	defer close(quit) // before Close, which waits until the server's goodbye has been read
	f.connected = true
	if f.hooks.OnConnected != nil {
		f.hooks.OnConnected()
	}

	f.place.connected()
	calling, cancel := context.WithCancel(ctx)
	answer := make(chan outcome, 1)
	called := make(chan struct{})
	args := slices.Concat(f.how.args, []any{f.place.cursor}, f.how.behind)
	go func() {
		defer close(called)
		result, err := c.Invoke(calling, f.how.method, args...)
		answer <- outcome{result, err}
	}()
	defer func() {
		cancel()
		<-called
	}()
	return f.read(ctx, c, queue, answer)
}

// read handles what the connection delivers, in its order. The completion of the resume stands in that order too.
func (f *follower) read(ctx context.Context, c *Connection, queue <-chan received, answer <-chan outcome) error {
	patience := time.NewTimer(f.cfg.ResumeTimeout)
	defer patience.Stop()
	resumed := time.Time{}
	handle := func(r received) error {
		if r.answer {
			patience.Stop()
			resumed = time.Now()
			return f.answered(<-answer)
		}
		if resumed.IsZero() {
			patience.Reset(f.cfg.ResumeTimeout)
		}
		handled, err := f.place.receive(r.Invocation)
		if handled {
			f.attempt = 0
		}
		return err
	}
	defer func() {
		if !resumed.IsZero() && time.Since(resumed) >= settledAfter {
			f.attempt = 0
		}
	}()
	for {
		select {
		case r := <-queue:
			if err := handle(r); err != nil {
				return err
			}
		case <-c.Done():
			// What came before the end is as good as ever.
			for len(queue) > 0 && ctx.Err() == nil {
				if err := handle(<-queue); err != nil {
					return err
				}
			}
			return c.Err()
		case <-patience.C:
			return errResumeTimeout
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		if err := ctx.Err(); err != nil { // before the next event, of which there may be many
			return err
		}
	}
}

// answered acts on the server's answer to the resume.
func (f *follower) answered(o outcome) error {
	if o.err != nil {
		return o.err
	}
	f.joined, f.forbidden = true, time.Time{}
	result, err := f.place.joined(o.result)
	switch {
	case err != nil:
		return err
	case result.Status == Gap && f.hooks.OnGap != nil:
		f.hooks.OnGap(result)
	case result.Status == Resumed && f.hooks.OnResumed != nil:
		f.hooks.OnResumed(result)
	}
	return nil
}
