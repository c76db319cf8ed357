package pass

import (
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/yummyzoom/herald/internal/event"
	"github.com/yummyzoom/herald/internal/outbox"
	"github.com/yummyzoom/herald/internal/postgres/dbsqlc"
)

// Entries collects what a transaction appends to the log: one entry for each event and group. The entries are
// numbered when they are written.
type Entries struct {
	logged []event.Logged

	// The groups, each once, with the number of its new entries.
	groups  []string
	counts  []int64
	ordinal map[event.Group]int64 // index into groups, from 1

	heads []int64 // the groups' newest sequences before these entries, once they have been written

	// The entries as columns, parallel to logged.
	groupOrds, ordinals, outboxSeqs []int64
	writtenAts                      []time.Time
	eventIDs                        [][16]byte

	// The events, each once, with the index of its first entry.
	events [][16]byte
	firsts []int64

	// The rows that are left out because their events are already in the log.
	duplicates []*outbox.Row

	// The rows whose events can never be delivered, by event: the last row of an event counts.
	dead map[uuid.UUID]deadRow

	// The customers that the orders' events name, in order, and each order's customer: the one that its first event
	// here names, until the entries have been written; then the one that its first event of all names.
	named     []Contested
	orders    []uuid.UUID
	customers map[uuid.UUID]string
}

type deadRow struct {
	*outbox.Row

	reason error
}

// Contested is an event that names another customer than its order's first event. It is delivered and grants
// nothing.
type Contested struct {
	EventID, OrderID uuid.UUID
	Customer         string // the customer that it names
}

// NewEntries returns an empty collection for about size events.
func NewEntries(size int) *Entries {
	return &Entries{
		ordinal:    make(map[event.Group]int64, size),
		logged:     make([]event.Logged, 0, 2*size),
		groupOrds:  make([]int64, 0, 2*size),
		ordinals:   make([]int64, 0, 2*size),
		outboxSeqs: make([]int64, 0, 2*size),
		writtenAts: make([]time.Time, 0, 2*size),
		eventIDs:   make([][16]byte, 0, 2*size),
		events:     make([][16]byte, 0, size),
		firsts:     make([]int64, 0, size),
		customers:  make(map[uuid.UUID]string, size),
	}
}

// Add appends row's event to each of groups.
func (e *Entries) Add(row *outbox.Row, groups []event.Group) {
	e.events = append(e.events, row.ID)
	e.firsts = append(e.firsts, int64(len(e.logged)))
	for _, g := range groups {
		ord, known := e.ordinal[g]
		if !known {
			e.groups = append(e.groups, g.String())
			e.counts = append(e.counts, 0)
			ord = int64(len(e.groups))
			e.ordinal[g] = ord
		}
		if row.Type.Family() == event.Order && g == event.OrderGroup(row.ResourceID) {
			e.names(row)
		}
		ordinal := int64(0) // Herald's own entries take no number: clients never see them
		if row.Type.Family() != event.Control {
			e.counts[ord-1]++
			ordinal = e.counts[ord-1]
		}
		e.logged = append(e.logged, event.Logged{Event: &row.Event, Group: g})
		e.groupOrds = append(e.groupOrds, ord)
		e.ordinals = append(e.ordinals, ordinal)
		e.outboxSeqs = append(e.outboxSeqs, row.Seq)
		e.writtenAts = append(e.writtenAts, row.WrittenAt)
		e.eventIDs = append(e.eventIDs, row.ID)
	}
}

// names notes the customer that row's event names for its order.
func (e *Entries) names(row *outbox.Row) {
	if _, known := e.customers[row.ResourceID]; !known {
		e.customers[row.ResourceID] = row.CustomerID
		e.orders = append(e.orders, row.ResourceID)
	}
	e.named = append(e.named, Contested{EventID: row.ID, OrderID: row.ResourceID, Customer: row.CustomerID})
}

// Contested returns the events that name another customer than their order's. It is valid once the entries have been
// written.
func (e *Entries) Contested() []Contested {
	var contested []Contested
	for _, c := range e.named {
		if c.Customer != e.customers[c.OrderID] {
			contested = append(contested, c)
		}
	}
	return contested
}

// doubtful marks the events that were in the outbox before the log's epoch began, up to seq.
func (e *Entries) doubtful(seq int64) {
	for i := range e.logged {
		e.logged[i].Doubtful = e.outboxSeqs[i] <= seq
	}
}

// Duplicate notes that row is left out because an event of its id has its place already, so that a trace shows it.
func (e *Entries) Duplicate(row *outbox.Row) { e.duplicates = append(e.duplicates, row) }

