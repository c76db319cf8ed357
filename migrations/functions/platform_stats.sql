-- version 1, checksum 448bbd5d
-- The statistics of the platform.

-- Whether a value can be one of the platform's statistics: a count is whole and one that JavaScript keeps exactly,
-- revenue is a number that a 64-bit float holds, as in the events that carry them. A stored value that is neither
-- counts as never set.
CREATE OR REPLACE FUNCTION herald.is_platform_stat(field text, value numeric) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE
    WHEN field = ANY ('{totalUsers,activeUsers,newUsersToday,websitesGenerated,imagesGenerated,failedGenerations}') THEN
        value BETWEEN 0 AND 9007199254740991 AND value = trunc(value)
    ELSE field = ANY ('{totalRevenue,revenueToday}') AND abs(value) <= 1.7976931348623157e308
END;

-- Merges the given fields into the statistics.
CREATE OR REPLACE FUNCTION herald.set_platform_stats(stats jsonb) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, herald, pg_temp AS $$
DECLARE
    known constant pg_catalog.text[] := '{totalUsers,activeUsers,newUsersToday,websitesGenerated,imagesGenerated,failedGenerations,totalRevenue,revenueToday}';
    wrong pg_catalog.text;
    given pg_catalog.text;
BEGIN
    IF stats IS NULL OR pg_catalog.jsonb_typeof(stats) OPERATOR(pg_catalog.<>) 'object' THEN
        RAISE EXCEPTION 'herald.set_platform_stats: stats is %, not a JSON object', coalesce(pg_catalog.jsonb_typeof(stats), 'null')
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    SELECT e.key INTO wrong FROM pg_catalog.jsonb_object_keys(stats) e (key) WHERE e.key OPERATOR(pg_catalog.<>) ALL (known) LIMIT 1;
    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION 'herald.set_platform_stats: unknown field %', pg_catalog.quote_literal(pg_catalog.left(wrong, 64))
            USING ERRCODE = 'invalid_parameter_value', HINT = pg_catalog.concat('The fields are ', pg_catalog.array_to_string(known, ', '),
                '.');
    END IF;
    SELECT e.key INTO wrong FROM pg_catalog.jsonb_each(stats) e WHERE pg_catalog.jsonb_typeof(e.value)
        OPERATOR(pg_catalog.<>) 'number' LIMIT 1;
    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION 'herald.set_platform_stats: % is not a number', wrong USING ERRCODE = 'invalid_parameter_value';
    END IF;
    SELECT e.key, pg_catalog.left(e.value::pg_catalog.text, 32) INTO wrong, given FROM pg_catalog.jsonb_each(stats) e
        WHERE NOT herald.is_platform_stat(e.key, e.value::pg_catalog.numeric) LIMIT 1;
    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION 'herald.set_platform_stats: % is %, which is not %', wrong, given, CASE
                WHEN wrong OPERATOR(pg_catalog.~) 'evenue' THEN 'a number that a 64-bit float holds'
                ELSE 'a whole number from 0 to 9007199254740991' END
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    INSERT INTO herald.platform_stats (field, value) SELECT e.key, CASE WHEN e.key OPERATOR(pg_catalog.~) 'evenue'
        THEN e.value::pg_catalog.numeric ELSE pg_catalog.trim_scale(e.value::pg_catalog.numeric) END
        FROM pg_catalog.jsonb_each(stats) e;
END
$$;
GRANT EXECUTE ON FUNCTION herald.set_platform_stats(jsonb) TO herald_producer;
