package broadcast

import (
	"cmp"
	"errors"
	"log/slog"
	"time"

	"github.com/yummyzoom/herald/internal/event"
	"github.com/yummyzoom/herald/internal/settings"
)

// Config holds a [Broadcaster]'s settings. The zero value is the default.
type Config struct {
	// Settings are the operator's choices. A missing one has its default.
	Settings

	// ReplayBytes is how many bytes of replayed events may wait in one connection's queue. Up to half as many may have
	// been read from the log and not queued yet. Defaults to 512 KiB,
	// half of the queue, which leaves room for live events in the meantime.
	ReplayBytes int
	// PendingBytes bounds, for each member, the live events that wait for the end of its replay. Defaults to 256 KiB.
	PendingBytes int
	// HistoryTimeout bounds each read from the log. Defaults to 10 s.
	HistoryTimeout time.Duration
	// DrainTimeout is how long a replay waits for a client that does not read. Defaults to 30 s.
	DrainTimeout time.Duration
	// Logger receives messages for the operator. Defaults to slog.Default().
	Logger *slog.Logger
	// Metrics count events, messages and members. Default to metrics without a registry.
	Metrics *Metrics
	// Revoked receives the connections of a user that a revocation has removed from a group. The user may still have
	// access: by the token, or because access was granted again before the revocation was read. Without a new check
	// such a connection would silently get no events. Revoked must not block. Defaults to nothing.
	Revoked func(userID string, g event.Group, conns []Conn)
	// Journal records the delivery of every entry. Defaults to nothing.
	Journal Journal
}

func (c *Config) setDefaults() {
	settings.Complete(&c.Settings)
	c.ReplayBytes = cmp.Or(c.ReplayBytes, 512<<10)
	c.PendingBytes = cmp.Or(c.PendingBytes, 256<<10)
	c.HistoryTimeout = cmp.Or(c.HistoryTimeout, 10*time.Second)
	c.DrainTimeout = cmp.Or(c.DrainTimeout, 30*time.Second)
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	if c.Metrics == nil {
		c.Metrics = NewMetrics(nil)
	}
	if c.Journal == nil {
		c.Journal = noJournal{}
	}
}

func (c *Config) validate() error {
	if min(int64(c.ReplayLimit), c.RingBytes, int64(c.ReplayBytes), int64(c.PendingBytes), int64(c.MaxGroups),
		int64(c.HistoryTimeout), int64(c.DrainTimeout)) < 0 {
		return errors.New("broadcast: no setting may be negative")
	}
	return nil
}
