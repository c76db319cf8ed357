-- version 1, checksum 6eb30fc2
-- What drops that which is older than the retention.

-- The outbox rows written from first to before next that will still be asked for, although the log's partitions of
-- their own day and of the next one are gone: an entry that came later, or that no partition took; a job that has not
-- ended; a dead letter that is still listed. One statement, so one snapshot: a job that becomes an entry or a dead
-- letter meanwhile is seen as one of the two.
CREATE OR REPLACE FUNCTION herald.needed_rows(first timestamptz, next timestamptz) RETURNS TABLE (seq bigint, written_at timestamptz)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, herald, pg_temp AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
        SELECT l.outbox_seq, l.outbox_written_at FROM herald.event_log l
        WHERE l.relayed_at - l.outbox_written_at > interval '24 hours' AND l.outbox_written_at >= needed_rows.first AND l.outbox_written_at < needed_rows.next
        UNION
        SELECT l.outbox_seq, l.outbox_written_at FROM herald.event_log_default l
        WHERE l.outbox_written_at >= needed_rows.first AND l.outbox_written_at < needed_rows.next
        UNION
        SELECT (j.args->>'outbox_seq')::bigint, (j.args->>'outbox_written_at')::timestamptz FROM herald.river_job j
        WHERE j.kind IN ('deliver_scheduled', 'retry_event') AND j.state IN ('available', 'pending', 'retryable', 'running', 'scheduled')
            AND (j.args->>'outbox_written_at')::timestamptz >= needed_rows.first AND (j.args->>'outbox_written_at')::timestamptz < needed_rows.next
        UNION
        SELECT d.outbox_seq, d.outbox_written_at FROM herald.dead_letter d
        WHERE d.dropped_at IS NULL AND d.outbox_written_at >= needed_rows.first AND d.outbox_written_at < needed_rows.next
            AND NOT EXISTS (SELECT FROM herald.relayed_event r WHERE r.event_id = d.event_id);
END
$$;

-- Drops the log's partition of a day, having kept the newest sequence of each of its groups. Returns why it stays, or
-- null.
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

-- Drops the outbox's partition of a day, having moved the rows that are still needed to the default partition, where
-- they are found by the same seq and written_at. Returns how many, or why the partition stays.
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
    -- Waits for whoever has written to the partition and not committed; nobody writes to it from here on, and
    -- everybody may read.
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
    -- A state of transactions that this database has not had yet is that of another one (a restored dump): it says
    -- nothing of these rows.
    IF (SELECT pg_snapshot_xmax(s.snapshot) > pg_snapshot_xmax(pg_current_snapshot()) FROM herald.relay_state s) THEN
        stays := 'the relay''s state is ahead of the database';
        RETURN;
    END IF;

    -- A row has been relayed if it is visible in state.snapshot. One that is not lies above state.floor or is a
    -- straggler's, so those are all that has to be looked at. (cursor and target do not help: they say what of the
    -- rows behind the snapshot has been relayed already, and a day of which some rows have waited until now can wait
    -- until the backlog has been worked off.)
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

-- Deletes entries relayed before cutoff from the log's default partition, oldest first, at most so many; returns how
-- many.
CREATE OR REPLACE FUNCTION herald.prune_log_default(cutoff timestamptz, most int) RETURNS bigint LANGUAGE sql VOLATILE
SET search_path = pg_catalog, herald, pg_temp AS $$
    WITH gone AS (
        DELETE FROM herald.event_log_default l WHERE l.ctid = ANY (ARRAY(
            SELECT c.ctid FROM herald.event_log_default c
            WHERE c.relayed_at < cutoff AND c.position <= coalesce((SELECT min(n.broadcast_position) FROM herald.node n
                WHERE n.heartbeat_at > clock_timestamp() - interval '1 minute'), c.position)
            ORDER BY c.position LIMIT most))
        RETURNING l.group_name, l.sequence
    ), heads AS (
        INSERT INTO herald.stream_head AS h (group_name, sequence)
        SELECT g.group_name, max(g.sequence) FROM gone g WHERE g.sequence > 0 GROUP BY g.group_name
        ON CONFLICT (group_name) DO UPDATE SET sequence = greatest(h.sequence, excluded.sequence), retired_at = now()
    )
    SELECT count(*) FROM gone
$$;

-- Deletes rows written before cutoff from the outbox's default partition that are needed no more, looking at the next
-- so many behind seq after. Returns how many it deleted, and the last seq that it looked at, null at the end.
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

-- What was relayed before this moment, and before cutoff, has no entry in the log and no row in a day's partition of
-- the outbox any more. An event can be relayed a little before it was written: a relay's transaction begins before
-- its snapshot.
CREATE OR REPLACE FUNCTION herald.forgettable_before(cutoff timestamptz) RETURNS timestamptz LANGUAGE sql STABLE
SET search_path = pg_catalog, herald, pg_temp AS $$
    SELECT least(cutoff,
        (SELECT min(b.first) FROM herald.partition_bounds('event_log') b),
        (SELECT min(l.relayed_at) FROM herald.event_log_default l),
        (SELECT min(b.first) - interval '1 hour' FROM herald.partition_bounds('outbox') b))
$$;

-- The blocks of relayed_event between which there are rows of before that moment. What the index says of a range of
-- blocks only widens as their space is used again, so it comes to show more than there is: at worst the whole table
-- is read, once an hour.
CREATE OR REPLACE FUNCTION herald.forgettable_blocks(before timestamptz, OUT first bigint, OUT last bigint) LANGUAGE sql STABLE
SET search_path = pg_catalog, herald, pg_temp AS $$
    SELECT (min(r.ctid)::text::point)[0]::bigint, (max(r.ctid)::text::point)[0]::bigint FROM herald.relayed_event r WHERE r.relayed_at < before
$$;

-- Forgets the events relayed before that moment in a run of blocks: a transaction that walks the table once, however
-- many have been deleted in front of it. An event whose row is in the outbox's default partition may come to be read
-- again, so it is not forgotten. A dead letter whose event has been relayed is settled, and would seem not to be.
CREATE OR REPLACE FUNCTION herald.forget_relayed(before timestamptz, first_block bigint, blocks int) RETURNS bigint LANGUAGE sql VOLATILE
SET search_path = pg_catalog, herald, pg_temp AS $$
    WITH gone AS (
        DELETE FROM herald.relayed_event r
        WHERE r.ctid >= format('(%s,0)', first_block)::tid AND r.ctid < format('(%s,0)', first_block + blocks)::tid AND r.relayed_at < before
            AND NOT EXISTS (SELECT FROM herald.outbox_default o WHERE o.event_id = r.event_id)
        RETURNING r.event_id
    ), settled AS (
        DELETE FROM herald.dead_letter d USING gone g WHERE d.event_id = g.event_id
    )
    SELECT count(*) FROM gone
$$;
