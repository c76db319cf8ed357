-- +goose Up

-- Whoever an order's events name as its customer could follow it, by any event that was ever committed: a duplicate, one that was set aside, one for
-- the restaurant alone. An order's customer is the one of its first event that was relayed to its group.
--
-- What such events granted before is taken back where the log still knows better: of an order whose first entry it holds all but the customer
-- of that one lose what an event gave them, and where nothing of the order was ever relayed, all do. Of orders whose beginning the retention has
-- dropped nothing is changed. What grant_access gave stays in any case.
-- +goose StatementBegin
DO $$
BEGIN
    DELETE FROM herald.access_grant g
    USING (SELECT DISTINCT a.resource_id FROM herald.access_grant a WHERE a.source = 'event') asked,
        LATERAL (SELECT 'order:' || asked.resource_id::text AS group_name) n,
        LATERAL (SELECT
            (SELECT l.sequence FROM herald.event_log l WHERE l.group_name = n.group_name AND l.sequence > 0 ORDER BY l.sequence LIMIT 1) AS oldest,
            (SELECT o.customer_id FROM herald.event_log l JOIN herald.outbox o ON o.seq = l.outbox_seq AND o.written_at = l.outbox_written_at
                WHERE l.group_name = n.group_name AND l.sequence = 1 LIMIT 1) AS customer,
            EXISTS (SELECT FROM herald.stream_head h WHERE h.group_name = n.group_name) AS retired) k
    WHERE g.resource_id = asked.resource_id AND g.source = 'event' AND g.policy = 'MustBeOrderOwner'
        AND CASE WHEN k.oldest = 1 THEN g.user_id <> k.customer ELSE k.oldest IS NULL AND NOT k.retired END;
END
$$;
-- +goose StatementEnd

-- An order's customer, by the order.
CREATE INDEX access_grant_order_idx ON herald.access_grant (resource_id, id) WHERE source = 'event';

-- Whether user_id may join the group that policy guards: what was granted or revoked last by name decides, and else, of an order, whether it
-- is the order's customer. That is who the first event names that was relayed to the order's group, which the relay notes. Before there is
-- one, it is who will be: the first of the events that are committed, due and not relayed yet, whose id was not seen before and whose payload
-- fits. Such an event is found where the relay looks for it. Of events that would all fail for their ids the first few are looked at.
-- +goose StatementBegin
CREATE OR REPLACE FUNCTION herald.can_subscribe(policy text, resource_id uuid, user_id text) RETURNS boolean
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, herald, pg_temp SET enable_seqscan = off SET enable_bitmapscan = off SET jit = off AS $$
#variable_conflict use_column
DECLARE
    most constant int := 100;
    decided boolean;
    waiting record;
