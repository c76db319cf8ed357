-- +goose Up

-- By how much the node's clock was ahead of the database's at its last heartbeat.
ALTER TABLE herald.node ADD COLUMN clock_skew_seconds float8 NOT NULL DEFAULT 0;

-- When each of the periodic jobs was enqueued last, by the database's clock: any node enqueues the next one, and there is no leader
-- whose clock could be wrong. A row that lies in the future, because the database's clock was set back since, keeps nothing waiting.
CREATE TABLE herald.periodic_job (
    kind         text        PRIMARY KEY,
    every        interval    NOT NULL,
    enqueued_at  timestamptz NOT NULL DEFAULT 'epoch',
    job_id       bigint
) WITH (fillfactor = 50);

-- +goose Down
DROP TABLE herald.periodic_job;
ALTER TABLE herald.node DROP COLUMN clock_skew_seconds;
