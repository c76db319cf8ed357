-- The self-audit. Each chunk of it reads in one snapshot (REPEATABLE READ), in which the state, the log, the marks of what has been
-- relayed, the jobs and the dead letters agree, whatever the relays do meanwhile. Everything is found by index.

-- name: CheckStateLock :one
-- The mutex: one audit goes on at a time. The state as it was, beside how far the relay is.
SELECT a.epoch, a.position, a.nodes, s.epoch AS relay_epoch, s.position AS relay_position, (s.target IS NOT NULL)::boolean AS relay_behind,
    clock_timestamp()::timestamptz AS now
FROM herald.selfcheck_state a, herald.relay_state s FOR UPDATE OF a SKIP LOCKED;

-- name: CheckRestart :exec
-- Another epoch has begun: what came before it cannot be compared with what is there now.
UPDATE herald.selfcheck_state a SET epoch = s.epoch, position = s.position, snapshot = s.snapshot, floor = s.floor, stragglers = s.stragglers,
    target = NULL, target_floor = NULL, target_stragglers = NULL, ceiling = NULL, cursor = 0
FROM herald.relay_state s;

-- name: CheckStateSave :exec
UPDATE herald.selfcheck_state SET position = sqlc.arg(position), nodes = sqlc.arg(nodes), run_at = clock_timestamp();

-- name: CheckStatus :one
SELECT a.position, a.found, a.run_at, s.position AS relay_position, s.relayed_at, clock_timestamp()::timestamptz AS now FROM herald.selfcheck_state a, herald.relay_state s;

-- name: CheckLogBounds :one
-- The oldest entry that the log holds, and the newest position that it should hold.
SELECT coalesce(oldest.position, s.position + 1)::bigint AS oldest, coalesce(oldest.relayed_at, clock_timestamp())::timestamptz AS oldest_at, s.position AS newest
FROM herald.relay_state s
LEFT JOIN (SELECT l.position, l.relayed_at FROM herald.event_log l ORDER BY l.position LIMIT 1) oldest ON true;

-- name: CheckLog :many
-- What is wrong with the log's entries behind one position, up to another: holes, sequences, and entries without what they stand for.
-- Of entries that are older than since, retention may have taken that already.
WITH entry AS MATERIALIZED (
    SELECT l.position, l.group_name, l.sequence, l.outbox_seq, l.outbox_written_at, l.event_id, l.relayed_at,
        lag(l.position, 1, sqlc.arg(after)::bigint) OVER (ORDER BY l.position) AS previous_position,
        lag(l.sequence) OVER (PARTITION BY l.group_name, l.sequence = 0 ORDER BY l.position) AS previous_sequence
    FROM herald.event_log l WHERE l.position > sqlc.arg(after)::bigint AND l.position <= sqlc.arg(up_to)::bigint
), numbered AS (
    -- A group's first entry in this stretch continues the newest one before it. Where there is none, the group begins, unless
    -- retention has dropped its beginning.
    SELECT e.position, e.group_name, e.sequence, 1 + coalesce(e.previous_sequence,
        (SELECT p.sequence FROM herald.event_log p
            WHERE p.group_name = e.group_name AND p.sequence > 0 AND p.sequence <= e.sequence AND p.position < e.position
            ORDER BY p.sequence DESC LIMIT 1),
        CASE WHEN (SELECT f.position FROM herald.event_log f ORDER BY f.position LIMIT 1) = 1 THEN 0 ELSE e.sequence - 1 END) AS expected
    FROM entry e WHERE e.sequence > 0
)
SELECT d.kind::text AS kind, d.subject::text AS subject, d.detail::text AS detail FROM (
    SELECT 'log_position_missing' AS kind, format('positions %s to %s', e.previous_position + 1, e.position - 1) AS subject,
        format('the log has no entries at positions %s to %s', e.previous_position + 1, e.position - 1) AS detail
    FROM entry e WHERE e.position > e.previous_position + 1
    UNION ALL
    SELECT 'log_position_missing', format('positions %s to %s', e.last + 1, sqlc.arg(up_to)::bigint),
        format('the log has no entries at positions %s to %s', e.last + 1, sqlc.arg(up_to)::bigint)
    FROM (SELECT coalesce(max(e.position), sqlc.arg(after)::bigint) AS last FROM entry e) e WHERE e.last < sqlc.arg(up_to)::bigint
    UNION ALL
    SELECT 'log_position_repeated', format('position %s', e.position), format('the log has several entries at position %s, one of event %s', e.position, e.event_id)
    FROM entry e WHERE e.position = e.previous_position
    UNION ALL
    SELECT 'sequence_broken', format('position %s', n.position),
        format('the entry at position %s has sequence %s of group %s, where %s follows', n.position, n.sequence, n.group_name, n.expected)
    FROM numbered n WHERE n.sequence <> n.expected
    UNION ALL
    SELECT 'outbox_row_missing', format('position %s', e.position),
        format('the entry at position %s points to row %s of the outbox, which is not there or not of event %s', e.position, e.outbox_seq, e.event_id)
    FROM entry e
    WHERE (sqlc.narg(since)::timestamptz IS NULL OR e.relayed_at >= sqlc.narg(since)::timestamptz)
        AND NOT EXISTS (SELECT FROM herald.outbox o WHERE o.seq = e.outbox_seq AND o.written_at = e.outbox_written_at AND o.event_id = e.event_id)
    UNION ALL
    SELECT 'event_not_marked', format('event %s', e.event_id),
        format('event %s is in the log at position %s, but is not marked as relayed there: it would be relayed again', e.event_id, e.position)
    FROM entry e
    WHERE (sqlc.narg(since)::timestamptz IS NULL OR e.relayed_at >= sqlc.narg(since)::timestamptz)
        AND NOT EXISTS (SELECT FROM herald.relayed_event r
            WHERE r.event_id = e.event_id AND r.first_position IN (e.position, e.position - 1) AND r.relayed_at = e.relayed_at)
) d LIMIT 1000;

