-- +goose Up

-- A sample of a migration that changes a table which producers write to: the lock first, then what takes a moment. It is
-- applied beside writers by the tests, and by nothing else.
SELECT herald.lock_to_change('herald.outbox', 'herald.event_log');
ALTER TABLE herald.outbox ADD COLUMN sample text;
ALTER TABLE herald.event_log ADD COLUMN sample integer NOT NULL DEFAULT 0;
