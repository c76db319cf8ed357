-- +goose Up

-- Events that could not be turned into messages, and will not be tried again by themselves. One that has been dropped
-- is listed no more, but event_status goes on telling what became of its event.
CREATE TABLE herald.dead_letter (
    event_id           uuid        PRIMARY KEY,
    outbox_seq         bigint      NOT NULL,
    outbox_written_at  timestamptz NOT NULL,
    reason             text        NOT NULL,
    attempts           integer     NOT NULL,
    died_at            timestamptz NOT NULL DEFAULT clock_timestamp(),
    dropped_at         timestamptz
);
CREATE INDEX dead_letter_died_at_idx ON herald.dead_letter (died_at, event_id) WHERE dropped_at IS NULL;

-- What has become of events that could not be delivered, each step once: died (after how many attempts, and why),
-- retried, mended (what of it was changed) and dropped, and by whom. herald.dead_letter holds how things stand; this
-- is what herald trace tells beside it. No payload is kept here, before or after. Retention forgets a step by
-- noted_at, when it was written down: a death is written down again when the event that died long ago is taken out of
-- the dead letters.
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

-- When each of the periodic jobs was enqueued last, by the database's clock: any node enqueues the next one, and no
-- leader's clock can be wrong. A row that lies in the future, because the database's clock was set back since, delays
-- nothing.
CREATE TABLE herald.periodic_job (
    kind         text        PRIMARY KEY,
    every        interval    NOT NULL,
    enqueued_at  timestamptz NOT NULL DEFAULT 'epoch',
    job_id       bigint
) WITH (fillfactor = 50);
