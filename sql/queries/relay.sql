-- The relay's statements, in the order in which a pass sends them. The first four go out in one round trip, the rest in a
-- second one; package relay's doc says why each is as it is.
--
-- What a statement looks up for each of its rows it looks up by "(SELECT … LIMIT 1)". That is done row by row, by index, where a join or an
-- EXISTS is also done by reading the whole other table once: a plan that is chosen when the statistics say that this table
-- is small, and kept while it grows.

-- name: TransactionSet :exec
-- What each of the relay's transactions begins with, in the same round trip; it ends with the transaction, for behind a pooler the
-- next one may be another session's. The relay's statements have one good plan each, by index and in order, and keep it whatever the
-- statistics say of tables that have just grown or have just been created; compiling them costs more than running them. A node that is
-- frozen in the middle of a transaction must not keep the others from relaying.
--
-- The floor is read before StateLock gives this transaction its xid: a transaction with a higher xid draws only higher seqs.
--
-- Every name is qualified, for behind a pooler this is what makes the ones of the statements behind it safe: see package postgres.
SELECT CASE WHEN pg_catalog.current_setting('search_path') OPERATOR(pg_catalog.<>) 'pg_catalog, herald, pg_temp'
        THEN pg_catalog.set_config('search_path', 'pg_catalog, herald, pg_temp', true) END,
    pg_catalog.set_config('jit', 'off', true), pg_catalog.set_config('plan_cache_mode', 'force_generic_plan', true),
    pg_catalog.set_config('enable_seqscan', 'off', true), pg_catalog.set_config('enable_bitmapscan', 'off', true),
    pg_catalog.set_config('idle_in_transaction_session_timeout', '1s', true), pg_catalog.set_config('statement_timeout', '30s', true),
    pg_catalog.set_config('herald.floor', herald.last_seq()::pg_catalog.text, true);

-- name: StateLock :one
-- The mutex: whoever holds this row relays. Locking it gives this transaction its xid. The setting tells TargetSet and BatchRead,
-- which are on their way already, whether there is a lock to read under. The state itself is read by TargetSet: only a statement
-- that begins under the lock sees what the last holder has left. What this transaction appends is sent to clients when it has
-- committed, so it must not be taken back by a crash, whatever synchronous_commit is for everybody else: its flush takes what
-- producers have committed before along.
WITH locked AS (
    SELECT FROM herald.relay_lock l WHERE set_config('synchronous_commit', 'on', true) <> '' FOR UPDATE SKIP LOCKED
)
SELECT set_config('herald.locked', 'yes', true) <> '' AS locked FROM locked;

-- name: StateLockInTurn :one
-- As StateLock, but in the line of those who wait for their turn. Each of them takes milliseconds, or as long as a busy machine makes of
-- that; none that is frozen keeps the lock for more than a second. A node whose relay has not looked for 5 s is not ready.
WITH locked AS (
    SELECT FROM herald.relay_lock l WHERE set_config('synchronous_commit', 'on', true) <> '' AND set_config('lock_timeout', '4s', true) <> '' FOR UPDATE
)
SELECT set_config('herald.locked', 'yes', true) <> '' AND set_config('lock_timeout', '0', true) <> '' AS locked FROM locked;

-- name: TargetSet :one
-- Takes the snapshot up to which this pass reads, or the one that an unfinished backlog is being worked off against, and keeps it
-- on the server for the statements that follow, with its floor and its stragglers. A snapshot's xmax is one above the newest xid
-- that has ended, not above the newest that has been given out: those in between are in progress too, though it does not list
-- them. The ceiling is read after the snapshot was taken: no row visible in it lies above, and a scan by seq ends there
-- instead of running through what came since.
SELECT
    s.version, s.epoch, s.position, s.epoch_seq,
    (s.paused_at IS NOT NULL)::boolean AS paused,
    set_config('herald.read', CASE WHEN current_setting('herald.locked', true) = 'yes' AND s.paused_at IS NULL THEN 'yes' ELSE 'no' END, true) <> ''
    AND set_config('herald.target', coalesce(s.target, now.snapshot)::text, true) <> ''
    AND set_config('herald.target_floor', coalesce(s.target_floor, current_setting('herald.floor')::bigint)::text, true) <> ''
    AND set_config('herald.target_stragglers', coalesce(s.target_stragglers, now.stragglers)::text, true) <> '' AS set,
    (s.target IS NOT NULL)::boolean AS resumed,
    s.floor,
    coalesce(s.ceiling, herald.last_seq())::bigint AS ceiling,
    herald.relay_is_armed() AS armed,
    clock_timestamp()::timestamptz AS now
