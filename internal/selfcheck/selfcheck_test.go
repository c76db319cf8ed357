package selfcheck_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/selfcheck"
	"github.com/yummyzoom/herald/internal/test/fixture"
)

func TestAuditOfWhatAgreesFindsNothing(t *testing.T) {
	t.Parallel()
	b := setupAudit(t)
	require.Empty(t, b.run(t))
	status := b.auditStatus(t)
	require.Equal(t, int64(14), status.Position)
	require.Equal(t, int64(14), status.RelayPosition)
	require.WithinDuration(t, time.Now(), status.RunAt, time.Minute)
	require.Empty(t, status.Found)
	full := b.full(t)
	require.Empty(t, full.Found)
	require.Equal(t, selfcheck.Report{Oldest: 1, Newest: 14, Rows: 18, Events: 12, Nodes: 1}, *full)
	require.Empty(t, b.log.String())

	b.Relay(t)
	b.journal.Record(15, []int32{1})
	require.NoError(t, fixture.Heartbeat(t.Context(), b.Pool, fixture.NodeID, &b.journal))
	require.Empty(t, b.run(t))
	require.Equal(t, int64(15), b.auditStatus(t).Position)
}

// Each kind of discrepancy is planted in tables that agreed, and both audits find and name it.
func TestAuditFindsWhatIsPlanted(t *testing.T) {
	t.Parallel()
	const node = "5f0c2e9a-0d3e-4f5e-8a52-6d4c0f1f2a01"
	event := func(id uuid.UUID) string { return "event " + id.String() }
	tests := map[string]struct {
		plant   string
		args    func(b *audited) []any
		kind    selfcheck.DiscrepancyKind
		subject func(b *audited) string
		detail  string
	}{
		"a log entry is deleted": {
			plant: "DELETE FROM herald.event_log WHERE position = 5",
			kind:  selfcheck.LogPositionMissing, subject: func(*audited) string { return "positions 5 to 5" },
			detail: "the log has no entries at positions 5 to 5",
		},
		"the last log entries are deleted": {
			plant: "DELETE FROM herald.event_log WHERE position >= 13",
			kind:  selfcheck.LogPositionMissing, subject: func(*audited) string { return "positions 13 to 14" },
		},
		"entries of an event are deleted": {
			plant: "DELETE FROM herald.event_log WHERE position = 14",
			kind:  selfcheck.EventNotInLog, subject: func(b *audited) string { return event(b.kept["last"]) },
			detail: "is marked as relayed at position 13, where the log lacks entries of it",
		},
		"a log entry is there twice": {
			plant: "INSERT INTO herald.event_log SELECT * FROM herald.event_log WHERE position = 6",
			kind:  selfcheck.LogPositionRepeated, subject: func(*audited) string { return "position 6" },
		},
		"a log entry lies beyond the relay's position": {
			plant: `INSERT INTO herald.event_log (position, group_name, sequence, outbox_seq, outbox_written_at, event_id, relayed_at)
				SELECT 20, group_name, 77, outbox_seq, outbox_written_at, event_id, relayed_at FROM herald.event_log WHERE position = 6`,
			kind: selfcheck.LogPositionBeyond, subject: func(*audited) string { return "position 20" },
		},
		"a sequence is changed": {
			plant: "UPDATE herald.event_log SET sequence = sequence + 1 WHERE position = 14",
			kind:  selfcheck.SequenceBroken, subject: func(*audited) string { return "position 14" },
			detail: "the entry at position 14 has sequence 3 of group restaurant:f3b63b0c-3b2a-4f8c-9d6a-3a9d1a2a4b0e, where 2 follows",
		},
		"a sequence is there twice, in different steps of the audit": {
			plant: "UPDATE herald.event_log SET sequence = 2 WHERE position = 10", // of a cart
			kind:  selfcheck.SequenceBroken, subject: func(*audited) string { return "position 10" },
			detail: "sequence 2 of group teamcart:0b5d2f10-6a43-4c1e-9a53-6f0f6f0b7c11, where",
		},
		"a group does not begin with 1": {
			plant: "UPDATE herald.event_log SET sequence = 4 WHERE position = 13",
			kind:  selfcheck.SequenceBroken, subject: func(*audited) string { return "position 13" },
		},
		"an outbox row is deleted": {
			plant: "DELETE FROM herald.outbox WHERE seq = 1",
			kind:  selfcheck.OutboxRowMissing, subject: func(*audited) string { return "position 1" },
		},
		"a log entry points to another event's row": {
			plant: "UPDATE herald.event_log SET outbox_seq = 1, outbox_written_at = (SELECT written_at FROM herald.outbox WHERE seq = 1) WHERE position = 7",
			kind:  selfcheck.OutboxRowMissing, subject: func(*audited) string { return "position 7" },
		},
		"the mark of an event is deleted": {
			plant: "DELETE FROM herald.relayed_event WHERE event_id = $1",
			args:  func(b *audited) []any { return []any{b.order} },
			kind:  selfcheck.EventNotMarked, subject: func(b *audited) string { return event(b.order) },
		},
		"the mark of an event leads astray": {
			plant: "UPDATE herald.relayed_event SET first_position = 9 WHERE event_id = $1",
			args:  func(b *audited) []any { return []any{b.order} },
			kind:  selfcheck.EventNotInLog, subject: func(b *audited) string { return event(b.order) },
		},
		"an event is marked as relayed that is not": {
			plant: `WITH job AS (DELETE FROM herald.river_job WHERE args->>'event_id' = $1)
				INSERT INTO herald.relayed_event (event_id, first_position, relayed_at, relayed_by) VALUES ($1::uuid, 4, now(), gen_random_uuid())`,
			args: func(b *audited) []any { return []any{b.kept["scheduled"].String()} },
			kind: selfcheck.EventNotInLog, subject: func(b *audited) string { return event(b.kept["scheduled"]) },
		},
		"a job is deleted": {
			plant: "DELETE FROM herald.river_job WHERE args->>'event_id' = $1",
			args:  func(b *audited) []any { return []any{b.kept["scheduled"].String()} },
			kind:  selfcheck.EventLost, subject: func(b *audited) string { return event(b.kept["scheduled"]) },
			detail: "is committed, and neither relayed nor kept for later",
		},
		"a job is cancelled": {
			plant: "UPDATE herald.river_job SET state = 'cancelled', finalized_at = now() WHERE args->>'event_id' = $1",
			args:  func(b *audited) []any { return []any{b.kept["retrying"].String()} },
			kind:  selfcheck.EventLost, subject: func(b *audited) string { return event(b.kept["retrying"]) },
		},
		"a dead letter is deleted": {
			plant: "DELETE FROM herald.dead_letter WHERE event_id = $1",
			args:  func(b *audited) []any { return []any{b.kept["dead"]} },
			kind:  selfcheck.EventLost, subject: func(b *audited) string { return event(b.kept["dead"]) },
		},
		"a row is passed over": { // as by a relay that forgets a transaction which ends late
			plant: `WITH entry AS (DELETE FROM herald.event_log WHERE event_id = $1) DELETE FROM herald.relayed_event WHERE event_id = $1`,
			args:  func(b *audited) []any { return []any{b.carts[9]} },
			kind:  selfcheck.EventLost, subject: func(b *audited) string { return event(b.carts[9]) },
		},
		"a row of a journal is deleted": {
			plant: "DELETE FROM herald.broadcast_journal WHERE number = 2",
			kind:  selfcheck.JournalGap, subject: func(*audited) string { return "node " + node + " row 3" },
			detail: "lacks its rows 2 to 2, behind position 0",
		},
		"a journal has a hole": {
			plant: "UPDATE herald.broadcast_journal SET first_position = 13, connections = NULL WHERE number = 3",
			kind:  selfcheck.JournalGap, subject: func(*audited) string { return "node " + node + " row 3" },
			detail: "lacks positions 12 to 12",
		},
		"a journal does not say where it begins": {
			plant: "UPDATE herald.broadcast_journal SET last_position = 1, connections = NULL WHERE number = 1",
			kind:  selfcheck.JournalGap, subject: func(*audited) string { return "node " + node + " row 1" },
		},
		"a journal overlaps": {
			plant: "UPDATE herald.broadcast_journal SET first_position = 10, connections = NULL WHERE number = 3",
			kind:  selfcheck.JournalOverlap, subject: func(*audited) string { return "node " + node + " row 3" },
			detail: "tells of positions 10 to 11 twice",
		},
		"a node is elsewhere than its journal": {
			plant: "UPDATE herald.node SET broadcast_position = 13",
			kind:  selfcheck.JournalEndWrong, subject: func(*audited) string { return "node " + node },
			detail: "up to position 13, and its journal ends at 14",
		},
		"a node does not go on": {
			plant: `WITH n AS (UPDATE herald.node SET broadcast_position = 11) DELETE FROM herald.broadcast_journal WHERE number = 3`,
			kind:  selfcheck.NodeBehind, subject: func(*audited) string { return "node " + node },
			detail: "has broadcast up to position 11, but position 14 was relayed a while ago",
		},
	}
	planted := map[selfcheck.DiscrepancyKind]bool{}
	for name, test := range tests {
		planted[test.kind] = true
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setupAudit(t)
			var args []any
			if test.args != nil {
				args = test.args(b)
			}
			b.Exec(t, test.plant, args...)
			find := func(found []selfcheck.Discrepancy) *selfcheck.Discrepancy {
				for i := range found {
					if found[i].Kind == test.kind && found[i].Subject == test.subject(b) {
						return &found[i]
					}
				}
				return nil
			}
			found := b.run(t)
			if test.kind == selfcheck.NodeBehind { // for a moment it may be
				require.Empty(t, found)
				require.Empty(t, b.run(t))
				found = b.run(t)
			}
			d := find(found)
			require.NotNil(t, d, "%v", found)
			require.Contains(t, d.Detail, test.detail)
			require.NotEmpty(t, d.Kind.Advice())
			require.Contains(t, b.log.String(), "kind="+string(test.kind))
			require.Contains(t, b.log.String(), "level=ERROR")
			require.Positive(t, b.auditStatus(t).Found[test.kind])
			require.Equal(t, int64(14), b.auditStatus(t).Position, "it goes on")

			full := b.full(t)
			d = find(full.Found)
			require.NotNil(t, d, "%v", full.Found)
			if test.kind != selfcheck.EventNotInLog { // looked at from both sides
				require.Contains(t, d.Detail, test.detail)
			}

			lines := strings.Count(b.log.String(), "\n")
			require.Len(t, b.run(t), len(found), "what is known is not told again")
			require.Equal(t, lines, strings.Count(b.log.String(), "\n"))
		})
	}
	for _, kind := range selfcheck.DiscrepancyKinds() {
		require.True(t, planted[kind], kind)
	}
}

