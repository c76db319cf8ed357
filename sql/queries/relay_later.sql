-- name: OutboxRows :many
-- Rows by their places, in that order, for the jobs that deliver events later. What is too large is left out and named, as in BatchRead.
SELECT b.seq::bigint AS seq, b.written_at, b.event_id,
    CASE WHEN octet_length(b.event_type) <= 1024 THEN b.event_type ELSE '' END AS event_type, b.resource_id, b.restaurant_id,
    CASE WHEN octet_length(b.customer_id) <= 1024 THEN b.customer_id END AS customer_id,
    CASE WHEN octet_length(b.audience) <= 1024 THEN b.audience END AS audience, t.payload, b.occurred_on_utc, b.deliver_after,
    CASE WHEN octet_length(b.traceparent) <= 2048 THEN b.traceparent END AS traceparent,
    ((SELECT true FROM herald.relayed_event r WHERE r.event_id = b.event_id LIMIT 1) IS NOT NULL)::boolean AS duplicate,
    concat_ws(', ', CASE WHEN octet_length(b.event_type) > 1024 THEN 'event_type' END,
        CASE WHEN octet_length(b.customer_id) > 1024 THEN 'customer_id' END, CASE WHEN octet_length(b.audience) > 1024 THEN 'audience' END,
        CASE WHEN octet_length(b.traceparent) > 2048 THEN 'traceparent' END, CASE WHEN t.payload IS NULL THEN 'payload' END) AS too_large,
    0::bigint AS bytes
FROM (SELECT unnest(sqlc.arg(seqs)::bigint[]) AS seq, unnest(sqlc.arg(written_ats)::timestamptz[]) AS written_at,
        generate_series(1, cardinality(sqlc.arg(seqs)::bigint[])) AS ord) p,
    LATERAL (SELECT o.* FROM herald.outbox o WHERE o.seq = p.seq AND o.written_at = p.written_at LIMIT 1) b,
    LATERAL (SELECT CASE WHEN octet_length(whole.payload) <= 65536 THEN whole.payload END AS payload
        FROM (SELECT b.payload::text AS payload OFFSET 0) whole OFFSET 0) t
ORDER BY p.ord;

-- name: StateLockWait :one
-- As StateLock, but waits for its turn. No crash takes this transaction back once it has committed, either, and a node that is frozen
-- in the middle of it does not keep the others from relaying.
SELECT true AS locked FROM herald.relay_lock l WHERE set_config('synchronous_commit', 'on', true) <> ''
    AND set_config('idle_in_transaction_session_timeout', '1s', true) <> '' FOR UPDATE;

-- name: StateRead :one
-- Under the lock: as the last holder has left it.
SELECT s.position, s.epoch_seq, (s.paused_at IS NOT NULL)::boolean AS paused FROM herald.relay_state s;

-- name: StatePosition :exec
-- As the state was, but for the log's position.
INSERT INTO herald.relay_checkpoint (version, epoch, position, snapshot, floor, stragglers, target, target_floor, target_stragglers,
    ceiling, cursor, relayed_at, epoch_position, epoch_seq)
SELECT s.version + 1, s.epoch, sqlc.arg(position), s.snapshot, s.floor, s.stragglers, s.target, s.target_floor, s.target_stragglers,
    s.ceiling, s.cursor, now(), s.epoch_position, s.epoch_seq
FROM herald.relay_state s;
