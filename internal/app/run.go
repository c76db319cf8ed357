package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

const (
	// overdueLooks is how many heartbeats pass between two looks for periodic jobs that no node runs.
	overdueLooks     = 5
	leaveTimeout     = time.Second
	heartbeatTimeout = 5 * time.Second
)

// Run waits for the database, serves until ctx ends, and shuts down in the order that the package's doc gives. It
// may be called once.
func (a *App) Run(ctx context.Context) error {
	serving, stopServing := context.WithCancelCause(ctx)
	defer stopServing(nil)
	var edge errgroup.Group
	for _, socket := range a.mainSockets {
		a.serve(&edge, stopServing, a.main, socket)
		a.logger.InfoContext(ctx, "listening", slog.String("address", socket.Addr().String()))
	}
	for _, socket := range a.opsSockets {
		a.serve(&edge, stopServing, a.ops, socket)
	}

	for _, socket := range a.nodeSockets {
		a.serve(&edge, stopServing, a.forNodes, socket)
	}

	err := a.start(serving)
	if a.pools != nil {
		defer a.pools.close()
	}
	stopParts := func(context.Context) error { return nil }
	if err == nil {
		stopParts, err = a.work(serving, stopServing)
	}
	if err == nil {
		a.gate.open(a.handler)
		a.servedSince = time.Now()
		close(a.serving)
		a.logger.InfoContext(ctx, "serving", slog.String("address", a.Addr().String()),
			slog.String("node_id", a.nodeID.String()),
			slog.String("version", a.cfg.Version))
		<-serving.Done()
	}
	if serving.Err() != nil {
		err = nil // stopped by ctx, or by a part that has reported its own error
	}
	base := context.WithoutCancel(ctx)
	a.logger.InfoContext(base, "shutting down")
	a.stop()
	return errors.Join(err, a.stopAccepting(base), edge.Wait(), stopParts(base))
}

// stop marks this node as not ready. It cannot be drained from then on.
func (a *App) stop() {
	a.drainingMu.Lock()
	defer a.drainingMu.Unlock()
	a.stopping.Store(true)
	if a.nodes != nil {
		a.nodes.Leaving()
	}
}

// work starts everything behind the edge. Jobs are the last, and may have to wait for the database once more. The
// returned stop ends it all in order; it is to be called even when work returns an error.
func (a *App) work(
	serving context.Context, stopServing context.CancelCauseFunc,
) (stop func(context.Context) error, err error) {
	// Each stage has a context of its own, ended when the stage before it is done.
	base := context.WithoutCancel(serving)
	relaying, stopRelaying := context.WithCancel(base)
	beating, stopBeating := context.WithCancel(base)
	working, stopWorking := context.WithCancel(base)
	var line, beat, workers errgroup.Group
	stop = func(context.Context) error {
		stopWorking()
		errs := []error{workers.Wait()}
		stopRelaying()
		errs = append(errs, line.Wait())
		stopBeating() // last, so that it reports all that was broadcast
		return errors.Join(append(errs, beat.Wait())...)
	}
	line.Go(func() error { return a.relay.Run(relaying) })
	line.Go(func() error { return a.tail.Run(relaying) })
	line.Go(func() error { return a.listener.Run(relaying) })
	line.Go(func() error { return a.signalr.Run(relaying) })
	line.Go(func() error { return a.keys.Run(relaying) })
	line.Go(func() error { return a.peers.Run(relaying) })
	beat.Go(func() error { return a.heartbeat(beating) })
	if err := a.step(serving, a.jobs.Start); err != nil {
		return stop, err
	}
	workers.Go(func() error { return a.failing(stopServing, a.jobs.Run(working)) })
	if a.cfg.Background != nil {
		workers.Go(func() error { return a.failing(stopServing, a.cfg.Background(working, a.pool)) })
	}
	return stop, nil
}

// failing ends the server when a part of it that should run on fails.
func (a *App) failing(stop context.CancelCauseFunc, err error) error {
	if err != nil {
		stop(err)
	}
	return err
}

func (a *App) serve(edge *errgroup.Group, stop context.CancelCauseFunc, server *http.Server, socket net.Listener) {
	edge.Go(func() error {
		err := server.Serve(socket)
		if errors.Is(err, http.ErrServerClosed) {
			return nil
		}
		stop(err)
		return fmt.Errorf("serving on %s: %w", socket.Addr(), err)
	})
}

// stopAccepting closes every connection, one after another and each after its queue, and then the listeners: a
// client that polls fetches its queue with a new request. Delivery of events continues meanwhile.
func (a *App) stopAccepting(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, a.cfg.Server.ShutdownTimeout)
	defer cancel()
	var errs []error
	if a.signalr != nil { // else the database was never reached
		var forwarded sync.WaitGroup
		if a.peers != nil {
			forwarded.Go(func() { a.peers.Shutdown(ctx, a.cfg.Server.ShutdownSpread) })
		}
		errs = append(errs, a.signalr.Shutdown(ctx))
		forwarded.Wait()
		a.leaving.Wait()
	}
	for _, server := range []*http.Server{a.main, a.forNodes, a.ops} {
		if server == nil {
			continue
		}
		if err := server.Shutdown(ctx); err != nil {
			errs = append(errs, fmt.Errorf("closing the listeners: %w", err), server.Close())
		}
	}
	return errors.Join(errs...)
}

// heartbeat keeps this node's row and its journal until ctx ends; then it writes the rest of the journal and
// removes the row.
func (a *App) heartbeat(ctx context.Context) error {
	ticker := time.NewTicker(heartbeatInterval)
	defer ticker.Stop()
	host, failing := hostname(), false
	for beats := 1; ; beats++ {
		err := a.beat(ctx, host)
		if beats%overdueLooks == 0 && err == nil {
			a.lookForOverdue(ctx)
		}
		if err != nil && ctx.Err() == nil && !failing { // logged once; the database's absence is no news a second later
			a.logger.WarnContext(ctx, "heartbeat failed", slog.Any("error", err))
		}
		failing = err != nil
		select {
		case <-ctx.Done():
			a.leave(context.WithoutCancel(ctx), host)
			return nil
		case <-ticker.C:
		}
	}
}

func (a *App) beat(ctx context.Context, host string) error {
	ctx, cancel := context.WithTimeout(ctx, heartbeatTimeout)
	defer cancel()
	if err := a.nodes.Tell(a.nodeURL, a.unreachable()); err != nil {
		return err
	}
	_, err := a.nodes.Heartbeat(ctx, host, a.cfg.Version, &a.journal, a.hubs.Connections(a.signalr))
	if err == nil {
		a.peers.Learn(asPeers(a.nodes.Others()))
	}
	return err
}

// leave writes this node's last counts, and that it is gone.
func (a *App) leave(ctx context.Context, host string) {
	ctx, cancel := context.WithTimeout(ctx, leaveTimeout)
	defer cancel()
	more, err := true, error(nil)
	for more && err == nil {
		more, err = a.nodes.Heartbeat(ctx, host, a.cfg.Version, &a.journal, a.hubs.Connections(a.signalr))
	}
	if err != nil {
		a.logger.WarnContext(ctx, "what this node has broadcast last is not in its journal", slog.Any("error", err))
	}
	if err := a.nodes.Leave(ctx); err != nil {
		a.logger.WarnContext(ctx, "this node stays registered until it is reaped", slog.Any("error", err))
	}
}