BEGIN
    SELECT g.granted INTO decided FROM herald.access_grant g
        WHERE g.resource_id = can_subscribe.resource_id AND g.user_id = can_subscribe.user_id AND g.policy = can_subscribe.policy AND g.source = 'explicit'
        ORDER BY g.id DESC LIMIT 1;
    IF FOUND THEN
        RETURN decided;
    ELSIF can_subscribe.policy IS DISTINCT FROM 'MustBeOrderOwner' THEN
        RETURN false;
    END IF;
    SELECT bool_or(g.user_id = can_subscribe.user_id) INTO decided FROM herald.access_grant g
        WHERE g.resource_id = can_subscribe.resource_id AND g.source = 'event' AND g.policy = 'MustBeOrderOwner';
    IF decided IS NOT NULL THEN
        RETURN decided;
    END IF;
    FOR waiting IN
        SELECT w.seq, w.event_id, w.customer_id FROM (
            (SELECT o.* FROM herald.outbox o
                WHERE o.seq > (SELECT s.floor FROM herald.relay_state s)
                AND o.resource_id = can_subscribe.resource_id AND o.event_type LIKE 'Order%' AND herald.names_customer(o)
                ORDER BY o.seq LIMIT most)
            UNION ALL
            (SELECT o.* FROM (SELECT unnest(s.stragglers) AS xid, s.floor FROM herald.relay_state s) old,
                LATERAL (SELECT o.* FROM herald.outbox o
                    WHERE (o.xid, o.seq) >= (old.xid, 0) AND (o.xid, o.seq) <= (old.xid, old.floor)
                    AND o.resource_id = can_subscribe.resource_id AND o.event_type LIKE 'Order%' AND herald.names_customer(o)
                    ORDER BY o.xid, o.seq LIMIT most) o)
        ) w ORDER BY w.seq LIMIT most
    LOOP
        CONTINUE WHEN EXISTS (SELECT FROM herald.relayed_event r WHERE r.event_id = waiting.event_id)
            OR EXISTS (SELECT FROM herald.dead_letter d WHERE d.event_id = waiting.event_id)
            OR herald.is_set_aside(waiting.event_id)
            OR (SELECT true FROM herald.outbox o
                WHERE o.seq > (SELECT s.floor FROM herald.relay_state s) AND o.seq < waiting.seq AND o.event_id = waiting.event_id
                ORDER BY o.seq LIMIT 1)
            OR EXISTS (SELECT FROM (SELECT unnest(s.stragglers) AS xid, s.floor FROM herald.relay_state s) old,
                LATERAL (SELECT FROM herald.outbox o
                    WHERE (o.xid, o.seq) >= (old.xid, 0) AND (o.xid, o.seq) <= (old.xid, old.floor)
                    AND o.seq < waiting.seq AND o.event_id = waiting.event_id ORDER BY o.xid, o.seq LIMIT 1) o);
        RETURN waiting.customer_id = can_subscribe.user_id;
    END LOOP;
    RETURN false;
END
$$;
-- +goose StatementEnd

-- Whether a row of the outbox is an order's event that is due and would be relayed to the order's group. What was committed through the
-- outbox's check fits; this is for what came past it, or by a release that had another.
-- +goose StatementBegin
CREATE FUNCTION herald.names_customer(o herald.outbox) RETURNS boolean LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, herald, pg_temp AS $$
DECLARE
    nothing constant uuid := '00000000-0000-0000-0000-000000000000';
    first_year constant timestamptz := '0001-01-01 00:00:00+00';
    last_year constant timestamptz := '10000-01-01 00:00:00+00';
BEGIN
    RETURN coalesce(
        o.event_type IN ('OrderPlaced', 'OrderPaymentSucceeded', 'OrderPaymentFailed', 'OrderStatusChanged')
        AND coalesce(o.audience, 'Both') IN ('Both', 'Customer')
        AND o.customer_id <> '' AND length(o.customer_id) <= 256 AND coalesce(length(o.traceparent), 0) <= 512
        AND o.event_id <> nothing AND o.resource_id <> nothing AND o.restaurant_id <> nothing
        AND coalesce(o.deliver_after, o.written_at) >= first_year AND coalesce(o.deliver_after, first_year) <= clock_timestamp()
        AND o.written_at >= first_year AND o.written_at < last_year AND o.occurred_on_utc >= first_year AND o.occurred_on_utc < last_year
        AND jsonb_typeof(o.payload) = 'object' AND octet_length(o.payload::text) <= 65536
        AND jsonb_typeof(o.payload->'orderNumber') = 'string' AND jsonb_typeof(o.payload->'status') = 'string'
        AND NOT EXISTS (SELECT FROM unnest('{lastUpdateTimestamp,estimatedDeliveryTime,actualDeliveryTime,deliveredAt}'::text[]) f
            WHERE jsonb_typeof(o.payload->f) NOT IN ('string', 'null')
                OR o.payload->>f !~ '^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}([.,][0-9]+)?(Z|[+-][0-9]{2}:[0-9]{2})$'), false);
END
$$;
-- +goose StatementEnd

