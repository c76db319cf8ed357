-- +goose Up

-- What each node has broadcast: a row for each node and flush, about once a second while there is news. connections[i] is to how
-- many connections the entry at position first_position + i - 1 was handed when it came, which leaves out what resumes replayed; the
-- array is null where the counts of a stretch were given up, because the database took too long to take them. Append-only; whole
-- hours go at once.
--
-- number counts a node's rows from 1, without holes. A row without any position (last_position = first_position - 1) begins a
-- stretch: the node started, or was moved, to behind last_position. Any other row continues the one before.
CREATE TABLE herald.broadcast_journal (
    node_id         uuid        NOT NULL,
    first_position  bigint      NOT NULL,
    last_position   bigint      NOT NULL,
    broadcast_at    timestamptz NOT NULL DEFAULT now(),
    connections     int[],
    number          bigint      NOT NULL,
    host            text        NOT NULL,
    PRIMARY KEY (node_id, number),
    CHECK (last_position >= first_position - 1),
    CHECK (connections IS NULL OR cardinality(connections) = last_position - first_position + 1)
);
-- Which rows cover a position. A row's stretch can be of any length, so that neither end alone would bound the search.
CREATE INDEX broadcast_journal_positions_idx ON herald.broadcast_journal USING gist (int8range(first_position, last_position + 1));
CREATE INDEX broadcast_journal_broadcast_at_idx ON herald.broadcast_journal (broadcast_at);

-- The outbox rows whose event id had its place in the log already when the relay got to them. An index on the outbox would answer
-- the same and cost every producer.
CREATE TABLE herald.duplicate_event (
    event_id           uuid        NOT NULL,
    outbox_seq         bigint      NOT NULL,
    outbox_written_at  timestamptz NOT NULL,
    seen_at            timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (event_id, outbox_seq)
);
CREATE INDEX duplicate_event_seen_at_idx ON herald.duplicate_event (seen_at);

-- The host of a node, whether it runs or not; null where nobody remembers it.
-- +goose StatementBegin
CREATE FUNCTION herald.node_host(node_id uuid) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT coalesce(
        (SELECT n.host FROM herald.node n WHERE n.node_id = $1),
        (SELECT j.host FROM herald.broadcast_journal j WHERE j.node_id = $1 ORDER BY j.number LIMIT 1))
$$;
-- +goose StatementEnd

-- Where is my event: one row for each group that it has a place in, else one row that says why it has none. Behind the first, a row
-- of status duplicate for each time that its id was published again.
--
-- status: waiting, scheduled, retrying, relayed, duplicate, dead, dropped or unknown.
-- detail: why it is retried, dead or unknown; of which row it is a duplicate.
-- outbox_seq: which row of the outbox it is. attempts: how often River has tried to deliver it. settled_at: when it was found to be a
-- duplicate, died or was dropped. times_published: how many rows of the outbox carry the id, as far as they have been looked at.
-- broadcasts: [{"nodeId", "host", "connections", "broadcastAt"}], for each node that has broadcast the entry. broadcastAt is at
-- most a second or two late; connections is null where it was not recorded.
--
-- Everything is found by index. Rows that wait are looked for where the relay looks for them.
DROP FUNCTION herald.event_status(uuid);
-- +goose StatementBegin
CREATE FUNCTION herald.event_status(event_id uuid)
RETURNS TABLE (status text, written_at timestamptz, deliver_after timestamptz, relayed_at timestamptz, relayed_by uuid,
    group_name text, "position" bigint, sequence bigint, detail text,
    relayed_host text, outbox_seq bigint, attempts integer, next_attempt_at timestamptz, settled_at timestamptz,
    times_published bigint, broadcasts jsonb)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    most_duplicates constant int := 1000;
    place herald.relayed_event;
    copies bigint := (SELECT count(*) FROM (SELECT FROM herald.duplicate_event d WHERE d.event_id = event_status.event_id LIMIT most_duplicates) c);