FROM herald.relay_state s, (
    SELECT pg_current_snapshot() AS snapshot,
        ARRAY(SELECT pg_snapshot_xip(pg_current_snapshot())) || ARRAY(
            SELECT x::text::xid8 FROM generate_series(pg_snapshot_xmax(pg_current_snapshot())::text::bigint,
                pg_current_xact_id()::text::bigint - 1) x) AS stragglers
) now;

-- name: BatchRead :many
-- The rows that crossed from invisible (in state.snapshot) to visible (in the target): above the floor by seq; below it only
-- the stragglers can have any, and those few are looked up by xid. The pairs are compared as such, and in the order of the index on both:
-- where one transaction has written most of the table, its statistics say that finding rows by xid finds all.
--
-- What a row holds can neither fail this nor make it large, even where it has come past every check. A column that is too large is left out
-- and named. A batch ends with the row that makes its payloads more than max_bytes, which bytes tells. Of a row that cannot be read at all
-- keys_only reads no more than where it is. A payload is made text once, for its size and for sending it: hence the OFFSET 0.
SELECT r.seq, r.written_at, r.event_id, r.event_type, r.resource_id, r.restaurant_id, r.customer_id, r.audience, r.payload,
    r.occurred_on_utc, r.deliver_after, r.traceparent, r.duplicate, r.too_large, r.bytes
