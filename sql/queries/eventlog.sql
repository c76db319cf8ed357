-- name: LogPlan :exec
-- What goes before each of the reads below, and before an event is appended later, in the same round trip and the same transaction: that
-- they find everything by index, whatever the statistics say of tables that have just grown. The rows of the outbox are looked up
-- one by one, for the same reason.
SELECT set_config('enable_seqscan', 'off', true), set_config('enable_bitmapscan', 'off', true), set_config('jit', 'off', true);

-- name: LogReadFrom :many
-- What the tail reads: the entries behind a position, in order, with the log's epoch. Doubtful ones were in the outbox before this epoch
-- began.
SELECT (SELECT s.epoch FROM herald.relay_state s)::bigint AS epoch,
    (l.position > (SELECT s.epoch_position FROM herald.relay_state s) AND l.outbox_seq <= (SELECT s.epoch_seq FROM herald.relay_state s))::boolean AS doubtful,
    l.position, l.group_name, l.sequence, l.event_id, o.event_type, o.resource_id, o.restaurant_id, o.customer_id, o.audience,
    o.payload, o.occurred_on_utc, o.traceparent
FROM herald.event_log l,
    LATERAL (SELECT b.* FROM herald.outbox b WHERE b.seq = l.outbox_seq AND b.written_at = l.outbox_written_at LIMIT 1) o
WHERE l.position > sqlc.arg(after)::bigint ORDER BY l.position LIMIT sqlc.arg(max_entries)::int;

-- name: LogReadGroup :many
-- What a resume reads: one group's entries behind a sequence, up to a position, in order.
SELECT l.position, l.group_name, l.sequence, l.event_id, o.event_type, o.resource_id, o.restaurant_id, o.customer_id, o.audience,
    o.payload, o.occurred_on_utc, o.traceparent
FROM herald.event_log l,
    LATERAL (SELECT b.* FROM herald.outbox b WHERE b.seq = l.outbox_seq AND b.written_at = l.outbox_written_at LIMIT 1) o
WHERE l.group_name = sqlc.arg(group_name) AND l.sequence > sqlc.arg(after)::bigint AND l.position <= sqlc.arg(up_to)::bigint
ORDER BY l.sequence LIMIT sqlc.arg(max_entries)::int;

-- name: LogPlacesFrom :many
-- The next entry of LogReadFrom, without what its event's row holds: for one that cannot be read.
SELECT (SELECT s.epoch FROM herald.relay_state s)::bigint AS epoch, l.position, l.group_name, l.sequence, l.event_id
FROM herald.event_log l WHERE l.position > sqlc.arg(after)::bigint ORDER BY l.position LIMIT 1;

-- name: LogPlacesGroup :many
-- The next entry of LogReadGroup, likewise.
SELECT (SELECT s.epoch FROM herald.relay_state s)::bigint AS epoch, l.position, l.group_name, l.sequence, l.event_id
FROM herald.event_log l
WHERE l.group_name = sqlc.arg(group_name) AND l.sequence > sqlc.arg(after)::bigint AND l.position <= sqlc.arg(up_to)::bigint
ORDER BY l.sequence LIMIT 1;

-- name: LogGroupHead :one
-- The newest entry of a group at or before a position. Where the log has none, its sequence is what the retention has kept of those
-- that it dropped: they are before any position that is still asked for.
SELECT n.event_id, n.sequence FROM (
    (SELECT l.event_id, l.sequence, true AS retained FROM herald.event_log l
        WHERE l.group_name = sqlc.arg(group_name) AND l.sequence > 0 AND l.position <= sqlc.arg(at_position)::bigint
        ORDER BY l.sequence DESC LIMIT 1)
    UNION ALL
    SELECT '00000000-0000-0000-0000-000000000000'::uuid, h.sequence, false FROM herald.stream_head h WHERE h.group_name = sqlc.arg(group_name)
) n ORDER BY n.retained DESC LIMIT 1;

-- name: LogLocate :one
-- An event's sequence within a group. An event's entries are at most two, at consecutive positions.
-- One that clients may have seen in another order, before an epoch began, is not found.
SELECT l.sequence FROM herald.relayed_event r
JOIN herald.event_log l ON l.position >= r.first_position AND l.position < r.first_position + 2 AND l.relayed_at = r.relayed_at
WHERE r.event_id = sqlc.arg(event_id) AND l.event_id = r.event_id AND l.group_name = sqlc.arg(group_name) AND l.sequence > 0
    AND NOT EXISTS (SELECT FROM herald.epoch e WHERE l.position >= e.first_position AND l.outbox_seq <= e.last_seq);

-- name: LogState :one
SELECT s.epoch, s.position, s.epoch_position FROM herald.relay_state s;