-- name: CheckLogBeyond :one
-- The log's newest entry, where it lies beyond the relay's position; else 0.
SELECT coalesce((SELECT l.position FROM herald.event_log l WHERE l.position > (SELECT s.position FROM herald.relay_state s)
    ORDER BY l.position DESC LIMIT 1), 0)::bigint;

-- name: CheckTargetSet :exec
-- Takes the snapshot up to which the relay has relayed for the next one to look at, unless there is one, or it is the same still.
UPDATE herald.selfcheck_state a SET target = s.snapshot, target_floor = s.floor, target_stragglers = s.stragglers, ceiling = herald.last_seq(), cursor = 0
FROM herald.relay_state s WHERE a.target IS NULL AND a.snapshot::text <> s.snapshot::text;

-- name: CheckOutbox :one
-- What has become of the next rows that crossed from invisible (in snapshot) to visible (in target), and so were relayed, set aside or
-- found to be duplicates. Where they can be is said in package relay.
WITH fresh AS MATERIALIZED (
    SELECT f.seq, f.event_id, f.event_type, f.audience FROM (
        (SELECT o.seq, o.event_id, o.event_type, o.audience FROM herald.outbox o
            WHERE o.seq > (SELECT greatest(a.floor, a.cursor) FROM herald.selfcheck_state a)
            AND o.seq <= (SELECT a.ceiling FROM herald.selfcheck_state a)
            AND pg_visible_in_snapshot(o.xid, (SELECT a.target FROM herald.selfcheck_state a))
            AND NOT pg_visible_in_snapshot(o.xid, (SELECT a.snapshot FROM herald.selfcheck_state a))
            ORDER BY o.seq LIMIT sqlc.arg(max_rows)::int)
        UNION ALL
        (SELECT o.seq, o.event_id, o.event_type, o.audience
            FROM (SELECT unnest(a.stragglers) AS xid, a.floor, a.cursor, a.target FROM herald.selfcheck_state a) old,
            LATERAL (SELECT o.* FROM herald.outbox o
                WHERE (o.xid, o.seq) > (old.xid, old.cursor) AND (o.xid, o.seq) <= (old.xid, old.floor) AND pg_visible_in_snapshot(old.xid, old.target)
                ORDER BY o.xid, o.seq LIMIT sqlc.arg(max_rows)::int) o)
    ) f ORDER BY f.seq LIMIT sqlc.arg(max_rows)::int
), judged AS (
    SELECT f.seq, f.event_id, r.first_position, CASE
        WHEN r.event_id IS NULL AND NOT EXISTS (SELECT FROM herald.dead_letter d WHERE d.event_id = f.event_id)
            AND NOT herald.is_set_aside(f.event_id) THEN 'event_lost'
        WHEN r.event_id IS NOT NULL AND NOT coalesce((SELECT min(l.outbox_seq) <> f.seq OR count(*) = CASE
                WHEN f.event_type LIKE 'Order%' AND coalesce(f.audience, 'Both') = 'Both' THEN 2 ELSE 1 END
            FROM herald.event_log l WHERE l.position >= r.first_position AND l.position < r.first_position + 2 AND l.relayed_at = r.relayed_at
                AND l.event_id = f.event_id HAVING bool_or(l.position = r.first_position)), false) THEN 'event_not_in_log'
        END AS kind
    FROM fresh f LEFT JOIN herald.relayed_event r ON r.event_id = f.event_id
)
SELECT count(*)::bigint AS looked_at, coalesce(max(j.seq), 0)::bigint AS last_seq,
    coalesce(jsonb_agg(jsonb_build_object('kind', j.kind, 'subject', 'event ' || j.event_id, 'detail', CASE j.kind
        WHEN 'event_lost' THEN format('event %s, row %s of the outbox, is committed, and neither relayed nor kept for later', j.event_id, j.seq)
        ELSE format('event %s, row %s of the outbox, is marked as relayed at position %s, where the log lacks entries of it', j.event_id, j.seq, j.first_position)
        END)) FILTER (WHERE j.kind IS NOT NULL), '[]')::jsonb AS discrepancies
