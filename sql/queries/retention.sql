-- What drops that which is older than the retention. The database's own clock decides, for a node whose clock is wrong must not.

-- name: RetentionCutoff :one
-- Everything of a day that ends before cutoff is older than the retention.
SELECT (date_trunc('day', (now() - sqlc.arg(events)::interval) AT TIME ZONE 'UTC') AT TIME ZONE 'UTC')::timestamptz AS cutoff;

-- name: PartitionsLock :exec
-- One transaction at a time creates or drops partitions: those of two could wait for each other. Nobody else can take this lock.
SELECT FROM herald.partition_lock FOR UPDATE;

-- name: PartitionDays :many
-- The days that end before cutoff and have a partition, oldest first.
SELECT d::date AS day FROM herald.days_before(sqlc.arg(parent)::text, sqlc.arg(cutoff)::timestamptz) d;

-- name: LogDayOvertaken :one
-- Whether something that is kept lies before the end of a day, in the order of positions. The database's clock was set back then, and
-- without that day the log would have a hole: it goes with the ones whose events it lies between.
SELECT EXISTS (SELECT FROM herald.event_log k WHERE k.relayed_at >= sqlc.arg(cutoff)::timestamptz AND k.position < (
    SELECT max(l.position) FROM herald.event_log l
    WHERE l.relayed_at >= herald.day_begins(sqlc.arg(day)::date) AND l.relayed_at < herald.day_begins(sqlc.arg(day)::date + 1)))::boolean AS overtaken;

-- name: LogDayRetire :one
SELECT coalesce(herald.retire_log_day(sqlc.arg(day)::date), '')::text AS stays;

-- name: LogDefaultPrune :one
SELECT herald.prune_log_default(sqlc.arg(cutoff)::timestamptz, sqlc.arg(max_rows)::int);

-- name: DeadLetterPrune :execrows
DELETE FROM herald.dead_letter WHERE event_id IN (
    SELECT d.event_id FROM herald.dead_letter d WHERE d.dropped_at < now() - sqlc.arg(events)::interval LIMIT sqlc.arg(max_rows)::int);

-- name: RelayedForgettable :one
SELECT herald.forgettable_before(sqlc.arg(cutoff)::timestamptz);

-- name: RelayedForget :one
SELECT herald.forget_relayed(sqlc.arg(before)::timestamptz, sqlc.arg(first_block)::bigint, sqlc.arg(blocks)::int);

-- name: StreamHeadPrune :execrows
DELETE FROM herald.stream_head WHERE group_name IN (
    SELECT h.group_name FROM herald.stream_head h WHERE h.retired_at < now() - sqlc.arg(idle)::interval
    ORDER BY h.retired_at LIMIT sqlc.arg(max_rows)::int);

-- name: GrantImpliedPrune :one
-- The grants that orders' events imply, oldest first, those that come behind the place given: of these, the ones whose order has no
-- event in the log any more are deleted. Returns the place of the last one looked at.
WITH looked AS MATERIALIZED (
    SELECT a.id, a.written_at, a.resource_id FROM herald.access_grant a
    WHERE a.source = 'event' AND a.written_at < now() - sqlc.arg(idle)::interval
        AND (a.written_at, a.id) > (sqlc.arg(after_written_at)::timestamptz, sqlc.arg(after_id)::bigint)
    ORDER BY a.written_at, a.id LIMIT sqlc.arg(max_rows)::int
), gone AS (
    DELETE FROM herald.access_grant a USING looked l
    WHERE a.id = l.id AND NOT EXISTS (SELECT FROM herald.event_log e WHERE e.group_name = 'order:' || l.resource_id::text)
    RETURNING a.id
)
SELECT (SELECT count(*) FROM looked)::bigint AS looked, (SELECT count(*) FROM gone)::bigint AS pruned,
    coalesce((SELECT max(l.written_at) FROM looked l), 'epoch')::timestamptz AS last_written_at,
    coalesce((SELECT l.id FROM looked l ORDER BY l.written_at DESC, l.id DESC LIMIT 1), 0)::bigint AS last_id;

-- name: GrantSupersededPrune :execrows
-- What was granted or revoked explicitly counts until the same is granted or revoked anew.
DELETE FROM herald.access_grant WHERE id IN (
    SELECT a.id FROM herald.access_grant a
    WHERE a.source = 'explicit' AND EXISTS (SELECT FROM herald.access_grant newer
        WHERE newer.resource_id = a.resource_id AND newer.user_id = a.user_id AND newer.policy = a.policy
            AND newer.source = 'explicit' AND newer.id > a.id)
    ORDER BY a.id LIMIT sqlc.arg(max_rows)::int);

-- name: PartitionEnsure :one
SELECT herald.ensure_partition(sqlc.arg(parent)::text, sqlc.arg(day)::date);
