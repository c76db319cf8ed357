-- name: AdminEventPublish :one
-- Statistics that go out this way are the last ones that did: the periodic broadcast waits for its interval, and does not repeat them.
-- Herald prepares no transaction for a two-phase commit, so it wakes the relay where the server would allow that, too.
WITH counted AS (
    UPDATE herald.platform_stats_broadcast b SET stats = sqlc.arg(payload)::jsonb, broadcast_at = clock_timestamp()
    WHERE sqlc.arg(event_type)::text = 'AnalyticsUpdate'
)
SELECT herald.publish_admin_event(sqlc.arg(event_type)::text, sqlc.arg(payload)::jsonb, NULL, sqlc.narg(event_id)::uuid)::uuid AS event_id
FROM set_config('herald.notify', 'on', true);

-- name: PlatformStats :many
-- What an earlier release has stored and no event could carry counts as never set.
SELECT DISTINCT ON (p.field) p.field, p.value::text AS value, p.set_at FROM herald.platform_stats p
WHERE herald.is_platform_stat(p.field, p.value) ORDER BY p.field, p.id DESC;

-- name: PlatformStatsAge :one
-- How long ago the newest of them was set; less than nothing where none ever was.
SELECT CASE WHEN max(n.set_at) IS NULL THEN -1 ELSE greatest(extract(epoch FROM clock_timestamp() - max(n.set_at)), 0) END::float8 AS seconds FROM (
    SELECT (SELECT p.set_at FROM herald.platform_stats p WHERE p.field = f.field ORDER BY p.id DESC LIMIT 1) AS set_at
    FROM unnest('{totalUsers,activeUsers,newUsersToday,websitesGenerated,imagesGenerated,failedGenerations,totalRevenue,revenueToday}'::text[]) f (field)) n;

-- name: PlatformStatsPrune :exec
DELETE FROM herald.platform_stats p
WHERE p.set_at < now() - interval '1 hour'
AND EXISTS (SELECT FROM herald.platform_stats newer WHERE newer.field = p.field AND newer.id > p.id);

-- name: OutboxInsert :exec
INSERT INTO herald.outbox (event_id, event_type, resource_id, restaurant_id, customer_id, audience, payload, occurred_on_utc, deliver_after)
VALUES (sqlc.arg(event_id), sqlc.arg(event_type), sqlc.narg(resource_id), sqlc.narg(restaurant_id), sqlc.narg(customer_id),
    coalesce(sqlc.narg(audience)::text, 'Both'), sqlc.arg(payload), clock_timestamp(), sqlc.narg(deliver_after));

-- name: StatsBroadcastLock :exec
-- A statement of its own, so that the next one sees what the last holder has left.
SELECT FROM herald.platform_stats_broadcast FOR UPDATE;

-- name: StatsBroadcast :many
-- Publishes the statistics if all that an AnalyticsUpdate says is known, and not what was said last, and none went out within the interval. The
-- values are compared, not the ledger's ids: those become visible out of order. A time ahead of the clock is one of a clock that was wrong.
-- Services publish an AnalyticsUpdate of their own, too: those are found in the log, among the group's newest events.
WITH newest AS (
    SELECT l.outbox_seq, l.outbox_written_at, l.relayed_at FROM herald.event_log l
    WHERE l.group_name = 'analytics' ORDER BY l.sequence DESC LIMIT 1000
), known AS (
    SELECT jsonb_object_agg(CASE c.field WHEN 'totalRevenue' THEN 'revenue' ELSE c.field END, c.value) AS stats
    FROM (
        SELECT DISTINCT ON (p.field) p.field, p.value FROM herald.platform_stats p
        WHERE p.field IN ('totalUsers', 'activeUsers', 'websitesGenerated', 'imagesGenerated', 'totalRevenue')
            AND herald.is_platform_stat(p.field, p.value) ORDER BY p.field, p.id DESC
    ) c
    HAVING count(*) = 5
), said AS (
    UPDATE herald.platform_stats_broadcast b SET stats = k.stats, broadcast_at = clock_timestamp() FROM known k
    WHERE b.stats IS DISTINCT FROM k.stats
    AND (b.broadcast_at IS NULL OR b.broadcast_at NOT BETWEEN clock_timestamp() - make_interval(secs => sqlc.arg(interval)::float8) AND clock_timestamp())
    AND NOT EXISTS (
        SELECT FROM newest n JOIN herald.outbox o ON o.seq = n.outbox_seq AND o.written_at = n.outbox_written_at
        WHERE o.event_type = 'AnalyticsUpdate'
        AND n.relayed_at BETWEEN clock_timestamp() - make_interval(secs => sqlc.arg(interval)::float8) AND clock_timestamp()
    )
    RETURNING b.stats
)
SELECT herald.publish_admin_event('AnalyticsUpdate', s.stats)::uuid AS event_id FROM said s;
