package relay

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"math"
	"sync/atomic"
	"time"

	"github.com/yummyzoom/herald/internal/event"
)

const (
	offeredBatches = 64   // batches of this node's own relay that may wait for the tail
	tailChunk      = 1000 // entries read from the log at once
)

// Log is what the tail reads.
type Log interface {
	ReadFrom(ctx context.Context, after int64, limit int) ([]event.Logged, error)
}

// Broadcaster is where the tail leads.
type Broadcaster interface {
	// Position is the newest position that has been broadcast.
	Position() int64
	// Broadcast sends a batch whose first position follows Position. It fails where it does not.
	Broadcast(ctx context.Context, batch []event.Logged) error
}

// TailConfig is how a Tail works.
type TailConfig struct {
	Log         Log
	Broadcaster Broadcaster
	// Logger defaults to slog.Default.
	Logger *slog.Logger
	// PollInterval is how often the tail looks without having been told. Defaults to 100 ms.
	PollInterval time.Duration
}

// Tail takes this node's broadcaster along the log, position by position. What this node's own relay has committed is handed over
// directly; whatever else there is, or was missed, is read from the log. It is the broadcaster's only caller.
type Tail struct {
	cfg     TailConfig
	offered chan []event.Logged
	wake    chan struct{}
	told    atomic.Int64 // the newest position that somebody has told of
	alive   atomic.Int64
}

// NewTail returns a tail; nothing happens until Run.
func NewTail(cfg TailConfig) (*Tail, error) {
	if cfg.Log == nil || cfg.Broadcaster == nil {
		return nil, errors.New("relay: a tail needs Log and Broadcaster")
	}
	cfg.PollInterval = cmp.Or(cfg.PollInterval, defaultPollInterval)
	if cfg.Logger == nil {
		cfg.Logger = slog.Default()
	}
	return &Tail{cfg: cfg, offered: make(chan []event.Logged, offeredBatches), wake: make(chan struct{}, 1)}, nil
}

// Offer hands over a batch that this node's relay has committed. It never blocks: where the tail is behind, it reads the
// batch from the log.
func (t *Tail) Offer(batch []event.Logged) {
	select {
	case t.offered <- batch:
	default:
		t.Told(batch[len(batch)-1].Position)
	}
}

// Told says that the log has reached position. It never blocks.
func (t *Tail) Told(position int64) {
	for {
		told := t.told.Load()
		if position <= told || t.told.CompareAndSwap(told, position) {
			break
		}
	}
	select {
	case t.wake <- struct{}{}:
	default:
	}
}

// Look makes the tail read the log at once, whatever it has been told.
func (t *Tail) Look() { t.Told(math.MaxInt64) }

// LastLook returns when the tail last did its work successfully.
func (t *Tail) LastLook() time.Time { return at(&t.alive) }

// Run follows the log until ctx ends. Failures are logged and tried again.
func (t *Tail) Run(ctx context.Context) error {
	ticker := time.NewTicker(t.cfg.PollInterval)
	defer ticker.Stop()
	for {
		var err error
		select {
		case <-ctx.Done():
			return nil
		case batch := <-t.offered:
			err = t.follow(ctx, batch)
		case <-t.wake:
			if t.told.Swap(0) > t.cfg.Broadcaster.Position() {
				err = t.catchUp(ctx)
			}
		case <-ticker.C:
			err = t.catchUp(ctx)
		}
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			t.cfg.Logger.WarnContext(ctx, "tail interrupted", slog.Any("error", err), slog.Int64("position", t.cfg.Broadcaster.Position()))
			continue
		}
		t.alive.Store(time.Now().UnixNano())
	}
}

// follow broadcasts a batch that was handed over, reading from the log first what lies before it.
func (t *Tail) follow(ctx context.Context, batch []event.Logged) error {
	position := t.cfg.Broadcaster.Position()
	last := batch[len(batch)-1].Position
	if last <= position {
		return nil
	}
	if batch[0].Position != position+1 {
		return t.catchUp(ctx)
	}
	return t.cfg.Broadcaster.Broadcast(ctx, batch)
}

// catchUp broadcasts everything that the log holds behind the broadcaster's position.
func (t *Tail) catchUp(ctx context.Context) error {
	for {
		batch, err := t.cfg.Log.ReadFrom(ctx, t.cfg.Broadcaster.Position(), tailChunk)
		if err != nil {
			return err
		}
		if len(batch) > 0 {
			if err := t.cfg.Broadcaster.Broadcast(ctx, batch); err != nil {
				return err
			}
		}
		if len(batch) < tailChunk {
			return nil
		}
	}
}