func TestAuditKeepsTheNewestThousand(t *testing.T) {
	t.Parallel()
	b := setupAudit(t)
	b.Exec(t, `INSERT INTO herald.selfcheck_discrepancy (kind, subject, detail, found_at)
		SELECT 'event_lost', 'event ' || n, 'long ago', now() - n * interval '1 minute' FROM generate_series(1, 1200) n`)
	b.Exec(t, "DELETE FROM herald.event_log WHERE position = 5")
	b.run(t)
	require.Equal(t, 1000, fixture.Scan[int](t, b.Pool, "SELECT count(*) FROM herald.selfcheck_discrepancy"))
	require.Equal(t, 1,
		fixture.Scan[int](t, b.Pool,
			"SELECT count(*) FROM herald.selfcheck_discrepancy WHERE kind = 'log_position_missing'"))
	found, err := selfcheck.Discrepancies(t.Context(), b.Pool, time.Hour, 5)
	require.NoError(t, err)
	require.Len(t, found, 5)
}

// What retention has dropped does not count as missing.
func TestAuditBehindRetention(t *testing.T) {
	t.Parallel()
	b := setupAudit(t)
	require.Empty(t, b.run(t))
	b.Exec(t, "DELETE FROM herald.event_log WHERE position <= 9")
	b.Exec(t, "DELETE FROM herald.relayed_event WHERE first_position <= 9")
	b.Exec(t, "DELETE FROM herald.outbox WHERE seq <= 3")
	b.Exec(t, "DELETE FROM herald.broadcast_journal WHERE number <= 2")
	full := b.full(t)
	require.Empty(t, full.Found)
	require.Equal(t, int64(10), full.Oldest)
	b.Relay(t)
	b.journal.Record(15, []int32{1})
	require.NoError(t, fixture.Heartbeat(t.Context(), b.Pool, fixture.NodeID, &b.journal))
	b.Insert(t, fixture.Cart())
	b.Relay(t)
	b.journal.Record(16, []int32{1})
	require.NoError(t, fixture.Heartbeat(t.Context(), b.Pool, fixture.NodeID, &b.journal))
	b.Exec(t, "DELETE FROM herald.broadcast_journal WHERE number <= 4") // no check has looked at the last of these
	require.Empty(t, b.run(t))
	b.Exec(t, "DELETE FROM herald.event_log")
	b.Exec(t, "DELETE FROM herald.broadcast_journal")
	b.Exec(t, "DELETE FROM herald.node")
	require.Empty(t, b.full(t).Found)
}

