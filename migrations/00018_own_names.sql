-- +goose Up

-- What Herald runs finds nothing but what is pg_catalog's or herald's, whatever the session that calls it says, and its days are UTC's.

-- Nobody who writes waits behind this for longer than a lock is waited for.
-- +goose StatementBegin
DO $$
DECLARE
    attempts constant int := 600;
BEGIN
    SET LOCAL lock_timeout = '200ms';
    FOR attempt IN 1..attempts LOOP
        BEGIN
            LOCK TABLE herald.outbox, herald.event_log IN ACCESS EXCLUSIVE MODE;
            EXIT;
        EXCEPTION WHEN lock_not_available THEN
            IF attempt = attempts THEN
                RAISE EXCEPTION 'herald.outbox and herald.event_log have been in use by transactions that do not end, for % attempts to change them', attempts
                    USING ERRCODE = 'lock_not_available', HINT = 'Look for the oldest in pg_stat_activity, then migrate again.';
            END IF;
            PERFORM pg_sleep(1);
        END;
    END LOOP;
    SET LOCAL lock_timeout = 0;
END
$$;
-- +goose StatementEnd

-- A publication of all tables makes every UPDATE and DELETE of a table fail that does not say which row is meant, and these have no primary key:
-- their rows are inserted, and dropped by the day. FULL costs an insert nothing; the few rows that are updated (a reseed) or deleted (what the
-- default partitions have caught) are written to the write-ahead log whole, where wal_level is logical.
-- +goose StatementBegin
DO $$
DECLARE
    of regclass;
BEGIN
    FOR of IN SELECT c.oid::regclass FROM pg_class c WHERE c.oid IN ('herald.outbox'::regclass, 'herald.event_log'::regclass)
        OR c.oid IN (SELECT i.inhrelid FROM pg_inherits i WHERE i.inhparent IN ('herald.outbox'::regclass, 'herald.event_log'::regclass)) LOOP
        EXECUTE format('ALTER TABLE %s REPLICA IDENTITY FULL', of);
    END LOOP;
END
$$;
-- +goose StatementEnd

-- Who creates or drops partitions holds the lock of this one row. An advisory lock is anybody's to take.
CREATE TABLE herald.partition_lock (singleton boolean PRIMARY KEY DEFAULT true CHECK (singleton));
INSERT INTO herald.partition_lock DEFAULT VALUES;

-- Each day that has a partition, by its name, and the moments from which and before which its rows are. The two are a day of UTC's, but
-- where an earlier release has made it in a session whose DateStyle and TimeZone print a moment so that it is read as another one.
-- +goose StatementBegin
CREATE FUNCTION herald.partition_bounds(parent text) RETURNS TABLE (day date, first timestamptz, next timestamptz) LANGUAGE sql STABLE
SET search_path = pg_catalog, herald, pg_temp SET TimeZone = 'UTC' SET DateStyle = 'ISO, MDY' AS $$
    SELECT to_date(right(c.relname, 8), 'YYYYMMDD'), b.moments[1]::timestamptz, b.moments[2]::timestamptz
    FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
    LEFT JOIN LATERAL regexp_match(pg_get_expr(c.relpartbound, c.oid), '^FOR VALUES FROM \(''([^'']+)''\) TO \(''([^'']+)''\)$') b (moments) ON true
    WHERE i.inhparent = to_regclass(format('herald.%I', $1)) AND c.relname ~ ('^' || $1 || '_p[0-9]{8}$')
    ORDER BY 2
$$;
-- +goose StatementEnd

-- The days whose partitions hold nothing that was written at cutoff or later, oldest first.
-- +goose StatementBegin
CREATE FUNCTION herald.days_before(parent text, cutoff timestamptz) RETURNS SETOF date LANGUAGE sql STABLE
SET search_path = pg_catalog, herald, pg_temp AS $$
    SELECT b.day FROM herald.partition_bounds($1) b WHERE b.next <= $2 ORDER BY b.first
$$;
-- +goose StatementEnd

-- As before (00001), by bounds; and every new day has its replica identity.
-- +goose StatementBegin
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
    -- A producer that writes to this day at the moment is on the way to the default partition, which takes no row of the day once that is attached:
    -- its insert would fail. It waits at the table instead, and finds the day.
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
-- +goose StatementEnd

