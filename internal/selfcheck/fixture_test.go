package selfcheck_test

import (
	"bytes"
	"log/slog"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/nodes"
	"github.com/yummyzoom/herald/internal/outbox"
	"github.com/yummyzoom/herald/internal/selfcheck"
	"github.com/yummyzoom/herald/internal/test/fixture"
)

// audited is a database in which everything that can become of an event has become of one, and a node that has
// broadcast it all.
//
//	positions 1–2   event 1, an order's, for both audiences
//	positions 3–12  events 2 to 11, of a cart
//	scheduled, set aside, dead, dropped, published twice: one each
//	positions 13–14 event 1 of another order
type audited struct {
	*bundle

	journal nodes.Journal
	order   uuid.UUID // event 1
	carts   []uuid.UUID
	kept    map[string]uuid.UUID
	log     *bytes.Buffer
	auditor *selfcheck.Checker
}

func setupAudit(t *testing.T) *audited {
	t.Helper()
	b := &audited{bundle: setup(t), kept: map[string]uuid.UUID{}, log: &bytes.Buffer{}}
	b.auditor = selfcheck.New(b.Pool, slog.New(slog.NewTextHandler(b.log, nil))).InSteps(3, 0)
	b.journal.Begin(0)
	b.order = b.Insert(t, fixture.Order())
	b.Relay(t)
	straggler := b.Begin(t)
	late, err := fixture.Insert(t, straggler, fixture.Cart())
	require.NoError(t, err)
	for range 9 {
		b.carts = append(b.carts, b.Insert(t, fixture.Cart()))
	}
	b.Relay(t)
	b.journal.Record(1, make([]int32, 11))
	require.NoError(t, fixture.Heartbeat(t.Context(), b.Pool, fixture.NodeID, &b.journal))
	require.NoError(t, straggler.Commit(t.Context()))
	b.carts = append(b.carts, late)

	b.kept["scheduled"] = b.Insert(t, fixture.Cart(fixture.Columns{"deliver_after": time.Now().Add(time.Hour)}))
	for _, what := range []string{"retrying", "dead", "dropped"} {
		b.kept[what] = b.InsertPast(t, fixture.Newer())
	}
	b.Insert(t, fixture.Cart(fixture.Columns{"event_id": b.carts[0]}))
	b.kept["last"] = b.Insert(t, fixture.Order(fixture.Columns{"resource_id": uuid.New()}))
	b.Relay(t)
	for _, what := range []string{"dead", "dropped"} {
		b.Exec(t, "DELETE FROM herald.river_job WHERE args->>'event_id' = $1", b.kept[what].String())
		b.Bury(t, b.kept[what], outbox.ErrRowGone)
	}
	require.NoError(t, outbox.Drop(t.Context(), b.Pool, b.kept["dropped"], "ops"))
	b.journal.Record(12, make([]int32, 3))
	require.NoError(t, fixture.Heartbeat(t.Context(), b.Pool, fixture.NodeID, &b.journal))
	require.Equal(t, int64(14), fixture.Scan[int64](t, b.Pool, "SELECT position FROM herald.relay_state"))
	waiting := b.Begin(t) // not committed, and so of no interest
	_, err = fixture.Insert(t, waiting, fixture.Cart())
	require.NoError(t, err)
	b.Insert(t, fixture.Cart()) // not relayed yet
	return b
}

// alive renews the node's heartbeat.
func (b *audited) alive(t *testing.T) {
	t.Helper()
	b.Exec(t, "UPDATE herald.node SET heartbeat_at = clock_timestamp()")
}

func (b *audited) run(t *testing.T) []selfcheck.Discrepancy {
	t.Helper()
	b.alive(t)
	for before := int64(-1); ; { // one run is bounded by the clock: on a busy machine it may not come to the end
		require.NoError(t, b.auditor.Run(t.Context()))
		status := b.auditStatus(t)
		if status.Position >= status.RelayPosition || status.Position == before {
			break
		}
		before = status.Position
	}
	found, err := selfcheck.Discrepancies(t.Context(), b.Pool, time.Hour, 1000)
	require.NoError(t, err)
	return found
}

func (b *audited) full(t *testing.T) *selfcheck.Report {
	t.Helper()
	b.alive(t)
	full, err := b.auditor.Full(t.Context(), func(_ string, done, total int64) { require.LessOrEqual(t, done, total) })
	require.NoError(t, err)
	return full
}

func (b *audited) auditStatus(t *testing.T) selfcheck.Status {
	t.Helper()
	status, err := selfcheck.ReadStatus(t.Context(), b.Pool)
	require.NoError(t, err)
	return status
}
