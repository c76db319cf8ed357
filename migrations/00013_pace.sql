-- +goose Up

-- How often events of one type have been relayed lately, where that is limited (HERALD_ANALYTICS_MIN_INTERVAL): a step is inserted, never
-- updated, and the newest of a type counts. Only the relay's lock lets anybody write.
--
-- relayed_at: when the newest event of the type was given its place. held_*: which one waits to be given one at due_at; it is that of the
-- job job_id. All null: none waits.
CREATE TABLE herald.pace (
    version          bigint      NOT NULL GENERATED ALWAYS AS IDENTITY,
    event_type       text        NOT NULL,
    relayed_at       timestamptz NOT NULL,
    held_event_id    uuid,
    held_seq         bigint,
    held_written_at  timestamptz,
    job_id           bigint,
    due_at           timestamptz,
    PRIMARY KEY (event_type, version),
    CHECK (num_nulls(held_event_id, held_seq, held_written_at, job_id, due_at) IN (0, 5))
);

-- +goose Down
DROP TABLE herald.pace;