// A transaction ends after the audit has looked at newer rows. Its rows are looked at when it has ended.
func TestAuditOfATransactionThatEndsLate(t *testing.T) {
	t.Parallel()
	for name, plant := range map[string]string{
		"relayed":     "SELECT $1::uuid",
		"passed over": "WITH entry AS (DELETE FROM herald.event_log WHERE event_id = $1) DELETE FROM herald.relayed_event WHERE event_id = $1",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setupAudit(t)
			straggler := b.Begin(t)
			late, err := fixture.Insert(t, straggler, fixture.Cart())
			require.NoError(t, err)
			b.Insert(t, fixture.Cart())
			b.Relay(t)
			require.Empty(t, b.run(t))
			require.NoError(t, straggler.Commit(t.Context()))
			b.Relay(t)
			b.Exec(t, plant, late)
			lost := false
			for _, d := range b.run(t) {
				lost = lost || d.Kind == selfcheck.EventLost && d.Subject == "event "+late.String()
			}
			require.Equal(t, name == "passed over", lost)
		})
	}
}

// After a change of epochs nothing is compared with what was before it.
func TestAuditBeginsAnewWithAnEpoch(t *testing.T) {
	t.Parallel()
	b := setupAudit(t)
	b.Exec(t, "DELETE FROM herald.event_log WHERE position = 5")
	b.Exec(t, "UPDATE herald.selfcheck_state SET epoch = epoch - 1")
	require.Empty(t, b.run(t))
	require.Equal(t, int64(14), b.auditStatus(t).Position)
	require.Empty(t, b.run(t))
}

