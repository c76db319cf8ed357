package relay

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/yummyzoom/herald/internal/event"
	"github.com/yummyzoom/herald/internal/outbox"
	"github.com/yummyzoom/herald/internal/relay/pass"
)

// The relay disarms when a pass has more rows than this, or follows the pass before more closely than this.
// Producers are then spared the NOTIFY.
const (
	busyRows     = 4
	busyInterval = 5 * time.Millisecond
)

// Passed is what one pass did.
type Passed struct {
	Rows  int  // taken out of the outbox
	More  bool // the window holds more
	Armed bool // producers notify, from here on
}

// Sweep relays everything that waits, over a connection of the caller's, and returns how many rows it took. Another
// relay at work is a success: that relay does not sleep before it has looked.
func (r *Relay) Sweep(ctx context.Context, conn *pgx.Conn) (int, error) {
	glance, err := pass.Peek(ctx, conn) // locks nothing: a sweep must not delay the relays at work
	if err != nil || !glance.Waiting || glance.Paused {
		return 0, err
	}
	if err := r.enterEpoch(ctx, conn); err != nil {
		return 0, err
	}
	swept := 0
	for {
		done, err := r.Pass(ctx, conn)
		if errors.Is(err, pass.ErrBusy) || errors.Is(err, pass.ErrPaused) {
			return swept, nil
		}
		if err != nil {
			return swept, err
		}
		swept += done.Rows
		if !done.More {
			return swept, nil
		}
	}
}

// enterEpoch is the first step on a new connection.
func (r *Relay) enterEpoch(ctx context.Context, conn *pgx.Conn) error {
	epoch, began, err := EnterEpoch(ctx, conn)
	if began {
		r.cfg.Logger.WarnContext(ctx,
			"the database was promoted or recovered, and may have lost the newest part of the log: clients are made to "+
				"resume, and those that have seen what is lost are told that there is a gap", slog.Int64("epoch", epoch))
	}
	return err
}

// Pass relays one batch in one transaction. It fails with [pass.ErrBusy] while another relay is at work, and with
// [pass.ErrPaused].
func (r *Relay) Pass(ctx context.Context, conn *pgx.Conn) (Passed, error) {
	return r.pass(ctx, conn, false, nil)
}

// pass is Pass with the memory of the pass before.
func (r *Relay) pass(ctx context.Context, conn *pgx.Conn, inTurn bool, memory *pass.Memory) (_ Passed, err error) {
	start := time.Now()
	most := r.cfg.BatchSize
	if room := int(r.room.Load()); room > 0 {
		most = min(most, room)
	}
	defer func() {
		if err != nil && !errors.Is(err, pass.ErrBusy) && !errors.Is(err, pass.ErrPaused) {
			// A batch that takes longer than a transaction of the relay may take is tried by halves.
			r.room.Store(int64(max(1, most/2)))
		}
	}()
	p, err := pass.Begin(ctx, conn, pass.Reading{MaxRows: most, InTurn: inTurn})
	if err != nil {
		if errors.Is(err, pass.ErrPaused) {
			r.looked()
		}
		return Passed{}, err
	}
	r.room.Store(int64(2 * len(p.Rows))) // where rows are large, the next pass reads few more than fit into a batch
	if !p.Full() {
		r.room.Store(0)
	}
	p.Memory = memory
	if !p.Worthwhile() {
		p.Rollback(ctx)
		r.looked()
		return Passed{Armed: p.Armed()}, nil
	}
	sorted, dead, err := r.sort(ctx, p)
	if err != nil {
		p.Rollback(ctx)
		return Passed{}, err
	}
	disarm := p.Armed() && (len(p.Rows) > busyRows || start.Sub(r.LastRelayed()) < busyInterval)
	batch, err := p.Commit(ctx, sorted, r.cfg.NodeID, disarm)
	if err != nil {
		return Passed{}, err
	}
	dead.tell(ctx, r.cfg.Logger)
	r.looked()
	r.relayed.now()
	if len(batch) > 0 {
		r.cfg.Relayed(p.Epoch(), batch)
	}
	if contested := sorted.Contested(); len(contested) > 0 {
		r.cfg.Contested(ctx, contested)
	}
	r.cfg.Metrics.relayed(len(p.Rows), len(batch), time.Since(start))
	return Passed{Rows: len(p.Rows), More: p.Full(), Armed: p.Armed() && !disarm}, nil
}

// sort decides what becomes of each row: dropped as a duplicate, a dead letter, set aside, kept for later, limited,
// or appended to the log. It returns the dead rows, which are logged only when the batch is committed.
func (r *Relay) sort(ctx context.Context, p *pass.Pass) (*pass.Entries, *aside, error) {
	entries := pass.NewEntries(len(p.Rows))
	seen := make(map[uuid.UUID]struct{}, len(p.Rows))
	var later, limited []*outbox.Row
	dead, retried := &aside{level: slog.LevelError, what: died}, &aside{level: slog.LevelWarn, what: setAside}
	for i := range p.Rows {
		row := &p.Rows[i]
		if _, again := seen[row.ID]; row.Duplicate || again {
			entries.Duplicate(row)
			continue
		}
		groups, err := row.Targets()
		if outbox.IsHopeless(err) {
			dead.add(row, err)
			entries.Bury(row, err)
			continue
		}
		if err != nil {
			retried.add(row, err)
			continue
		}
		if row.DeliverAfter.After(p.Now()) {
			later = append(later, row)
			continue
		}
		seen[row.ID] = struct{}{}
		if r.cfg.AnalyticsMinInterval > 0 && groups[0] == event.Analytics {
			limited = append(limited, row)
			continue
		}
		entries.Add(row, groups)
	}
	if len(limited) > 0 {
		now, err := p.Limit(ctx, pass.Pace{Interval: r.cfg.AnalyticsMinInterval, Holder: r.cfg.Holder}, limited)
		if err != nil {
			return nil, nil, err
		}
		for _, row := range now {
			entries.Add(row, []event.Group{event.Analytics})
		}
	}
	if len(later) > 0 {
		tx, err := p.Tx(ctx)
		if err != nil {
			return nil, nil, err
		}
		if err := r.cfg.SetAside.DeliverLater(ctx, tx, later); err != nil {
			return nil, nil, fmt.Errorf("scheduling %d events: %w", len(later), err)
		}
	}
	retried.tell(ctx, r.cfg.Logger)
	if len(retried.rows) > 0 {
		tx, err := p.Tx(ctx)
		if err != nil {
			return nil, nil, err
		}
		if err := r.cfg.SetAside.Retry(ctx, tx, retried.rows, retried.reasons); err != nil {
			return nil, nil, fmt.Errorf("setting %d events aside: %w", len(retried.rows), err)
		}
	}
	return entries, dead, nil
}