// Bury notes that row becomes a dead letter, and why.
func (e *Entries) Bury(row *outbox.Row, reason error) {
	if e.dead == nil {
		e.dead = make(map[uuid.UUID]deadRow)
	}
	e.dead[row.ID] = deadRow{row, reason}
}

// Len returns the number of entries.
func (e *Entries) Len() int { return len(e.logged) }

// queue adds the statements that write the entries behind position, using what m knows already. It numbers the
// entries when the statements are answered.
func (e *Entries) queue(batch *pgx.Batch, m *Memory, position int64, relayedBy uuid.UUID) {
	if len(e.logged) > 0 {
		positions := make([]int64, len(e.logged))
		for i := range e.logged {
			positions[i] = position + int64(i) + 1
			e.logged[i].Position = positions[i]
		}
		for i := range e.firsts {
			e.firsts[i] += position + 1
		}
		e.append(batch, m, positions)
		batch.Queue(dbsqlc.RelayedEventInsert, e.events, e.firsts, relayedBy)
	}
	if len(e.duplicates) > 0 {
		at := newPlaces(len(e.duplicates))
		for _, row := range e.duplicates {
			at.add(row)
		}
		batch.Queue(dbsqlc.DuplicateEventInsert, at.ids, at.seqs, at.writtenAts)
	}
	if len(e.dead) > 0 {
		at, reasons := newPlaces(len(e.dead)), make([]string, 0, len(e.dead))
		for _, d := range e.dead {
			at.add(d.Row)
			reasons = append(reasons, outbox.ShortReason(d.reason.Error()))
		}
		const never = 0 // has it been tried again
		batch.Queue(dbsqlc.DeadLetterInsert, at.ids, at.seqs, at.writtenAts, reasons, never)
	}
	e.queueCustomers(batch, m)
}

// queueCustomers adds the statement that notes the orders' customers that m does not know.
func (e *Entries) queueCustomers(batch *pgx.Batch, m *Memory) {
	var orders [][16]byte
	var customers []string
	for _, order := range e.orders {
		if customer, known := m.customer(order); known {
			e.customers[order] = customer
			continue
		}
		orders, customers = append(orders, order), append(customers, e.customers[order])
	}
	if len(orders) == 0 {
		return
	}
	batch.Queue(dbsqlc.GrantFeed, orders, customers).Query(func(rows pgx.Rows) error {
		first, err := pgx.CollectRows(rows, pgx.RowTo[string])
		for i := range first {
			e.customers[orders[i]] = first[i]
		}
		return err //nolint:wrapcheck // wrapped once, by the batch's reader
	})
}

// places are the keys by which rows are found again, as columns.
type places struct {
	ids        [][16]byte
	seqs       []int64
	writtenAts []pgtype.Timestamptz
}

func newPlaces(size int) *places {
	return &places{make([][16]byte, 0, size), make([]int64, 0, size), make([]pgtype.Timestamptz, 0, size)}
}

func (p *places) add(row *outbox.Row) {
	p.ids, p.seqs, p.writtenAts = append(p.ids, row.ID), append(p.seqs, row.Seq), append(p.writtenAts, row.Exactly())
}

// append adds the statement that writes the log. Where m knows all heads, the entries are numbered here, and the
// server need not join them.
func (e *Entries) append(batch *pgx.Batch, m *Memory, positions []int64) {
	heads, all := m.heads(e.groups)
	if !all {
		batch.Queue(dbsqlc.LogAppend, e.groups, heads, positions, e.groupOrds, e.ordinals, e.outboxSeqs, e.writtenAts,
			e.eventIDs).
			Query(func(rows pgx.Rows) error {
				heads, err := pgx.CollectRows(rows, pgx.RowTo[int64])
				if err != nil {
					return err //nolint:wrapcheck // wrapped once, by the batch's reader
				}
				e.number(heads)
				return nil
			})
		return
	}
	e.number(heads)
	groups, sequences := make([]string, len(e.logged)), make([]int64, len(e.logged))
	for i := range e.logged {
		groups[i], sequences[i] = e.logged[i].Group.String(), e.logged[i].Sequence
	}
	batch.Queue(dbsqlc.LogAppendKnown, positions, groups, sequences, e.outboxSeqs, e.writtenAts, e.eventIDs)
}

func (e *Entries) number(heads []int64) {
	e.heads = heads
	for i := range e.logged {
		if e.ordinals[i] > 0 {
			e.logged[i].Sequence = heads[e.groupOrds[i]-1] + e.ordinals[i]
		}
	}
}
