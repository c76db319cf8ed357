-- name: NodeKeyRotate :one
SELECT herald.rotate_node_key(make_interval(secs => sqlc.arg(every_seconds)::float8), make_interval(secs => sqlc.arg(lead_seconds)::float8),
    make_interval(secs => sqlc.arg(overlap_seconds)::float8))::boolean AS rotated;

-- name: NodeKeys :many
-- The keys that open, and which of them is used: the newest whose time has come, or else, where the clock was set back, the oldest.
SELECT k.key_id, k.secret, k.key_id = (SELECT u.key_id FROM herald.node_key u
    ORDER BY u.activates_at <= clock_timestamp() DESC,
        CASE WHEN u.activates_at <= clock_timestamp() THEN u.activates_at END DESC, u.activates_at LIMIT 1) AS used
FROM herald.node_key k WHERE k.retires_at IS NULL OR k.retires_at > clock_timestamp();

-- name: NodeKeysDrop :exec
DELETE FROM herald.node_key;
