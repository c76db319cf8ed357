-- name: PauseSet :execrows
-- Under the lock: whoever relays has committed. Nothing happens where the relay is in that state already.
INSERT INTO herald.relay_checkpoint (version, epoch, position, snapshot, floor, stragglers, target, target_floor, target_stragglers,
    ceiling, cursor, relayed_at, paused_at, paused_by, epoch_position, epoch_seq)
SELECT s.version + 1, s.epoch, s.position, s.snapshot, s.floor, s.stragglers, s.target, s.target_floor, s.target_stragglers,
    s.ceiling, s.cursor, s.relayed_at, CASE WHEN sqlc.arg(pause)::boolean THEN clock_timestamp() END,
    CASE WHEN sqlc.arg(pause)::boolean THEN sqlc.narg(paused_by)::text END, s.epoch_position, s.epoch_seq
FROM herald.relay_state s WHERE (s.paused_at IS NOT NULL) <> sqlc.arg(pause)::boolean;

-- name: RelayWake :exec
SELECT pg_notify('herald_outbox', '');

-- name: PauseRead :one
SELECT s.paused_at, s.paused_by, s.position, s.relayed_at FROM herald.relay_state s;
