-- Under the relay's lock: how often events of one type are relayed.

-- name: PaceRead :many
-- Where each of the types stands that has been relayed under a limit.
SELECT p.event_type, p.relayed_at, p.held_event_id, p.held_seq, p.held_written_at, p.job_id, p.due_at, clock_timestamp()::timestamptz AS now
FROM (SELECT unnest(sqlc.arg(types)::text[]) AS event_type) t,
    LATERAL (SELECT p.* FROM herald.pace p WHERE p.event_type = t.event_type ORDER BY p.version DESC LIMIT 1) p;

-- name: PaceRelayed :exec
-- An event of each type is given its place now, and none waits.
INSERT INTO herald.pace (event_type, relayed_at) SELECT unnest(sqlc.arg(types)::text[]), clock_timestamp();

-- name: PaceHeld :exec
INSERT INTO herald.pace (event_type, relayed_at, held_event_id, held_seq, held_written_at, job_id, due_at)
VALUES (sqlc.arg(event_type), sqlc.arg(relayed_at), sqlc.arg(held_event_id), sqlc.arg(held_seq), sqlc.arg(held_written_at), sqlc.arg(job_id), sqlc.arg(due_at));

-- name: PaceDelivered :exec
-- An event that a job has delivered has its place now. The one that waits may have become another meanwhile, and waits on.
INSERT INTO herald.pace (event_type, relayed_at, held_event_id, held_seq, held_written_at, job_id, due_at)
SELECT p.event_type, clock_timestamp(),
    CASE WHEN waits THEN p.held_event_id END, CASE WHEN waits THEN p.held_seq END, CASE WHEN waits THEN p.held_written_at END,
    CASE WHEN waits THEN p.job_id END, CASE WHEN waits THEN p.due_at END
FROM (SELECT p.*, p.held_event_id <> sqlc.arg(event_id)::uuid AS waits FROM herald.pace p
    WHERE p.event_type = sqlc.arg(event_type)::text ORDER BY p.version DESC LIMIT 1) p;

-- name: PacePrune :execrows
-- Of the steps behind, a few are kept to be looked at.
DELETE FROM herald.pace p WHERE p.version < (SELECT n.version FROM herald.pace n WHERE n.event_type = p.event_type ORDER BY n.version DESC LIMIT 1) - 100;

-- name: SupersededInsert :exec
-- Events whose place a later one of their type has taken.
INSERT INTO herald.dead_letter (event_id, outbox_seq, outbox_written_at, reason, attempts, dropped_at)
SELECT unnest(sqlc.arg(event_ids)::uuid[]), unnest(sqlc.arg(outbox_seqs)::bigint[]), unnest(sqlc.arg(written_ats)::timestamptz[]),
    unnest(sqlc.arg(reasons)::text[]), 0, clock_timestamp()
ON CONFLICT (event_id) DO UPDATE SET outbox_seq = excluded.outbox_seq, outbox_written_at = excluded.outbox_written_at, reason = excluded.reason,
    attempts = excluded.attempts, died_at = clock_timestamp(), dropped_at = excluded.dropped_at;