BEGIN
    SELECT r.* INTO place FROM herald.relayed_event r WHERE r.event_id = event_status.event_id;
    IF FOUND THEN
        RETURN QUERY
            SELECT 'relayed', l.outbox_written_at, NULL::timestamptz, place.relayed_at, place.relayed_by, l.group_name, l.position, l.sequence, NULL::text,
                herald.node_host(place.relayed_by), l.outbox_seq, NULL::int, NULL::timestamptz, NULL::timestamptz, 1 + copies,
                -- A row from before the entry was relayed tells of another one: of a database that was replaced by a replica that lagged.
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
            FROM herald.duplicate_event d WHERE d.event_id = event_status.event_id ORDER BY d.outbox_seq LIMIT most_duplicates;
        RETURN;
    END IF;

    RETURN QUERY
        SELECT CASE WHEN job.kind = 'retry_event' OR job.failures > 0 THEN 'retrying'
                WHEN job.deliver_after > clock_timestamp() THEN 'scheduled' ELSE 'waiting' END,
            job.written_at, job.deliver_after, NULL::timestamptz, NULL::uuid, NULL, NULL::bigint, NULL::bigint,
            coalesce(job.errors[job.failures]->>'error', job.args->>'reason'),
            NULL, (job.args->>'outbox_seq')::bigint,
            CASE WHEN job.kind = 'retry_event' OR job.failures > 0 THEN job.attempt::int END,
            CASE WHEN (job.kind = 'retry_event' OR job.failures > 0) AND job.state <> 'running' THEN job.scheduled_at END,
            NULL::timestamptz, copies + count(*) OVER (), NULL::jsonb
        FROM (SELECT j.*, coalesce(cardinality(j.errors), 0) AS failures, (j.args->>'outbox_written_at')::timestamptz AS written_at,
                (SELECT o.deliver_after FROM herald.outbox o
                    WHERE o.seq = (j.args->>'outbox_seq')::bigint AND o.written_at = (j.args->>'outbox_written_at')::timestamptz) AS deliver_after
            FROM herald.river_job j
            WHERE j.args @> jsonb_build_object('event_id', event_status.event_id) AND j.kind IN ('deliver_scheduled', 'retry_event')
                AND j.state NOT IN ('completed', 'cancelled', 'discarded')) job
        ORDER BY job.id LIMIT 1;
    IF FOUND THEN RETURN; END IF;

    RETURN QUERY
        SELECT CASE WHEN d.dropped_at IS NULL THEN 'dead' ELSE 'dropped' END, d.outbox_written_at, NULL::timestamptz, NULL::timestamptz,
            NULL::uuid, NULL, NULL::bigint, NULL::bigint, d.reason,
            NULL, d.outbox_seq, d.attempts, NULL::timestamptz, coalesce(d.dropped_at, d.died_at), 1 + copies, NULL::jsonb
        FROM herald.dead_letter d WHERE d.event_id = event_status.event_id;
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
        WHERE o.event_id = event_status.event_id ORDER BY o.seq LIMIT 1;
    IF FOUND THEN RETURN; END IF;

    RETURN QUERY SELECT 'unknown', NULL::timestamptz, NULL::timestamptz, NULL::timestamptz, NULL::uuid, NULL, NULL::bigint, NULL::bigint,
        'no event with this id has been committed, or it is older than the retention',
        NULL, NULL::bigint, NULL::int, NULL::timestamptz, NULL::timestamptz, 0::bigint, NULL::jsonb;
END
$$;
-- +goose StatementEnd

-- How far the self-audit has looked: one row, which is also its mutex. position is of the log. All rows of the outbox that are visible in
-- snapshot have been looked at; what is new is found as the relay finds it, by floor and stragglers. While many are new, target is the
-- snapshot up to which, and cursor the seq behind which the audit goes on. nodes is what it remembers of each node's journal, found how
-- many discrepancies of each kind there have been.
CREATE TABLE herald.audit_state (
    singleton          boolean     PRIMARY KEY DEFAULT true CHECK (singleton),
    epoch              bigint      NOT NULL,
    position           bigint      NOT NULL,
    snapshot           pg_snapshot NOT NULL,
    floor              bigint      NOT NULL,
    stragglers         xid8[]      NOT NULL,
    target             pg_snapshot,
    target_floor       bigint,
    target_stragglers  xid8[],
    ceiling            bigint,
    cursor             bigint      NOT NULL DEFAULT 0,
    nodes              jsonb       NOT NULL DEFAULT '{}',
    found              jsonb       NOT NULL DEFAULT '{}',
    run_at             timestamptz
) WITH (fillfactor = 10);
INSERT INTO herald.audit_state (epoch, position, snapshot, floor, stragglers)
SELECT s.epoch, s.position, s.snapshot, s.floor, s.stragglers FROM herald.relay_state s;