FROM (
    SELECT b.seq::bigint AS seq, b.written_at, b.event_id, b.resource_id, b.restaurant_id, b.occurred_on_utc, b.deliver_after, t.payload,
        CASE WHEN NOT sqlc.arg(keys_only)::boolean AND octet_length(b.event_type) <= 1024 THEN b.event_type ELSE '' END AS event_type,
        CASE WHEN NOT sqlc.arg(keys_only)::boolean AND octet_length(b.customer_id) <= 1024 THEN b.customer_id END AS customer_id,
        CASE WHEN NOT sqlc.arg(keys_only)::boolean AND octet_length(b.audience) <= 1024 THEN b.audience END AS audience,
        CASE WHEN NOT sqlc.arg(keys_only)::boolean AND octet_length(b.traceparent) <= 2048 THEN b.traceparent END AS traceparent,
        ((SELECT true FROM herald.relayed_event r WHERE r.event_id = b.event_id LIMIT 1) IS NOT NULL)::boolean AS duplicate,
        CASE WHEN t.payload IS NULL OR octet_length(b.event_type) > 1024 OR octet_length(b.customer_id) > 1024 OR octet_length(b.audience) > 1024
                OR octet_length(b.traceparent) > 2048
            THEN concat_ws(', ', CASE WHEN octet_length(b.event_type) > 1024 THEN 'event_type' END,
                CASE WHEN octet_length(b.customer_id) > 1024 THEN 'customer_id' END, CASE WHEN octet_length(b.audience) > 1024 THEN 'audience' END,
                CASE WHEN octet_length(b.traceparent) > 2048 THEN 'traceparent' END, CASE WHEN t.payload IS NULL THEN 'payload' END)
            ELSE '' END AS too_large,
        (sum(octet_length(coalesce(t.payload, ''))) OVER before)::bigint AS bytes
    FROM (
        SELECT n.* FROM (
            (SELECT o.* FROM herald.outbox o
                WHERE o.seq > (SELECT greatest(s.floor, s.cursor) FROM herald.relay_state s)
                AND o.seq <= (SELECT coalesce(s.ceiling, herald.last_seq()) FROM herald.relay_state s)
                AND pg_visible_in_snapshot(o.xid, (SELECT current_setting('herald.target')::pg_snapshot))
                AND NOT pg_visible_in_snapshot(o.xid, (SELECT s.snapshot FROM herald.relay_state s))
                ORDER BY o.seq LIMIT sqlc.arg(max_events)::int)
            UNION ALL
            (SELECT o.* FROM (SELECT unnest(s.stragglers) AS xid, s.floor, s.cursor FROM herald.relay_state s) old,
                LATERAL (SELECT o.* FROM herald.outbox o
                    WHERE (o.xid, o.seq) > (old.xid, old.cursor) AND (o.xid, o.seq) <= (old.xid, old.floor)
                    AND pg_visible_in_snapshot(old.xid, (SELECT current_setting('herald.target')::pg_snapshot))
                    ORDER BY o.xid, o.seq LIMIT sqlc.arg(max_events)::int) o)
        ) n
        WHERE current_setting('herald.read', true) = 'yes'
        ORDER BY n.seq LIMIT sqlc.arg(max_events)::int
    ) b, LATERAL (
        SELECT CASE WHEN octet_length(whole.payload) <= 65536 THEN whole.payload END AS payload
        FROM (SELECT CASE WHEN NOT sqlc.arg(keys_only)::boolean THEN b.payload::text END AS payload OFFSET 0) whole OFFSET 0
    ) t
    WINDOW before AS (ORDER BY b.seq ROWS UNBOUNDED PRECEDING)
) r
WHERE r.bytes - octet_length(coalesce(r.payload, '')) < sqlc.arg(max_bytes)::bigint
ORDER BY r.seq;

-- name: LogAppend :many
-- Gives every entry its sequence, which is its group's head plus its ordinal within this batch, and returns the heads. The heads that
-- the caller knows it passes; the others (-1) are read: where the group's newest entry is, in the log's index, or else what the retention
-- has kept of those that it dropped.
WITH head AS MATERIALIZED (
    SELECT g.ord, g.group_name, CASE WHEN g.known >= 0 THEN g.known ELSE coalesce(
        (SELECT l.sequence FROM herald.event_log l WHERE l.group_name = g.group_name AND l.sequence > 0 ORDER BY l.sequence DESC LIMIT 1),
        (SELECT h.sequence FROM herald.stream_head h WHERE h.group_name = g.group_name), 0) END AS sequence
    FROM (SELECT unnest(sqlc.arg(groups)::text[]) AS group_name, unnest(sqlc.arg(heads)::bigint[]) AS known,
        generate_series(1, cardinality(sqlc.arg(groups)::text[])) AS ord) g
), entry AS (
    INSERT INTO herald.event_log (position, group_name, sequence, outbox_seq, outbox_written_at, event_id, relayed_at)
    SELECT e.position, h.group_name, CASE WHEN e.ordinal = 0 THEN 0 ELSE h.sequence + e.ordinal END, e.outbox_seq, e.written_at, e.event_id, now()
    FROM (SELECT unnest(sqlc.arg(positions)::bigint[]) AS position, unnest(sqlc.arg(group_ords)::bigint[]) AS group_ord,
        unnest(sqlc.arg(ordinals)::bigint[]) AS ordinal, unnest(sqlc.arg(outbox_seqs)::bigint[]) AS outbox_seq,
        unnest(sqlc.arg(written_ats)::timestamptz[]) AS written_at, unnest(sqlc.arg(event_ids)::uuid[]) AS event_id) e
    JOIN head h ON h.ord = e.group_ord
)
SELECT h.sequence::bigint AS head FROM head h ORDER BY h.ord;