-- As before (00008).
-- +goose StatementBegin
CREATE OR REPLACE FUNCTION herald.retire_log_day(day date) RETURNS text LANGUAGE plpgsql
SET search_path = pg_catalog, herald, pg_temp AS $$
DECLARE
    child constant text := 'event_log_p' || to_char(day::timestamp, 'YYYYMMDD');
    newest bigint;
    node record;
BEGIN
    IF to_regclass(format('herald.%I', child)) IS NULL THEN
        RETURN 'another node has just dropped it';
    END IF;
    EXECUTE format('LOCK TABLE herald.%I IN SHARE ROW EXCLUSIVE MODE', child);
    EXECUTE format('SELECT max(position) FROM herald.%I', child) INTO newest;
    -- A node that starts begins behind the newest position of all, so none can come to need this day.
    SELECT n.node_id, n.broadcast_position INTO node FROM herald.node n
        WHERE n.heartbeat_at > clock_timestamp() - interval '1 minute' AND n.broadcast_position < newest LIMIT 1;
    IF FOUND THEN
        RETURN format('node %s has broadcast up to position %s, and the day ends at %s', node.node_id, node.broadcast_position, newest);
    END IF;
    EXECUTE format('INSERT INTO herald.stream_head AS h (group_name, sequence)
        SELECT l.group_name, max(l.sequence) FROM herald.%I l WHERE l.sequence > 0 GROUP BY l.group_name
        ON CONFLICT (group_name) DO UPDATE SET sequence = greatest(h.sequence, excluded.sequence), retired_at = now()', child);
    -- Last, because it locks everybody out until this transaction ends.
    EXECUTE format('DROP TABLE herald.%I', child);
    RETURN NULL;
END
$$;
-- +goose StatementEnd

-- As before (00008), by bounds.
-- +goose StatementBegin
CREATE OR REPLACE FUNCTION herald.retire_outbox_day(day date, most_to_move int, OUT moved int, OUT stays text) LANGUAGE plpgsql
SET search_path = pg_catalog, herald, pg_temp AS $$
DECLARE
    child constant text := 'outbox_p' || to_char(day::timestamp, 'YYYYMMDD');
    first_moment timestamptz;
    next_moment timestamptz;
    waits boolean;
    needed bigint[];
BEGIN
    moved := 0;
    IF to_regclass(format('herald.%I', child)) IS NULL THEN
        stays := 'another node has just dropped it';
        RETURN;
    END IF;
    -- Waits for whoever has written to the partition and not committed; nobody writes to it from here on, and everybody may read.
    EXECUTE format('LOCK TABLE herald.%I IN SHARE ROW EXCLUSIVE MODE', child);

    -- What is in it is said by its bounds, not by its name.
    SELECT b.first, b.next INTO first_moment, next_moment FROM herald.partition_bounds('outbox') b WHERE b.day = retire_outbox_day.day;
    IF first_moment IS NULL OR next_moment IS NULL THEN
        stays := 'its bounds are no two moments';
        RETURN;
    END IF;
    IF EXISTS (SELECT FROM herald.partition_bounds('event_log') b WHERE (b.first < next_moment + interval '24 hours') IS NOT FALSE) THEN
        stays := 'the log of that day or of the next one is still there';
        RETURN;
    END IF;
    -- A state of transactions that this database has not had yet is that of another one (a restored dump): it says nothing of these rows.
    IF (SELECT pg_snapshot_xmax(s.snapshot) > pg_snapshot_xmax(pg_current_snapshot()) FROM herald.relay_state s) THEN
        stays := 'the relay''s state is ahead of the database';
        RETURN;
    END IF;

    -- A row has been relayed if it is visible in state.snapshot. One that is not lies above state.floor or is a straggler's, so those
    -- are all that has to be looked at. (cursor and target do not help: they say what of the rows behind the snapshot has been
    -- relayed already, and a day of which some rows have waited until now can wait until the backlog has been worked off.)
    EXECUTE format('SELECT
        EXISTS (SELECT FROM herald.%1$I o WHERE o.seq > (SELECT s.floor FROM herald.relay_state s)
            AND NOT pg_visible_in_snapshot(o.xid, (SELECT s.snapshot FROM herald.relay_state s)))
        OR EXISTS (SELECT FROM herald.%1$I o WHERE o.xid IN (SELECT unnest(s.stragglers) FROM herald.relay_state s))', child) INTO waits;
    IF waits THEN
        stays := 'some of its rows have not been relayed';
        RETURN;
    END IF;

    needed := ARRAY(SELECT n.seq FROM herald.needed_rows(first_moment, next_moment) n LIMIT most_to_move + 1);
    IF cardinality(needed) > most_to_move THEN
        stays := format('more than %s of its rows are still needed', most_to_move);
        RETURN;
    END IF;

    -- From here on everybody is locked out until this transaction ends.
    IF cardinality(needed) > 0 THEN
        -- The default partition takes no row of a day that has its own.
        EXECUTE format('ALTER TABLE herald.outbox DETACH PARTITION herald.%I', child);
        EXECUTE format('INSERT INTO herald.outbox_default OVERRIDING SYSTEM VALUE SELECT o.* FROM herald.%I o WHERE o.seq = ANY ($1)', child)
            USING needed;
        GET DIAGNOSTICS moved = ROW_COUNT;
    END IF;
    EXECUTE format('DROP TABLE herald.%I', child);
END
$$;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE OR REPLACE FUNCTION herald.prune_outbox_default(cutoff timestamptz, after bigint, most int, OUT pruned bigint, OUT last_seq bigint) LANGUAGE plpgsql
SET search_path = pg_catalog, herald, pg_temp AS $$
DECLARE
    -- What is older than this had its entries, unless they were late, in partitions that are gone.
    before constant timestamptz := least(cutoff, (SELECT min(b.first) - interval '24 hours' FROM herald.partition_bounds('event_log') b));
    first timestamptz;
    last timestamptz;
BEGIN
    SELECT max(c.seq), min(c.written_at), max(c.written_at) INTO last_seq, first, last FROM (
        SELECT o.seq, o.written_at FROM herald.outbox_default o WHERE o.seq > after AND o.written_at < before ORDER BY o.seq LIMIT most) c;
    pruned := 0;
    IF last_seq IS NULL OR (SELECT pg_snapshot_xmax(s.snapshot) > pg_snapshot_xmax(pg_current_snapshot()) FROM herald.relay_state s) THEN
        RETURN;
    END IF;
    WITH needed AS MATERIALIZED (SELECT n.seq, n.written_at FROM herald.needed_rows(first, last + interval '1 microsecond') n)
    DELETE FROM herald.outbox_default o
    WHERE o.seq > after AND o.seq <= last_seq AND o.written_at < before
        AND pg_visible_in_snapshot(o.xid, (SELECT s.snapshot FROM herald.relay_state s)) -- it has been relayed
        AND NOT EXISTS (SELECT FROM needed n WHERE n.seq = o.seq AND n.written_at = o.written_at);
    GET DIAGNOSTICS pruned = ROW_COUNT;
END
$$;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE OR REPLACE FUNCTION herald.forgettable_before(cutoff timestamptz) RETURNS timestamptz LANGUAGE sql STABLE
SET search_path = pg_catalog, herald, pg_temp AS $$
    SELECT least(cutoff,
        (SELECT min(b.first) FROM herald.partition_bounds('event_log') b),
        (SELECT min(l.relayed_at) FROM herald.event_log_default l),
        (SELECT min(b.first) - interval '1 hour' FROM herald.partition_bounds('outbox') b))
$$;
-- +goose StatementEnd

-- Each of the relay's transactions calls these, so they name all in full instead: a path of their own costs a call several times what it does.
-- +goose StatementBegin
CREATE OR REPLACE FUNCTION herald.last_seq() RETURNS bigint LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    RETURN (SELECT CASE WHEN o.is_called THEN o.last_value ELSE o.last_value OPERATOR(pg_catalog.-) 1 END FROM herald.outbox_seq_seq o);
END
$$;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE OR REPLACE FUNCTION herald.relay_is_armed() RETURNS boolean LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    RETURN (SELECT a.last_value OPERATOR(pg_catalog.>=) 1 AND a.last_value OPERATOR(pg_catalog.<=) 4 FROM herald.relay_armed a);
END
$$;
-- +goose StatementEnd

ALTER FUNCTION herald.partition_days(text) SET search_path = pg_catalog, herald, pg_temp;
ALTER FUNCTION herald.needed_rows(timestamptz, timestamptz) SET search_path = pg_catalog, herald, pg_temp;
ALTER FUNCTION herald.prune_log_default(timestamptz, int) SET search_path = pg_catalog, herald, pg_temp;
ALTER FUNCTION herald.forgettable_blocks(timestamptz) SET search_path = pg_catalog, herald, pg_temp;
ALTER FUNCTION herald.forget_relayed(timestamptz, bigint, int) SET search_path = pg_catalog, herald, pg_temp;
ALTER FUNCTION herald.node_host(uuid) SET search_path = pg_catalog, herald, pg_temp;
ALTER FUNCTION herald.is_set_aside(uuid) SET search_path = pg_catalog, herald, pg_temp;
ALTER FUNCTION herald.whereabouts() SET search_path = pg_catalog, herald, pg_temp;
ALTER FUNCTION herald.check_grant(text, uuid, text) SET search_path = pg_catalog, herald, pg_temp;
ALTER FUNCTION herald.grant_access(text, uuid, text) SET search_path = pg_catalog, herald, pg_temp;
ALTER FUNCTION herald.revoke_access(text, uuid, text) SET search_path = pg_catalog, herald, pg_temp;

REVOKE ALL ON FUNCTION herald.partition_bounds(text), herald.days_before(text, timestamptz) FROM PUBLIC;

-- +goose Down
ALTER FUNCTION herald.partition_days(text) RESET search_path;
ALTER FUNCTION herald.needed_rows(timestamptz, timestamptz) RESET search_path;
ALTER FUNCTION herald.prune_log_default(timestamptz, int) RESET search_path;
ALTER FUNCTION herald.forgettable_blocks(timestamptz) RESET search_path;
ALTER FUNCTION herald.forget_relayed(timestamptz, bigint, int) RESET search_path;
ALTER FUNCTION herald.node_host(uuid) RESET search_path;
ALTER FUNCTION herald.is_set_aside(uuid) RESET search_path;
ALTER FUNCTION herald.whereabouts() RESET search_path;
ALTER FUNCTION herald.check_grant(text, uuid, text) RESET search_path;
ALTER FUNCTION herald.grant_access(text, uuid, text) SET search_path = pg_catalog, pg_temp;
ALTER FUNCTION herald.revoke_access(text, uuid, text) SET search_path = pg_catalog, pg_temp;

-- +goose StatementBegin
CREATE OR REPLACE FUNCTION herald.last_seq() RETURNS bigint LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    RETURN (SELECT CASE WHEN o.is_called THEN o.last_value ELSE o.last_value - 1 END FROM herald.outbox_seq_seq o);
END
$$;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE OR REPLACE FUNCTION herald.relay_is_armed() RETURNS boolean LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    RETURN (SELECT a.last_value BETWEEN 1 AND 4 FROM herald.relay_armed a);
END
$$;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE OR REPLACE FUNCTION herald.forgettable_before(cutoff timestamptz) RETURNS timestamptz LANGUAGE sql STABLE AS $$
    SELECT least(cutoff,
        (SELECT min(herald.day_begins(d)) FROM herald.partition_days('event_log') d),
        (SELECT min(l.relayed_at) FROM herald.event_log_default l),
        (SELECT min(herald.day_begins(d)) - interval '1 hour' FROM herald.partition_days('outbox') d))
$$;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE OR REPLACE FUNCTION herald.prune_outbox_default(cutoff timestamptz, after bigint, most int, OUT pruned bigint, OUT last_seq bigint) LANGUAGE plpgsql AS $$
DECLARE
    -- What is older than this had its entries, unless they were late, in partitions that are gone.
    before constant timestamptz := least(cutoff, (SELECT min(herald.day_begins(d)) - interval '24 hours' FROM herald.partition_days('event_log') d));
    first timestamptz;
    last timestamptz;
BEGIN
    SELECT max(c.seq), min(c.written_at), max(c.written_at) INTO last_seq, first, last FROM (
        SELECT o.seq, o.written_at FROM herald.outbox_default o WHERE o.seq > after AND o.written_at < before ORDER BY o.seq LIMIT most) c;
    pruned := 0;
    IF last_seq IS NULL OR (SELECT pg_snapshot_xmax(s.snapshot) > pg_snapshot_xmax(pg_current_snapshot()) FROM herald.relay_state s) THEN
        RETURN;
    END IF;
    WITH needed AS MATERIALIZED (SELECT n.seq, n.written_at FROM herald.needed_rows(first, last + interval '1 microsecond') n)
    DELETE FROM herald.outbox_default o
    WHERE o.seq > after AND o.seq <= last_seq AND o.written_at < before
        AND pg_visible_in_snapshot(o.xid, (SELECT s.snapshot FROM herald.relay_state s)) -- it has been relayed
        AND NOT EXISTS (SELECT FROM needed n WHERE n.seq = o.seq AND n.written_at = o.written_at);
    GET DIAGNOSTICS pruned = ROW_COUNT;
END
$$;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE OR REPLACE FUNCTION herald.retire_outbox_day(day date, most_to_move int, OUT moved int, OUT stays text) LANGUAGE plpgsql AS $$
DECLARE
    child constant text := 'outbox_p' || to_char(day, 'YYYYMMDD');
    waits boolean;
    needed bigint[];
BEGIN
    moved := 0;
    -- Waits for whoever has written to the partition and not committed; nobody writes to it from here on, and everybody may read.
    EXECUTE format('LOCK TABLE herald.%I IN SHARE ROW EXCLUSIVE MODE', child);

    IF EXISTS (SELECT FROM herald.partition_days('event_log') d WHERE d <= day + 1) THEN
        stays := 'the log of that day or of the next one is still there';
        RETURN;
    END IF;
    -- A state of transactions that this database has not had yet is that of another one (a restored dump): it says nothing of these rows.
    IF (SELECT pg_snapshot_xmax(s.snapshot) > pg_snapshot_xmax(pg_current_snapshot()) FROM herald.relay_state s) THEN
        stays := 'the relay''s state is ahead of the database';
        RETURN;
    END IF;

    -- A row has been relayed if it is visible in state.snapshot. One that is not lies above state.floor or is a straggler's, so those
    -- are all that has to be looked at. (cursor and target do not help: they say what of the rows behind the snapshot has been
    -- relayed already, and a day of which some rows have waited until now can wait until the backlog has been worked off.)
    EXECUTE format('SELECT
        EXISTS (SELECT FROM herald.%1$I o WHERE o.seq > (SELECT s.floor FROM herald.relay_state s)
            AND NOT pg_visible_in_snapshot(o.xid, (SELECT s.snapshot FROM herald.relay_state s)))
        OR EXISTS (SELECT FROM herald.%1$I o WHERE o.xid IN (SELECT unnest(s.stragglers) FROM herald.relay_state s))', child) INTO waits;
    IF waits THEN
        stays := 'some of its rows have not been relayed';
        RETURN;
    END IF;

    needed := ARRAY(SELECT n.seq FROM herald.needed_rows(herald.day_begins(day), herald.day_begins(day + 1)) n LIMIT most_to_move + 1);
    IF cardinality(needed) > most_to_move THEN
        stays := format('more than %s of its rows are still needed', most_to_move);
        RETURN;
    END IF;

    -- From here on everybody is locked out until this transaction ends.
    IF cardinality(needed) > 0 THEN
        -- The default partition takes no row of a day that has its own.
        EXECUTE format('ALTER TABLE herald.outbox DETACH PARTITION herald.%I', child);
        EXECUTE format('INSERT INTO herald.outbox_default OVERRIDING SYSTEM VALUE SELECT o.* FROM herald.%I o WHERE o.seq = ANY ($1)', child)
            USING needed;
        GET DIAGNOSTICS moved = ROW_COUNT;
    END IF;
    EXECUTE format('DROP TABLE herald.%I', child);
END
$$;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE OR REPLACE FUNCTION herald.retire_log_day(day date) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    child constant text := 'event_log_p' || to_char(day, 'YYYYMMDD');
    newest bigint;
    node record;
BEGIN
    EXECUTE format('LOCK TABLE herald.%I IN SHARE ROW EXCLUSIVE MODE', child);
    EXECUTE format('SELECT max(position) FROM herald.%I', child) INTO newest;
    -- A node that starts begins behind the newest position of all, so none can come to need this day.
    SELECT n.node_id, n.broadcast_position INTO node FROM herald.node n
        WHERE n.heartbeat_at > clock_timestamp() - interval '1 minute' AND n.broadcast_position < newest LIMIT 1;
    IF FOUND THEN
        RETURN format('node %s has broadcast up to position %s, and the day ends at %s', node.node_id, node.broadcast_position, newest);
    END IF;
    EXECUTE format('INSERT INTO herald.stream_head AS h (group_name, sequence)
        SELECT l.group_name, max(l.sequence) FROM herald.%I l WHERE l.sequence > 0 GROUP BY l.group_name
        ON CONFLICT (group_name) DO UPDATE SET sequence = greatest(h.sequence, excluded.sequence), retired_at = now()', child);
    -- Last, because it locks everybody out until this transaction ends.
    EXECUTE format('DROP TABLE herald.%I', child);
    RETURN NULL;
END
$$;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE OR REPLACE FUNCTION herald.ensure_partition(parent text, day date) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    most_to_move constant int := 100000;
    child constant text := parent || '_p' || to_char(day, 'YYYYMMDD');
    catch_all constant text := parent || '_default';
    first_moment constant timestamptz := day::timestamp AT TIME ZONE 'UTC';
    next_moment constant timestamptz := (day + 1)::timestamp AT TIME ZONE 'UTC';
    written text; -- the column that the days are cut from
    caught int;
BEGIN
    IF to_regclass(format('herald.%I', child)) IS NOT NULL THEN
        RETURN false;
    END IF;
    SELECT a.attname INTO STRICT written FROM pg_partitioned_table p JOIN pg_attribute a ON a.attrelid = p.partrelid AND a.attnum = p.partattrs[0]
        WHERE p.partrelid = to_regclass(format('herald.%I', parent));
    EXECUTE format('CREATE TABLE herald.%I (LIKE herald.%I INCLUDING ALL EXCLUDING IDENTITY)', child, parent);
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
-- +goose StatementEnd
DROP FUNCTION herald.days_before(text, timestamptz), herald.partition_bounds(text);
DROP TABLE herald.partition_lock;
-- Nobody who writes waits behind this for longer than a lock is waited for.
-- +goose StatementBegin
DO $$
DECLARE
    attempts constant int := 600;
BEGIN
    SET LOCAL lock_timeout = '200ms';
    FOR attempt IN 1..attempts LOOP
        BEGIN
            LOCK TABLE herald.outbox, herald.event_log IN ACCESS EXCLUSIVE MODE;
            EXIT;
        EXCEPTION WHEN lock_not_available THEN
            IF attempt = attempts THEN
                RAISE EXCEPTION 'herald.outbox and herald.event_log have been in use by transactions that do not end, for % attempts to change them', attempts
                    USING ERRCODE = 'lock_not_available', HINT = 'Look for the oldest in pg_stat_activity, then migrate again.';
            END IF;
            PERFORM pg_sleep(1);
        END;
    END LOOP;
    SET LOCAL lock_timeout = 0;
END
$$;
-- +goose StatementEnd
-- +goose StatementBegin
DO $$
DECLARE
    of regclass;
BEGIN
    FOR of IN SELECT c.oid::regclass FROM pg_class c WHERE c.oid IN ('herald.outbox'::regclass, 'herald.event_log'::regclass)
        OR c.oid IN (SELECT i.inhrelid FROM pg_inherits i WHERE i.inhparent IN ('herald.outbox'::regclass, 'herald.event_log'::regclass)) LOOP
        EXECUTE format('ALTER TABLE %s REPLICA IDENTITY DEFAULT', of);
    END LOOP;
END
$$;
-- +goose StatementEnd