FROM judged j;

-- name: CheckOutboxAdvance :exec
UPDATE herald.selfcheck_state SET cursor = sqlc.arg(cursor);

-- name: CheckOutboxComplete :exec
UPDATE herald.selfcheck_state SET snapshot = target, floor = target_floor, stragglers = target_stragglers,
    target = NULL, target_floor = NULL, target_stragglers = NULL, ceiling = NULL, cursor = 0
WHERE target IS NOT NULL;

-- name: CheckOutboxAll :one
-- As AuditOutbox, of the next rows behind a seq, whatever has been looked at. Of rows written before since, retention may have taken
-- the marks already.
WITH next AS MATERIALIZED (
    SELECT o.seq, o.xid, o.written_at, o.event_id, o.event_type, o.audience FROM herald.outbox o
    WHERE o.seq > sqlc.arg(after)::bigint AND o.seq <= sqlc.arg(up_to)::bigint ORDER BY o.seq LIMIT sqlc.arg(max_rows)::int
), judged AS (
    SELECT f.seq, f.event_id, r.first_position, CASE
        WHEN NOT pg_visible_in_snapshot(f.xid, (SELECT s.snapshot FROM herald.relay_state s)) THEN NULL
        WHEN f.written_at < sqlc.narg(since)::timestamptz THEN NULL
        WHEN r.event_id IS NULL AND NOT EXISTS (SELECT FROM herald.dead_letter d WHERE d.event_id = f.event_id)
            AND NOT herald.is_set_aside(f.event_id) THEN 'event_lost'
        WHEN r.event_id IS NOT NULL AND NOT coalesce((SELECT min(l.outbox_seq) <> f.seq OR count(*) = CASE
                WHEN f.event_type LIKE 'Order%' AND coalesce(f.audience, 'Both') = 'Both' THEN 2 ELSE 1 END
            FROM herald.event_log l WHERE l.position >= r.first_position AND l.position < r.first_position + 2 AND l.relayed_at = r.relayed_at
                AND l.event_id = f.event_id HAVING bool_or(l.position = r.first_position)), false) THEN 'event_not_in_log'
        END AS kind
    FROM next f LEFT JOIN herald.relayed_event r ON r.event_id = f.event_id
)
SELECT count(*)::bigint AS looked_at, coalesce(max(j.seq), 0)::bigint AS last_seq,
    coalesce(jsonb_agg(jsonb_build_object('kind', j.kind, 'subject', 'event ' || j.event_id, 'detail', CASE j.kind
        WHEN 'event_lost' THEN format('event %s, row %s of the outbox, is committed, and neither relayed nor kept for later', j.event_id, j.seq)
        ELSE format('event %s, row %s of the outbox, is marked as relayed at position %s, where the log lacks entries of it', j.event_id, j.seq, j.first_position)
        END)) FILTER (WHERE j.kind IS NOT NULL), '[]')::jsonb AS discrepancies
FROM judged j;

-- name: CheckOutboxBounds :one
SELECT coalesce((SELECT o.seq FROM herald.outbox o ORDER BY o.seq LIMIT 1), 1)::bigint AS oldest, herald.last_seq()::bigint AS newest;

