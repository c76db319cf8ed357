package dbclock

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/yummyzoom/herald/internal/postgres/dbsqlc"
)

const (
	// SkewTold is by how much the clocks of a node and of the database may differ without anybody being told.
	SkewTold = time.Second

	skewToldEvery = 10 * time.Minute
	stepLeast     = time.Second // the least that is taken for a step of the database's clock
	// A reading is kept for as long as newer ones took longer to come, and so are less exact, but no longer than quartz is good for.
	readingGood = time.Minute
)

// Clock is the database's clock, as this process last read it: what it said, and how long ago that was by the monotonic clock of this
// machine, which nobody sets. The wall clock of this machine has no part in it, however wrong it is and whenever it is set right.
type Clock struct {
	logger *slog.Logger

	mu      sync.Mutex
	read    reading
	looked  time.Time // by this machine's
	skew    time.Duration
	told    time.Time // of the skew
	stepped time.Time // when the database's clock was seen to be set forward, by this machine's
}

// reading is one look at the database's clock: it was at at, by half of within more or less, when this machine's was at local.
type reading struct {
	at, local time.Time
	within    time.Duration
}

func (r reading) now(local time.Time) time.Time { return r.at.Add(local.Sub(r.local)) }

// New returns a clock that has not been read. Logger is told of steps and of skew.
func New(logger *slog.Logger) *Clock { return &Clock{logger: logger} }

// Read reads the database's clock: one short round trip.
func (c *Clock) Read(ctx context.Context, db dbsqlc.DBTX) error {
	sent := time.Now()
	at, err := Read(ctx, db)
	if err != nil {
		return err
	}
	c.learn(ctx, sent, at, time.Now())
	return nil
}

// learn takes in what the database's clock said between two moments of this machine's.
func (c *Clock) learn(ctx context.Context, sent, at, got time.Time) {
	took := got.Sub(sent)
	fresh := reading{at, sent.Add(took / 2), took} //nolint:mnd // the middle
	c.mu.Lock()
	defer c.mu.Unlock()
	off := at.Sub(c.read.now(fresh.local))
	tolerated := (took + c.read.within) / 2 //nolint:mnd // half of it either way
	switch {
	case c.read.at.IsZero():
	case off.Abs() > tolerated+stepLeast:
		c.logger.WarnContext(ctx, "the database's clock was set, or this machine slept",
			slog.Duration("by", off.Round(time.Millisecond)))
		if off > 0 {
			c.stepped = fresh.local
		}
	case off.Abs() <= tolerated && took > c.read.within && fresh.local.Sub(c.read.local) < readingGood:
		fresh = c.read
	}
	c.read, c.looked = fresh, got
	// What is certain of it. The wall clock is read anew: it may have been set since the reading.
	wall := got.Round(0).Sub(c.read.now(got))
	c.skew = max(wall.Abs()-c.read.within/2, 0) //nolint:mnd // half of it either way
	if wall < 0 {
		c.skew = -c.skew
	}
	if c.skew.Abs() >= SkewTold && (c.told.IsZero() || got.Sub(c.told) > skewToldEvery) {
		c.told = got
		c.logger.WarnContext(ctx,
			"this machine's clock is wrong: events keep the database's time, tokens expire by this machine's",
			slog.Duration("ahead_of_database", c.skew.Round(time.Millisecond)))
	}
}

// Now is what the database's clock says. Before it has been read it is this machine's.
func (c *Clock) Now() time.Time {
	now := time.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.read.at.IsZero() {
		return now
	}
	return c.read.now(now)
}

// Age is how long ago the clock was read; very long where it never was.
func (c *Clock) Age() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Since(c.looked)
}

// Skew is by how much this machine's clock is ahead of the database's, at least: what the way there and back leaves open counts as none.
func (c *Clock) Skew() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.skew
}

// Advanced reports whether the database's clock was set forward within that time.
func (c *Clock) Advanced(within time.Duration) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return !c.stepped.IsZero() && time.Since(c.stepped) < within
}

// Ahead puts a skew into words; "" where it is not worth any.
func Ahead(skew time.Duration) string {
	rounded := skew.Abs().Round(100 * time.Millisecond) //nolint:mnd // what somebody reads
	switch {
	case skew.Abs() < SkewTold:
		return ""
	case skew > 0:
		return rounded.String() + " ahead of the database's"
	default:
		return rounded.String() + " behind the database's"
	}
}

// Read returns what the database's clock says.
func Read(ctx context.Context, db dbsqlc.DBTX) (time.Time, error) {
	now, err := dbsqlc.New(db).ClockRead(ctx)
	if err != nil {
		return time.Time{}, fmt.Errorf("reading the database's clock: %w", err)
	}
	return now, nil
}
