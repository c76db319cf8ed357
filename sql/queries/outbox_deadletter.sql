-- name: DeadLetterInsert :exec
-- Events that are not tried again, each once, and why.
WITH dead AS (
    INSERT INTO herald.dead_letter (event_id, outbox_seq, outbox_written_at, reason, attempts)
    SELECT unnest(sqlc.arg(event_ids)::uuid[]), unnest(sqlc.arg(outbox_seqs)::bigint[]), unnest(sqlc.arg(written_ats)::timestamptz[]),
        unnest(sqlc.arg(reasons)::text[]), sqlc.arg(attempts)::int
    ON CONFLICT (event_id) DO UPDATE SET outbox_seq = excluded.outbox_seq, outbox_written_at = excluded.outbox_written_at, reason = excluded.reason,
        attempts = excluded.attempts, died_at = clock_timestamp(), dropped_at = NULL
    RETURNING herald.dead_letter.event_id, herald.dead_letter.died_at, herald.dead_letter.attempts, herald.dead_letter.reason
)
INSERT INTO herald.dead_letter_history (event_id, at, what, attempts, detail)
SELECT d.event_id, d.died_at, 'died', d.attempts, d.reason FROM dead d
ON CONFLICT DO NOTHING;

-- name: DeadLetterList :many
-- The newest first, behind the one given. One whose event was published again and relayed is settled.
SELECT d.event_id, d.outbox_written_at, d.reason, d.attempts, d.died_at, o.event_type, o.resource_id
FROM herald.dead_letter d LEFT JOIN LATERAL (
    SELECT CASE WHEN octet_length(b.event_type) <= 1024 THEN b.event_type ELSE '' END AS event_type, b.resource_id
    FROM herald.outbox b WHERE b.seq = d.outbox_seq AND b.written_at = d.outbox_written_at LIMIT 1) o ON true
WHERE d.dropped_at IS NULL AND (d.died_at, d.event_id) < (sqlc.arg(died_before)::timestamptz, sqlc.arg(event_before)::uuid)
    AND NOT EXISTS (SELECT FROM herald.relayed_event r WHERE r.event_id = d.event_id)
ORDER BY d.died_at DESC, d.event_id DESC LIMIT sqlc.arg(max_letters)::int;

-- name: DeadLetterCount :one
-- How many there are and for how long the oldest has been one, of a bounded number: the newest are counted, and the oldest is looked for from both
-- ends. What is settled stays in the table until the retention forgets the event, so neither is found by the index alone.
WITH newest AS MATERIALIZED (
    SELECT n.died_at FROM (
        SELECT d.event_id, d.died_at FROM herald.dead_letter d WHERE d.dropped_at IS NULL ORDER BY d.died_at DESC, d.event_id DESC
        LIMIT sqlc.arg(most)::int) n
    WHERE (SELECT true FROM herald.relayed_event r WHERE r.event_id = n.event_id LIMIT 1) IS NULL
), oldest AS (
    SELECT n.died_at FROM (
        SELECT d.event_id, d.died_at FROM herald.dead_letter d WHERE d.dropped_at IS NULL ORDER BY d.died_at, d.event_id LIMIT 100) n
    WHERE (SELECT true FROM herald.relayed_event r WHERE r.event_id = n.event_id LIMIT 1) IS NULL
    ORDER BY n.died_at LIMIT 1
)
SELECT count(*)::bigint AS letters,
    greatest(coalesce(extract(epoch FROM clock_timestamp() - least(min(n.died_at), (SELECT o.died_at FROM oldest o))), 0), 0)::float8 AS oldest_seconds
FROM newest n;

-- name: DeadLetterTake :one
-- The death is in the history already, unless it was a release before that wrote it down, or the retention has forgotten it there.
WITH taken AS (
    DELETE FROM herald.dead_letter d WHERE d.event_id = sqlc.arg(event_id)
    RETURNING d.event_id, d.outbox_seq, d.outbox_written_at, d.reason, d.attempts, d.died_at, d.dropped_at
), noted AS (
    INSERT INTO herald.dead_letter_history (event_id, at, what, attempts, detail)
    SELECT t.event_id, t.died_at, 'died', t.attempts, t.reason FROM taken t
    UNION ALL
    SELECT t.event_id, t.dropped_at, 'dropped', NULL, NULL FROM taken t WHERE t.dropped_at IS NOT NULL
    ON CONFLICT (event_id, at, what) DO UPDATE SET noted_at = clock_timestamp()
)
SELECT t.outbox_seq, t.outbox_written_at, t.reason FROM taken t;

-- name: DeadLetterNote :exec
INSERT INTO herald.dead_letter_history (event_id, what, by_whom, detail)
VALUES (sqlc.arg(event_id), sqlc.arg(what), sqlc.narg(by_whom), sqlc.narg(detail));

-- name: DeadLetterDrop :execrows
WITH dropped AS (
    UPDATE herald.dead_letter l SET dropped_at = clock_timestamp() WHERE l.event_id = sqlc.arg(event_id) AND l.dropped_at IS NULL
    RETURNING l.event_id, l.dropped_at
)
INSERT INTO herald.dead_letter_history (event_id, at, what, by_whom) SELECT d.event_id, d.dropped_at, 'dropped', sqlc.narg(by_whom) FROM dropped d;

-- name: DeadLetterHistory :many
-- The newest steps, in order.
SELECT h.at, h.what, h.by_whom, h.attempts, h.detail FROM (
    SELECT n.* FROM herald.dead_letter_history n WHERE n.event_id = sqlc.arg(event_id) ORDER BY n.at DESC, n.what DESC LIMIT sqlc.arg(most)::int) h
