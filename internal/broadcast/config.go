package broadcast

import (
	"cmp"
	"errors"
	"log/slog"
	"time"

	"github.com/yummyzoom/herald/internal/event"
)

// Config holds a [Broadcaster]'s settings. The zero value is the default.
type Config struct {
	// ReplayLimit is the number of events that one resume sends at most: a client that is further behind gets a gap.
	// Defaults to 1000.
	ReplayLimit int
	// RingBytes bounds the recent events held in memory, over all groups of the node. Defaults to 64 MiB.
	RingBytes int64
	// ReplayBytes is how many bytes of replayed events may wait in one connection's queue, and twice what may have been read from the log
	// for it beside that. Half of the queue leaves room for what arrives live in the meantime. Defaults to 512 KiB.
	ReplayBytes int
	// PendingBytes bounds the live events that wait, for each member, until its replay has ended. Defaults to 256 KiB.
	PendingBytes int
	// MaxSubscriptions is the number of groups that one connection may be a member of. Defaults to 1000.
	MaxSubscriptions int
	// HistoryTimeout bounds each read from the log. Defaults to 10 s.
	HistoryTimeout time.Duration
	// DrainTimeout is how long a replay waits for a client that does not read what it asked for. Defaults to 30 s.
	DrainTimeout time.Duration
	// Logger receives what an operator should know. Defaults to slog.Default().
	Logger *slog.Logger
	// Observer counts. Defaults to nothing.
	Observer Observer
	// Revoked is told which connections of a user a revocation has taken out of a group, so that somebody can look whether they may
	// be there all the same, by their token or because access was granted again before the revocation was read: those would be left
	// without events and without a word. It must not block. Defaults to nothing.
	Revoked func(userID string, g event.Group, conns []Conn)
	// Journal is told what has become of every entry. Defaults to nothing.
	Journal Journal
}

func (c *Config) setDefaults() {
	c.ReplayLimit = cmp.Or(c.ReplayLimit, 1000)
	c.RingBytes = cmp.Or(c.RingBytes, 64<<20)
	c.ReplayBytes = cmp.Or(c.ReplayBytes, 512<<10)
	c.PendingBytes = cmp.Or(c.PendingBytes, 256<<10)
	c.MaxSubscriptions = cmp.Or(c.MaxSubscriptions, 1000)
	c.HistoryTimeout = cmp.Or(c.HistoryTimeout, 10*time.Second)
	c.DrainTimeout = cmp.Or(c.DrainTimeout, 30*time.Second)
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	if c.Observer == nil {
		c.Observer = noObserver{}
	}
	if c.Journal == nil {
		c.Journal = noJournal{}
	}
}

func (c *Config) validate() error {
	if min(int64(c.ReplayLimit), c.RingBytes, int64(c.ReplayBytes), int64(c.PendingBytes), int64(c.MaxSubscriptions),
		int64(c.HistoryTimeout), int64(c.DrainTimeout)) < 0 {
		return errors.New("broadcast: no setting may be negative")
	}
	return nil
}