-- The jobs that stand for an event and have not ended: the one place in SQL that knows River's table, but for what the retention still
-- needs (needed_rows). failures: how often it could not be delivered, if only because its type was not known when it was set aside.
-- +goose StatementBegin
CREATE FUNCTION herald.event_jobs(event_id uuid) RETURNS TABLE (id bigint, outbox_seq bigint, outbox_written_at timestamptz, attempt int,
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
-- +goose StatementEnd

-- As before (00009).
-- +goose StatementBegin
CREATE OR REPLACE FUNCTION herald.is_set_aside(event_id uuid) RETURNS boolean LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, herald, pg_temp AS $$
BEGIN
    RETURN EXISTS (SELECT FROM herald.event_jobs($1));
END
$$;
-- +goose StatementEnd

-- All that is known of an event: event_status as it was before (00009).
-- +goose StatementBegin
CREATE FUNCTION herald.event_story(event_id uuid)
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
-- +goose StatementEnd

-- Where is my event: as event_story, which says what the columns mean, for whoever may read the log or act as its owner. Any other login, such as
-- one that is only a producer, is told the state, and when and why, in one row: no groups, places, nodes or connections. Who asks is who
-- logged in, not the role that was set since, nor the owner of a function in between.
DROP FUNCTION herald.event_status(uuid);
-- +goose StatementBegin
CREATE FUNCTION herald.event_status(event_id uuid)
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
-- +goose StatementEnd

REVOKE ALL ON FUNCTION herald.can_subscribe(text, uuid, text), herald.names_customer(herald.outbox), herald.event_jobs(uuid), herald.is_set_aside(uuid),
    herald.event_story(uuid), herald.event_status(uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION herald.event_status(uuid) TO herald_producer;

-- +goose Down
DROP FUNCTION herald.event_status(uuid), herald.event_story(uuid);
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
REVOKE ALL ON FUNCTION herald.event_status(uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION herald.event_status(uuid) TO herald_producer;
-- +goose StatementBegin
CREATE OR REPLACE FUNCTION herald.is_set_aside(event_id uuid) RETURNS boolean LANGUAGE plpgsql STABLE AS $$
#variable_conflict use_variable
BEGIN
    RETURN EXISTS (SELECT FROM herald.river_job j
        WHERE j.args @> jsonb_build_object('event_id', event_id) AND j.kind IN ('deliver_scheduled', 'retry_event')
        AND j.state NOT IN ('completed', 'cancelled', 'discarded'));
END
$$;
-- +goose StatementEnd
ALTER FUNCTION herald.is_set_aside(uuid) RESET search_path;
DROP FUNCTION herald.event_jobs(uuid);
DROP FUNCTION herald.can_subscribe(text, uuid, text);
-- +goose StatementBegin
CREATE OR REPLACE FUNCTION herald.can_subscribe(policy text, resource_id uuid, user_id text) RETURNS boolean
LANGUAGE sql STABLE AS $$
    SELECT coalesce(
        (SELECT g.granted FROM herald.access_grant g
            WHERE g.resource_id = $2 AND g.user_id = $3 AND g.policy = $1 AND g.source = 'explicit' ORDER BY g.id DESC LIMIT 1),
        (SELECT g.granted FROM herald.access_grant g
            WHERE g.resource_id = $2 AND g.user_id = $3 AND g.policy = $1 AND g.source = 'event' ORDER BY g.id DESC LIMIT 1),
        $1 = 'MustBeOrderOwner' AND (
            (SELECT true FROM herald.outbox o
                WHERE o.seq > (SELECT s.floor FROM herald.relay_state s)
                AND o.resource_id = $2 AND o.customer_id = $3 AND o.event_type LIKE 'Order%' ORDER BY o.seq LIMIT 1) IS NOT NULL
            OR EXISTS (SELECT FROM (SELECT unnest(s.stragglers) AS xid, s.floor FROM herald.relay_state s) old,
                LATERAL (SELECT FROM herald.outbox o
                    WHERE (o.xid, o.seq) >= (old.xid, 0) AND (o.xid, o.seq) <= (old.xid, old.floor)
                    AND o.resource_id = $2 AND o.customer_id = $3 AND o.event_type LIKE 'Order%' ORDER BY o.xid, o.seq LIMIT 1) o)))
$$;
-- +goose StatementEnd
REVOKE ALL ON FUNCTION herald.can_subscribe(text, uuid, text) FROM PUBLIC;
DROP FUNCTION herald.names_customer(herald.outbox);
DROP INDEX herald.access_grant_order_idx;