-- name: LogAppendKnown :exec
-- As LogAppend, where the caller knows the head of every group.
INSERT INTO herald.event_log (position, group_name, sequence, outbox_seq, outbox_written_at, event_id, relayed_at)
SELECT unnest(sqlc.arg(positions)::bigint[]), unnest(sqlc.arg(groups)::text[]), unnest(sqlc.arg(sequences)::bigint[]),
    unnest(sqlc.arg(outbox_seqs)::bigint[]), unnest(sqlc.arg(written_ats)::timestamptz[]), unnest(sqlc.arg(event_ids)::uuid[]), now();

-- name: RelayedEventInsert :exec
INSERT INTO herald.relayed_event (event_id, first_position, relayed_at, relayed_by)
SELECT unnest(sqlc.arg(event_ids)::uuid[]), unnest(sqlc.arg(first_positions)::bigint[]), now(), sqlc.arg(relayed_by)::uuid;

-- name: DuplicateEventInsert :exec
-- Rows whose event ids are in the log already. A job that is worked twice finds its own row there, which is no duplicate of itself.
INSERT INTO herald.duplicate_event (event_id, outbox_seq, outbox_written_at)
SELECT d.event_id, d.outbox_seq, d.written_at
FROM (SELECT unnest(sqlc.arg(event_ids)::uuid[]) AS event_id, unnest(sqlc.arg(outbox_seqs)::bigint[]) AS outbox_seq,
    unnest(sqlc.arg(written_ats)::timestamptz[]) AS written_at) d
WHERE NOT EXISTS (SELECT FROM herald.relayed_event r
    JOIN herald.event_log l ON l.position = r.first_position AND l.relayed_at = r.relayed_at AND l.event_id = r.event_id
    WHERE r.event_id = d.event_id AND l.outbox_seq = d.outbox_seq)
ON CONFLICT DO NOTHING;

-- name: GrantFeed :many
-- An order's customer is the one of its first event that is given a place in its group. Returns who that is, for each order. Only the relay writes
-- rows of this source, under the state's lock, so nobody is waited for.
WITH named AS MATERIALIZED (
    SELECT n.ord, n.resource_id, n.user_id,
        (SELECT a.user_id FROM herald.access_grant a WHERE a.resource_id = n.resource_id AND a.source = 'event' AND a.policy = 'MustBeOrderOwner'
            ORDER BY a.resource_id, a.id LIMIT 1) AS customer
    FROM (SELECT unnest(sqlc.arg(resource_ids)::uuid[]) AS resource_id, unnest(sqlc.arg(user_ids)::text[]) AS user_id,
        generate_series(1, cardinality(sqlc.arg(resource_ids)::uuid[])) AS ord) n
), fed AS (
    INSERT INTO herald.access_grant (policy, resource_id, user_id, granted, source)
    SELECT 'MustBeOrderOwner', n.resource_id, n.user_id, true, 'event' FROM named n WHERE n.customer IS NULL ORDER BY n.ord
)
SELECT coalesce(n.customer, n.user_id)::text AS customer FROM named n ORDER BY n.ord;

-- name: StateComplete :exec
-- Everything up to the target has been relayed: it becomes the snapshot.
INSERT INTO herald.relay_checkpoint (version, epoch, position, snapshot, floor, stragglers, relayed_at, epoch_position, epoch_seq)
SELECT s.version + 1, s.epoch, sqlc.arg(position), current_setting('herald.target')::pg_snapshot, current_setting('herald.target_floor')::bigint,
    current_setting('herald.target_stragglers')::xid8[], now(), s.epoch_position, s.epoch_seq
FROM herald.relay_state s;

-- name: StateAdvance :exec
-- A chunk of a backlog has been relayed: the next one goes on behind cursor, between the same two snapshots.
INSERT INTO herald.relay_checkpoint (version, epoch, position, snapshot, floor, stragglers, target, target_floor, target_stragglers,
    ceiling, cursor, relayed_at, epoch_position, epoch_seq)
