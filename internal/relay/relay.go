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
	// Under load a relay that has caught up rests for as long as that took, but not for long: a transaction of the relay costs about the
	// same for five rows as for fifty, and it is the producers who pay for it.
	restMost = 5 * time.Millisecond

	retryMost    = 500 * time.Millisecond // whoever relays when a node dies, does so by then
	closeTimeout = time.Second

	// How long the database may take to answer. A connection over which nothing comes is replaced: what is at the other end may be
	// gone without a word, and a proxy in between acknowledges what it does not pass on. Statements end before (package pass).
	lookTimeout = 5 * time.Second
	passTimeout = time.Minute
)

// Config is how a Relay works.
type Config struct {
	// NodeID is recorded with every event that this node relays.
	NodeID uuid.UUID
	// Connect opens a connection to the database for this relay alone.
	Connect func(ctx context.Context) (*pgx.Conn, error)
	// SetAside takes the events that are not relayed now.
	SetAside SetAside
	// Relayed is called with every batch that this node has committed, in position order, and the log's epoch. It must not block.
	Relayed func(epoch int64, batch []event.Logged)
	// Contested is called with events of a committed batch that name another customer than their order's. Defaults to nobody.
	Contested func(ctx context.Context, events []pass.Contested)
	// Observer is told what happens. Defaults to nobody.
	Observer Observer
	// Logger defaults to slog.Default.
	Logger *slog.Logger
	// BatchSize is how many events one transaction relays at most. Defaults to 1000.
	BatchSize int
	// PollInterval is how often a sleeping relay looks without having been told. Defaults to 100 ms.
	PollInterval time.Duration
	// AnalyticsInterval is how often events of one type are relayed to the analytics group at most: the latest within it wins. 0: all are.
	AnalyticsInterval time.Duration
	// Holder keeps the latest until the interval is over. Required where there is one.
	Holder pass.Holder
	// Linger is how long a relay goes on looking without finding anything before it arms. Defaults to 3 ms.
	Linger time.Duration
}

// SetAside takes events out of the line, within the relay's transaction, so that they neither block those behind them nor get
// lost.
type SetAside interface {
	// DeliverLater keeps the rows until their DeliverAfter.
	DeliverLater(ctx context.Context, tx pgx.Tx, rows []*outbox.Row) error
	// Retry keeps rows that could not be turned into messages by this release, and why: there is a reason for each.
	Retry(ctx context.Context, tx pgx.Tx, rows []*outbox.Row, reasons []error) error
}

// Observer is told what a relay does.
type Observer interface {
	// Relayed reports one committed batch: how many rows it read, how many entries it appended, and how long it took.
	Relayed(rows, entries int, took time.Duration)
	// RelayFailed reports that a look or a batch failed.
	RelayFailed()
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
	if cfg.AnalyticsInterval > 0 && cfg.Holder == nil {
		return nil, errors.New("relay: AnalyticsInterval needs a Holder")
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
	if cfg.Observer == nil {
		cfg.Observer = nobody{}
	}
	return &Relay{cfg: cfg, wake: make(chan struct{}, 1)}, nil
}

type nobody struct{}

func (nobody) Relayed(int, int, time.Duration) {}
func (nobody) RelayFailed()                    {}

// Wake makes a sleeping relay look at once. It never blocks.
func (r *Relay) Wake() {
	select {
	case r.wake <- struct{}{}:
	default: // it will look anyway
	}
}

// LastLook returns when the relay last looked at the outbox successfully, or saw that somebody else relays; zero before the first time. It
// gets old where the database does not answer, and where events wait while somebody holds the lock and comes no further.
func (r *Relay) LastLook() time.Time { return r.alive.at() }

// LastRelayed returns when this node last committed a batch; zero before the first one.
func (r *Relay) LastRelayed() time.Time { return r.relayed.at() }

// Backend is the number of the server's process that this relay's session is with, as its notifications carry it; 0 for none.
func (r *Relay) Backend() uint32 { return r.backend.Load() }

func (r *Relay) looked() { r.alive.now() }

// Run relays until ctx ends. A database that fails is tried again for ever.
func (r *Relay) Run(ctx context.Context) error {
	failure := outage{logger: r.cfg.Logger, most: retryMost}
	for {
		err := r.session(ctx, func() { failure.over(ctx, "relaying again") })
		if ctx.Err() != nil {
			return nil //nolint:nilerr // the end that was asked for
		}
		r.cfg.Observer.RelayFailed()
		delay := failure.failed(ctx, "relay interrupted, reconnecting", err)
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(delay):
		}
	}
}

// session relays over one connection until that fails or ctx ends. It calls well when it has looked for the first time.
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
