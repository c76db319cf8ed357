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
	"github.com/yummyzoom/herald/internal/eventlog"
)

const (
	offeredBatches = 64   // batches of this node's own relay that may wait for the tail
	tailChunk      = 1000 // entries read from the log at once

	readTimeout = 10 * time.Second // for one chunk; a connection over which nothing comes is replaced
)

// Source is what the tail reads.
type Source interface {
	// ReadFrom returns the entries behind a position and, where there are any, the log's epoch.
	ReadFrom(ctx context.Context, after int64, limit int) (entries []event.Logged, epoch int64, err error)
	// State returns the log's epoch, the position behind which that epoch began, and the newest position.
	State(ctx context.Context) (eventlog.State, error)
}

// Broadcaster is what the tail feeds.
type Broadcaster interface {
	// Position is the newest position that has been broadcast.
	Position() int64
	// Broadcast sends a batch whose first position follows Position. It fails for any other batch.
	Broadcast(ctx context.Context, batch []event.Logged) error
	// Reset forgets everything, makes the clients resume, and goes on behind position.
	Reset(ctx context.Context, position int64)
}

// TailConfig is how a Tail works.
type TailConfig struct {
	Log         Source
	Broadcaster Broadcaster
	// Epoch is the log's epoch when the broadcaster's position was read from it.
	Epoch int64
	// Logger defaults to slog.Default.
	Logger *slog.Logger
	// PollInterval is how often the tail looks without a wake-up. Defaults to 100 ms.
	PollInterval time.Duration
}

// Tail takes this node's broadcaster along the log, position by position. Batches of this node's own relay are
// handed over directly. All other entries, and missed ones, are read from the log. The tail is the broadcaster's
// only caller.
type Tail struct {
	cfg     TailConfig
	epoch   int64 // that the broadcaster's position is of
	offered chan offer
	wake    chan struct{}
	told    atomic.Int64 // the newest position of which a notification told
	alive   moment
}

// offer is a batch that this node's relay has committed.
type offer struct {
	epoch int64
	batch []event.Logged
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
	return &Tail{cfg: cfg, epoch: cfg.Epoch, offered: make(chan offer, offeredBatches), wake: make(chan struct{}, 1)}, nil
}

// Offer hands over a batch that this node's relay has committed. It never blocks: where the tail is behind, it reads
// the batch from the log.
func (t *Tail) Offer(epoch int64, batch []event.Logged) {
	select {
	case t.offered <- offer{epoch, batch}:
	default:
		t.Told(batch[len(batch)-1].Position)
	}
}

// Told notes that the log has reached position. It never blocks.
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

// Look makes the tail read the log at once, whatever position it was told.
func (t *Tail) Look() { t.Told(math.MaxInt64) }

// LastLook returns when the tail last did its work successfully.
func (t *Tail) LastLook() time.Time { return t.alive.at() }

// Run follows the log until ctx ends. It logs failures and tries again.
func (t *Tail) Run(ctx context.Context) error {
	ticker := time.NewTicker(t.cfg.PollInterval)
	defer ticker.Stop()
	failure := outage{logger: t.cfg.Logger}
	var (
		vain  vain
		again = time.NewTimer(closeLook) // while the tail ignores wake-ups
	)
	again.Stop()
	defer again.Stop()
	for {
		var err error
		wake := t.wake
		if vain.throttled() {
			wake = nil
		}
		select {
		case <-ctx.Done():
			return nil
		case o := <-t.offered:
			if err = t.follow(ctx, o); err == nil {
				ticker.Reset(t.cfg.PollInterval) // the log has nothing that would not be offered next
			}
		case <-wake:
			before := t.cfg.Broadcaster.Position()
			if err = t.followOffered(ctx); err == nil && t.told.Swap(0) > t.cfg.Broadcaster.Position() {
				if err = t.catchUp(ctx); err == nil && t.cfg.Broadcaster.Position() == before {
					if vain.nothing(); vain.throttled() {
						again.Reset(closeLook)
					}
				} else {
					vain.found()
				}
			}
		case <-again.C: // one read for all positions told meanwhile
			if vain.relax(t.wake); vain.throttled() {
				before := t.cfg.Broadcaster.Position()
				if err = t.catchUp(ctx); t.cfg.Broadcaster.Position() == before {
					again.Reset(closeLook)
				} else {
					vain.found()
				}
			}
		case <-ticker.C:
			err = t.catchUp(ctx)
		}
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			failure.failed(ctx, "tail interrupted", err) // the next look is the next attempt
			continue
		}
		failure.over(ctx, "following the log again")
		t.alive.now()
	}
}

// follow broadcasts a batch that was handed over. Entries before it are read from the log first.
func (t *Tail) follow(ctx context.Context, o offer) error {
	position := t.cfg.Broadcaster.Position()
	if o.epoch == t.epoch && o.batch[len(o.batch)-1].Position <= position {
		return nil
	}
	if o.epoch != t.epoch || o.batch[0].Position != position+1 {
		return t.catchUp(ctx)
	}
	return t.cfg.Broadcaster.Broadcast(ctx, o.batch)
}

// followOffered broadcasts all batches that have been handed over, so that they are not read from the log instead.
func (t *Tail) followOffered(ctx context.Context) error {
	for {
		select {
		case o := <-t.offered:
			if err := t.follow(ctx, o); err != nil {
				return err
			}
		default:
			return nil
		}
	}
}

// catchUp broadcasts everything that the log holds behind the broadcaster's position.
func (t *Tail) catchUp(ctx context.Context) error {
	for {
		batch, epoch, err := t.read(ctx)
		if err != nil {
			return err
		}
		// A log that has lost its end may have nothing behind the position for a while.
		if len(batch) == 0 || epoch != t.epoch {
			changed, err := t.enterEpoch(ctx)
			if err != nil {
				return err
			}
			if changed {
				continue
			}
		}
		if position := t.cfg.Broadcaster.Position(); len(batch) > 0 && batch[0].Position > position+1 {
			// Positions become visible in order, so the retention has dropped those in between since this node last read the
			// log.
			t.cfg.Logger.WarnContext(ctx, "the log's retention has overtaken this node, all clients resume",
				slog.Int64("position", position), slog.Int64("oldest", batch[0].Position))
			t.cfg.Broadcaster.Reset(ctx, batch[0].Position-1)
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

// enterEpoch makes the broadcaster begin anew where the log's epoch has changed: what it has broadcast behind the
// epoch's origin is no longer in the log.
func (t *Tail) enterEpoch(ctx context.Context) (changed bool, err error) {
	reading, cancel := context.WithTimeout(ctx, readTimeout)
	state, err := t.cfg.Log.State(reading)
	cancel()
	if err != nil || state.Epoch == t.epoch {
		return false, err
	}
	t.cfg.Logger.WarnContext(ctx, "the log has a new epoch, all clients resume", slog.Int64("epoch", state.Epoch),
		slog.Int64("origin", state.Origin), slog.Int64("position", t.cfg.Broadcaster.Position()))
	t.cfg.Broadcaster.Reset(ctx, state.Origin)
	t.epoch = state.Epoch
	return true, nil
}

func (t *Tail) read(ctx context.Context) (batch []event.Logged, epoch int64, err error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	return t.cfg.Log.ReadFrom(ctx, t.cfg.Broadcaster.Position(), tailChunk)
}