// A replica that lagged lacks the journal rows that the node wrote last, which is reported once.
func TestAuditOfAJournalThatLostItsEnd(t *testing.T) {
	t.Parallel()
	b := setupAudit(t)
	require.Empty(t, b.run(t))
	lose := func(position int64) []selfcheck.Discrepancy {
		b.journal.Record(position, []int32{1})
		require.NoError(t, fixture.Heartbeat(t.Context(), b.Pool, fixture.NodeID, &b.journal))
		b.Exec(t, "DELETE FROM herald.broadcast_journal WHERE last_position = $1", position)
		b.journal.Record(position+1, []int32{1})
		require.NoError(t, fixture.Heartbeat(t.Context(), b.Pool, fixture.NodeID, &b.journal))
		return b.run(t)
	}
	b.Exec(t, "UPDATE herald.epoch SET began_at = clock_timestamp()")
	require.Empty(t, lose(15))
	require.Len(t, lose(17), 1)
}

func TestOneAuditAtATime(t *testing.T) {
	t.Parallel()
	b := setupAudit(t)
	tx := b.Begin(t)
	_, err := tx.Exec(t.Context(), "SELECT FROM herald.selfcheck_state FOR UPDATE")
	require.NoError(t, err)
	require.Empty(t, b.run(t))
	require.Zero(t, b.auditStatus(t).Position)
	require.NoError(t, tx.Rollback(t.Context()))
	b.run(t)
	require.Equal(t, int64(14), b.auditStatus(t).Position)
}

// While the relay works off a backlog the audit looks at a little; behind it, it goes on until it is current.
func TestAuditCatchesUpBehindABurst(t *testing.T) {
	t.Parallel()
	b := setupAudit(t)
	b.auditor.InSteps(1, 0).Within(0, time.Hour)
	step := func(target string) {
		b.Exec(t, `INSERT INTO herald.relay_checkpoint (version, epoch, position, snapshot, floor, stragglers, target, epoch_position, epoch_seq)
			SELECT s.version + 1, s.epoch, s.position, s.snapshot, s.floor, s.stragglers, `+target+`, s.epoch_position, s.epoch_seq FROM herald.relay_state s`)
	}
	step("s.snapshot") // a backlog is under way
	for position := range int64(2) {
		b.alive(t)
		require.NoError(t, b.auditor.Run(t.Context()))
		require.Equal(t, position+1, b.auditStatus(t).Position)
	}
	step("NULL")
	require.Empty(t, b.run(t))
	require.Equal(t, int64(14), b.auditStatus(t).Position)
}
