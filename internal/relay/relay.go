package relay

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/yummyzoom/herald/internal/event"
	"github.com/yummyzoom/herald/internal/outbox"
	"github.com/yummyzoom/herald/internal/relay/pass"
)

const (
	defaultBatchSize    = 1000
	defaultPollInterval = 100 * time.Millisecond
	defaultLinger       = 3 * time.Millisecond

	lingerStep   = time.Millisecond
	settleStep   = time.Millisecond
	busyPause    = 20 * time.Millisecond
	busyPatience = 3 // looks
	// restMost bounds the rest of a relay that has caught up under load. It rests for as long as the pass took: a
	// transaction of the relay costs about the same for five rows as for fifty, and the producers pay for it.
	restMost = 5 * time.Millisecond

	retryMost    = 500 * time.Millisecond // another node relays by then when a node dies
	closeTimeout = time.Second

	// How long the database may take to answer. A connection that stays silent is replaced: the other end may be gone
	// silently, and a proxy in between acknowledges what it does not pass on. Statements end before (package pass).
	lookTimeout = 5 * time.Second
	passTimeout = time.Minute
)

// Config is how a Relay works.
type Config struct {
	// NodeID is recorded with every event that this node relays.
	NodeID uuid.UUID
	// Connect opens a connection to the database that only this relay uses.
	Connect func(ctx context.Context) (*pgx.Conn, error)
	// SetAside takes the events that are not relayed now.
	SetAside SetAside
	// Relayed is called with every batch that this node has committed, in position order, and with the log's epoch. It
	// must not block.
	Relayed func(epoch int64, batch []event.Logged)
	// Contested is called with the events of a committed batch that name another customer than their order's. Defaults
	// to doing nothing.
	Contested func(ctx context.Context, events []pass.Contested)
	// Metrics count what the relay does. Defaults to metrics that are registered nowhere.
	Metrics *Metrics
	// Logger defaults to slog.Default.
	Logger *slog.Logger
	// BatchSize is how many events one transaction relays at most. Defaults to 1000.
	BatchSize int
	// PollInterval is how often a sleeping relay looks without a wake-up. Defaults to 100 ms.
	PollInterval time.Duration
	// Settings is what an operator decides.
	Settings
	// Holder keeps the latest event until the interval is over. Required where AnalyticsMinInterval is set.
	Holder pass.Holder
	// Linger is how long a relay goes on looking without finding anything before it arms. Defaults to 3 ms.
	Linger time.Duration
}

// SetAside takes events out of the line, within the relay's transaction. They neither block the events behind them
// nor get lost.
type SetAside interface {
	// DeliverLater keeps the rows until their DeliverAfter.
	DeliverLater(ctx context.Context, tx pgx.Tx, rows []*outbox.Row) error
	// Retry keeps rows that this release could not turn into messages. There is a reason for each row.
	Retry(ctx context.Context, tx pgx.Tx, rows []*outbox.Row, reasons []error) error
}

// Relay takes what is committed to the outbox into the log.
type Relay struct {
	cfg     Config
	wake    chan struct{}
	alive   moment       // of the last look that succeeded
	relayed moment       // of the last batch
	room    atomic.Int64 // rows that the next batch has room for; 0: as many as it may
	backend atomic.Uint32
}

// New returns a relay; nothing happens until Run.
func New(cfg Config) (*Relay, error) {
	if cfg.Connect == nil || cfg.SetAside == nil || cfg.Relayed == nil {
		return nil, errors.New("relay: Connect, SetAside and Relayed are required")
	}
	if cfg.AnalyticsMinInterval > 0 && cfg.Holder == nil {
		return nil, errors.New("relay: AnalyticsMinInterval needs a Holder")
	}
	cfg.BatchSize = cmp.Or(cfg.BatchSize, defaultBatchSize)
	cfg.PollInterval = cmp.Or(cfg.PollInterval, defaultPollInterval)
	cfg.Linger = cmp.Or(cfg.Linger, defaultLinger)
	if cfg.Logger == nil {
		cfg.Logger = slog.Default()
	}
	if cfg.Contested == nil {
		cfg.Contested = func(context.Context, []pass.Contested) {}
	}
	if cfg.Metrics == nil {
		cfg.Metrics = NewMetrics(nil)
	}
	return &Relay{cfg: cfg, wake: make(chan struct{}, 1)}, nil
}

// Wake makes a sleeping relay look at once. It never blocks.
func (r *Relay) Wake() {
	select {
	case r.wake <- struct{}{}:
	default: // a wake-up is pending already
	}
}

// LastLook returns when the relay last looked at the outbox successfully, or saw that another relay makes progress;
// zero before the first time. It gets old where the database does not answer, and where events wait while another
// transaction holds the lock without progress.
func (r *Relay) LastLook() time.Time { return r.alive.at() }

// LastRelayed returns when this node last committed a batch; zero before the first one.
func (r *Relay) LastRelayed() time.Time { return r.relayed.at() }

// Backend is the number of the server process of this relay's session, as its notifications carry it; 0 for none.
func (r *Relay) Backend() uint32 { return r.backend.Load() }

func (r *Relay) looked() { r.alive.now() }

// Run relays until ctx ends. Where the database fails it retries for ever.
func (r *Relay) Run(ctx context.Context) error {
	failure := outage{logger: r.cfg.Logger, most: retryMost}
	for {
		err := r.session(ctx, func() { failure.over(ctx, "relaying again") })
		if ctx.Err() != nil {
			return nil //nolint:nilerr // the end that was asked for
		}
		r.cfg.Metrics.failures.Inc()
		delay := failure.failed(ctx, "relay interrupted, reconnecting", err)
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(delay):
		}
	}
}

// session relays over one connection until the connection fails or ctx ends. It calls well when it has looked for
// the first time.
func (r *Relay) session(ctx context.Context, well func()) error {
	conn, err := r.cfg.Connect(ctx)
	if err != nil {
		return fmt.Errorf("connecting: %w", err)
	}
	defer func() {
		closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
		defer cancel()
		_ = conn.Close(closing) // the transaction ends with the connection either way
	}()
	entering, cancel := context.WithTimeout(ctx, passTimeout)
	err = r.enterEpoch(entering, conn)
	cancel()
	if err != nil {
		return err
	}
	r.backend.Store(conn.PgConn().PID())
	defer r.backend.Store(0)
	s := session{Relay: r, conn: conn, timer: time.NewTimer(0)}
	defer s.timer.Stop()
	return s.run(ctx, well)
}
