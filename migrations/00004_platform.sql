-- +goose Up

-- The platform's statistics as a ledger of fields: insert-only, so that two services that set them never wait for each other.
-- The newest row of each field counts.
CREATE TABLE herald.platform_stats (
    id       bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    field    text        NOT NULL,
    value    numeric     NOT NULL,
    set_at   timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX platform_stats_field_idx ON herald.platform_stats (field, id);

-- Merges the given fields into the statistics.
-- +goose StatementBegin
CREATE FUNCTION herald.set_platform_stats(stats jsonb) RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    known constant text[] := '{totalUsers,activeUsers,newUsersToday,websitesGenerated,imagesGenerated,failedGenerations,totalRevenue,revenueToday}';
    wrong text;
BEGIN
    IF stats IS NULL OR pg_catalog.jsonb_typeof(stats) <> 'object' THEN
        RAISE EXCEPTION 'herald.set_platform_stats: stats is %, not a JSON object', coalesce(pg_catalog.jsonb_typeof(stats), 'null')
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    SELECT e.key INTO wrong FROM pg_catalog.jsonb_each(stats) e WHERE NOT e.key = ANY (known) LIMIT 1;
    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION 'herald.set_platform_stats: unknown field %', pg_catalog.quote_literal(wrong)
            USING ERRCODE = 'invalid_parameter_value', HINT = 'The fields are ' || pg_catalog.array_to_string(known, ', ') || '.';
    END IF;
    SELECT e.key INTO wrong FROM pg_catalog.jsonb_each(stats) e WHERE pg_catalog.jsonb_typeof(e.value) <> 'number' LIMIT 1;
    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION 'herald.set_platform_stats: % is not a number', wrong USING ERRCODE = 'invalid_parameter_value';
    END IF;
    INSERT INTO herald.platform_stats (field, value) SELECT e.key, e.value::numeric FROM pg_catalog.jsonb_each(stats) e;
END
$$;
-- +goose StatementEnd

-- The nodes and what each last said of itself. A node whose heartbeat is older than a few seconds is gone.
CREATE TABLE herald.node (
    node_id             uuid        PRIMARY KEY,
    host                text        NOT NULL,
    version             text        NOT NULL,
    started_at          timestamptz NOT NULL DEFAULT clock_timestamp(),
    heartbeat_at        timestamptz NOT NULL DEFAULT clock_timestamp(),
    broadcast_position  bigint      NOT NULL DEFAULT 0,
    connections         jsonb       NOT NULL DEFAULT '{}'
) WITH (fillfactor = 50);

-- +goose Down
DROP TABLE herald.node;
DROP FUNCTION herald.set_platform_stats(jsonb);
DROP TABLE herald.platform_stats;
