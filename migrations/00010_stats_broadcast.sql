-- +goose Up

-- What the periodic AnalyticsUpdate last said: the next one is due when the statistics say something else. One row, locked by whoever
-- broadcasts.
CREATE TABLE herald.platform_stats_broadcast (
    singleton     boolean     PRIMARY KEY DEFAULT true CHECK (singleton),
    stats         jsonb, -- null: nothing yet
    broadcast_at  timestamptz
);
INSERT INTO herald.platform_stats_broadcast DEFAULT VALUES;

-- +goose Down
DROP TABLE herald.platform_stats_broadcast;
