-- +goose Up

-- What has become of events that could not be delivered, each step once: died (after how many attempts, and why), retried, mended (what of it was
-- changed) and dropped, and by whom. herald.dead_letter holds how things stand; this is what herald trace tells beside it. No payload
-- is kept here, before or after. The retention forgets a step by noted_at, when it was written down: a death is written down again when the
-- event that died long ago is taken out of the dead letters.
CREATE TABLE herald.dead_letter_history (
    event_id  uuid        NOT NULL,
    at        timestamptz NOT NULL DEFAULT clock_timestamp(),
    what      text        NOT NULL CHECK (what IN ('died', 'retried', 'mended', 'dropped')),
    by_whom   text,
    attempts  integer,
    detail    text,
    noted_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (event_id, at, what)
);
CREATE INDEX dead_letter_history_noted_at_idx ON herald.dead_letter_history (noted_at);

-- +goose Down
DROP TABLE herald.dead_letter_history;
