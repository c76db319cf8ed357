-- name: NodeHeartbeat :exec
INSERT INTO herald.node AS n (node_id, host, version, broadcast_position, connections, clock_skew_seconds, url, unreachable, draining)
VALUES (sqlc.arg(node_id), sqlc.arg(host), sqlc.arg(version), sqlc.arg(broadcast_position), sqlc.arg(connections), sqlc.arg(clock_skew_seconds)::float8,
    sqlc.arg(url), sqlc.arg(unreachable), sqlc.arg(draining))
ON CONFLICT (node_id) DO UPDATE SET heartbeat_at = clock_timestamp(), broadcast_position = excluded.broadcast_position,
    connections = excluded.connections, clock_skew_seconds = excluded.clock_skew_seconds, url = excluded.url, unreachable = excluded.unreachable,
    draining = excluded.draining;

-- name: NodeAddresses :many
-- Every registered node but one: a silent one may be cut off from the database, and still hold its connections.
SELECT n.node_id, n.host, n.url,
    (n.heartbeat_at BETWEEN clock_timestamp() - interval '5 seconds' AND clock_timestamp() + interval '2 seconds')::boolean AS alive
FROM herald.node n WHERE n.node_id <> sqlc.arg(self) ORDER BY n.heartbeat_at DESC, n.node_id LIMIT 1024;

-- name: NodesRegistered :many
-- Every registered node, the silent ones, too: one may be cut off from the database, and still hold its connections.
SELECT n.node_id, n.host, n.version, n.url, n.connections, n.draining, n.started_at,
    extract(epoch FROM clock_timestamp() - n.heartbeat_at)::float8 AS silent_seconds,
    (n.heartbeat_at BETWEEN clock_timestamp() - interval '5 seconds' AND clock_timestamp() + interval '2 seconds')::boolean AS alive
FROM herald.node n ORDER BY n.heartbeat_at DESC, n.node_id LIMIT 1024;

-- name: NodeDrainLock :exec
-- Two nodes that are drained at once must not take each other for the one that stays. An advisory lock would be anybody's to take.
LOCK TABLE herald.node IN SHARE ROW EXCLUSIVE MODE;

-- name: NodeDrain :one
-- Others says whether another node is alive and takes connections. Without one the node is drained only by force.
WITH others AS MATERIALIZED (
    SELECT EXISTS (SELECT FROM herald.node n WHERE n.node_id <> sqlc.arg(self) AND NOT n.draining
        AND n.heartbeat_at BETWEEN clock_timestamp() - interval '5 seconds' AND clock_timestamp() + interval '2 seconds') AS present
), drained AS (
    UPDATE herald.node n SET draining = true WHERE n.node_id = sqlc.arg(self) AND (sqlc.arg(force)::boolean OR (SELECT o.present FROM others o))
)
SELECT o.present::boolean FROM others o;

-- name: NodesReached :many
-- The nodes that are alive, where each is reached, and whom each cannot reach.
SELECT n.node_id, n.host, n.url, n.unreachable, n.draining FROM herald.node n
WHERE n.heartbeat_at BETWEEN clock_timestamp() - interval '5 seconds' AND clock_timestamp() + interval '2 seconds' ORDER BY n.host, n.node_id;

-- name: NodesFromFuture :exec
-- The database's clock was set back. A node that lives writes the new time within a second. What one has written that is gone would
-- count as its sign of life until that time comes, so it counts from now on: a row that does not move is old soon.
UPDATE herald.node n SET heartbeat_at = clock_timestamp()
WHERE n.node_id IN (SELECT f.node_id FROM herald.node f WHERE f.heartbeat_at > clock_timestamp() + interval '2 seconds' FOR UPDATE SKIP LOCKED);

-- name: NodeClocks :many
-- The nodes that are alive, and by how much each one's clock was ahead at its last heartbeat.
SELECT n.node_id, n.host, n.clock_skew_seconds FROM herald.node n
WHERE n.heartbeat_at BETWEEN clock_timestamp() - interval '5 seconds' AND clock_timestamp() + interval '2 seconds' ORDER BY n.host, n.node_id;

-- name: NodeConnections :many
-- The connections of the other nodes that are alive.
SELECT n.connections FROM herald.node n
WHERE n.node_id <> sqlc.arg(self) AND n.heartbeat_at BETWEEN clock_timestamp() - interval '5 seconds' AND clock_timestamp() + interval '2 seconds';

-- name: NodesBeating :many
-- The nodes that are alive by their rows.
SELECT n.node_id, n.heartbeat_at FROM herald.node n
WHERE n.heartbeat_at BETWEEN clock_timestamp() - interval '5 seconds' AND clock_timestamp() + interval '2 seconds';

-- name: NodeDelete :exec
DELETE FROM herald.node WHERE node_id = sqlc.arg(node_id);

-- name: NodesForget :exec
-- Those that a dump has brought along. One that runs is back with its next heartbeat.
DELETE FROM herald.node;

-- name: NodeReap :execrows
DELETE FROM herald.node WHERE heartbeat_at < clock_timestamp() - interval '1 minute';

-- name: JournalAppend :exec
-- What was written before and is sent again, because the answer was lost, is there already.
INSERT INTO herald.broadcast_journal (node_id, number, host, first_position, last_position, broadcast_at, connections)
VALUES (sqlc.arg(node_id), sqlc.arg(number), sqlc.arg(host), sqlc.arg(first_position), sqlc.arg(last_position),
    clock_timestamp() - make_interval(secs => sqlc.arg(age_seconds)::float8), sqlc.narg(connections)::int[])
ON CONFLICT (node_id, number) DO NOTHING;

-- name: JournalFromFuture :exec
-- What was broadcast in a future that the database's clock has been set back from since was broadcast by now.
UPDATE herald.broadcast_journal SET broadcast_at = clock_timestamp() WHERE broadcast_at > clock_timestamp() + interval '1 minute';

-- name: JournalPrune :exec
-- What is older than two days, or than everything that the log still holds, oldest rows first: where the database's clock was set back, a
-- newer row has an older time, and goes with those before it. Each node's newest row stays while the node does.
WITH cutoff AS MATERIALIZED (
    SELECT greatest(clock_timestamp() - interval '48 hours',
        (SELECT CASE WHEN l.relayed_at <= clock_timestamp() THEN l.relayed_at END FROM herald.event_log l ORDER BY l.position LIMIT 1)) AS at
)
DELETE FROM herald.broadcast_journal j
WHERE j.broadcast_at < (SELECT c.at FROM cutoff c)
AND NOT EXISTS (SELECT FROM herald.broadcast_journal k
    WHERE k.node_id = j.node_id AND k.number < j.number AND k.broadcast_at >= (SELECT c.at FROM cutoff c))
AND NOT EXISTS (SELECT FROM herald.node n WHERE n.node_id = j.node_id AND n.broadcast_position = j.last_position);

-- name: DuplicateEventPrune :exec
-- Duplicates of what the log no longer holds.
DELETE FROM herald.duplicate_event d
WHERE d.seen_at < (SELECT CASE WHEN l.relayed_at <= clock_timestamp() THEN l.relayed_at END FROM herald.event_log l ORDER BY l.position LIMIT 1);
