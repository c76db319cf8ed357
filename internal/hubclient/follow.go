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
	// queueLength is how many invocations may wait for a handler. A full queue stops reading from the socket.
	queueLength = 256

	// settledAfter is how long a subscription has to last for the backoff to start over without an event.
	settledAfter = 5 * time.Second
)

// Hooks report the states of a [Follow]. Each may be nil. They run on Follow's goroutine, like the handler.
type Hooks struct {
	// OnConnected: the handshake is done, the group is not yet resumed.
	OnConnected func()
	// OnDisconnected: the connection is lost, or could not be made, and Follow will try again.
	OnDisconnected func(err error)
	// OnResumed: every event up to the result's has been handled, and later ones are live.
	OnResumed func(Result)
	// OnGap: the server cannot say which events are missing. The state has to be fetched anew; later events are live.
	OnGap func(Result)
}

// Follow calls handle for every event of the group, exactly once and in order, on the goroutine that calls Follow.
// It reconnects and resumes by itself. It returns
//   - the cause of ctx's end, once that ends;
//   - the handler's error, wrapped: the event counts as not handled;
//   - a [*HubError] if the server does not know the method, or refuses the group, for [Config.ForbiddenPatience] if
//     it had let Follow in before;
//   - a [*StatusError] if the server answers negotiate with 401, 403 or 404;
//   - a [*ServerClosedError] if the server forbids to reconnect;
//   - before the first connection, an error that shows that there is no hub: a certificate that does not verify, a
//     server that does not speak TLS, an answer that no hub gives;
//   - a [*ContiguityError] if the server skipped, repeated or reordered an event;
//   - an error about cfg or sub.
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
	attempt int // connects since the last that brought an event or lasted

	connected bool      // there has been a connection
	joined    bool      // the server has let it into the group before
	forbidden time.Time // the time of the first of the latest refusals in a row; zero if the last attempt ended otherwise
}

// forbiddenAttempts is the least number of attempts within [Config.ForbiddenPatience].
const forbiddenAttempts = 5

// mayPass says whether err is the refusal of a group that was open before, within the patience.
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

// wait waits until the next attempt is due.
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

// outcome is the return of the resume's Invoke.
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
	defer close(quit) // runs before Close, which waits until the server's goodbye has been read
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

// read handles the connection's deliveries in order. The completion of the resume has its place in that order too.
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
			// Events that came before the end are still valid.
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
		if err := ctx.Err(); err != nil { // before the next event: many may be queued
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
