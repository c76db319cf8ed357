package nodes

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/yummyzoom/herald/internal/postgres/dbsqlc"
)

// Defaults of [KeysConfig].
const (
	DefaultKeyEvery   = 24 * time.Hour
	DefaultKeyLead    = time.Hour
	DefaultKeyOverlap = 30 * 24 * time.Hour
	DefaultKeyRefresh = 30 * time.Second
)

const (
	// keyRereadEvery is how often the table is read for key ids that this node does not know: clients can send any id.
	keyRereadEvery = time.Second
	keyReadTimeout = 2 * time.Second
)

// KeysConfig says how [Keys] rotate. The database's clock decides what is due.
type KeysConfig struct {
	// DB is where the keys are.
	DB dbsqlc.DBTX

	// Every is how long a key is used before the next one is made. Defaults to a day.
	Every time.Duration

	// Lead is how long before its use a key is made. A node that cannot read the table for as long still knows every
	// key in use. Defaults to an hour.
	Lead time.Duration

	// Overlap is how long a key still opens what it has sealed, from the first use of its successor. Defaults to 30
	// days.
	Overlap time.Duration

	// Refresh is how often the table is read. Defaults to 30 s.
	Refresh time.Duration

	// Logger is told when the keys cannot be read. Defaults to [slog.Default].
	Logger *slog.Logger
}

// Key is a key that the nodes share. Only nodes may see it: derive a key of its own for each purpose (HKDF).
type Key struct {
	ID     int32
	Secret [32]byte
}

// String names the key without its secret.
func (k Key) String() string { return "node key " + strconv.Itoa(int(k.ID)) }

// LogValue is String, for the log.
func (k Key) LogValue() slog.Value { return slog.StringValue(k.String()) }

// Keys are the keys that the nodes of one database share, as this node last read them. They rotate: the first node
// that sees that a key is due makes it. The key is used Lead later, when all nodes have read it, and opens what it
// has sealed until Overlap after its successor is used. So no node refuses a key that another node may have used,
// even if it has not read the table lately.
//
// Load reads the keys for the first time; Run keeps them current. Used and Find do not ask the database, except Find
// for an unknown id.
type Keys struct {
	cfg KeysConfig
	q   *dbsqlc.Queries

	known atomic.Pointer[knownKeys]

	mu      sync.Mutex
	looked  time.Time     // when the table was last read for an unknown id
	reading chan struct{} // closed when that read ends; nil: none is under way
}

type knownKeys struct {
	used Key
	byID map[int32]Key
}

// NewKeys returns the keys of cfg.DB. They have to be loaded.
func NewKeys(cfg KeysConfig) *Keys {
	cfg.Every = cmp.Or(cfg.Every, DefaultKeyEvery)
	cfg.Lead = cmp.Or(cfg.Lead, DefaultKeyLead)
	cfg.Overlap = cmp.Or(cfg.Overlap, DefaultKeyOverlap)
	cfg.Refresh = cmp.Or(cfg.Refresh, DefaultKeyRefresh)
	cfg.Logger = cmp.Or(cfg.Logger, slog.Default())
	return &Keys{cfg: cfg, q: dbsqlc.New(cfg.DB)}
}

// Load makes the next key where it is due, the first one included, and reads all keys.
func (k *Keys) Load(ctx context.Context) error {
	_, err := k.q.NodeKeyRotate(ctx, dbsqlc.NodeKeyRotateParams{
		EverySeconds: k.cfg.Every.Seconds(), LeadSeconds: k.cfg.Lead.Seconds(), OverlapSeconds: k.cfg.Overlap.Seconds(),
	})
	if err != nil {
		err = fmt.Errorf("rotating the nodes' keys: %w", err)
	}
	return errors.Join(err, k.read(ctx)) // keys are read all the same: a read-only database has them, too
}

func (k *Keys) read(ctx context.Context) error {
	rows, err := k.q.NodeKeys(ctx)
	if err != nil {
		return fmt.Errorf("reading the nodes' keys: %w", err)
	}
	next := knownKeys{byID: make(map[int32]Key, len(rows))}
	for _, row := range rows {
		key := Key{ID: row.KeyID}
		if copy(key.Secret[:], row.Secret) != len(key.Secret) {
			return fmt.Errorf("reading the nodes' keys: the secret of key %d has %d bytes", row.KeyID, len(row.Secret))
		}
		next.byID[key.ID] = key
		if row.Used {
			next.used = key
		}
	}
	if len(rows) == 0 {
		return errNoKeys
	}
	k.known.Store(&next)
	return nil
}

var errNoKeys = errors.New("reading the nodes' keys: there are none")

// Run keeps the keys current until ctx ends: it makes the next one when it is due, and reads those that other nodes
// have made.
func (k *Keys) Run(ctx context.Context) error {
	ticker := time.NewTicker(k.cfg.Refresh)
	defer ticker.Stop()
	failing := false
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
		err := k.refresh(ctx)
		if err != nil && ctx.Err() == nil && !failing { // logged once: the next read is half a minute away
			k.cfg.Logger.WarnContext(ctx, "the nodes' keys were not read: those that are known stay in use",
				slog.Any("error", err))
		}
		failing = err != nil
	}
}

func (k *Keys) refresh(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, k.cfg.Refresh)
	defer cancel()
	return k.Load(ctx)
}

// Used is the key to use now, as the table was last read. Load must have succeeded.
func (k *Keys) Used() Key { return k.known.Load().used }

// Find returns the key with that id, and false where there is none. For unknown ids the table is read, at most once
// a second for all ids together: a key in use was made long before, so a node that has read the table within this
// second knows it.
func (k *Keys) Find(ctx context.Context, id int32) (Key, bool) {
	if key, ok := k.known.Load().byID[id]; ok {
		return key, true
	}
	k.reread(ctx)
	key, ok := k.known.Load().byID[id]
	return key, ok
}

func (k *Keys) reread(ctx context.Context) {
	k.mu.Lock()
	if reading := k.reading; reading != nil {
		k.mu.Unlock()
		select {
		case <-reading:
		case <-ctx.Done():
		}
		return
	}
	if time.Since(k.looked) < keyRereadEvery {
		k.mu.Unlock()
		return
	}
	reading := make(chan struct{})
	k.looked, k.reading = time.Now(), reading
	k.mu.Unlock()

	// Not the request's own context: a client that sends an invented id and hangs up must not take the one read of this
	// second from all other clients.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), keyReadTimeout)
	defer cancel()
	if err := k.read(ctx); err != nil {
		k.cfg.Logger.WarnContext(ctx, "the nodes' keys were not read for one that is not known", slog.Any("error", err))
	}
	k.mu.Lock()
	k.reading = nil
	k.mu.Unlock()
	close(reading)
}