-- name: CheckMarks :one
-- The next events behind an id that are marked as relayed: each has its first entry where the mark says, unless that is older than oldest.
WITH marked AS MATERIALIZED (
    SELECT r.event_id, r.first_position,
        r.first_position >= sqlc.arg(oldest)::bigint AND NOT EXISTS (SELECT FROM herald.event_log l
            WHERE l.position = r.first_position AND l.event_id = r.event_id AND l.relayed_at = r.relayed_at) AS wrong
    FROM herald.relayed_event r WHERE r.event_id > sqlc.arg(after)::uuid ORDER BY r.event_id LIMIT sqlc.arg(max_rows)::int
)
SELECT count(*)::bigint AS looked_at, coalesce((array_agg(m.event_id ORDER BY m.event_id DESC))[1], sqlc.arg(after)::uuid)::uuid AS last_event,
    coalesce(jsonb_agg(jsonb_build_object('kind', 'event_not_in_log', 'subject', 'event ' || m.event_id,
        'detail', format('event %s is marked as relayed at position %s, where the log has no entry of it', m.event_id, m.first_position)))
        FILTER (WHERE m.wrong), '[]')::jsonb AS discrepancies
FROM marked m;

-- name: CheckNodes :many
-- Every node that has a journal or a row, and what its row says where it is alive. The nodes of the journal are found by skipping
-- from one to the next.
WITH RECURSIVE journal AS (
    (SELECT j.node_id FROM herald.broadcast_journal j ORDER BY j.node_id LIMIT 1)
    UNION ALL
    SELECT (SELECT j.node_id FROM herald.broadcast_journal j WHERE j.node_id > p.node_id ORDER BY j.node_id LIMIT 1)
    FROM journal p WHERE p.node_id IS NOT NULL
)
SELECT k.node_id::uuid AS node_id, (n.heartbeat_at IS NOT NULL)::boolean AS alive, coalesce(n.broadcast_position, 0)::bigint AS broadcast_position,
    coalesce(n.host, '')::text AS host
FROM (SELECT p.node_id FROM journal p WHERE p.node_id IS NOT NULL UNION SELECT n.node_id FROM herald.node n) k
LEFT JOIN herald.node n ON n.node_id = k.node_id AND n.heartbeat_at BETWEEN clock_timestamp() - interval '5 seconds' AND clock_timestamp() + interval '2 seconds'
ORDER BY k.node_id;

-- name: CheckJournal :many
-- A node's journal behind a row, and that row itself where it is still there; and when the database's epoch began.
SELECT j.number, j.first_position, j.last_position, j.broadcast_at, (SELECT max(e.began_at) FROM herald.epoch e)::timestamptz AS epoch_began_at FROM herald.broadcast_journal j
WHERE j.node_id = sqlc.arg(node_id) AND j.number >= sqlc.arg(from_number)::bigint ORDER BY j.number LIMIT sqlc.arg(max_rows)::int;

-- name: DiscrepancyInsert :one
-- Whether it was not known before.
INSERT INTO herald.selfcheck_discrepancy AS d (kind, subject, detail) VALUES (sqlc.arg(kind), sqlc.arg(subject), sqlc.arg(detail))
ON CONFLICT (kind, subject) DO UPDATE SET seen_at = clock_timestamp(), detail = excluded.detail
RETURNING (d.xmax = 0)::boolean AS new;

-- name: DiscrepancyCount :exec
UPDATE herald.selfcheck_state SET found = jsonb_set(found, ARRAY[sqlc.arg(kind)::text],
    to_jsonb(coalesce((found->>sqlc.arg(kind)::text)::bigint, 0) + sqlc.arg(more)::bigint));

-- name: DiscrepancyPrune :exec
-- The newest thousand stay.
DELETE FROM herald.selfcheck_discrepancy d
WHERE (d.kind, d.subject) IN (SELECT o.kind, o.subject FROM herald.selfcheck_discrepancy o ORDER BY o.found_at DESC, o.kind, o.subject OFFSET 1000);

-- name: DiscrepancyList :many
SELECT d.kind, d.subject, d.detail, d.found_at, d.seen_at FROM herald.selfcheck_discrepancy d
WHERE d.seen_at > clock_timestamp() - make_interval(secs => sqlc.arg(within_seconds)::float8)
ORDER BY d.seen_at DESC, d.kind, d.subject LIMIT sqlc.arg(max_rows)::int;