SELECT s.version + 1, s.epoch, sqlc.arg(position), s.snapshot, s.floor, s.stragglers, current_setting('herald.target')::pg_snapshot,
    current_setting('herald.target_floor')::bigint, current_setting('herald.target_stragglers')::xid8[],
    sqlc.arg(ceiling)::bigint, sqlc.arg(cursor), now(), s.epoch_position, s.epoch_seq
FROM herald.relay_state s;

-- name: CheckpointPrune :execrows
-- Of the steps behind, a few are kept to be looked at.
DELETE FROM herald.relay_checkpoint WHERE version < (SELECT s.version FROM herald.relay_state s) - 100;

-- name: RelayedNotify :exec
SELECT pg_notify('herald_log', sqlc.arg(position)::bigint::text);

-- name: ArmedSet :exec
SELECT setval('herald.relay_armed', sqlc.arg(armed)::bigint);

-- name: OutboxPeek :one
-- Whether a pass would find anything, without locking or writing: what an idle relay asks. in_progress are the transactions that
-- have an xid and have not ended: those that the snapshot lists, and those from its xmax up to the newest xid, which age tells
-- the distance to.
SELECT (s.paused_at IS NOT NULL)::boolean AS paused, greatest(s.floor, s.cursor)::bigint AS reached,
    (s.target IS NOT NULL
        OR (SELECT true FROM herald.outbox o WHERE o.seq > s.floor AND NOT pg_visible_in_snapshot(o.xid, s.snapshot) ORDER BY o.seq LIMIT 1) IS NOT NULL
        OR EXISTS (SELECT FROM (SELECT unnest(s.stragglers) AS xid) old,
            LATERAL (SELECT FROM herald.outbox o WHERE (o.xid, o.seq) >= (old.xid, 0) AND (o.xid, o.seq) <= (old.xid, s.floor)
                ORDER BY o.xid, o.seq LIMIT 1) o))::boolean AS waiting,
    herald.relay_is_spent() AS spent,
    (ARRAY(SELECT pg_snapshot_xip(pg_current_snapshot())::text::bigint) || ARRAY(
        SELECT x FROM generate_series(pg_snapshot_xmax(pg_current_snapshot())::text::bigint,
            pg_snapshot_xmax(pg_current_snapshot())::text::bigint - 1 + least(age(pg_snapshot_xmax(pg_current_snapshot())::xid), 10000)) x
    ))::bigint[] AS in_progress
FROM herald.relay_state s;

-- name: OutboxLag :one
-- How many rows wait to be relayed (counted up to a limit) and how old the oldest is, in seconds. They are where BatchRead looks.
-- A row that no clock has stamped is not asked for its age.
SELECT count(*)::bigint AS waiting,
    coalesce(extract(epoch FROM clock_timestamp() - min(w.written_at) FILTER (WHERE isfinite(w.written_at))), 0)::float8 AS oldest_seconds,
    (SELECT s.paused_at IS NOT NULL FROM herald.relay_state s)::boolean AS paused
FROM (
    (SELECT o.written_at FROM (SELECT unnest(s.stragglers) AS xid, s.floor, s.cursor FROM herald.relay_state s) old,
        LATERAL (SELECT o.written_at FROM herald.outbox o
            WHERE (o.xid, o.seq) > (old.xid, old.cursor) AND (o.xid, o.seq) <= (old.xid, old.floor)
            ORDER BY o.xid, o.seq LIMIT sqlc.arg(max_rows)::int) o)
    UNION ALL
    (SELECT o.written_at FROM herald.outbox o
        WHERE o.seq > (SELECT greatest(s.floor, s.cursor) FROM herald.relay_state s)
        AND NOT pg_visible_in_snapshot(o.xid, (SELECT s.snapshot FROM herald.relay_state s))
        ORDER BY o.seq LIMIT sqlc.arg(max_rows)::int)
    LIMIT sqlc.arg(max_rows)::int
) w;
