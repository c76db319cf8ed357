package nodes

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/yummyzoom/herald/internal/postgres"
	"github.com/yummyzoom/herald/internal/postgres/dbclock"
	"github.com/yummyzoom/herald/internal/postgres/dbsqlc"
)

// Register is the register of the running servers.
type Register struct {
	db    postgres.Batcher
	q     *dbsqlc.Queries
	self  uuid.UUID
	clock *dbclock.Clock

	// row is held while this node's row is written, so that an older heartbeat does not take back that the node drains.
	row sync.Mutex

	mu          sync.Mutex
	url         string // where other nodes reach this one
	unreachable json.RawMessage
	draining    bool
	others      []Address // as the last heartbeat read them
}

// New returns the register as the node self sees it.
func New(db postgres.Batcher, self uuid.UUID) *Register {
	return &Register{db: db, q: dbsqlc.New(db), self: self}
}

// WithClock makes each heartbeat read clock, and report how far this machine's clock is off.
func (n *Register) WithClock(clock *dbclock.Clock) *Register {
	n.clock = clock
	return n
}

// Heartbeat says that this node is alive, how many connections each hub has and what Tell was told, and writes what
// journal has noted. It writes them together, so that the position in this node's row is always the end of its
// journal. More reports whether journal has more to write. Heartbeat also reads where the other nodes are reached:
// see [Register.Others].
func (n *Register) Heartbeat(ctx context.Context, host, version string, journal *Journal,
	connections map[string]int,
) (more bool, err error) {
	counts, err := json.Marshal(connections)
	if err != nil {
		return false, fmt.Errorf("encoding connection counts: %w", err)
	}
	skew := time.Duration(0)
	if n.clock != nil {
		// The clock is read before the heartbeat, in a round trip of its own: the time to write would make the answer less
		// exact.
		if err := n.clock.Read(ctx, n.db); err != nil {
			return false, err
		}
		skew = n.clock.Skew()
	}
	n.row.Lock()
	defer n.row.Unlock()
	rows, position := journal.take()
	batch := &pgx.Batch{} // one implicit transaction
	queueJournal(batch, n.self, host, rows)
	url, unreachable, draining := n.told()
	batch.Queue(dbsqlc.NodeHeartbeat, n.self, host, version, position, counts, skew.Seconds(), url, unreachable, draining)
	batch.Queue(dbsqlc.NodesFromFuture)
	batch.Queue(dbsqlc.NodeAddresses, n.self).Query(n.readOthers)
	if err := n.db.SendBatch(ctx, batch).Close(); err != nil {
		return false, fmt.Errorf("writing this node's heartbeat: %w", err)
	}
	return journal.written(), nil
}

// Connections returns the connections per hub path of the other live nodes, added up.
func (n *Register) Connections(ctx context.Context) (map[string]int, error) {
	rows, err := n.q.NodeConnections(ctx, n.self)
	if err != nil {
		return nil, fmt.Errorf("reading the nodes: %w", err)
	}
	sum := map[string]int{}
	for _, row := range rows {
		var counts map[string]int
		if err := json.Unmarshal(row, &counts); err != nil {
			return nil, fmt.Errorf("reading a node's connection counts: %w", err)
		}
		for hub, count := range counts {
			sum[hub] += count
		}
	}
	return sum, nil
}

// Running returns how many nodes run on this database, for a caller that must not run beside one. A dump brings
// along the rows of nodes that ran when it was made. So Running waits: a row counts once its node has beaten again,
// and does not once the node has been silent for as long as counts as gone.
func (n *Register) Running(ctx context.Context) (int, error) {
	first, running := map[uuid.UUID]time.Time{}, map[uuid.UUID]bool{}
	look := time.NewTicker(runningInterval)
	defer look.Stop()
	for {
		rows, err := n.q.NodesBeating(ctx)
		if err != nil {
			return 0, fmt.Errorf("reading the nodes: %w", err)
		}
		doubtful := 0
		for _, row := range rows {
			at, known := first[row.NodeID]
			switch {
			case !known:
				first[row.NodeID] = row.HeartbeatAt
				doubtful++
			case !at.Equal(row.HeartbeatAt):
				running[row.NodeID] = true
			default:
				doubtful++
			}
		}
		if doubtful == 0 {
			return len(running), nil
		}
		select {
		case <-ctx.Done():
			return 0, fmt.Errorf("looking for nodes that run: %w", ctx.Err())
		case <-look.C:
		}
	}
}

// runningInterval is short beside a heartbeat's second.
const runningInterval = 100 * time.Millisecond

// Clock is a node's clock, as of its last heartbeat.
type Clock struct {
	Node uuid.UUID
	Host string
	Skew time.Duration // ahead of the database's
}

// Clocks returns the clocks of the nodes that are alive.
func Clocks(ctx context.Context, db dbsqlc.DBTX) ([]Clock, error) {
	rows, err := dbsqlc.New(db).NodeClocks(ctx)
	if err != nil {
		return nil, fmt.Errorf("reading the nodes' clocks: %w", err)
	}
	clocks := make([]Clock, len(rows))
	for i, r := range rows {
		clocks[i] = Clock{r.NodeID, r.Host, time.Duration(r.ClockSkewSeconds * float64(time.Second))}
	}
	return clocks, nil
}

// Leave removes this node.
func (n *Register) Leave(ctx context.Context) error {
	if err := n.q.NodeDelete(ctx, n.self); err != nil {
		return fmt.Errorf("removing this node: %w", err)
	}
	return nil
}

// Reap removes the nodes that have been silent for a minute and returns how many.
func (n *Register) Reap(ctx context.Context) (int64, error) {
	reaped, err := n.q.NodeReap(ctx)
	if err != nil {
		return 0, fmt.Errorf("reaping nodes: %w", err)
	}
	return reaped, nil
}

// PruneJournal removes what the journals, and the record of duplicates, need not show any more.
func (n *Register) PruneJournal(ctx context.Context) error {
	if err := n.q.JournalFromFuture(ctx); err != nil {
		return fmt.Errorf("bringing the broadcast journal back from the future: %w", err)
	}
	if err := n.q.JournalPrune(ctx); err != nil {
		return fmt.Errorf("pruning the broadcast journal: %w", err)
	}
	if err := n.q.DuplicateEventPrune(ctx); err != nil {
		return fmt.Errorf("pruning the record of duplicates: %w", err)
	}
	return nil
}