-- What the audit has found, the newest thousand.
CREATE TABLE herald.audit_discrepancy (
    kind      text        NOT NULL,
    subject   text        NOT NULL,
    detail    text        NOT NULL,
    found_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    seen_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (kind, subject)
);

-- Whether a job stands for the event, which will deliver it, or bury it.
-- +goose StatementBegin
CREATE FUNCTION herald.is_set_aside(event_id uuid) RETURNS boolean LANGUAGE plpgsql STABLE AS $$
#variable_conflict use_variable
BEGIN
    RETURN EXISTS (SELECT FROM herald.river_job j
        WHERE j.args @> jsonb_build_object('event_id', event_id) AND j.kind IN ('deliver_scheduled', 'retry_event')
        AND j.state NOT IN ('completed', 'cancelled', 'discarded'));
END
$$;
-- +goose StatementEnd

REVOKE ALL ON FUNCTION herald.event_status(uuid), herald.node_host(uuid), herald.is_set_aside(uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION herald.event_status(uuid) TO herald_producer;

-- +goose Down
DROP FUNCTION herald.event_status(uuid);
DROP FUNCTION herald.node_host(uuid), herald.is_set_aside(uuid);
DROP TABLE herald.audit_discrepancy, herald.audit_state, herald.duplicate_event, herald.broadcast_journal;

-- +goose StatementBegin
CREATE FUNCTION herald.event_status(event_id uuid)
RETURNS TABLE (status text, written_at timestamptz, deliver_after timestamptz, relayed_at timestamptz, relayed_by uuid,
    group_name text, "position" bigint, sequence bigint, detail text)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
        SELECT 'relayed', l.outbox_written_at, NULL::timestamptz, r.relayed_at, r.relayed_by, l.group_name, l.position, l.sequence, NULL::text
        FROM herald.relayed_event r
        JOIN herald.event_log l ON l.position >= r.first_position AND l.position < r.first_position + 2
            AND l.relayed_at = r.relayed_at AND l.event_id = r.event_id
        WHERE r.event_id = event_status.event_id ORDER BY l.position;
    IF FOUND THEN RETURN; END IF;
    RETURN QUERY
        SELECT CASE WHEN d.dropped_at IS NULL THEN 'dead' ELSE 'dropped' END, d.outbox_written_at, NULL::timestamptz, NULL::timestamptz,
            NULL::uuid, NULL, NULL::bigint, NULL::bigint, d.reason
        FROM herald.dead_letter d WHERE d.event_id = event_status.event_id;
    IF FOUND THEN RETURN; END IF;
    RETURN QUERY
        SELECT CASE WHEN o.deliver_after > clock_timestamp() THEN 'scheduled' ELSE 'waiting' END, o.written_at, o.deliver_after,
            NULL::timestamptz, NULL::uuid, NULL, NULL::bigint, NULL::bigint, NULL::text
        FROM herald.outbox o WHERE o.event_id = event_status.event_id ORDER BY o.seq LIMIT 1;
    IF FOUND THEN RETURN; END IF;
    RETURN QUERY SELECT 'unknown', NULL::timestamptz, NULL::timestamptz, NULL::timestamptz, NULL::uuid, NULL, NULL::bigint, NULL::bigint,
        'no event with this id has been committed, or it is older than the retention';
END
$$;
-- +goose StatementEnd

REVOKE ALL ON FUNCTION herald.event_status(uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION herald.event_status(uuid) TO herald_producer;
