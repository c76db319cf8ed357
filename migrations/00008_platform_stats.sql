-- +goose Up

-- The platform's statistics as a ledger of fields: insert-only, so that two services that set them never wait for
-- each other. The newest row of each field counts.
CREATE TABLE herald.platform_stats (
    id       bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    field    text        NOT NULL,
    value    numeric     NOT NULL,
    set_at   timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX platform_stats_field_idx ON herald.platform_stats (field, id);

-- What the periodic AnalyticsUpdate last said: the next one is due when the statistics say something else. One row,
-- which is locked to broadcast.
CREATE TABLE herald.platform_stats_broadcast (
    singleton     boolean     PRIMARY KEY DEFAULT true CHECK (singleton),
    stats         jsonb, -- null: nothing yet
    broadcast_at  timestamptz
);
INSERT INTO herald.platform_stats_broadcast DEFAULT VALUES;
