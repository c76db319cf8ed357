-- version 1, checksum 65f2ab1c
-- What has become of an event.

-- The jobs that stand for an event and have not ended: the one function that knows River's table, but for needed_rows
-- (functions/retention.sql). failures: how often the event could not be delivered, if only because its type was not
-- known when it was set aside.
CREATE OR REPLACE FUNCTION herald.event_jobs(event_id uuid) RETURNS TABLE (id bigint, outbox_seq bigint, outbox_written_at timestamptz, attempt int,
    failures int, reason text, running boolean, scheduled_at timestamptz)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, herald, pg_temp AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
        SELECT j.id, (j.args->>'outbox_seq')::bigint, (j.args->>'outbox_written_at')::timestamptz, j.attempt::int,
            coalesce(cardinality(j.errors), 0) + CASE j.kind WHEN 'retry_event' THEN 1 ELSE 0 END,
            coalesce(j.errors[cardinality(j.errors)]->>'error', j.args->>'reason'), j.state = 'running', j.scheduled_at
        FROM herald.river_job j
        WHERE j.args @> jsonb_build_object('event_id', event_jobs.event_id) AND j.kind IN ('deliver_scheduled', 'retry_event')
            AND j.state NOT IN ('completed', 'cancelled', 'discarded');
END
$$;

-- Whether a job stands for the event, which will deliver it, or bury it.
CREATE OR REPLACE FUNCTION herald.is_set_aside(event_id uuid) RETURNS boolean LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, herald, pg_temp AS $$
BEGIN
    RETURN EXISTS (SELECT FROM herald.event_jobs($1));
END
$$;

-- The host of a node, whether it runs or not; null where neither the nodes nor the journal know it.
CREATE OR REPLACE FUNCTION herald.node_host(node_id uuid) RETURNS text LANGUAGE sql STABLE
SET search_path = pg_catalog, herald, pg_temp AS $$
    SELECT coalesce(
        (SELECT n.host FROM herald.node n WHERE n.node_id = $1),
        (SELECT j.host FROM herald.broadcast_journal j WHERE j.node_id = $1 ORDER BY j.number LIMIT 1))
$$;

-- Where is my event: one row for each group that it has a place in, else one row that says why it has none. Behind
-- the first, a row of status duplicate for each time that its id was published again.
--
-- status: waiting, scheduled, retrying, relayed, duplicate, dead, dropped or unknown. detail: why it is retried, dead
-- or unknown; of which row it is a duplicate. outbox_seq: which row of the outbox it is. attempts: how often River
-- has tried to deliver it. settled_at: when it was found to be a duplicate, died or was dropped. times_published: how
-- many rows of the outbox carry the id, as far as they have been looked at. broadcasts: [{"nodeId", "host",
-- "connections", "broadcastAt"}], for each node that has broadcast the entry. broadcastAt is at most a second or two
-- late; connections is null where it was not recorded.
--
-- Everything is found by index. Rows that wait are looked for where the relay looks for them.
CREATE OR REPLACE FUNCTION herald.event_story(event_id uuid)
RETURNS TABLE (status text, written_at timestamptz, deliver_after timestamptz, relayed_at timestamptz, relayed_by uuid,
    group_name text, "position" bigint, sequence bigint, detail text,
    relayed_host text, outbox_seq bigint, attempts integer, next_attempt_at timestamptz, settled_at timestamptz,
    times_published bigint, broadcasts jsonb)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, herald, pg_temp AS $$
#variable_conflict use_column
DECLARE
    most_duplicates constant int := 1000;
    place herald.relayed_event;
    copies bigint := (SELECT count(*) FROM (SELECT FROM herald.duplicate_event d WHERE d.event_id = event_story.event_id LIMIT most_duplicates) c);