ORDER BY h.at, h.what;

-- name: DeadLetterHistoryPrune :execrows
DELETE FROM herald.dead_letter_history WHERE ctid = ANY (ARRAY(
    SELECT h.ctid FROM herald.dead_letter_history h WHERE h.noted_at < sqlc.arg(cutoff)::timestamptz LIMIT sqlc.arg(most)::int));

-- name: MendApply :one
-- Changes an event's row, and says which of its columns, and which fields of its payload, are others by it. What is null stays as it is; an id that
-- is all zero, or an empty text, takes the column's value away. The payload is compared where it is one that an event may have.
WITH was AS MATERIALIZED (
    SELECT o.* FROM herald.outbox o WHERE o.seq = sqlc.arg(seq)::bigint AND o.written_at = sqlc.arg(written_at)::timestamptz FOR UPDATE
), mended AS (
    UPDATE herald.outbox o SET
        event_type = coalesce(sqlc.narg(event_type)::text, w.event_type),
        resource_id = CASE WHEN sqlc.narg(resource_id)::uuid IS NULL THEN w.resource_id
            ELSE nullif(sqlc.narg(resource_id)::uuid, '00000000-0000-0000-0000-000000000000'::uuid) END,
        restaurant_id = CASE WHEN sqlc.narg(restaurant_id)::uuid IS NULL THEN w.restaurant_id
            ELSE nullif(sqlc.narg(restaurant_id)::uuid, '00000000-0000-0000-0000-000000000000'::uuid) END,
        customer_id = CASE WHEN sqlc.narg(customer_id)::text IS NULL THEN w.customer_id ELSE nullif(sqlc.narg(customer_id)::text, '') END,
        audience = coalesce(sqlc.narg(audience)::text, w.audience),
        payload = CASE WHEN sqlc.narg(payload)::jsonb IS NOT NULL THEN sqlc.narg(payload)::jsonb
            WHEN sqlc.narg(merge)::jsonb IS NULL THEN w.payload
            WHEN jsonb_typeof(w.payload) = 'object' THEN w.payload || sqlc.narg(merge)::jsonb ELSE sqlc.narg(merge)::jsonb END,
        occurred_on_utc = coalesce(sqlc.narg(occurred_on_utc)::timestamptz, w.occurred_on_utc),
        deliver_after = CASE WHEN sqlc.arg(at_once)::boolean THEN NULL ELSE coalesce(sqlc.narg(deliver_after)::timestamptz, w.deliver_after) END,
        traceparent = CASE WHEN sqlc.narg(traceparent)::text IS NULL THEN w.traceparent ELSE nullif(sqlc.narg(traceparent)::text, '') END
    FROM was w WHERE o.seq = w.seq AND o.written_at = w.written_at
    RETURNING o.*
)
SELECT array_remove(ARRAY[
        CASE WHEN w.event_type IS DISTINCT FROM m.event_type THEN 'event_type' END,
        CASE WHEN w.resource_id IS DISTINCT FROM m.resource_id THEN 'resource_id' END,
        CASE WHEN w.restaurant_id IS DISTINCT FROM m.restaurant_id THEN 'restaurant_id' END,
        CASE WHEN w.customer_id IS DISTINCT FROM m.customer_id THEN 'customer_id' END,
        CASE WHEN w.audience IS DISTINCT FROM m.audience THEN 'audience' END,
        CASE WHEN w.payload IS DISTINCT FROM m.payload THEN 'payload' END,
        CASE WHEN w.occurred_on_utc IS DISTINCT FROM m.occurred_on_utc THEN 'occurred_on_utc' END,
        CASE WHEN w.deliver_after IS DISTINCT FROM m.deliver_after THEN 'deliver_after' END,
        CASE WHEN w.traceparent IS DISTINCT FROM m.traceparent THEN 'traceparent' END], NULL)::text[] AS changed,
    ARRAY(SELECT left(coalesce(a.key, b.key), 64)
        FROM jsonb_each(CASE WHEN jsonb_typeof(w.payload) = 'object' AND octet_length(w.payload::text) <= 65536 THEN w.payload ELSE '{}' END) a
        FULL JOIN jsonb_each(CASE WHEN jsonb_typeof(m.payload) = 'object' AND octet_length(m.payload::text) <= 65536 THEN m.payload ELSE '{}' END) b ON a.key = b.key
        WHERE a.value IS DISTINCT FROM b.value ORDER BY 1 LIMIT 20)::text[] AS fields,
    (w.event_type = 'AccessRevoked')::boolean AS was_own, (m.event_type = 'AccessRevoked')::boolean AS is_own
FROM was w JOIN mended m ON m.seq = w.seq AND m.written_at = w.written_at;

-- name: MendCheck :one
-- Raises what a publish of this row would.
SELECT herald.judge_event(o.event_type, o.resource_id, o.restaurant_id, o.customer_id, o.audience, o.payload,
    o.occurred_on_utc, o.deliver_after, o.traceparent, o.event_id)::boolean AS fits
FROM herald.outbox o WHERE o.seq = sqlc.arg(seq)::bigint AND o.written_at = sqlc.arg(written_at)::timestamptz;

-- name: EventIsRelayed :one
SELECT EXISTS (SELECT FROM herald.relayed_event r WHERE r.event_id = sqlc.arg(event_id));

-- name: OutboxShow :one
-- A row as it stands, for those who decide about it.
SELECT (to_jsonb(o) - 'xid' - 'seq')::jsonb AS event FROM herald.outbox o
WHERE o.seq = sqlc.arg(seq)::bigint AND o.written_at = sqlc.arg(written_at)::timestamptz LIMIT 1;
