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
	// SkewTold is how much the clocks of a node and of the database may differ before that is reported.
	SkewTold = time.Second

	skewToldEvery = 10 * time.Minute
	stepLeast     = time.Second // the least that is taken for a step of the database's clock
	// readingGood is how long a reading is kept in place of newer ones that took longer and so are less exact. Quartz
	// is not good for longer.
	readingGood = time.Minute
)

// Clock is the database's clock, as this process last read it: the time that it read, and how long ago that was by
// this machine's monotonic clock, which cannot be set. The wall clock of this machine has no part in it, however
// wrong it is and whenever it is set right.
type Clock struct {
	logger *slog.Logger

	mu      sync.Mutex
	read    reading
	looked  time.Time // by this machine's
	skew    time.Duration
	told    time.Time // when the skew was logged
	stepped time.Time // when the database's clock was seen to be set forward, by this machine's
}

// reading is one look at the database's clock: that clock stood at at, give or take half of within, when this
// machine's stood at local.
type reading struct {
	at, local time.Time
	within    time.Duration
}

func (r reading) now(local time.Time) time.Time { return r.at.Add(local.Sub(r.local)) }

// New returns a clock that has not been read. It logs steps and skew to logger.
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

// learn takes in the database's time at, read between the moments sent and got of this machine's clock.
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
	// The skew that is certain. The wall clock is read anew, because it may have been set since the reading.
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

// Now is the database's time. Before the clock has been read it is this machine's.
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

// Skew is by how much this machine's clock is ahead of the database's, at least: the uncertainty of the round trip
// is subtracted.
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

// Ahead puts a skew into words; "" for one that is too small to mention.
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

// Read returns the database's time.
func Read(ctx context.Context, db dbsqlc.DBTX) (time.Time, error) {
	now, err := dbsqlc.New(db).ClockRead(ctx)
	if err != nil {
		return time.Time{}, fmt.Errorf("reading the database's clock: %w", err)
	}
	return now, nil
}
