package selfcheck

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/yummyzoom/herald/internal/postgres/dbsqlc"
)

const (
	journalPage = 5000
	// A node is reported as behind when it still lacks, after behindLooks looks in a row and keepUpPatience altogether,
	// what had been relayed at the first of these looks: a node that was frozen and goes on is behind for a moment.
	behindLooks    = 3
	keepUpPatience = 5 * time.Second
	// epochNotice is how long a node may write to a database of another epoch before it must have noticed.
	epochNotice = time.Minute
)

// nodeCheck is what the self-check remembers of a node.
type nodeCheck struct {
	Number int64 `json:"number"` // of the newest row of its journal that was looked at, 0 for none
	Last   int64 `json:"last"`   // where that row ends

	At    time.Time `json:"at,omitzero"`     // when that row was written
	Epoch int64     `json:"epoch,omitempty"` // of the log when it was looked at; 0 in what earlier releases have left

	MustReach int64     `json:"mustReach,omitempty"` // a position that it had not reached at the last look
	Looks     int       `json:"looks,omitempty"`     // the number of such looks
	Since     time.Time `json:"since,omitzero"`      // the first of them, by the database's clock
}

// look is what the nodes are compared with.
type look struct {
	at       time.Time
	epoch    int64         // 0 where none is remembered
	position int64         // of the relay
	patience time.Duration // with a node that is behind
}

// checkNodes looks at what is new in the journals, and whether the live nodes keep up with the log.
func checkNodes(ctx context.Context, q *dbsqlc.Queries, known map[uuid.UUID]*nodeCheck,
	l look,
) ([]Discrepancy, error) {
	nodes, err := q.CheckNodes(ctx)
	if err != nil {
		return nil, fmt.Errorf("reading the nodes: %w", err)
	}
	var found []Discrepancy
	still := make(map[uuid.UUID]bool, len(nodes))
	for _, n := range nodes {
		still[n.NodeID] = true
		a := known[n.NodeID]
		if a == nil {
			a = &nodeCheck{}
			known[n.NodeID] = a
		}
		told, err := a.journal(ctx, q, n.NodeID, l.epoch)
		if err != nil {
			return nil, err
		}
		found = append(found, told...)
		if !n.Alive {
			a.MustReach = 0
			continue
		}
		found = append(found, a.ends(&n)...)
		found = append(found, a.keepsUp(&n, l)...)
	}
	for id := range known {
		if !still[id] {
			delete(known, id)
		}
	}
	return found, nil
}

// journal follows a node's journal from where the last look ended.
func (a *nodeCheck) journal(ctx context.Context, q *dbsqlc.Queries, node uuid.UUID,
	epoch int64,
) ([]Discrepancy, error) {
	var found []Discrepancy
	for {
		rows, err := q.CheckJournal(ctx, dbsqlc.CheckJournalParams{NodeID: node, FromNumber: a.Number, MaxRows: journalPage})
		if err != nil {
			return nil, fmt.Errorf("reading the journal of node %s: %w", node, err)
		}
		full := len(rows) == journalPage
		if len(rows) > 0 && rows[0].Number == a.Number {
			rows = rows[1:]
		} else {
			a.Number, a.Last = 0, 0 // its row has been pruned, or none was looked at
		}
		for _, r := range rows {
			if d := a.follow(node, &r, epoch); d != nil {
				found = append(found, *d)
			}
			a.Number, a.Last, a.At, a.Epoch = r.Number, r.LastPosition, r.BroadcastAt, epoch
		}
		if !full {
			return found, nil
		}
	}
}

// follow returns what is wrong with r as the successor of the row before it.
func (a *nodeCheck) follow(node uuid.UUID, r *dbsqlc.CheckJournalRow, epoch int64) *Discrepancy {
	begins := r.FirstPosition > r.LastPosition
	wrong := func(kind DiscrepancyKind, format string, args ...any) *Discrepancy {
		return &Discrepancy{
			Kind: kind, Subject: fmt.Sprintf("node %s row %d", node, r.Number),
			Detail: fmt.Sprintf("the journal of node %s ", node) + fmt.Sprintf(format, args...),
		}
	}
	switch {
	case a.Number == 0 && (r.Number > 1 || begins): // the rows before it have been pruned, or there are none
		return nil
	case r.Number != a.Number+1 && a.At.Before(r.EpochBeganAt) && r.BroadcastAt.After(r.EpochBeganAt.Add(-epochNotice)):
		return nil // another database, without the rows that the node wrote to the one before
	case r.Number != a.Number+1 && a.Epoch != 0 && a.Epoch != epoch:
		return nil // likewise, whatever time its clock gave
	case a.Number == 0:
		return wrong(JournalGap, "does not say where it begins: its first row is for positions %d to %d", r.FirstPosition,
			r.LastPosition)
	case r.Number != a.Number+1:
		return wrong(JournalGap, "lacks its rows %d to %d, behind position %d", a.Number+1, r.Number-1, a.Last)
	case begins || r.FirstPosition == a.Last+1:
		return nil
	case r.FirstPosition > a.Last+1:
		return wrong(JournalGap, "lacks positions %d to %d", a.Last+1, r.FirstPosition-1)
	default:
		return wrong(JournalOverlap, "tells of positions %d to %d twice", r.FirstPosition, min(a.Last, r.LastPosition))
	}
}

// ends reports where the journal does not end at the position in the node's row. A node of a release that keeps no
// journal has none.
func (a *nodeCheck) ends(n *dbsqlc.CheckNodesRow) []Discrepancy {
	if a.Number == 0 || a.Last == n.BroadcastPosition {
		return nil
	}
	return []Discrepancy{{
		Kind: JournalEndWrong, Subject: fmt.Sprintf("node %s", n.NodeID),
		Detail: fmt.Sprintf("node %s on %s says that it has broadcast up to position %d, and its journal ends at %d",
			n.NodeID, n.Host, n.BroadcastPosition, a.Last),
	}}
}

// keepsUp reports a live node that does not reach what was relayed some looks ago.
func (a *nodeCheck) keepsUp(n *dbsqlc.CheckNodesRow, l look) []Discrepancy {
	// The log can have lost its end, or the clock been set back.
	if n.BroadcastPosition >= a.MustReach || a.MustReach > l.position || l.at.Before(a.Since) {
		a.MustReach, a.Looks, a.Since = l.position, 0, l.at
	}
	if n.BroadcastPosition >= a.MustReach {
		return nil
	}
	if a.Looks++; a.Looks < behindLooks || l.at.Sub(a.Since) < l.patience {
		return nil
	}
	return []Discrepancy{behind(n, a.MustReach)}
}

func behind(n *dbsqlc.CheckNodesRow, position int64) Discrepancy {
	return Discrepancy{
		Kind: NodeBehind, Subject: fmt.Sprintf("node %s", n.NodeID),
		Detail: fmt.Sprintf(
			"node %s on %s is alive and has broadcast up to position %d, but position %d was relayed a while ago",
			n.NodeID, n.Host, n.BroadcastPosition, position),
	}
}
