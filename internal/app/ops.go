package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/yummyzoom/herald/internal/eventlog"
	"github.com/yummyzoom/herald/internal/jobs"
	"github.com/yummyzoom/herald/internal/postgres"
	"github.com/yummyzoom/herald/migrations"
)

const (
	readyTimeout = 2 * time.Second
	// staleLook is the oldest last look of the relay or the tail with which the node is ready: an idle one looks ten
	// times a second, a busy one after each batch.
	staleLook = 5 * time.Second

	opsWriteTimeout = 10 * time.Second // for a probe that does not read its answer
)

var (
	errShuttingDown = errors.New("shutting down")
	errDraining     = errors.New("draining: this node takes no connections any more, until it is restarted")
)

// mountOps serves health, readiness and metrics. They need no token, so one database question serves all requests
// of a moment, over connections of their own.
func (a *App) mountOps(mux *http.ServeMux) {
	a.readiness.ask = func() (struct{}, error) { return struct{}{}, a.lookReady() }
	a.undelivered.ask = func() (jobs.Undelivered, error) {
		return scraped(a, "events that could not be delivered", func(ctx context.Context) (jobs.Undelivered, error) {
			return jobs.ReadUndelivered(ctx, a.pools.ops)
		})
	}
	mux.HandleFunc("GET /healthz",
		boundAnswer(func(w http.ResponseWriter, _ *http.Request) { writeStatus(w, http.StatusOK, "ok", "") }))
	mux.HandleFunc("GET /readyz", boundAnswer(func(w http.ResponseWriter, r *http.Request) {
		if err := a.ready(r.Context()); err != nil {
			writeStatus(w, http.StatusServiceUnavailable, "not ready", err.Error())
			return
		}
		writeStatus(w, http.StatusOK, "ready", a.degraded(r.Context()))
	}))
	mux.HandleFunc("GET /metrics", boundAnswer(a.scraper()))
}

// boundAnswer gives up on a client that does not read.
func boundAnswer(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		// every connection of this server supports it
		_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(opsWriteTimeout))
		next(w, r)
	}
}

func writeStatus(w http.ResponseWriter, code int, status, detail string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	answer := map[string]string{"status": status}
	if detail != "" {
		answer["detail"] = detail
	}
	_ = json.NewEncoder(w).Encode(answer) // the client may be gone
}

// ready says why this node cannot do its work: start, database, migrations, relay, tail. The answer is at most a
// second old.
func (a *App) ready(ctx context.Context) error {
	if a.stopping.Load() { // so that a load balancer sends no new client, while connected clients are asked to leave
		return errShuttingDown
	}
	if a.draining.Load() {
		return errDraining
	}
	select {
	case <-a.serving:
	default:
		return a.starting.reason()
	}
	_, err := a.readiness.get(ctx)
	return err
}

func (a *App) lookReady() error {
	ctx, cancel := context.WithTimeout(context.Background(), readyTimeout)
	defer cancel()
	if err := postgres.CheckMigrated(ctx, a.pools.ops, migrations.FS); err != nil {
		return err
	}
	for name, at := range map[string]time.Time{"relay": a.relay.LastLook(), "tail": a.tail.LastLook()} {
		if age := min(time.Since(at), time.Since(a.servedSince)); age > staleLook {
			return fmt.Errorf("the %s has not worked for %s", name, age.Round(time.Second))
		}
	}
	return a.notAhead(ctx)
}

// notAhead fails when the log is behind the position that this node has broadcast. The log's end was then lost,
// with a restored dump or a replica that lagged when it was promoted, and the next events would take positions that
// this node has passed.
func (a *App) notAhead(ctx context.Context) error {
	broadcast := a.broadcaster.Position() // read before the log's position, which only grows
	state, err := eventlog.NewReader(a.pools.ops).State(ctx)
	if err != nil {
		return err
	}
	if state.Position < broadcast {
		return fmt.Errorf("the database's log ends at position %d, and this node has broadcast position %d: "+
			"the database was replaced by an older state of it; restart every node", state.Position, broadcast)
	}
	return nil
}
