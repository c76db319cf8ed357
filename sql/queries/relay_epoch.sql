-- name: EpochRead :one
-- Whether the database is the one that the newest epoch began in, and whether its transaction ids go on where they were: a
-- database that was restored from a dump begins to count anew. A snapshot's xmax is at most one above the newest xid.
SELECT e.epoch, coalesce(e.system_identifier <> w.system_identifier, false)::boolean AS moved,
    coalesce(e.timeline <> w.timeline, false)::boolean AS promoted,
    (pg_snapshot_xmax(s.snapshot)::text::numeric > pg_snapshot_xmax(pg_current_snapshot())::text::numeric
        + age(pg_snapshot_xmax(pg_current_snapshot())::xid))::boolean AS ahead
FROM herald.relay_state s, herald.epoch e, herald.whereabouts() w
ORDER BY e.epoch DESC LIMIT 1;

-- name: EpochBegin :one
-- Begins an epoch, under the lock. What is relayed from here on gets positions that may have been given before.
WITH began AS (
    INSERT INTO herald.epoch (epoch, system_identifier, timeline, first_position, last_seq)
    SELECT s.epoch + 1, w.system_identifier, w.timeline, s.position + 1, herald.last_seq() FROM herald.relay_state s, herald.whereabouts() w
    RETURNING epoch, first_position, last_seq
)
INSERT INTO herald.relay_checkpoint (version, epoch, position, snapshot, floor, stragglers, target, target_floor, target_stragglers,
    ceiling, cursor, relayed_at, paused_at, paused_by, epoch_position, epoch_seq)
SELECT s.version + 1, b.epoch, s.position, s.snapshot, s.floor, s.stragglers, s.target, s.target_floor, s.target_stragglers,
    s.ceiling, s.cursor, s.relayed_at, s.paused_at, s.paused_by, b.first_position - 1, b.last_seq
FROM herald.relay_state s, began b
RETURNING epoch;

-- name: ReseedRows :one
-- What has no place in the log, is no job and no dead letter gets the xid of this transaction, so that the relay finds it. All others
-- get the oldest there is: no xid of the other cluster stays, because sooner or later a transaction of this one has it.
WITH reseeded AS (
    UPDATE herald.outbox o SET xid = CASE
        WHEN EXISTS (SELECT FROM herald.relayed_event r WHERE r.event_id = o.event_id)
            OR EXISTS (SELECT FROM herald.dead_letter d WHERE d.event_id = o.event_id)
            OR o.seq = ANY (sqlc.arg(set_aside)::bigint[]) THEN '3'::xid8
        ELSE pg_current_xact_id() END
    WHERE o.written_at >= sqlc.arg(written_from) AND o.written_at < sqlc.arg(written_before)
    RETURNING (o.xid <> '3'::xid8) AS pending
)
SELECT count(*) FILTER (WHERE r.pending)::bigint AS pending, count(*)::bigint AS total FROM reseeded r;

-- name: ReseedDays :one
-- Of rows that no clock has stamped nothing is relayed again: they are dead letters.
SELECT coalesce(min(o.written_at), now())::timestamptz AS oldest, coalesce(max(o.written_at), now())::timestamptz AS newest FROM herald.outbox o
WHERE o.written_at >= '2000-01-01 00:00:00+00' AND o.written_at < now() + interval '1 year';

-- name: ReseedState :exec
-- Nothing is in progress but this transaction, as far as the state goes, and that is a straggler below the floor.
INSERT INTO herald.relay_checkpoint (version, epoch, position, snapshot, floor, stragglers, relayed_at, paused_at, paused_by, epoch_position, epoch_seq)
SELECT s.version + 1, s.epoch, s.position, pg_current_snapshot(), herald.last_seq(), ARRAY[pg_current_xact_id()], s.relayed_at, s.paused_at, s.paused_by,
    s.epoch_position, s.epoch_seq
FROM herald.relay_state s;
