package app

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/yummyzoom/herald/internal/outbox"
	"github.com/yummyzoom/herald/internal/postgres"
	"github.com/yummyzoom/herald/migrations"
)

const (
	readHeaderTimeout = 10 * time.Second
	idleTimeout       = 2 * time.Minute
	maxHeaderBytes    = 32 << 10
	// bodyTimeout is how long a body may take to arrive, drainTimeout what is left of it once the request has been answered.
	bodyTimeout  = 10 * time.Second
	drainTimeout = time.Second

	readyTimeout = 2 * time.Second
	// staleLook is how long ago the relay or the tail may have looked last for the node to be ready: a sleeping one looks ten
	// times a second, a busy one after each batch.
	staleLook = 5 * time.Second

	lagLimit      = 100_000 // rows that are counted at most
	scrapeTimeout = 2 * time.Second
)

// newHTTPServer returns a server that a slow client cannot hold for ever. There is no write time-out: a WebSocket is written for
// hours, and bounds its writes itself.
func (a *App) newHTTPServer(handler http.Handler) *http.Server {
	return &http.Server{
		Handler: boundBodies(handler), ReadHeaderTimeout: readHeaderTimeout, IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeaderBytes,
		ErrorLog: slog.NewLogLogger(a.logger.Handler(), slog.LevelDebug),
	}
}

// boundBodies bounds the reading of bodies. net/http waits for one that nobody reads, too, before it writes an answer. A read time-out
// for all requests would end those that are answered for hours: net/http reads on meanwhile, to see the client leave. The hubs
// lift the bound from what they read.
func boundBodies(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ContentLength == 0 {
			next.ServeHTTP(w, r)
			return
		}
		controller := http.NewResponseController(w)
		_ = controller.SetReadDeadline(time.Now().Add(bodyTimeout)) // which every connection of this server takes
		next.ServeHTTP(w, r)
		_ = controller.SetReadDeadline(time.Now().Add(drainTimeout))
	})
}

// buildServers builds the servers: health, readiness and metrics answer from the first moment on, hubs and API when their gate opens.
func (a *App) buildServers() {
	ops := http.NewServeMux()
	a.mountOps(ops)
	if a.cfg.Server.OpsListen == "" {
		a.main = a.newHTTPServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if _, pattern := ops.Handler(r); pattern != "" {
				ops.ServeHTTP(w, r)
				return
			}
			a.gate.ServeHTTP(w, r)
		}))
		return
	}
	a.main, a.ops = a.newHTTPServer(&a.gate), a.newHTTPServer(ops)
}

// mountOps serves health, readiness and metrics.
func (a *App) mountOps(mux *http.ServeMux) {
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { writeStatus(w, http.StatusOK, "ok", "") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		if a.stopping.Load() { // so that a load balancer sends nobody, while those that are here are asked to leave
			writeStatus(w, http.StatusServiceUnavailable, "not ready", "shutting down")
			return
		}
		if err := a.ready(r.Context()); err != nil {
			writeStatus(w, http.StatusServiceUnavailable, "not ready", err.Error())
			return
		}
		detail := ""
		if !a.listener.Listening() {
			detail = "degraded: not listening for notifications; events are found by looking, ten times a second"
		}
		writeStatus(w, http.StatusOK, "ready", detail)
	})
	mux.Handle("GET /metrics", promhttp.HandlerFor(a.metrics.registry, promhttp.HandlerOpts{}))
}

func writeStatus(w http.ResponseWriter, code int, status, detail string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	answer := map[string]string{"status": status}
	if detail != "" {
		answer["detail"] = detail
	}
	_ = json.NewEncoder(w).Encode(answer) // whoever asked may be gone
}

// ready says why this node cannot do its work: it is starting, database, migrations, relay, tail.
func (a *App) ready(ctx context.Context) error {
	select {
	case <-a.serving:
	default:
		return a.starting.reason()
	}
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	if err := postgres.CheckMigrated(ctx, a.pool, migrations.FS); err != nil {
		return err
	}
	for name, at := range map[string]time.Time{"relay": a.relay.LastLook(), "tail": a.tail.LastLook()} {
		if age := time.Since(at); age > staleLook {
			return fmt.Errorf("the %s has not worked for %s", name, age.Round(time.Second))
		}
	}
	return a.notAhead(ctx)
}

// notAhead says when the log is behind what this node has broadcast: its end was lost, with a restored dump or a replica that lagged
// when it was promoted, and what comes next would take positions that this node has passed.
func (a *App) notAhead(ctx context.Context) error {
	broadcast := a.broadcaster.Position() // before the log's: that one only grows
	state, err := outbox.NewLog(a.pool).State(ctx)
	if err != nil {
		return err
	}
	if state.Position < broadcast {
		return fmt.Errorf("the database's log ends at position %d, and this node has broadcast position %d: "+
			"the database was replaced by an older state of it; restart every node", state.Position, broadcast)
	}
	return nil
}

func (a *App) registerGauges() {
	m := a.metrics
	m.gaugeFunc("broadcast_position", "The newest log position that this node has broadcast.",
		func() float64 { return float64(a.broadcaster.Position()) })
	m.gaugeFunc("ring_bytes", "Memory that recent events take.", func() float64 { return float64(a.broadcaster.Stats().RingBytes) })
	m.gaugeFunc("subscriptions", "Members of all groups on this node.", func() float64 { return float64(a.broadcaster.Stats().Members) })
	m.gaugeFunc("listener_connected", "1 while notifications arrive, else 0: events are found by looking then.", func() float64 {
		if a.listener.Listening() {
			return 1
		}
		return 0
	})
	m.registry.MustRegister(newLagCollector(func() (outbox.Lag, error) {
		return scraped(a, "the outbox's lag", func(ctx context.Context) (outbox.Lag, error) { return outbox.ReadLag(ctx, a.pool, lagLimit) })
	}))
	m.registry.MustRegister(newGrowthCollector(func() ([]outbox.Growth, error) {
		return scraped(a, "the outbox's size", func(ctx context.Context) ([]outbox.Growth, error) { return outbox.ReadGrowth(ctx, a.pool) })
	}))
	m.registry.MustRegister(newAuditCollector(func() (outbox.AuditStatus, error) {
		return scraped(a, "the audit", func(ctx context.Context) (outbox.AuditStatus, error) { return outbox.ReadAuditStatus(ctx, a.pool) })
	}))
}

// scraped asks the database for what a scrape wants to know of it.
func scraped[T any](a *App, what string, read func(ctx context.Context) (T, error)) (T, error) {
	ctx, cancel := context.WithTimeout(context.Background(), scrapeTimeout)
	defer cancel()
	answer, err := read(ctx)
	if err != nil {
		a.logger.WarnContext(ctx, "metrics without an answer of the database", slog.String("about", what), slog.Any("error", err))
	}
	return answer, err
}