BEGIN
    SELECT r.* INTO place FROM herald.relayed_event r WHERE r.event_id = event_story.event_id;
    IF FOUND THEN
        RETURN QUERY
            SELECT 'relayed', l.outbox_written_at, NULL::timestamptz, place.relayed_at, place.relayed_by, l.group_name, l.position, l.sequence, NULL::text,
                herald.node_host(place.relayed_by), l.outbox_seq, NULL::int, NULL::timestamptz, NULL::timestamptz, 1 + copies,
                -- A row from before the entry was relayed tells of another one: of a database that was replaced by a
                -- replica that lagged.
                (SELECT coalesce(jsonb_agg(jsonb_build_object('nodeId', j.node_id, 'host', j.host, 'broadcastAt', j.broadcast_at,
                        'connections', j.connections[(l.position - j.first_position + 1)::int]) ORDER BY j.broadcast_at, j.node_id), '[]')
                    FROM herald.broadcast_journal j
                    WHERE int8range(j.first_position, j.last_position + 1) @> l.position AND j.broadcast_at >= l.relayed_at)
            FROM herald.event_log l
            WHERE l.position >= place.first_position AND l.position < place.first_position + 2
                AND l.relayed_at = place.relayed_at AND l.event_id = place.event_id
            ORDER BY l.position;
        IF NOT FOUND THEN
            RETURN QUERY SELECT 'relayed', NULL::timestamptz, NULL::timestamptz, place.relayed_at, place.relayed_by, NULL, NULL::bigint, NULL::bigint,
                'its place in the log is older than the retention', herald.node_host(place.relayed_by), NULL::bigint, NULL::int,
                NULL::timestamptz, NULL::timestamptz, 1 + copies, '[]'::jsonb;
        END IF;
        RETURN QUERY
            SELECT 'duplicate', d.outbox_written_at, NULL::timestamptz, place.relayed_at, place.relayed_by, NULL, NULL::bigint, NULL::bigint,
                coalesce((SELECT 'of row ' || l.outbox_seq || ' of the outbox' FROM herald.event_log l
                    WHERE l.position = place.first_position AND l.relayed_at = place.relayed_at), 'of a row that is older than the retention')
                    || ', at position ' || place.first_position,
                NULL, d.outbox_seq, NULL::int, NULL::timestamptz, d.seen_at, 1 + copies, NULL::jsonb
            FROM herald.duplicate_event d WHERE d.event_id = event_story.event_id ORDER BY d.outbox_seq LIMIT most_duplicates;
        RETURN;
    END IF;

    RETURN QUERY
        SELECT CASE WHEN job.failures > 0 THEN 'retrying' WHEN job.deliver_after > clock_timestamp() THEN 'scheduled' ELSE 'waiting' END,
            job.outbox_written_at, job.deliver_after, NULL::timestamptz, NULL::uuid, NULL, NULL::bigint, NULL::bigint, job.reason,
            NULL, job.outbox_seq, CASE WHEN job.failures > 0 THEN job.attempt END,
            CASE WHEN job.failures > 0 AND NOT job.running THEN job.scheduled_at END,
            NULL::timestamptz, copies + count(*) OVER (), NULL::jsonb
        FROM (SELECT j.*, (SELECT o.deliver_after FROM herald.outbox o WHERE o.seq = j.outbox_seq AND o.written_at = j.outbox_written_at) AS deliver_after
            FROM herald.event_jobs(event_story.event_id) j) job
        ORDER BY job.id LIMIT 1;
    IF FOUND THEN RETURN; END IF;

    RETURN QUERY
        SELECT CASE WHEN d.dropped_at IS NULL THEN 'dead' ELSE 'dropped' END, d.outbox_written_at, NULL::timestamptz, NULL::timestamptz,
            NULL::uuid, NULL, NULL::bigint, NULL::bigint, d.reason,
            NULL, d.outbox_seq, d.attempts, NULL::timestamptz, coalesce(d.dropped_at, d.died_at), 1 + copies, NULL::jsonb
        FROM herald.dead_letter d WHERE d.event_id = event_story.event_id;
    IF FOUND THEN RETURN; END IF;

    RETURN QUERY
        SELECT CASE WHEN o.deliver_after > clock_timestamp() THEN 'scheduled' ELSE 'waiting' END, o.written_at, o.deliver_after,
            NULL::timestamptz, NULL::uuid, NULL, NULL::bigint, NULL::bigint,
            CASE WHEN o.xid = pg_current_xact_id_if_assigned() THEN 'the transaction that published it is this one, and is still open' END,
            NULL, o.seq, NULL::int, NULL::timestamptz, NULL::timestamptz, count(*) OVER (), NULL::jsonb
        FROM (
            (SELECT w.* FROM herald.outbox w
                WHERE w.seq > (SELECT greatest(s.floor, s.cursor) FROM herald.relay_state s)
                AND NOT pg_visible_in_snapshot(w.xid, (SELECT s.snapshot FROM herald.relay_state s)))
            UNION ALL
            (SELECT w.* FROM (SELECT unnest(s.stragglers) AS xid, s.floor, s.cursor FROM herald.relay_state s) old,
                LATERAL (SELECT w.* FROM herald.outbox w WHERE w.xid = old.xid AND w.seq > old.cursor AND w.seq <= old.floor) w)
        ) o
        WHERE o.event_id = event_story.event_id ORDER BY o.seq LIMIT 1;
    IF FOUND THEN RETURN; END IF;

    RETURN QUERY SELECT 'unknown', NULL::timestamptz, NULL::timestamptz, NULL::timestamptz, NULL::uuid, NULL, NULL::bigint, NULL::bigint,
        'no event with this id has been committed, or it is older than the retention',
        NULL, NULL::bigint, NULL::int, NULL::timestamptz, NULL::timestamptz, 0::bigint, NULL::jsonb;
END
$$;

-- event_story for a login that may read the log or act as its owner. Any other login, such as one that is only a
-- producer, is told the state, and when and why, in one row: no groups, places, nodes or connections. The login
-- counts, not the role that was set since, nor the owner of a function in between.
CREATE OR REPLACE FUNCTION herald.event_status(event_id uuid)
RETURNS TABLE (status text, written_at timestamptz, deliver_after timestamptz, relayed_at timestamptz, relayed_by uuid,
    group_name text, "position" bigint, sequence bigint, detail text,
    relayed_host text, outbox_seq bigint, attempts integer, next_attempt_at timestamptz, settled_at timestamptz,
    times_published bigint, broadcasts jsonb)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, herald, pg_temp AS $$
#variable_conflict use_column
BEGIN
    IF has_table_privilege(session_user, 'herald.event_log', 'SELECT')
        OR pg_has_role(session_user, (SELECT c.relowner FROM pg_class c WHERE c.oid = 'herald.event_log'::regclass), 'MEMBER')
    THEN
        RETURN QUERY SELECT s.* FROM herald.event_story(event_status.event_id) s;
        RETURN;
    END IF;
    RETURN QUERY
        SELECT s.status, s.written_at, s.deliver_after, s.relayed_at, NULL::uuid, NULL, NULL::bigint, NULL::bigint,
            CASE WHEN s.status NOT IN ('relayed', 'duplicate') THEN s.detail END,
            NULL, NULL::bigint, s.attempts, s.next_attempt_at, s.settled_at, s.times_published, NULL::jsonb
        FROM herald.event_story(event_status.event_id) WITH ORDINALITY s (status, written_at, deliver_after, relayed_at, relayed_by, group_name,
            "position", sequence, detail, relayed_host, outbox_seq, attempts, next_attempt_at, settled_at, times_published, broadcasts, n)
        WHERE s.n = 1;
END
$$;
GRANT EXECUTE ON FUNCTION herald.event_status(uuid) TO herald_producer;
