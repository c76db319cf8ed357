-- version 1, checksum 15d8c165
-- The days of herald.outbox and herald.event_log.

-- The first moment of a day, in UTC.
CREATE OR REPLACE FUNCTION herald.day_begins(day date) RETURNS timestamptz LANGUAGE sql IMMUTABLE
RETURN day::timestamp AT TIME ZONE 'UTC';

-- The days that have a partition, oldest first.
CREATE OR REPLACE FUNCTION herald.partition_days(parent text) RETURNS SETOF date LANGUAGE sql STABLE
SET search_path = pg_catalog, herald, pg_temp AS $$
    SELECT to_date(right(c.relname, 8), 'YYYYMMDD') FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
    WHERE i.inhparent = to_regclass(format('herald.%I', $1)) AND c.relname ~ ('^' || $1 || '_p[0-9]{8}$')
    ORDER BY 1
$$;

-- Each day that has a partition, by its name, and the moments from which and before which its rows are. The two are a
-- day of UTC, unless an administrator has made the partition in a session whose DateStyle or TimeZone reads a moment
-- otherwise.
CREATE OR REPLACE FUNCTION herald.partition_bounds(parent text) RETURNS TABLE (day date, first timestamptz, next timestamptz) LANGUAGE sql STABLE
SET search_path = pg_catalog, herald, pg_temp SET TimeZone = 'UTC' SET DateStyle = 'ISO, MDY' AS $$
    SELECT to_date(right(c.relname, 8), 'YYYYMMDD'), b.moments[1]::timestamptz, b.moments[2]::timestamptz
    FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
    LEFT JOIN LATERAL regexp_match(pg_get_expr(c.relpartbound, c.oid), '^FOR VALUES FROM \(''([^'']+)''\) TO \(''([^'']+)''\)$') b (moments) ON true
    WHERE i.inhparent = to_regclass(format('herald.%I', $1)) AND c.relname ~ ('^' || $1 || '_p[0-9]{8}$')
    ORDER BY 2
$$;

-- The days whose partitions hold nothing that was written at cutoff or later, oldest first.
CREATE OR REPLACE FUNCTION herald.days_before(parent text, cutoff timestamptz) RETURNS SETOF date LANGUAGE sql STABLE
SET search_path = pg_catalog, herald, pg_temp AS $$
    SELECT b.day FROM herald.partition_bounds($1) b WHERE b.next <= $2 ORDER BY b.first
$$;

-- Creates the partition of one day (UTC) for a table that is partitioned by day, unless it exists; returns whether it
-- did. The partition is built apart and attached: attaching lets writers go on, creating it in place would not. What
-- the default partition has caught of that day moves along, unless that is so much that readers would wait too long
-- for it: then the day stays in the default partition.
CREATE OR REPLACE FUNCTION herald.ensure_partition(parent text, day date) RETURNS boolean LANGUAGE plpgsql
SET search_path = pg_catalog, herald, pg_temp SET TimeZone = 'UTC' SET DateStyle = 'ISO, MDY' AS $$
DECLARE
    most_to_move constant int := 100000;
    child constant text := parent || '_p' || to_char(day::timestamp, 'YYYYMMDD');
    catch_all constant text := parent || '_default';
    first_moment timestamptz := herald.day_begins(day);
    next_moment timestamptz := herald.day_begins(day + 1);
    written text; -- the column that the days are cut from
    caught int;
BEGIN
    IF to_regclass(format('herald.%I', child)) IS NOT NULL THEN
        RETURN false;
    END IF;
    -- A day that an earlier release has shifted takes a part of the next one: that one is what is left of it.
    first_moment := coalesce((SELECT max(b.next) FROM herald.partition_bounds(parent) b WHERE b.first <= first_moment AND b.next > first_moment), first_moment);
    next_moment := coalesce((SELECT min(b.first) FROM herald.partition_bounds(parent) b WHERE b.first >= first_moment AND b.first < next_moment), next_moment);
    IF first_moment >= next_moment THEN
        RETURN false;
    END IF;
    SELECT a.attname INTO STRICT written FROM pg_partitioned_table p JOIN pg_attribute a ON a.attrelid = p.partrelid AND a.attnum = p.partattrs[0]
        WHERE p.partrelid = to_regclass(format('herald.%I', parent));
    EXECUTE format('CREATE TABLE herald.%I (LIKE herald.%I INCLUDING ALL EXCLUDING IDENTITY)', child, parent);
    EXECUTE format('ALTER TABLE herald.%I REPLICA IDENTITY FULL', child); -- LIKE does not copy it
    -- A producer that writes to this day at the moment is on the way to the default partition, which takes no row of
    -- the day once that is attached: its insert would fail. It waits at the table instead, and finds the day.
    IF first_moment <= clock_timestamp() + interval '1 minute' THEN
        EXECUTE format('LOCK TABLE herald.%I IN SHARE ROW EXCLUSIVE MODE', parent);
    END IF;
    -- Attaching would take this lock as well, to look for rows of the day. Nothing comes in between here and there.
    EXECUTE format('LOCK TABLE herald.%I IN ACCESS EXCLUSIVE MODE', catch_all);
    EXECUTE format('SELECT count(*) FROM (SELECT FROM herald.%I c WHERE c.%I >= $1 AND c.%I < $2 LIMIT $3) day', catch_all, written, written)
        INTO caught USING first_moment, next_moment, most_to_move + 1;
    IF caught > most_to_move THEN
        EXECUTE format('DROP TABLE herald.%I', child);
        RETURN false;
    ELSIF caught > 0 THEN
        EXECUTE format('WITH moved AS (DELETE FROM herald.%I c WHERE c.%I >= $1 AND c.%I < $2 RETURNING c.*) INSERT INTO herald.%I SELECT * FROM moved',
            catch_all, written, written, child) USING first_moment, next_moment;
    END IF;
    EXECUTE format('ALTER TABLE herald.%I ATTACH PARTITION herald.%I FOR VALUES FROM (%L) TO (%L)', parent, child, first_moment, next_moment);
    RETURN true;
END
$$;

-- A new database has the days around now, so that the very first event finds its partition.
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM herald.partition_days('outbox')) AND NOT EXISTS (SELECT FROM herald.function_set) THEN
        PERFORM herald.ensure_partition(t, (now() AT TIME ZONE 'UTC')::date + d)
        FROM unnest(ARRAY['outbox', 'event_log']) t, generate_series(0, 3) d;
    END IF;
END
$$;
