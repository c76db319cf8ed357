-- PostgreSQL database dump

SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;

CREATE SCHEMA herald;

CREATE TYPE herald.river_job_state AS ENUM (
    'available',
    'cancelled',
    'completed',
    'discarded',
    'pending',
    'retryable',
    'running',
    'scheduled'
);

CREATE FUNCTION herald.accept_event() RETURNS trigger
    LANGUAGE plpgsql
    AS $_$
BEGIN
    IF (NEW.resource_id IS NOT NULL
        AND least(NEW.event_id, NEW.resource_id, NEW.restaurant_id) OPERATOR(pg_catalog.<>) '00000000-0000-0000-0000-000000000000'::pg_catalog.uuid
        AND NEW.payload OPERATOR(pg_catalog.@@) CASE
            WHEN NEW.event_type OPERATOR(pg_catalog.=) ANY ('{OrderPlaced,OrderPaymentSucceeded,OrderPaymentFailed,OrderStatusChanged}'::pg_catalog.text[]) THEN
                CASE WHEN NEW.restaurant_id IS NOT NULL AND NEW.customer_id OPERATOR(pg_catalog.<>) ''
                    AND NEW.audience OPERATOR(pg_catalog.=) ANY ('{Both,Restaurant,Customer}'::pg_catalog.text[])
                    AND CASE WHEN coalesce(NEW.payload OPERATOR(pg_catalog.->>) 'estimatedDeliveryTime', NEW.payload
                            OPERATOR(pg_catalog.->>) 'actualDeliveryTime', NEW.payload OPERATOR(pg_catalog.->>) 'deliveredAt') IS NULL
                        AND CASE WHEN NEW.payload OPERATOR(pg_catalog.->>) 'lastUpdateTimestamp' IS NULL THEN true
                            ELSE NEW.payload OPERATOR(pg_catalog.->>) 'lastUpdateTimestamp' OPERATOR(pg_catalog.=) herald.utc(NEW.occurred_on_utc) END
                    THEN true
                    ELSE pg_catalog.concat_ws(',', NEW.payload OPERATOR(pg_catalog.->) 'lastUpdateTimestamp', NEW.payload
                        OPERATOR(pg_catalog.->) 'estimatedDeliveryTime', NEW.payload OPERATOR(pg_catalog.->) 'actualDeliveryTime', NEW.payload
                        OPERATOR(pg_catalog.->) 'deliveredAt') OPERATOR(pg_catalog.~) '^(("[12][0-9]{3}-((0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])|(0[13-9]|1[0-2])-(29|30)|(0[13578]|1[02])-31)T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]([.][0-9]+)?(Z|[+-]0[0-9]:[0-5][0-9])"|null),?)*$' END
                THEN 'strict $.orderNumber >= "!" && $.orderNumber < "~" && $.status >= "!" && $.status < "~"
                    && !exists($.**{62} ? (@.type() == "object" || @.type() == "array")) && !exists($.** ? (exists(@.__proto__)))'::pg_catalog.jsonpath END
            WHEN NEW.event_type OPERATOR(pg_catalog.=) ANY ('{CartUpdated,CartLocked,CartReadyToConfirm,CartExpired}'::pg_catalog.text[]) THEN
                'strict $.type() == "object"
                    && !exists($.**{62} ? (@.type() == "object" || @.type() == "array")) && !exists($.** ? (exists(@.__proto__)))'::pg_catalog.jsonpath
            WHEN NEW.event_type OPERATOR(pg_catalog.=) 'CartPaymentEvent' THEN
                'strict $.userId >= "!" && $.userId < "~" && $.status >= "!" && $.status < "~"
                    && !exists($.**{62} ? (@.type() == "object" || @.type() == "array")) && !exists($.** ? (exists(@.__proto__)))'::pg_catalog.jsonpath
            WHEN NEW.event_type OPERATOR(pg_catalog.=) 'CartConverted' THEN
                'strict $.orderId like_regex "^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$" flag "i"
                    && $.orderId != "00000000-0000-0000-0000-000000000000"
                    && !exists($.**{62} ? (@.type() == "object" || @.type() == "array")) && !exists($.** ? (exists(@.__proto__)))'::pg_catalog.jsonpath
        END
        AND greatest(pg_catalog.octet_length(NEW.customer_id), pg_catalog.octet_length(NEW.traceparent), 0) OPERATOR(pg_catalog.<=) 256
        AND pg_catalog.octet_length(NEW.payload::pg_catalog.text) OPERATOR(pg_catalog.<=) 65536
        AND least(NEW.occurred_on_utc, NEW.deliver_after) OPERATOR(pg_catalog.>=) '0001-01-01 00:00:00+00'::pg_catalog.timestamptz
        AND greatest(NEW.occurred_on_utc, NEW.deliver_after) OPERATOR(pg_catalog.<) '10000-01-01 00:00:00+00'::pg_catalog.timestamptz
        AND coalesce(pg_catalog.pg_sequence_last_value('herald.relay_armed'::pg_catalog.regclass), 1::pg_catalog.int8)
            OPERATOR(pg_catalog.<>) ALL ('{1,2,3,4}'::pg_catalog.int8[])) IS NOT TRUE
    THEN
        IF ((NEW.xid OPERATOR(pg_catalog.<>) pg_catalog.pg_current_xact_id()
            OR herald.judge_event(NEW.event_type, NEW.resource_id, NEW.restaurant_id, NEW.customer_id, NEW.audience, NEW.payload,
                NEW.occurred_on_utc, NEW.deliver_after, NEW.traceparent, NEW.event_id))
            AND coalesce(pg_catalog.pg_sequence_last_value('herald.relay_armed'::pg_catalog.regclass), 1::pg_catalog.int8)
                OPERATOR(pg_catalog.=) ANY ('{1,2,3,4}'::pg_catalog.int8[])
            AND CASE WHEN pg_catalog.current_setting('max_prepared_transactions') OPERATOR(pg_catalog.=) '0'
                THEN pg_catalog.lower(coalesce(pg_catalog.current_setting('herald.notify', true), ''))
                    OPERATOR(pg_catalog.<>) ALL ('{off,false,no,0}'::pg_catalog.text[])
                ELSE pg_catalog.lower(pg_catalog.current_setting('herald.notify', true))
                    OPERATOR(pg_catalog.=) ANY ('{on,true,yes,1}'::pg_catalog.text[]) END)
        THEN
            PERFORM pg_catalog.pg_notify('herald_outbox', '');
            IF coalesce(pg_catalog.current_setting('herald.notifies', true), '') OPERATOR(pg_catalog.=) ''
                AND pg_catalog.has_sequence_privilege('herald.relay_armed', 'USAGE') THEN
                PERFORM pg_catalog.set_config('herald.notifies', 'true', true),
                    pg_catalog.nextval('herald.relay_armed'::pg_catalog.regclass);
            END IF;
        END IF;
    END IF;
    RETURN NULL;
END
$_$;

CREATE FUNCTION herald.can_subscribe(policy text, resource_id uuid, user_id text) RETURNS boolean
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'herald', 'pg_temp'
    SET enable_seqscan TO 'off'
    SET enable_bitmapscan TO 'off'
    SET jit TO 'off'
    AS $$
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

CREATE FUNCTION herald.check_grant(policy text, resource_id uuid, user_id text) RETURNS void
    LANGUAGE plpgsql IMMUTABLE
    SET search_path TO 'pg_catalog', 'herald', 'pg_temp'
    AS $$
BEGIN
    IF policy IS NULL OR policy NOT IN ('MustBeOrderOwner', 'MustBeRestaurantOwner', 'MustBeRestaurantStaff', 'MustBeTeamCartMember') THEN
        RAISE EXCEPTION 'herald access: unknown policy %', coalesce(quote_literal(policy), 'null')
            USING ERRCODE = 'invalid_parameter_value',
                HINT = 'Use MustBeOrderOwner, MustBeRestaurantOwner, MustBeRestaurantStaff or MustBeTeamCartMember.';
    ELSIF resource_id IS NULL THEN
        RAISE EXCEPTION 'herald access: resource_id is missing' USING ERRCODE = 'invalid_parameter_value';
    ELSIF coalesce(user_id, '') = '' OR length(user_id) > 256 THEN
        RAISE EXCEPTION 'herald access: user_id must have 1 to 256 characters' USING ERRCODE = 'invalid_parameter_value';
    END IF;
END
$$;

CREATE FUNCTION herald.day_begins(day date) RETURNS timestamp with time zone
    LANGUAGE sql IMMUTABLE
    RETURN ((day)::timestamp without time zone AT TIME ZONE 'UTC'::text);

CREATE FUNCTION herald.days_before(parent text, cutoff timestamp with time zone) RETURNS SETOF date
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'herald', 'pg_temp'
    AS $_$
    SELECT b.day FROM herald.partition_bounds($1) b WHERE b.next <= $2 ORDER BY b.first
$_$;

CREATE FUNCTION herald.ensure_partition(parent text, day date) RETURNS boolean
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'herald', 'pg_temp'
    SET "TimeZone" TO 'UTC'
    SET "DateStyle" TO 'ISO, MDY'
    AS $_$
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
$_$;

CREATE FUNCTION herald.event_jobs(event_id uuid) RETURNS TABLE(id bigint, outbox_seq bigint, outbox_written_at timestamp with time zone, attempt integer, failures integer, reason text, running boolean, scheduled_at timestamp with time zone)
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'herald', 'pg_temp'
    AS $$
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

CREATE FUNCTION herald.event_status(event_id uuid) RETURNS TABLE(status text, written_at timestamp with time zone, deliver_after timestamp with time zone, relayed_at timestamp with time zone, relayed_by uuid, group_name text, "position" bigint, sequence bigint, detail text, relayed_host text, outbox_seq bigint, attempts integer, next_attempt_at timestamp with time zone, settled_at timestamp with time zone, times_published bigint, broadcasts jsonb)
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'herald', 'pg_temp'
    AS $$
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

CREATE FUNCTION herald.event_story(event_id uuid) RETURNS TABLE(status text, written_at timestamp with time zone, deliver_after timestamp with time zone, relayed_at timestamp with time zone, relayed_by uuid, group_name text, "position" bigint, sequence bigint, detail text, relayed_host text, outbox_seq bigint, attempts integer, next_attempt_at timestamp with time zone, settled_at timestamp with time zone, times_published bigint, broadcasts jsonb)
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'herald', 'pg_temp'
    AS $$
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

CREATE FUNCTION herald.forget_relayed(before timestamp with time zone, first_block bigint, blocks integer) RETURNS bigint
    LANGUAGE sql
    SET search_path TO 'pg_catalog', 'herald', 'pg_temp'
    AS $$
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

CREATE FUNCTION herald.forgettable_before(cutoff timestamp with time zone) RETURNS timestamp with time zone
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'herald', 'pg_temp'
    AS $$
    SELECT least(cutoff,
        (SELECT min(b.first) FROM herald.partition_bounds('event_log') b),
        (SELECT min(l.relayed_at) FROM herald.event_log_default l),
        (SELECT min(b.first) - interval '1 hour' FROM herald.partition_bounds('outbox') b))
$$;

CREATE FUNCTION herald.forgettable_blocks(before timestamp with time zone, OUT first bigint, OUT last bigint) RETURNS record
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'herald', 'pg_temp'
    AS $$
    SELECT (min(r.ctid)::text::point)[0]::bigint, (max(r.ctid)::text::point)[0]::bigint FROM herald.relayed_event r WHERE r.relayed_at < before
$$;

CREATE FUNCTION herald.grant_access(policy text, resource_id uuid, user_id text) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'herald', 'pg_temp'
    AS $$
#variable_conflict use_variable
BEGIN
    PERFORM herald.check_grant(policy, resource_id, user_id);
    INSERT INTO herald.access_grant (policy, resource_id, user_id, granted, source)
        VALUES (policy, resource_id, user_id, true, 'explicit');
END
$$;

CREATE FUNCTION herald.is_platform_stat(field text, value numeric) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN (field = ANY ('{totalUsers,activeUsers,newUsersToday,websitesGenerated,imagesGenerated,failedGenerations}'::text[])) THEN (((value >= (0)::numeric) AND (value <= ('9007199254740991'::bigint)::numeric)) AND (value = trunc(value))) ELSE ((field = ANY ('{totalRevenue,revenueToday}'::text[])) AND (abs(value) <= '179769313486231570000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000'::numeric)) END;

CREATE FUNCTION herald.is_set_aside(event_id uuid) RETURNS boolean
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'herald', 'pg_temp'
    AS $_$
BEGIN
    RETURN EXISTS (SELECT FROM herald.event_jobs($1));
END
$_$;

CREATE FUNCTION herald.judge_event(event_type text, resource_id uuid, restaurant_id uuid, customer_id text, audience text, payload jsonb, occurred_on_utc timestamp with time zone, deliver_after timestamp with time zone, traceparent text, event_id uuid) RETURNS boolean
    LANGUAGE plpgsql STABLE
    AS $_$
#variable_conflict use_variable
BEGIN
    IF ((CASE
            WHEN event_type OPERATOR(pg_catalog.=) ANY ('{OrderPlaced,OrderPaymentSucceeded,OrderPaymentFailed,OrderStatusChanged}'::pg_catalog.text[]) THEN
                resource_id IS NOT NULL AND restaurant_id IS NOT NULL
                AND audience OPERATOR(pg_catalog.=) ANY ('{Both,Restaurant,Customer}'::pg_catalog.text[])
                AND (audience OPERATOR(pg_catalog.=) 'Restaurant' OR customer_id OPERATOR(pg_catalog.<>) '')
                AND payload OPERATOR(pg_catalog.@@) 'strict $.orderNumber >= "!" && $.orderNumber < "~" && $.status >= "!" && $.status < "~"'::pg_catalog.jsonpath
                AND pg_catalog.concat_ws(',', payload OPERATOR(pg_catalog.->) 'lastUpdateTimestamp', payload OPERATOR(pg_catalog.->) 'estimatedDeliveryTime',
                    payload OPERATOR(pg_catalog.->) 'actualDeliveryTime', payload OPERATOR(pg_catalog.->) 'deliveredAt')
                    OPERATOR(pg_catalog.~) '^(("[12][0-9]{3}-((0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])|(0[13-9]|1[0-2])-(29|30)|(0[13578]|1[02])-31)T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]([.][0-9]+)?(Z|[+-]0[0-9]:[0-5][0-9])"|null),?)*$'
            WHEN event_type OPERATOR(pg_catalog.=) 'SystemAlert' THEN
                payload OPERATOR(pg_catalog.@@) 'strict ($.type == "info" || $.type == "warning" || $.type == "error" || $.type == "success") && $.message >= "!" && $.message < "~"'::pg_catalog.jsonpath
                AND payload OPERATOR(pg_catalog.->>) 'severity' IS NULL
                AND CASE WHEN coalesce(pg_catalog.jsonb_typeof(payload OPERATOR(pg_catalog.->) 'data'), 'object') OPERATOR(pg_catalog.=) 'object'
                    THEN pg_catalog.octet_length(pg_catalog.concat((payload OPERATOR(pg_catalog.->) 'data') OPERATOR(pg_catalog.->) 'severity',
                        (payload OPERATOR(pg_catalog.->) 'data') OPERATOR(pg_catalog.->) 'metric',
                        (payload OPERATOR(pg_catalog.->) 'data') OPERATOR(pg_catalog.->) 'threshold')) OPERATOR(pg_catalog.<=) 256 END
            WHEN event_type OPERATOR(pg_catalog.=) 'UserActivityUpdate' THEN
                payload OPERATOR(pg_catalog.@@) 'strict $.userId >= "!" && $.userId < "~" && $.action >= "!" && $.action < "~"'::pg_catalog.jsonpath
                AND pg_catalog.octet_length(pg_catalog.concat(payload OPERATOR(pg_catalog.->>) 'userId', payload
                    OPERATOR(pg_catalog.->>) 'action')) OPERATOR(pg_catalog.<=) 256
                AND coalesce(pg_catalog.jsonb_typeof(payload OPERATOR(pg_catalog.->) 'details')
                    OPERATOR(pg_catalog.=) ANY ('{"null",object}'::pg_catalog.text[]), true)
            WHEN event_type OPERATOR(pg_catalog.=) 'AnalyticsUpdate' THEN
                payload OPERATOR(pg_catalog.@@) 'strict $.totalUsers >= 0 && $.activeUsers >= 0 && $.websitesGenerated >= 0 && $.imagesGenerated >= 0 && ($.revenue == 0 || $.revenue.abs() > 1e-300 && $.revenue.abs() < 1e300)'::pg_catalog.jsonpath
                AND pg_catalog.concat_ws(' ', payload OPERATOR(pg_catalog.->>) 'totalUsers', payload OPERATOR(pg_catalog.->>) 'activeUsers',
                    payload OPERATOR(pg_catalog.->>) 'websitesGenerated', payload OPERATOR(pg_catalog.->>) 'imagesGenerated')
                    OPERATOR(pg_catalog.~) '^[0-9]{1,15} [0-9]{1,15} [0-9]{1,15} [0-9]{1,15}$'
            WHEN event_type OPERATOR(pg_catalog.=) 'UserCountUpdate' THEN
                payload OPERATOR(pg_catalog.@@) 'strict $.totalUsers >= 0 && $.activeUsers >= 0 && $.newUsersToday >= 0'::pg_catalog.jsonpath
                AND pg_catalog.concat_ws(' ', payload OPERATOR(pg_catalog.->>) 'totalUsers', payload OPERATOR(pg_catalog.->>) 'activeUsers',
                    payload OPERATOR(pg_catalog.->>) 'newUsersToday') OPERATOR(pg_catalog.~) '^[0-9]{1,15} [0-9]{1,15} [0-9]{1,15}$'
            WHEN event_type OPERATOR(pg_catalog.=) 'GenerationMetricsUpdate' THEN
                payload OPERATOR(pg_catalog.@@) 'strict $.websitesGenerated >= 0 && $.imagesGenerated >= 0 && $.failedGenerations >= 0 && ($.averageGenerationTime == 0 || $.averageGenerationTime > 1e-300 && $.averageGenerationTime < 1e300)'::pg_catalog.jsonpath
                AND pg_catalog.concat_ws(' ', payload OPERATOR(pg_catalog.->>) 'websitesGenerated', payload
                    OPERATOR(pg_catalog.->>) 'imagesGenerated', payload OPERATOR(pg_catalog.->>) 'failedGenerations')
                    OPERATOR(pg_catalog.~) '^[0-9]{1,15} [0-9]{1,15} [0-9]{1,15}$'
            WHEN event_type OPERATOR(pg_catalog.=) 'RevenueUpdate' THEN
                payload OPERATOR(pg_catalog.@@) 'strict ($.dailyRevenue == 0 || $.dailyRevenue.abs() > 1e-300 && $.dailyRevenue.abs() < 1e300) && ($.totalRevenue30d == 0 || $.totalRevenue30d.abs() > 1e-300 && $.totalRevenue30d.abs() < 1e300)'::pg_catalog.jsonpath
            WHEN event_type OPERATOR(pg_catalog.=) 'AdminNotification' THEN CASE
                WHEN payload OPERATOR(pg_catalog.@@) 'strict $.type == "role-assignment"'::pg_catalog.jsonpath THEN
                    payload OPERATOR(pg_catalog.@@) 'strict ($.action == "assigned" || $.action == "revoked") && $.userId >= "!" && $.userId < "~" && $.roleName >= "!" && $.roleName < "~"'::pg_catalog.jsonpath
                    AND pg_catalog.octet_length(pg_catalog.concat(payload OPERATOR(pg_catalog.->>) 'userId', payload
                        OPERATOR(pg_catalog.->>) 'roleName')) OPERATOR(pg_catalog.<=) 256
                ELSE payload OPERATOR(pg_catalog.@@) 'strict $.type == "system-event" && $.eventType >= "!" && $.eventType < "~" && $.description >= "!" && $.description < "~"'::pg_catalog.jsonpath
                    AND pg_catalog.octet_length(payload OPERATOR(pg_catalog.->>) 'eventType') OPERATOR(pg_catalog.<=) 256
                    AND coalesce(pg_catalog.jsonb_typeof(payload OPERATOR(pg_catalog.->) 'data')
                        OPERATOR(pg_catalog.=) ANY ('{"null",object}'::pg_catalog.text[]), true)
                END
            WHEN event_type OPERATOR(pg_catalog.=) 'CartPaymentEvent' THEN resource_id IS NOT NULL
                AND payload OPERATOR(pg_catalog.@@) 'strict $.userId >= "!" && $.userId < "~" && $.status >= "!" && $.status < "~"'::pg_catalog.jsonpath
            WHEN event_type OPERATOR(pg_catalog.=) ANY ('{CartUpdated,CartLocked,CartReadyToConfirm,CartExpired}'::pg_catalog.text[]) THEN
                resource_id IS NOT NULL AND pg_catalog.jsonb_typeof(payload) OPERATOR(pg_catalog.=) 'object'
        END)
        AND event_id OPERATOR(pg_catalog.<>) '00000000-0000-0000-0000-000000000000'::pg_catalog.uuid
        AND coalesce(resource_id OPERATOR(pg_catalog.<>) '00000000-0000-0000-0000-000000000000'::pg_catalog.uuid, true)
        AND coalesce(restaurant_id OPERATOR(pg_catalog.<>) '00000000-0000-0000-0000-000000000000'::pg_catalog.uuid, true)
        AND pg_catalog.octet_length(payload::pg_catalog.text) OPERATOR(pg_catalog.<=) 65536
        AND pg_catalog.strpos(payload::pg_catalog.text, '__proto__') OPERATOR(pg_catalog.=) 0
        AND NOT payload OPERATOR(pg_catalog.@?) 'strict $.**{62} ? (@.type() == "object" || @.type() == "array")'::pg_catalog.jsonpath
        AND least(occurred_on_utc, deliver_after) OPERATOR(pg_catalog.>=) '0001-01-01 00:00:00+00'::pg_catalog.timestamptz
        AND greatest(occurred_on_utc, deliver_after) OPERATOR(pg_catalog.<) '10000-01-01 00:00:00+00'::pg_catalog.timestamptz
        AND coalesce(pg_catalog.length(traceparent), 0) OPERATOR(pg_catalog.<=) 512
        AND coalesce(pg_catalog.length(customer_id), 0) OPERATOR(pg_catalog.<=) 256) IS NOT TRUE
    THEN
        PERFORM herald.refuse_event(event_type, resource_id, restaurant_id, customer_id, audience, payload, occurred_on_utc, deliver_after,
            traceparent, event_id);
    END IF;
    RETURN true;
END
$_$;

CREATE FUNCTION herald.last_seq() RETURNS bigint
    LANGUAGE plpgsql
    AS $$
BEGIN
    RETURN (SELECT CASE WHEN o.is_called THEN o.last_value ELSE o.last_value OPERATOR(pg_catalog.-) 1 END FROM herald.outbox_seq_seq o);
END
$$;

CREATE FUNCTION herald.lock_to_change(VARIADIC tables regclass[]) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'herald', 'pg_temp'
    AS $$
DECLARE
    attempts constant int := 600;
    names constant text := (SELECT string_agg(t::text, ', ') FROM unnest(tables) t);
    patience constant text := current_setting('lock_timeout');
BEGIN
    PERFORM set_config('lock_timeout', '200ms', true);
    FOR attempt IN 1..attempts LOOP
        BEGIN
            EXECUTE format('LOCK TABLE %s IN ACCESS EXCLUSIVE MODE', names);
            EXIT;
        EXCEPTION WHEN lock_not_available THEN
            IF attempt = attempts THEN
                RAISE EXCEPTION '% have been in use by transactions that do not end, for % attempts to change them', names, attempts
                    USING ERRCODE = 'lock_not_available', HINT = 'Look for the oldest in pg_stat_activity, then migrate again.';
            END IF;
            PERFORM pg_sleep(1);
        END;
    END LOOP;
    PERFORM set_config('lock_timeout', patience, true);
END
$$;

CREATE FUNCTION herald.uuidv7() RETURNS uuid
    LANGUAGE sql PARALLEL SAFE
    RETURN (encode(set_bit(set_bit(OVERLAY(uuid_send(gen_random_uuid()) PLACING SUBSTRING(int8send(((EXTRACT(epoch FROM clock_timestamp()) * (1000)::numeric))::bigint) FROM 3) FROM 1 FOR 6), (52)::bigint, 1), (53)::bigint, 1), 'hex'::text))::uuid;

SET default_tablespace = '';

CREATE TABLE herald.outbox (
    xid xid8 DEFAULT pg_current_xact_id() NOT NULL,
    seq bigint NOT NULL,
    written_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    event_id uuid DEFAULT herald.uuidv7() NOT NULL,
    event_type text NOT NULL,
    resource_id uuid,
    restaurant_id uuid,
    customer_id text,
    audience text DEFAULT 'Both'::text,
    payload jsonb DEFAULT '{}'::jsonb NOT NULL,
    occurred_on_utc timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    deliver_after timestamp with time zone,
    traceparent text
)
PARTITION BY RANGE (written_at);

ALTER TABLE ONLY herald.outbox REPLICA IDENTITY FULL;

CREATE FUNCTION herald.names_customer(o herald.outbox) RETURNS boolean
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'herald', 'pg_temp'
    AS $_$
DECLARE
    nothing constant uuid := '00000000-0000-0000-0000-000000000000';
    first_year constant timestamptz := '0001-01-01 00:00:00+00';
    last_year constant timestamptz := '10000-01-01 00:00:00+00';
BEGIN
    RETURN coalesce(
        o.event_type = ANY ('{OrderPlaced,OrderPaymentSucceeded,OrderPaymentFailed,OrderStatusChanged}'::text[])
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
$_$;

CREATE FUNCTION herald.needed_rows(first timestamp with time zone, next timestamp with time zone) RETURNS TABLE(seq bigint, written_at timestamp with time zone)
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'herald', 'pg_temp'
    AS $$
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

CREATE FUNCTION herald.node_host(node_id uuid) RETURNS text
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'herald', 'pg_temp'
    AS $_$
    SELECT coalesce(
        (SELECT n.host FROM herald.node n WHERE n.node_id = $1),
        (SELECT j.host FROM herald.broadcast_journal j WHERE j.node_id = $1 ORDER BY j.number LIMIT 1))
$_$;

CREATE FUNCTION herald.other_type(event_type text, family text) RETURNS text
    LANGUAGE plpgsql STABLE
    AS $$
DECLARE
    own constant pg_catalog.text[] := CASE WHEN family OPERATOR(pg_catalog.=) 'order' THEN '{OrderPlaced,OrderPaymentSucceeded,OrderPaymentFailed,OrderStatusChanged}'
        WHEN family OPERATOR(pg_catalog.=) 'teamcart' THEN '{CartUpdated,CartLocked,CartPaymentEvent,CartReadyToConfirm,CartConverted,CartExpired}'
        ELSE '{UserActivityUpdate,AnalyticsUpdate,UserCountUpdate,GenerationMetricsUpdate,RevenueUpdate,SystemAlert,AdminNotification}'
        END::pg_catalog.text[];
BEGIN
    IF event_type OPERATOR(pg_catalog.<>) ALL (own) AND event_type OPERATOR(pg_catalog.=) ANY ('{OrderPlaced,OrderPaymentSucceeded,OrderPaymentFailed,OrderStatusChanged,CartUpdated,CartLocked,CartPaymentEvent,CartReadyToConfirm,CartConverted,CartExpired,UserActivityUpdate,AnalyticsUpdate,UserCountUpdate,GenerationMetricsUpdate,RevenueUpdate,SystemAlert,AdminNotification,AccessRevoked}'::pg_catalog.text[]) THEN
        RAISE EXCEPTION 'herald.publish_%_event: % is not %', family, pg_catalog.quote_literal(event_type), CASE
                WHEN family OPERATOR(pg_catalog.=) 'order' THEN 'an order event' WHEN family OPERATOR(pg_catalog.=) 'teamcart' THEN 'a team cart event'
                ELSE 'an admin event' END
            USING ERRCODE = 'check_violation', CONSTRAINT = 'outbox_event_valid', HINT = pg_catalog.concat('Use one of ',
                pg_catalog.array_to_string(own, ', '), '; each family of events has a publish function of its own.');
    END IF;
    RETURN coalesce(event_type, '');
END
$$;

CREATE FUNCTION herald.partition_bounds(parent text) RETURNS TABLE(day date, first timestamp with time zone, next timestamp with time zone)
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'herald', 'pg_temp'
    SET "TimeZone" TO 'UTC'
    SET "DateStyle" TO 'ISO, MDY'
    AS $_$
    SELECT to_date(right(c.relname, 8), 'YYYYMMDD'), b.moments[1]::timestamptz, b.moments[2]::timestamptz
    FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
    LEFT JOIN LATERAL regexp_match(pg_get_expr(c.relpartbound, c.oid), '^FOR VALUES FROM \(''([^'']+)''\) TO \(''([^'']+)''\)$') b (moments) ON true
    WHERE i.inhparent = to_regclass(format('herald.%I', $1)) AND c.relname ~ ('^' || $1 || '_p[0-9]{8}$')
    ORDER BY 2
$_$;

CREATE FUNCTION herald.partition_days(parent text) RETURNS SETOF date
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'herald', 'pg_temp'
    AS $_$
    SELECT to_date(right(c.relname, 8), 'YYYYMMDD') FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
    WHERE i.inhparent = to_regclass(format('herald.%I', $1)) AND c.relname ~ ('^' || $1 || '_p[0-9]{8}$')
    ORDER BY 1
$_$;

CREATE FUNCTION herald.payload_fields() RETURNS TABLE(n integer, of text, inside text, name text, kind text, words text[], optional boolean)
    LANGUAGE sql IMMUTABLE
    BEGIN ATOMIC
 SELECT f.n,
     f.of,
     f.inside,
     f.name,
     f.kind,
     f.words,
     f.optional
    FROM ( VALUES (1,'order'::text,NULL::text,'orderNumber'::text,'text'::text,NULL::text[],false), (2,'order'::text,NULL::text,'status'::text,'text'::text,NULL::text[],false), (3,'order'::text,NULL::text,'lastUpdateTimestamp'::text,'time'::text,NULL::text[],true), (4,'order'::text,NULL::text,'estimatedDeliveryTime'::text,'time'::text,NULL::text[],true), (5,'order'::text,NULL::text,'actualDeliveryTime'::text,'time'::text,NULL::text[],true), (6,'order'::text,NULL::text,'deliveredAt'::text,'time'::text,NULL::text[],true), (7,'CartPaymentEvent'::text,NULL::text,'userId'::text,'text'::text,NULL::text[],false), (8,'CartPaymentEvent'::text,NULL::text,'status'::text,'text'::text,NULL::text[],false), (9,'CartConverted'::text,NULL::text,'orderId'::text,'uuid'::text,NULL::text[],false), (10,'UserActivityUpdate'::text,NULL::text,'userId'::text,'word'::text,NULL::text[],false), (11,'UserActivityUpdate'::text,NULL::text,'action'::text,'word'::text,NULL::text[],false), (12,'UserActivityUpdate'::text,NULL::text,'details'::text,'object'::text,NULL::text[],true), (13,'AnalyticsUpdate'::text,NULL::text,'totalUsers'::text,'count'::text,NULL::text[],false), (14,'AnalyticsUpdate'::text,NULL::text,'activeUsers'::text,'count'::text,NULL::text[],false), (15,'AnalyticsUpdate'::text,NULL::text,'websitesGenerated'::text,'count'::text,NULL::text[],false), (16,'AnalyticsUpdate'::text,NULL::text,'imagesGenerated'::text,'count'::text,NULL::text[],false), (17,'AnalyticsUpdate'::text,NULL::text,'revenue'::text,'number'::text,NULL::text[],false), (18,'UserCountUpdate'::text,NULL::text,'totalUsers'::text,'count'::text,NULL::text[],false), (19,'UserCountUpdate'::text,NULL::text,'activeUsers'::text,'count'::text,NULL::text[],false), (20,'UserCountUpdate'::text,NULL::text,'newUsersToday'::text,'count'::text,NULL::text[],false), (21,'GenerationMetricsUpdate'::text,NULL::text,'websitesGenerated'::text,'count'::text,NULL::text[],false), (22,'GenerationMetricsUpdate'::text,NULL::text,'imagesGenerated'::text,'count'::text,NULL::text[],false), (23,'GenerationMetricsUpdate'::text,NULL::text,'failedGenerations'::text,'count'::text,NULL::text[],false), (24,'GenerationMetricsUpdate'::text,NULL::text,'averageGenerationTime'::text,'amount'::text,NULL::text[],false), (25,'RevenueUpdate'::text,NULL::text,'dailyRevenue'::text,'number'::text,NULL::text[],false), (26,'RevenueUpdate'::text,NULL::text,'totalRevenue30d'::text,'number'::text,NULL::text[],false), (27,'SystemAlert'::text,NULL::text,'type'::text,'one'::text,'{info,warning,error,success}'::text[],false), (28,'SystemAlert'::text,NULL::text,'message'::text,'text'::text,NULL::text[],false), (29,'SystemAlert'::text,NULL::text,'severity'::text,'word'::text,NULL::text[],true), (30,'SystemAlert'::text,NULL::text,'data'::text,'object'::text,NULL::text[],true), (31,'SystemAlert'::text,'data'::text,'severity'::text,'short'::text,NULL::text[],true), (32,'SystemAlert'::text,'data'::text,'metric'::text,'short'::text,NULL::text[],true), (33,'SystemAlert'::text,'data'::text,'threshold'::text,'short'::text,NULL::text[],true), (34,'AdminNotification'::text,NULL::text,'type'::text,'one'::text,'{role-assignment,system-event}'::text[],false), (35,'role-assignment'::text,NULL::text,'userId'::text,'word'::text,NULL::text[],false), (36,'role-assignment'::text,NULL::text,'roleName'::text,'word'::text,NULL::text[],false), (37,'role-assignment'::text,NULL::text,'action'::text,'one'::text,'{assigned,revoked}'::text[],false), (38,'system-event'::text,NULL::text,'eventType'::text,'word'::text,NULL::text[],false), (39,'system-event'::text,NULL::text,'description'::text,'text'::text,NULL::text[],false), (40,'system-event'::text,NULL::text,'data'::text,'object'::text,NULL::text[],true)) f(n, of, inside, name, kind, words, optional);
END;

CREATE FUNCTION herald.payload_problems(event_type text, payload jsonb, family text) RETURNS TABLE(problem text, advice text)
    LANGUAGE sql STABLE
    BEGIN ATOMIC
 SELECT
         CASE
             WHEN (v.argument IS NOT NULL) THEN
             CASE
                 WHEN (v.form = 'null'::text) THEN format('%s is missing: an event of type %s needs it'::text, v.argument, payload_problems.event_type)
                 WHEN (v.kind = 'uuid'::text) THEN format('%s is missing: the all-zero UUID is an id that was not set'::text, v.argument)
                 WHEN (v.kind = 'time'::text) THEN format('%s %s is not a time between the years 1 and 9999'::text, v.argument, "left"(v.value, 64))
                 ELSE format('%s is empty'::text, v.argument)
             END
             WHEN (v.form = 'null'::text) THEN format('payload has no %s: an event of type %s needs it'::text, v.path, payload_problems.event_type)
             WHEN ((v.kind = ANY (ARRAY['count'::text, 'amount'::text, 'number'::text])) AND (v.form = 'number'::text)) THEN format('payload has %s %s, which is not %s'::text, v.path, "left"(v.value, 64), v.wanted)
             WHEN ((v.form = 'string'::text) AND (v.kind <> 'short'::text) AND (btrim(v.value, ' 	
'::text) = ''::text)) THEN format('payload has an empty %s'::text, v.path)
             WHEN ((v.form = 'string'::text) AND (v.kind = ANY (ARRAY['word'::text, 'short'::text]))) THEN format('payload has %s of %s characters; at most 256 are allowed'::text, v.path, length(v.value))
             WHEN ((v.form = 'string'::text) AND (v.kind = ANY (ARRAY['time'::text, 'uuid'::text, 'one'::text]))) THEN format('payload has %s %s, which is not %s'::text, v.path, quote_literal("left"(v.value, 64)), v.wanted)
             ELSE format('payload has %s of type %s, not %s'::text, v.path, v.form,
             CASE
                 WHEN (v.kind = ANY (ARRAY['text'::text, 'word'::text])) THEN 'a string'::text
                 ELSE v.wanted
             END)
         END AS format,
     COALESCE(
         CASE
             WHEN ((v.argument IS NULL) AND (v.form = 'null'::text)) THEN ( SELECT format('payload has %s; names are camelCase and matched exactly.'::text, to_json(k.k)) AS format
                FROM jsonb_object_keys(payload_problems.payload) k(k)
               WHERE ((k.k <> v.name) AND (lower((k.k COLLATE "C")) = lower((v.name COLLATE "C"))))
              LIMIT 1)
             ELSE NULL::text
         END,
         CASE
             WHEN ((v.argument IS NOT NULL) AND (v.kind = 'time'::text)) THEN 'Pass null for a time that is not known.'::text
             ELSE NULL::text
         END, format('Set %s to %s.'::text, COALESCE(v.argument, v.path), v.wanted)) AS "coalesce"
    FROM ( SELECT f.n,
             f.of,
             f.inside,
             f.name,
             f.kind,
             f.words,
             f.optional,
                 CASE
                     WHEN (f.inside IS NULL) THEN f.name
                     ELSE concat(f.inside, '.', f.name)
                 END AS path,
                 CASE
                     WHEN (payload_problems.family = ANY (ARRAY['order'::text, 'teamcart'::text])) THEN lower((regexp_replace((f.name COLLATE "C"), '([A-Z])'::text, '_\1'::text, 'g'::text) COLLATE "C"))
                     ELSE NULL::text
                 END AS argument,
             (
                 CASE
                     WHEN (f.inside IS NULL) THEN payload_problems.payload
                     ELSE (payload_problems.payload -> f.inside)
                 END ->> f.name) AS value,
             COALESCE(jsonb_typeof((
                 CASE
                     WHEN (f.inside IS NULL) THEN payload_problems.payload
                     ELSE (payload_problems.payload -> f.inside)
                 END -> f.name)), 'null'::text) AS form,
                 CASE f.kind
                     WHEN 'one'::text THEN concat('one of ', array_to_string(f.words, ', '::text))
                     WHEN 'time'::text THEN 'a time in RFC 3339 with an offset, such as 2025-01-20T10:05:00Z'::text
                     WHEN 'uuid'::text THEN 'a UUID, and not the all-zero one'::text
                     WHEN 'count'::text THEN 'a whole number from 0 to 9007199254740991'::text
                     WHEN 'amount'::text THEN 'a number from 0 that a 64-bit float holds'::text
                     WHEN 'number'::text THEN 'a number that a 64-bit float holds'::text
                     WHEN 'object'::text THEN 'an object'::text
                     WHEN 'text'::text THEN 'a string that is not empty'::text
                     WHEN 'word'::text THEN 'a string that is not empty, of at most 256 characters'::text
                     ELSE 'a string of at most 256 characters'::text
                 END AS wanted
            FROM herald.payload_fields() f(n, of, inside, name, kind, words, optional)
           WHERE (f.of = ANY (ARRAY[payload_problems.event_type,
                 CASE
                     WHEN (payload_problems.event_type = ANY ('{OrderPlaced,OrderPaymentSucceeded,OrderPaymentFailed,OrderStatusChanged}'::text[])) THEN 'order'::text
                     WHEN ((payload_problems.event_type = 'AdminNotification'::text) AND ((payload_problems.payload ->> 'type'::text) = ANY (ARRAY['role-assignment'::text, 'system-event'::text]))) THEN (payload_problems.payload ->> 'type'::text)
                     ELSE NULL::text
                 END]))) v
   WHERE (
         CASE
             WHEN (v.form = 'null'::text) THEN v.optional
             WHEN (v.kind = 'short'::text) THEN ((v.form <> 'string'::text) OR (length(v.value) <= 256))
             WHEN (v.kind = 'object'::text) THEN (v.form = 'object'::text)
             WHEN (v.kind = ANY (ARRAY['count'::text, 'amount'::text, 'number'::text])) THEN
             CASE
                 WHEN (v.form <> 'number'::text) THEN false
                 WHEN (v.kind = 'count'::text) THEN
                 CASE
                     WHEN (v.value ~ '^[0-9]{1,16}$'::text) THEN ((v.value)::bigint <= '9007199254740991'::bigint)
                     ELSE NULL::boolean
                 END
                 ELSE ((((v.value)::numeric = (0)::numeric) OR ((abs((v.value)::numeric) >= 0.0000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000024703282292062328) AND (abs((v.value)::numeric) <= '179769313486231580700000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000'::numeric))) AND ((v.kind = 'number'::text) OR ((v.value)::numeric >= (0)::numeric)))
             END
             ELSE ((v.form = 'string'::text) AND
             CASE v.kind
                 WHEN 'one'::text THEN (v.value = ANY (v.words))
                 WHEN 'uuid'::text THEN ((v.value ~* '^((urn:uuid:)?([0-9a-f]{4}-?){7}[0-9a-f]{4}|[{]([0-9a-f]{4}-?){7}[0-9a-f]{4}[}])$'::text) AND (v.value !~* '^(urn:uuid:|[{])?[0-]+[}]?$'::text))
                 WHEN 'time'::text THEN ((v.value ~ '^(?!0000)([0-9]{4}-((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])|(0[469]|11)-(0[1-9]|[12][0-9]|30)|02-(0[1-9]|1[0-9]|2[0-8]))|([0-9]{2}(0[48]|[2468][048]|[13579][26])|([02468][048]|[13579][26])00)-02-29)T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]([.][0-9]+)?(Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9])$'::text) AND ((v.value !~ '^(0001-01-01|9999-12-31)'::text) OR (v.value ~ '(Z|[+-]00:00)$'::text)))
                 ELSE ((btrim(v.value, ' 	
'::text) <> ''::text) AND ((v.kind = 'text'::text) OR (length(v.value) <= 256)))
             END)
         END IS NOT TRUE)
   ORDER BY v.n;
END;

CREATE FUNCTION herald.prune_log_default(cutoff timestamp with time zone, most integer) RETURNS bigint
    LANGUAGE sql
    SET search_path TO 'pg_catalog', 'herald', 'pg_temp'
    AS $$
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

CREATE FUNCTION herald.prune_outbox_default(cutoff timestamp with time zone, after bigint, most integer, OUT pruned bigint, OUT last_seq bigint) RETURNS record
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'herald', 'pg_temp'
    AS $$
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

CREATE FUNCTION herald.publish_admin_event(event_type text DEFAULT NULL::text, payload jsonb DEFAULT NULL::jsonb, occurred_on_utc timestamp with time zone DEFAULT NULL::timestamp with time zone, event_id uuid DEFAULT NULL::uuid, deliver_after timestamp with time zone DEFAULT NULL::timestamp with time zone, traceparent text DEFAULT NULL::text) RETURNS uuid
    LANGUAGE plpgsql
    AS $$
#variable_conflict use_variable
DECLARE
    id pg_catalog.uuid := coalesce(event_id, herald.uuidv7());
BEGIN
    IF (event_type OPERATOR(pg_catalog.=) ANY ('{UserActivityUpdate,AnalyticsUpdate,UserCountUpdate,GenerationMetricsUpdate,RevenueUpdate,SystemAlert,AdminNotification}'::pg_catalog.text[])
        AND payload IS NOT NULL) IS NOT TRUE
    THEN
        event_type := herald.other_type(event_type, 'admin');
        IF payload IS NULL THEN
            RAISE EXCEPTION 'herald.outbox: %payload is missing', CASE WHEN event_type OPERATOR(pg_catalog.=) '' THEN 'event_type is missing; ' ELSE '' END
                USING ERRCODE = 'check_violation', CONSTRAINT = 'outbox_event_valid',
                    HINT = 'Pass the event''s own fields as an object with camelCase keys.';
        END IF;
    END IF;
    INSERT INTO herald.outbox (event_id, event_type, payload, occurred_on_utc, deliver_after, traceparent)
    VALUES (id, event_type, payload, coalesce(occurred_on_utc, pg_catalog.clock_timestamp()), deliver_after, traceparent);
    RETURN id;
END
$$;

CREATE FUNCTION herald.publish_order_event(event_type text DEFAULT NULL::text, order_id uuid DEFAULT NULL::uuid, order_number text DEFAULT NULL::text, status text DEFAULT NULL::text, restaurant_id uuid DEFAULT NULL::uuid, customer_id text DEFAULT NULL::text, audience text DEFAULT 'Both'::text, estimated_delivery_time timestamp with time zone DEFAULT NULL::timestamp with time zone, actual_delivery_time timestamp with time zone DEFAULT NULL::timestamp with time zone, delivered_at timestamp with time zone DEFAULT NULL::timestamp with time zone, last_update_timestamp timestamp with time zone DEFAULT NULL::timestamp with time zone, occurred_on_utc timestamp with time zone DEFAULT NULL::timestamp with time zone, event_id uuid DEFAULT NULL::uuid, deliver_after timestamp with time zone DEFAULT NULL::timestamp with time zone, extra jsonb DEFAULT NULL::jsonb, traceparent text DEFAULT NULL::text) RETURNS uuid
    LANGUAGE plpgsql
    AS $$
#variable_conflict use_variable
BEGIN
    event_id := coalesce(event_id, herald.uuidv7());
    occurred_on_utc := coalesce(occurred_on_utc, pg_catalog.clock_timestamp());
    -- Nearly no call has one of these, and each expression in a statement costs each call.
    IF event_type OPERATOR(pg_catalog.=) ANY ('{OrderPlaced,OrderPaymentSucceeded,OrderPaymentFailed,OrderStatusChanged}'::pg_catalog.text[])
        AND coalesce(estimated_delivery_time, actual_delivery_time, delivered_at, last_update_timestamp) IS NULL AND extra IS NULL
    THEN
        INSERT INTO herald.outbox (event_id, event_type, resource_id, restaurant_id, customer_id, audience, payload,
            occurred_on_utc, deliver_after, traceparent)
        VALUES (event_id, event_type, order_id, restaurant_id, customer_id, coalesce(audience, 'Both'), pg_catalog.jsonb_object(ARRAY[
            'orderNumber', order_number,
            'status', status,
            'lastUpdateTimestamp', herald.utc(occurred_on_utc),
            'estimatedDeliveryTime', NULL,
            'actualDeliveryTime', NULL,
            'deliveredAt', NULL]), occurred_on_utc, deliver_after, traceparent);
        RETURN event_id;
    ELSIF event_type OPERATOR(pg_catalog.=) ANY ('{OrderPlaced,OrderPaymentSucceeded,OrderPaymentFailed,OrderStatusChanged}'::pg_catalog.text[])
        AND extra IS NULL
        -- Others have no RFC 3339 form. least and greatest pass over nulls, and compare by the type's own order,
        -- whatever operators there are.
        AND least(estimated_delivery_time, actual_delivery_time, delivered_at, last_update_timestamp)
            OPERATOR(pg_catalog.>=) '0001-01-01 00:00:00+00'::pg_catalog.timestamptz
        AND greatest(estimated_delivery_time, actual_delivery_time, delivered_at, last_update_timestamp)
            OPERATOR(pg_catalog.<) '10000-01-01 00:00:00+00'::pg_catalog.timestamptz
    THEN
        INSERT INTO herald.outbox (event_id, event_type, resource_id, restaurant_id, customer_id, audience, payload,
            occurred_on_utc, deliver_after, traceparent)
        VALUES (event_id, event_type, order_id, restaurant_id, customer_id, coalesce(audience, 'Both'), pg_catalog.jsonb_object(ARRAY[
            'orderNumber', order_number,
            'status', status,
            'lastUpdateTimestamp', herald.utc(coalesce(last_update_timestamp, occurred_on_utc)),
            'estimatedDeliveryTime', herald.utc(estimated_delivery_time),
            'actualDeliveryTime', herald.utc(actual_delivery_time),
            'deliveredAt', herald.utc(delivered_at)]), occurred_on_utc, deliver_after, traceparent);
        RETURN event_id;
    END IF;
    INSERT INTO herald.outbox (event_id, event_type, resource_id, restaurant_id, customer_id, audience, payload,
        occurred_on_utc, deliver_after, traceparent)
    VALUES (event_id, CASE WHEN event_type OPERATOR(pg_catalog.=) ANY ('{OrderPlaced,OrderPaymentSucceeded,OrderPaymentFailed,OrderStatusChanged}'::pg_catalog.text[])
        THEN event_type ELSE herald.other_type(event_type, 'order') END, order_id, restaurant_id, customer_id, coalesce(audience, 'Both'),
        CASE WHEN pg_catalog.jsonb_typeof(extra) OPERATOR(pg_catalog.<>) 'null' THEN extra ELSE '{}'::pg_catalog.jsonb END
        OPERATOR(pg_catalog.||) pg_catalog.jsonb_object(ARRAY[
            'orderNumber', order_number,
            'status', status,
            'lastUpdateTimestamp', coalesce(herald.utc_or_text(last_update_timestamp), herald.utc(occurred_on_utc)),
            'estimatedDeliveryTime', herald.utc_or_text(estimated_delivery_time),
            'actualDeliveryTime', herald.utc_or_text(actual_delivery_time),
            'deliveredAt', herald.utc_or_text(delivered_at)]), occurred_on_utc, deliver_after, traceparent);
    RETURN event_id;
END
$$;

CREATE FUNCTION herald.publish_teamcart_event(event_type text DEFAULT NULL::text, team_cart_id uuid DEFAULT NULL::uuid, user_id text DEFAULT NULL::text, status text DEFAULT NULL::text, order_id uuid DEFAULT NULL::uuid, occurred_on_utc timestamp with time zone DEFAULT NULL::timestamp with time zone, event_id uuid DEFAULT NULL::uuid, deliver_after timestamp with time zone DEFAULT NULL::timestamp with time zone, extra jsonb DEFAULT NULL::jsonb, traceparent text DEFAULT NULL::text) RETURNS uuid
    LANGUAGE plpgsql
    AS $$
#variable_conflict use_variable
DECLARE
    id pg_catalog.uuid := coalesce(event_id, herald.uuidv7());
BEGIN
    IF event_type OPERATOR(pg_catalog.=) ANY ('{CartUpdated,CartLocked,CartPaymentEvent,CartReadyToConfirm,CartConverted,CartExpired}'::pg_catalog.text[])
        AND extra IS NULL
    THEN
        INSERT INTO herald.outbox (event_id, event_type, resource_id, payload, occurred_on_utc, deliver_after, traceparent)
        VALUES (id, event_type, team_cart_id,
            pg_catalog.jsonb_strip_nulls(pg_catalog.jsonb_build_object('userId', user_id, 'status', status, 'orderId', order_id)),
            coalesce(occurred_on_utc, pg_catalog.clock_timestamp()), deliver_after, traceparent);
        RETURN id;
    END IF;
    INSERT INTO herald.outbox (event_id, event_type, resource_id, payload, occurred_on_utc, deliver_after, traceparent)
    VALUES (id, CASE WHEN event_type OPERATOR(pg_catalog.=) ANY ('{CartUpdated,CartLocked,CartPaymentEvent,CartReadyToConfirm,CartConverted,CartExpired}'::pg_catalog.text[])
        THEN event_type ELSE herald.other_type(event_type, 'teamcart') END, team_cart_id,
        CASE WHEN pg_catalog.jsonb_typeof(extra) OPERATOR(pg_catalog.=) 'object'
            THEN extra OPERATOR(pg_catalog.-) '{userId,status,orderId}'::pg_catalog.text[]
            WHEN pg_catalog.jsonb_typeof(extra) OPERATOR(pg_catalog.<>) 'null' THEN extra
            ELSE '{}'::pg_catalog.jsonb END
        OPERATOR(pg_catalog.||) pg_catalog.jsonb_strip_nulls(pg_catalog.jsonb_build_object('userId', user_id, 'status', status, 'orderId', order_id)),
        coalesce(occurred_on_utc, pg_catalog.clock_timestamp()), deliver_after, traceparent);
    RETURN id;
END
$$;

CREATE FUNCTION herald.refuse_event(event_type text, resource_id uuid, restaurant_id uuid, customer_id text, audience text, payload jsonb, occurred_on_utc timestamp with time zone, deliver_after timestamp with time zone, traceparent text, event_id uuid) RETURNS void
    LANGUAGE plpgsql STABLE
    AS $_$
#variable_conflict use_variable
DECLARE
    zero constant pg_catalog.uuid := '00000000-0000-0000-0000-000000000000'::pg_catalog.uuid;
    first_time constant pg_catalog.timestamptz := '0001-01-01 00:00:00+00'::pg_catalog.timestamptz;
    end_of_time constant pg_catalog.timestamptz := '10000-01-01 00:00:00+00'::pg_catalog.timestamptz;
    order_types constant pg_catalog.text[] := '{OrderPlaced,OrderPaymentSucceeded,OrderPaymentFailed,OrderStatusChanged}'::pg_catalog.text[];
    cart_types constant pg_catalog.text[] := '{CartUpdated,CartLocked,CartPaymentEvent,CartReadyToConfirm,CartConverted,CartExpired}'::pg_catalog.text[];
    admin_types constant pg_catalog.text[] := '{UserActivityUpdate,AnalyticsUpdate,UserCountUpdate,GenerationMetricsUpdate,RevenueUpdate,SystemAlert,AdminNotification}'::pg_catalog.text[];
    -- AccessRevoked is Herald's own: herald.revoke_access writes it in the name of the outbox's owner, and no other
    -- login may.
    own_types constant pg_catalog.text[] := CASE WHEN event_type OPERATOR(pg_catalog.=) 'AccessRevoked'
        AND pg_catalog.pg_has_role(current_user,
            (SELECT c.relowner FROM pg_catalog.pg_class c WHERE c.oid OPERATOR(pg_catalog.=) 'herald.outbox'::pg_catalog.regclass), 'USAGE')
        THEN '{AccessRevoked}'::pg_catalog.text[] ELSE '{}'::pg_catalog.text[] END;
    unset constant pg_catalog.text := 'the all-zero UUID is an id that was not set';
    family pg_catalog.text; -- whose publish function was called: order, teamcart, admin, or none
    id_name pg_catalog.text := 'resource_id';
    judged pg_catalog.text := event_type; -- the type whose rules the fields are held to
    problems pg_catalog.text[] := '{}'::pg_catalog.text[];
    advices pg_catalog.text[] := '{}'::pg_catalog.text[];
    more_problems pg_catalog.text[];
    more_advices pg_catalog.text[];
BEGIN
    GET DIAGNOSTICS family = PG_CONTEXT;
    family := pg_catalog.substring(pg_catalog.left(family, 16384), 'accept_event[(].*?publish_(order|teamcart|admin)_event[(]');
    id_name := CASE WHEN family OPERATOR(pg_catalog.=) 'order' THEN 'order_id' WHEN family OPERATOR(pg_catalog.=) 'teamcart' THEN 'team_cart_id'
        ELSE id_name END;

    IF event_id OPERATOR(pg_catalog.=) zero THEN
        problems := pg_catalog.array_append(problems, pg_catalog.format('event_id is missing: %s', unset));
        advices := pg_catalog.array_append(advices, 'Leave event_id out for a new one, or set it.'::pg_catalog.text);
    END IF;
    IF event_type OPERATOR(pg_catalog.=) '' AND family IS NOT NULL THEN -- that is how the functions pass on a null
        judged := CASE WHEN family OPERATOR(pg_catalog.=) 'order' THEN 'OrderPlaced' WHEN family OPERATOR(pg_catalog.=) 'teamcart' THEN 'CartUpdated' END;
        problems := pg_catalog.array_append(problems, 'event_type is missing'::pg_catalog.text);
        advices := pg_catalog.array_append(advices, pg_catalog.concat('Use one of ', pg_catalog.array_to_string(CASE
            WHEN family OPERATOR(pg_catalog.=) 'order' THEN order_types WHEN family OPERATOR(pg_catalog.=) 'teamcart' THEN cart_types
            ELSE admin_types END, ', '), '.'));
    ELSIF (event_type OPERATOR(pg_catalog.=) ANY (order_types) OR event_type OPERATOR(pg_catalog.=) ANY (cart_types)
        OR event_type OPERATOR(pg_catalog.=) ANY (admin_types) OR event_type OPERATOR(pg_catalog.=) ANY (own_types)) IS NOT TRUE
    THEN
        problems := pg_catalog.array_append(problems,
            pg_catalog.format('unknown event_type %s', coalesce(pg_catalog.quote_literal(pg_catalog.left(event_type, 64)), 'null')));
        advices := pg_catalog.array_append(advices, pg_catalog.concat('Use one of ', pg_catalog.array_to_string(order_types, ', '), ', ',
            pg_catalog.array_to_string(cart_types, ', '), ', ', pg_catalog.array_to_string(admin_types, ', '),
            '. Types of your own will be declared in Herald''s catalogue of events and published by herald.publish_event, which this release does not have yet.'));
    END IF;

    IF (judged OPERATOR(pg_catalog.=) ANY (order_types) OR judged OPERATOR(pg_catalog.=) ANY (cart_types))
        AND coalesce(resource_id, zero) OPERATOR(pg_catalog.=) zero THEN
        problems := pg_catalog.array_append(problems, pg_catalog.format('%s is missing: an event of type %s needs the id of its %s', id_name,
            judged, CASE WHEN judged OPERATOR(pg_catalog.=) ANY (order_types) THEN 'order' ELSE 'team cart' END));
        advices := pg_catalog.array_append(advices, CASE WHEN resource_id IS NULL THEN pg_catalog.format('Set %s.', id_name)
            ELSE pg_catalog.format('Set %s; %s.', id_name, unset) END);
    ELSIF resource_id OPERATOR(pg_catalog.=) zero THEN
        problems := pg_catalog.array_append(problems, pg_catalog.format('resource_id is missing: %s', unset));
        advices := pg_catalog.array_append(advices, 'Leave it null, or set it.'::pg_catalog.text);
    END IF;
    IF judged OPERATOR(pg_catalog.=) ANY (order_types) AND coalesce(restaurant_id, zero) OPERATOR(pg_catalog.=) zero THEN
        problems := pg_catalog.array_append(problems,
            pg_catalog.format('restaurant_id is missing: an event of type %s needs the id of the order''s restaurant', judged));
        advices := pg_catalog.array_append(advices, CASE WHEN restaurant_id IS NULL THEN 'Set restaurant_id.'
            ELSE pg_catalog.format('Set restaurant_id; %s.', unset) END);
    ELSIF restaurant_id OPERATOR(pg_catalog.=) zero THEN
        problems := pg_catalog.array_append(problems, pg_catalog.format('restaurant_id is missing: %s', unset));
        advices := pg_catalog.array_append(advices, 'Leave it null, or set it.'::pg_catalog.text);
    END IF;
    IF judged OPERATOR(pg_catalog.=) ANY (order_types)
        AND coalesce(audience OPERATOR(pg_catalog.<>) ALL ('{Restaurant,Customer,Both}'::pg_catalog.text[]), true) THEN
        problems := pg_catalog.array_append(problems,
            pg_catalog.format('unknown audience %s', coalesce(pg_catalog.quote_literal(pg_catalog.left(audience, 64)), 'null')));
        advices := pg_catalog.array_append(advices, 'Use Restaurant, Customer or Both.'::pg_catalog.text);
    ELSIF judged OPERATOR(pg_catalog.=) ANY (order_types) AND audience OPERATOR(pg_catalog.<>) 'Restaurant'
        AND coalesce(customer_id, '') OPERATOR(pg_catalog.=) '' THEN
        problems := pg_catalog.array_append(problems, pg_catalog.format(
            'customer_id is missing: an event of type %s for audience %s needs the id of the user who placed the order', judged, audience));
        advices := pg_catalog.array_append(advices, 'Set customer_id, or audience to Restaurant.'::pg_catalog.text);
    END IF;
    IF pg_catalog.length(customer_id) OPERATOR(pg_catalog.>) 256 THEN
        problems := pg_catalog.array_append(problems,
            pg_catalog.format('customer_id has %s characters; at most 256 are allowed', pg_catalog.length(customer_id)));
        advices := pg_catalog.array_append(advices, 'Use the id that the user''s token carries in its sub claim.'::pg_catalog.text);
    END IF;

    IF family OPERATOR(pg_catalog.=) ANY ('{order,teamcart}'::pg_catalog.text[]) AND pg_catalog.jsonb_typeof(payload) OPERATOR(pg_catalog.=) 'array' THEN
        problems := pg_catalog.array_append(problems, 'extra is not a JSON object'::pg_catalog.text);
        advices := pg_catalog.array_append(advices, 'Pass further fields of the payload as an object, or null.'::pg_catalog.text);
        payload := payload OPERATOR(pg_catalog.->) (-1);
    END IF;
    IF payload IS NULL OR pg_catalog.jsonb_typeof(payload) OPERATOR(pg_catalog.<>) 'object' THEN
        problems := pg_catalog.array_append(problems,
            pg_catalog.format('payload is %s, not a JSON object', coalesce(pg_catalog.jsonb_typeof(payload), 'null')));
        advices := pg_catalog.array_append(advices, 'Pass the event''s own fields as an object with camelCase keys, or ''{}''.'::pg_catalog.text);
    ELSIF pg_catalog.octet_length(payload::pg_catalog.text) OPERATOR(pg_catalog.>) 65536 THEN
        problems := pg_catalog.array_append(problems, pg_catalog.format('payload has %s bytes; at most 65536 (64 KiB) are allowed',
            pg_catalog.octet_length(payload::pg_catalog.text)));
        advices := pg_catalog.array_append(advices, 'Send ids and let the client fetch what is large.'::pg_catalog.text);
    ELSE
        IF payload OPERATOR(pg_catalog.@?) 'strict $.**{62} ? (@.type() == "object" || @.type() == "array")'::pg_catalog.jsonpath THEN
            problems := pg_catalog.array_append(problems,
                'payload is nested deeper than 62 levels, itself included; clients do not read it'::pg_catalog.text);
            advices := pg_catalog.array_append(advices, 'Send ids and let the client fetch what is nested.'::pg_catalog.text);
        END IF;
        IF payload OPERATOR(pg_catalog.@?) 'lax $.**."__proto__"'::pg_catalog.jsonpath THEN
            problems := pg_catalog.array_append(problems, 'payload has a key named __proto__, which ends clients'::pg_catalog.text);
            advices := pg_catalog.array_append(advices, 'Give the key another name.'::pg_catalog.text);
        END IF;
    END IF;
    IF pg_catalog.jsonb_typeof(payload) OPERATOR(pg_catalog.=) 'object' THEN
        SELECT pg_catalog.array_agg(p.problem), pg_catalog.array_agg(p.advice) INTO more_problems, more_advices
            FROM herald.payload_problems(judged, payload, family) p;
        problems := pg_catalog.array_cat(problems, more_problems);
        advices := pg_catalog.array_cat(advices, more_advices);
    END IF;

    IF (occurred_on_utc OPERATOR(pg_catalog.>=) first_time AND occurred_on_utc OPERATOR(pg_catalog.<) end_of_time) IS NOT TRUE THEN
        problems := pg_catalog.array_append(problems, pg_catalog.format('occurred_on_utc %s is not a time between the years 1 and 9999',
            coalesce(occurred_on_utc::pg_catalog.text, 'null')));
        advices := pg_catalog.array_append(advices, 'Leave occurred_on_utc out for the current time.'::pg_catalog.text);
    END IF;
    IF (deliver_after OPERATOR(pg_catalog.>=) first_time AND deliver_after OPERATOR(pg_catalog.<) end_of_time) IS FALSE THEN
        problems := pg_catalog.array_append(problems,
            pg_catalog.format('deliver_after %s is not a time between the years 1 and 9999', deliver_after));
        advices := pg_catalog.array_append(advices, 'Leave deliver_after null to deliver at once.'::pg_catalog.text);
    END IF;
    IF pg_catalog.length(traceparent) OPERATOR(pg_catalog.>) 512 THEN
        problems := pg_catalog.array_append(problems,
            pg_catalog.format('traceparent has %s characters; at most 512 are allowed', pg_catalog.length(traceparent)));
        advices := pg_catalog.array_append(advices, 'Pass a W3C trace context, or null.'::pg_catalog.text);
    END IF;
    IF pg_catalog.cardinality(problems) OPERATOR(pg_catalog.>) 0 THEN
        RAISE EXCEPTION 'herald.outbox: %', pg_catalog.array_to_string(problems, '; ')
            USING ERRCODE = 'check_violation', CONSTRAINT = 'outbox_event_valid', HINT = pg_catalog.array_to_string(advices, ' ');
    END IF;
END
$_$;

CREATE FUNCTION herald.relay_is_armed() RETURNS boolean
    LANGUAGE plpgsql
    AS $$
BEGIN
    RETURN (SELECT a.last_value OPERATOR(pg_catalog.>=) 1 AND a.last_value OPERATOR(pg_catalog.<=) 4 FROM herald.relay_armed a);
END
$$;

CREATE FUNCTION herald.relay_is_spent() RETURNS boolean
    LANGUAGE plpgsql
    AS $$
BEGIN
    RETURN (SELECT a.last_value OPERATOR(pg_catalog.>) 4 AND a.last_value OPERATOR(pg_catalog.<) 1099511627776 FROM herald.relay_armed a);
END
$$;

CREATE FUNCTION herald.retire_log_day(day date) RETURNS text
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'herald', 'pg_temp'
    AS $$
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

CREATE FUNCTION herald.retire_outbox_day(day date, most_to_move integer, OUT moved integer, OUT stays text) RETURNS record
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'herald', 'pg_temp'
    AS $_$
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
$_$;

CREATE FUNCTION herald.revoke_access(policy text, resource_id uuid, user_id text) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'herald', 'pg_temp'
    AS $$
#variable_conflict use_variable
BEGIN
    PERFORM herald.check_grant(policy, resource_id, user_id);
    INSERT INTO herald.access_grant (policy, resource_id, user_id, granted, source)
        VALUES (policy, resource_id, user_id, false, 'explicit');
    INSERT INTO herald.outbox (event_type, resource_id, payload)
        VALUES ('AccessRevoked', resource_id, pg_catalog.jsonb_build_object('policy', policy, 'userId', user_id));
END
$$;

CREATE FUNCTION herald.river_job_state_in_bitmask(bitmask bit, state herald.river_job_state) RETURNS boolean
    LANGUAGE sql IMMUTABLE
    AS $$
    SELECT CASE state
        WHEN 'available' THEN get_bit(bitmask, 7)
        WHEN 'cancelled' THEN get_bit(bitmask, 6)
        WHEN 'completed' THEN get_bit(bitmask, 5)
        WHEN 'discarded' THEN get_bit(bitmask, 4)
        WHEN 'pending'   THEN get_bit(bitmask, 3)
        WHEN 'retryable' THEN get_bit(bitmask, 2)
        WHEN 'running'   THEN get_bit(bitmask, 1)
        WHEN 'scheduled' THEN get_bit(bitmask, 0)
        ELSE 0
    END = 1;
$$;

CREATE FUNCTION herald.rotate_node_key(every interval, lead interval, overlap interval) RETURNS boolean
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'herald', 'pg_temp'
    AS $$
DECLARE
    newest timestamptz;
    begins timestamptz;
BEGIN
    FOR locked IN 0..1 LOOP
        SELECT max(k.activates_at) INTO newest FROM herald.node_key k;
        IF newest > clock_timestamp() - every AND newest <= clock_timestamp() + 2 * lead THEN
            RETURN false;
        END IF;
        IF locked = 0 THEN
            LOCK TABLE herald.node_key IN EXCLUSIVE MODE; -- readers go on
        END IF;
    END LOOP;
    IF newest > clock_timestamp() THEN -- the clock was set back since
        UPDATE herald.node_key k SET activates_at = clock_timestamp() WHERE k.activates_at > clock_timestamp();
        RETURN true;
    END IF;
    begins := CASE WHEN newest IS NULL THEN clock_timestamp() ELSE clock_timestamp() + lead END;
    UPDATE herald.node_key k SET retires_at = begins + overlap WHERE k.retires_at IS NULL;
    DELETE FROM herald.node_key k WHERE k.retires_at <= clock_timestamp();
    INSERT INTO herald.node_key (key_id, secret, activates_at)
    VALUES (('x' || encode(substring(uuid_send(gen_random_uuid()) FROM 1 FOR 4), 'hex'))::bit(32)::integer,
        sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid())), begins);
    RETURN true;
END
$$;

CREATE FUNCTION herald.set_platform_stats(stats jsonb) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'herald', 'pg_temp'
    AS $$
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

CREATE FUNCTION herald.utc(t timestamp with time zone) RETURNS text
    LANGUAGE sql STABLE
    RETURN to_char((t AT TIME ZONE 'UTC'::text), 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'::text);

CREATE FUNCTION herald.utc_or_text(t timestamp with time zone) RETURNS text
    LANGUAGE sql STABLE
    RETURN CASE WHEN ((t >= '0001-01-01 00:00:00+00'::timestamp with time zone) AND (t < '10000-01-01 00:00:00+00'::timestamp with time zone)) THEN herald.utc(t) ELSE (t)::text END;

CREATE FUNCTION herald.whereabouts(OUT system_identifier bigint, OUT timeline text) RETURNS record
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'herald', 'pg_temp'
    AS $$
BEGIN
    SELECT c.system_identifier, left(pg_walfile_name(pg_current_wal_lsn()), 8) INTO system_identifier, timeline FROM pg_control_system() c;
EXCEPTION
    WHEN insufficient_privilege OR undefined_function OR feature_not_supported THEN NULL;
END
$$;

SET default_table_access_method = heap;

CREATE TABLE herald.access_grant (
    id bigint NOT NULL,
    policy text NOT NULL,
    resource_id uuid NOT NULL,
    user_id text NOT NULL,
    granted boolean NOT NULL,
    source text NOT NULL,
    written_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT access_grant_source_check CHECK ((source = ANY (ARRAY['explicit'::text, 'event'::text])))
);

ALTER TABLE herald.access_grant ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME herald.access_grant_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE herald.broadcast_journal (
    node_id uuid NOT NULL,
    first_position bigint NOT NULL,
    last_position bigint NOT NULL,
    broadcast_at timestamp with time zone DEFAULT now() NOT NULL,
    connections integer[],
    number bigint NOT NULL,
    host text NOT NULL,
    CONSTRAINT broadcast_journal_check CHECK ((last_position >= (first_position - 1))),
    CONSTRAINT broadcast_journal_check1 CHECK (((connections IS NULL) OR (cardinality(connections) = ((last_position - first_position) + 1))))
);

CREATE TABLE herald.dead_letter (
    event_id uuid NOT NULL,
    outbox_seq bigint NOT NULL,
    outbox_written_at timestamp with time zone NOT NULL,
    reason text NOT NULL,
    attempts integer NOT NULL,
    died_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    dropped_at timestamp with time zone
);

CREATE TABLE herald.dead_letter_history (
    event_id uuid NOT NULL,
    at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    what text NOT NULL,
    by_whom text,
    attempts integer,
    detail text,
    noted_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT dead_letter_history_what_check CHECK ((what = ANY (ARRAY['died'::text, 'retried'::text, 'mended'::text, 'dropped'::text])))
);

CREATE TABLE herald.duplicate_event (
    event_id uuid NOT NULL,
    outbox_seq bigint NOT NULL,
    outbox_written_at timestamp with time zone NOT NULL,
    seen_at timestamp with time zone DEFAULT now() NOT NULL
);

CREATE TABLE herald.epoch (
    epoch bigint NOT NULL,
    system_identifier bigint,
    timeline text,
    began_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    first_position bigint NOT NULL,
    last_seq bigint NOT NULL
);

CREATE TABLE herald.event_log (
    "position" bigint NOT NULL,
    group_name text NOT NULL COLLATE pg_catalog."C",
    sequence bigint NOT NULL,
    outbox_seq bigint NOT NULL,
    outbox_written_at timestamp with time zone NOT NULL,
    event_id uuid NOT NULL,
    relayed_at timestamp with time zone NOT NULL
)
PARTITION BY RANGE (relayed_at);

ALTER TABLE ONLY herald.event_log REPLICA IDENTITY FULL;

CREATE TABLE herald.event_log_default (
    "position" bigint NOT NULL,
    group_name text NOT NULL COLLATE pg_catalog."C",
    sequence bigint NOT NULL,
    outbox_seq bigint NOT NULL,
    outbox_written_at timestamp with time zone NOT NULL,
    event_id uuid NOT NULL,
    relayed_at timestamp with time zone NOT NULL
);

ALTER TABLE ONLY herald.event_log_default REPLICA IDENTITY FULL;

CREATE TABLE herald.event_log_p20250120 (
    "position" bigint NOT NULL,
    group_name text NOT NULL COLLATE pg_catalog."C",
    sequence bigint NOT NULL,
    outbox_seq bigint NOT NULL,
    outbox_written_at timestamp with time zone NOT NULL,
    event_id uuid NOT NULL,
    relayed_at timestamp with time zone NOT NULL
);

ALTER TABLE ONLY herald.event_log_p20250120 REPLICA IDENTITY FULL;

CREATE TABLE herald.function_set (
    singleton boolean DEFAULT true NOT NULL,
    version integer NOT NULL,
    checksum text NOT NULL,
    applied_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT function_set_singleton_check CHECK (singleton)
);

CREATE TABLE herald.goose_db_version (
    id integer NOT NULL,
    version_id bigint NOT NULL,
    is_applied boolean NOT NULL,
    tstamp timestamp without time zone DEFAULT now() NOT NULL
);

ALTER TABLE herald.goose_db_version ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME herald.goose_db_version_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE herald.migration_lock (
    singleton boolean NOT NULL
);

CREATE TABLE herald.node (
    node_id uuid NOT NULL,
    host text NOT NULL,
    version text NOT NULL,
    started_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    heartbeat_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    broadcast_position bigint DEFAULT 0 NOT NULL,
    connections jsonb DEFAULT '{}'::jsonb NOT NULL,
    clock_skew_seconds double precision DEFAULT 0 NOT NULL,
    url text DEFAULT ''::text NOT NULL,
    unreachable jsonb DEFAULT '[]'::jsonb NOT NULL,
    draining boolean DEFAULT false NOT NULL
)
WITH (fillfactor='50');

CREATE TABLE herald.node_key (
    key_id integer NOT NULL,
    secret bytea NOT NULL,
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    activates_at timestamp with time zone NOT NULL,
    retires_at timestamp with time zone,
    CONSTRAINT node_key_secret_check CHECK ((octet_length(secret) = 32))
);

CREATE TABLE herald.outbox_default (
    xid xid8 DEFAULT pg_current_xact_id() NOT NULL,
    seq bigint NOT NULL,
    written_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    event_id uuid DEFAULT herald.uuidv7() NOT NULL,
    event_type text NOT NULL,
    resource_id uuid,
    restaurant_id uuid,
    customer_id text,
    audience text DEFAULT 'Both'::text,
    payload jsonb DEFAULT '{}'::jsonb NOT NULL,
    occurred_on_utc timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    deliver_after timestamp with time zone,
    traceparent text
);

ALTER TABLE ONLY herald.outbox_default REPLICA IDENTITY FULL;

CREATE TABLE herald.outbox_p20250120 (
    xid xid8 DEFAULT pg_current_xact_id() NOT NULL,
    seq bigint NOT NULL,
    written_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    event_id uuid DEFAULT herald.uuidv7() NOT NULL,
    event_type text NOT NULL,
    resource_id uuid,
    restaurant_id uuid,
    customer_id text,
    audience text DEFAULT 'Both'::text,
    payload jsonb DEFAULT '{}'::jsonb NOT NULL,
    occurred_on_utc timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    deliver_after timestamp with time zone,
    traceparent text
);

ALTER TABLE ONLY herald.outbox_p20250120 REPLICA IDENTITY FULL;

ALTER TABLE herald.outbox ALTER COLUMN seq ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME herald.outbox_seq_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE herald.pace (
    version bigint NOT NULL,
    event_type text NOT NULL,
    relayed_at timestamp with time zone NOT NULL,
    held_event_id uuid,
    held_seq bigint,
    held_written_at timestamp with time zone,
    job_id bigint,
    due_at timestamp with time zone,
    CONSTRAINT pace_check CHECK ((num_nulls(held_event_id, held_seq, held_written_at, job_id, due_at) = ANY (ARRAY[0, 5])))
);

ALTER TABLE herald.pace ALTER COLUMN version ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME herald.pace_version_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE herald.partition_lock (
    singleton boolean DEFAULT true NOT NULL,
    CONSTRAINT partition_lock_singleton_check CHECK (singleton)
);

CREATE TABLE herald.periodic_job (
    kind text NOT NULL,
    every interval NOT NULL,
    enqueued_at timestamp with time zone DEFAULT '1970-01-01 00:00:00+00'::timestamp with time zone NOT NULL,
    job_id bigint
)
WITH (fillfactor='50');

CREATE TABLE herald.platform_stats (
    id bigint NOT NULL,
    field text NOT NULL,
    value numeric NOT NULL,
    set_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL
);

CREATE TABLE herald.platform_stats_broadcast (
    singleton boolean DEFAULT true NOT NULL,
    stats jsonb,
    broadcast_at timestamp with time zone,
    CONSTRAINT platform_stats_broadcast_singleton_check CHECK (singleton)
);

ALTER TABLE herald.platform_stats ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME herald.platform_stats_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE UNLOGGED SEQUENCE herald.relay_armed
    START WITH 1
    INCREMENT BY 1
    MINVALUE 0
    NO MAXVALUE
    CACHE 1;

CREATE TABLE herald.relay_checkpoint (
    version bigint NOT NULL,
    epoch bigint NOT NULL,
    "position" bigint NOT NULL,
    snapshot pg_snapshot NOT NULL,
    floor bigint NOT NULL,
    stragglers xid8[] NOT NULL,
    target pg_snapshot,
    target_floor bigint,
    target_stragglers xid8[],
    ceiling bigint,
    cursor bigint DEFAULT 0 NOT NULL,
    relayed_at timestamp with time zone,
    paused_at timestamp with time zone,
    paused_by text,
    epoch_position bigint DEFAULT 0 NOT NULL,
    epoch_seq bigint DEFAULT 0 NOT NULL
);

CREATE TABLE herald.relay_lock (
    singleton boolean DEFAULT true NOT NULL,
    CONSTRAINT relay_lock_singleton_check CHECK (singleton)
);

CREATE VIEW herald.relay_state AS
 SELECT c.version,
    c.epoch,
    c."position",
    c.snapshot,
    c.floor,
    c.stragglers,
    c.target,
    c.target_floor,
    c.target_stragglers,
    c.ceiling,
    c.cursor,
    c.relayed_at,
    c.paused_at,
    c.paused_by,
    c.epoch_position,
    c.epoch_seq
   FROM herald.relay_checkpoint c
  ORDER BY c.version DESC
 LIMIT 1;

CREATE TABLE herald.relayed_event (
    event_id uuid NOT NULL,
    first_position bigint NOT NULL,
    relayed_at timestamp with time zone NOT NULL,
    relayed_by uuid NOT NULL
);

CREATE TABLE herald.river_job (
    id bigint NOT NULL,
    state herald.river_job_state DEFAULT 'available'::herald.river_job_state NOT NULL,
    attempt smallint DEFAULT 0 NOT NULL,
    max_attempts smallint DEFAULT 25 NOT NULL,
    attempted_at timestamp with time zone,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    finalized_at timestamp with time zone,
    scheduled_at timestamp with time zone DEFAULT now() NOT NULL,
    priority smallint DEFAULT 1 NOT NULL,
    args jsonb NOT NULL,
    attempted_by text[],
    errors jsonb[],
    kind text NOT NULL,
    metadata jsonb DEFAULT '{}'::jsonb NOT NULL,
    queue text DEFAULT 'default'::text NOT NULL,
    tags character varying(255)[] DEFAULT '{}'::character varying[] NOT NULL,
    unique_key bytea,
    unique_states bit(8),
    CONSTRAINT finalized_or_finalized_at_null CHECK ((((finalized_at IS NULL) AND (state <> ALL (ARRAY['cancelled'::herald.river_job_state, 'completed'::herald.river_job_state, 'discarded'::herald.river_job_state]))) OR ((finalized_at IS NOT NULL) AND (state = ANY (ARRAY['cancelled'::herald.river_job_state, 'completed'::herald.river_job_state, 'discarded'::herald.river_job_state]))))),
    CONSTRAINT kind_length CHECK (((char_length(kind) > 0) AND (char_length(kind) < 128))),
    CONSTRAINT max_attempts_is_positive CHECK ((max_attempts > 0)),
    CONSTRAINT priority_in_range CHECK (((priority >= 1) AND (priority <= 4))),
    CONSTRAINT queue_length CHECK (((char_length(queue) > 0) AND (char_length(queue) < 128)))
);

CREATE SEQUENCE herald.river_job_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;

ALTER SEQUENCE herald.river_job_id_seq OWNED BY herald.river_job.id;

CREATE UNLOGGED TABLE herald.river_leader (
    elected_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    leader_id text NOT NULL,
    name text DEFAULT 'default'::text NOT NULL,
    CONSTRAINT leader_id_length CHECK (((char_length(leader_id) > 0) AND (char_length(leader_id) < 128))),
    CONSTRAINT name_length CHECK ((name = 'default'::text))
);

CREATE TABLE herald.river_migration (
    line text NOT NULL,
    version bigint NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT line_length CHECK (((char_length(line) > 0) AND (char_length(line) < 128))),
    CONSTRAINT version_gte_1 CHECK ((version >= 1))
);

CREATE TABLE herald.river_notification (
    id bigint NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    payload text NOT NULL,
    topic text NOT NULL,
    CONSTRAINT topic_length CHECK (((length(topic) > 0) AND (length(topic) < 128)))
);

CREATE SEQUENCE herald.river_notification_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;

ALTER SEQUENCE herald.river_notification_id_seq OWNED BY herald.river_notification.id;

CREATE TABLE herald.river_queue (
    name text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    metadata jsonb DEFAULT '{}'::jsonb NOT NULL,
    paused_at timestamp with time zone,
    updated_at timestamp with time zone DEFAULT CURRENT_TIMESTAMP NOT NULL
);

CREATE TABLE herald.selfcheck_discrepancy (
    kind text NOT NULL,
    subject text NOT NULL,
    detail text NOT NULL,
    found_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    seen_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL
);

CREATE TABLE herald.selfcheck_state (
    singleton boolean DEFAULT true NOT NULL,
    epoch bigint NOT NULL,
    "position" bigint NOT NULL,
    snapshot pg_snapshot NOT NULL,
    floor bigint NOT NULL,
    stragglers xid8[] NOT NULL,
    target pg_snapshot,
    target_floor bigint,
    target_stragglers xid8[],
    ceiling bigint,
    cursor bigint DEFAULT 0 NOT NULL,
    nodes jsonb DEFAULT '{}'::jsonb NOT NULL,
    found jsonb DEFAULT '{}'::jsonb NOT NULL,
    run_at timestamp with time zone,
    CONSTRAINT selfcheck_state_singleton_check CHECK (singleton)
)
WITH (fillfactor='10');

CREATE TABLE herald.stream_head (
    group_name text NOT NULL COLLATE pg_catalog."C",
    sequence bigint NOT NULL,
    retired_at timestamp with time zone DEFAULT now() NOT NULL
)
WITH (fillfactor='70');

ALTER TABLE ONLY herald.event_log ATTACH PARTITION herald.event_log_default DEFAULT;

ALTER TABLE ONLY herald.event_log ATTACH PARTITION herald.event_log_p20250120 FOR VALUES FROM ('2025-01-20 00:00:00+00') TO ('2025-01-21 00:00:00+00');

ALTER TABLE ONLY herald.outbox ATTACH PARTITION herald.outbox_default DEFAULT;

ALTER TABLE ONLY herald.outbox ATTACH PARTITION herald.outbox_p20250120 FOR VALUES FROM ('2025-01-20 00:00:00+00') TO ('2025-01-21 00:00:00+00');

ALTER TABLE ONLY herald.river_job ALTER COLUMN id SET DEFAULT nextval('herald.river_job_id_seq'::regclass);

ALTER TABLE ONLY herald.river_notification ALTER COLUMN id SET DEFAULT nextval('herald.river_notification_id_seq'::regclass);

INSERT INTO herald.access_grant (id, policy, resource_id, user_id, granted, source, written_at) OVERRIDING SYSTEM VALUE VALUES (1, 'MustBeOrderOwner', 'f47ac10b-58cc-4372-a567-0e02b2c3d479', 'user-1', true, 'event', '2025-01-20 10:00:01+00');
INSERT INTO herald.access_grant (id, policy, resource_id, user_id, granted, source, written_at) OVERRIDING SYSTEM VALUE VALUES (2, 'MustBeRestaurantStaff', 'f3b63b0c-3b2a-4f8c-9d6a-3a9d1a2a4b0e', 'user-3', true, 'explicit', '2025-01-20 10:00:02+00');
INSERT INTO herald.access_grant (id, policy, resource_id, user_id, granted, source, written_at) OVERRIDING SYSTEM VALUE VALUES (3, 'MustBeRestaurantStaff', 'f3b63b0c-3b2a-4f8c-9d6a-3a9d1a2a4b0e', 'user-3', false, 'explicit', '2025-01-20 10:00:03+00');
INSERT INTO herald.access_grant (id, policy, resource_id, user_id, granted, source, written_at) OVERRIDING SYSTEM VALUE VALUES (4, 'MustBeRestaurantOwner', 'f3b63b0c-3b2a-4f8c-9d6a-3a9d1a2a4b0e', 'user-4', true, 'explicit', '2025-01-20 10:00:03+00');

INSERT INTO herald.broadcast_journal (node_id, first_position, last_position, broadcast_at, connections, number, host) VALUES ('5f0c2e9a-0d3e-4f5e-8a52-6d4c0f1f2a01', 1, 0, '2025-01-20 10:00:00+00', '{}', 1, 'node-1');
INSERT INTO herald.broadcast_journal (node_id, first_position, last_position, broadcast_at, connections, number, host) VALUES ('5f0c2e9a-0d3e-4f5e-8a52-6d4c0f1f2a01', 1, 6, '2025-01-20 10:00:08+00', '{1,0,2,0,0,0}', 2, 'node-1');

INSERT INTO herald.dead_letter (event_id, outbox_seq, outbox_written_at, reason, attempts, died_at, dropped_at) VALUES ('00000000-0000-7000-8000-000000000007', 7, '2025-01-20 10:00:07+00', 'payload has no field', 3, '2025-01-20 10:01:00+00', NULL);
INSERT INTO herald.dead_letter (event_id, outbox_seq, outbox_written_at, reason, attempts, died_at, dropped_at) VALUES ('00000000-0000-7000-8000-000000000008', 8, '2025-01-20 10:00:08+00', 'payload has no field', 3, '2025-01-20 10:01:00+00', '2025-01-20 11:00:00+00');

INSERT INTO herald.dead_letter_history (event_id, at, what, by_whom, attempts, detail, noted_at) VALUES ('00000000-0000-7000-8000-000000000007', '2025-01-20 10:01:00+00', 'died', NULL, 3, 'payload has no field', '2025-01-20 10:01:00+00');
INSERT INTO herald.dead_letter_history (event_id, at, what, by_whom, attempts, detail, noted_at) VALUES ('00000000-0000-7000-8000-000000000008', '2025-01-20 10:01:00+00', 'died', NULL, 3, 'payload has no field', '2025-01-20 10:01:00+00');
INSERT INTO herald.dead_letter_history (event_id, at, what, by_whom, attempts, detail, noted_at) VALUES ('00000000-0000-7000-8000-000000000008', '2025-01-20 11:00:00+00', 'dropped', 'ops', NULL, NULL, '2025-01-20 11:00:00+00');

INSERT INTO herald.duplicate_event (event_id, outbox_seq, outbox_written_at, seen_at) VALUES ('00000000-0000-7000-8000-000000000001', 3, '2025-01-20 10:00:03+00', '2025-01-20 10:00:04+00');

INSERT INTO herald.epoch (epoch, system_identifier, timeline, began_at, first_position, last_seq) VALUES (1, 1, '00000001', '2025-01-20 00:00:00+00', 1, 0);

INSERT INTO herald.event_log_default ("position", group_name, sequence, outbox_seq, outbox_written_at, event_id, relayed_at) VALUES (7, 'teamcart:0b5d2f10-6a43-4c1e-9a53-6f0f6f0b7c11', 2, 11, '2024-12-01 00:00:00+00', '00000000-0000-7000-8000-000000000011', '2025-02-01 00:00:00+00');

INSERT INTO herald.event_log_p20250120 ("position", group_name, sequence, outbox_seq, outbox_written_at, event_id, relayed_at) VALUES (2, 'restaurant:f3b63b0c-3b2a-4f8c-9d6a-3a9d1a2a4b0e', 1, 1, '2025-01-20 10:00:01+00', '00000000-0000-7000-8000-000000000001', '2025-01-20 10:00:01+00');
INSERT INTO herald.event_log_p20250120 ("position", group_name, sequence, outbox_seq, outbox_written_at, event_id, relayed_at) VALUES (1, 'order:f47ac10b-58cc-4372-a567-0e02b2c3d479', 1, 1, '2025-01-20 10:00:01+00', '00000000-0000-7000-8000-000000000001', '2025-01-20 10:00:01+00');
INSERT INTO herald.event_log_p20250120 ("position", group_name, sequence, outbox_seq, outbox_written_at, event_id, relayed_at) VALUES (3, 'teamcart:0b5d2f10-6a43-4c1e-9a53-6f0f6f0b7c11', 1, 2, '2025-01-20 10:00:02+00', '00000000-0000-7000-8000-000000000002', '2025-01-20 10:00:02+00');
INSERT INTO herald.event_log_p20250120 ("position", group_name, sequence, outbox_seq, outbox_written_at, event_id, relayed_at) VALUES (4, 'restaurant:f3b63b0c-3b2a-4f8c-9d6a-3a9d1a2a4b0e', 2, 4, '2025-01-20 10:00:04+00', '00000000-0000-7000-8000-000000000004', '2025-01-20 10:00:04+00');
INSERT INTO herald.event_log_p20250120 ("position", group_name, sequence, outbox_seq, outbox_written_at, event_id, relayed_at) VALUES (5, 'admin', 1, 5, '2025-01-20 10:00:05+00', '00000000-0000-7000-8000-000000000005', '2025-01-20 10:00:05+00');
INSERT INTO herald.event_log_p20250120 ("position", group_name, sequence, outbox_seq, outbox_written_at, event_id, relayed_at) VALUES (6, 'restaurant:f3b63b0c-3b2a-4f8c-9d6a-3a9d1a2a4b0e', 0, 6, '2025-01-20 10:00:06+00', '00000000-0000-7000-8000-000000000006', '2025-01-20 10:00:06+00');

INSERT INTO herald.function_set (singleton, version, checksum, applied_at) VALUES (true, 12, '6b395eab3eee7a3c1fe7abed550f56cd497435d45b2f2be5f2e2afd7b47e15be', '2025-01-20 00:00:00+00');

INSERT INTO herald.goose_db_version (id, version_id, is_applied, tstamp) VALUES (1, 0, true, '2025-01-20 00:00:00');
INSERT INTO herald.goose_db_version (id, version_id, is_applied, tstamp) VALUES (2, 1, true, '2025-01-20 00:00:00');
INSERT INTO herald.goose_db_version (id, version_id, is_applied, tstamp) VALUES (3, 2, true, '2025-01-20 00:00:00');
INSERT INTO herald.goose_db_version (id, version_id, is_applied, tstamp) VALUES (4, 3, true, '2025-01-20 00:00:00');
INSERT INTO herald.goose_db_version (id, version_id, is_applied, tstamp) VALUES (5, 4, true, '2025-01-20 00:00:00');
INSERT INTO herald.goose_db_version (id, version_id, is_applied, tstamp) VALUES (6, 5, true, '2025-01-20 00:00:00');
INSERT INTO herald.goose_db_version (id, version_id, is_applied, tstamp) VALUES (7, 6, true, '2025-01-20 00:00:00');
INSERT INTO herald.goose_db_version (id, version_id, is_applied, tstamp) VALUES (8, 7, true, '2025-01-20 00:00:00');
INSERT INTO herald.goose_db_version (id, version_id, is_applied, tstamp) VALUES (9, 8, true, '2025-01-20 00:00:00');
INSERT INTO herald.goose_db_version (id, version_id, is_applied, tstamp) VALUES (10, 9, true, '2025-01-20 00:00:00');

INSERT INTO herald.node (node_id, host, version, started_at, heartbeat_at, broadcast_position, connections, clock_skew_seconds, url, unreachable, draining) VALUES ('5f0c2e9a-0d3e-4f5e-8a52-6d4c0f1f2a01', 'node-1', 'v0', '2025-01-20 09:00:00+00', '2025-01-20 10:00:10+00', 6, '{}', 0, 'http://node-1:8080', '[]', false);

INSERT INTO herald.node_key (key_id, secret, created_at, activates_at, retires_at) VALUES (1, '\x0101010101010101010101010101010101010101010101010101010101010101', '2025-01-20 00:00:00+00', '2025-01-20 00:00:00+00', NULL);

INSERT INTO herald.outbox_default (xid, seq, written_at, event_id, event_type, resource_id, restaurant_id, customer_id, audience, payload, occurred_on_utc, deliver_after, traceparent) OVERRIDING SYSTEM VALUE VALUES ('1011', 11, '2024-12-01 00:00:00+00', '00000000-0000-7000-8000-000000000011', 'CartUpdated', '0b5d2f10-6a43-4c1e-9a53-6f0f6f0b7c11', NULL, NULL, 'Both', '{}', '2024-12-01 00:00:00+00', NULL, NULL);

INSERT INTO herald.outbox_p20250120 (xid, seq, written_at, event_id, event_type, resource_id, restaurant_id, customer_id, audience, payload, occurred_on_utc, deliver_after, traceparent) OVERRIDING SYSTEM VALUE VALUES ('1001', 1, '2025-01-20 10:00:01+00', '00000000-0000-7000-8000-000000000001', 'OrderPlaced', 'f47ac10b-58cc-4372-a567-0e02b2c3d479', 'f3b63b0c-3b2a-4f8c-9d6a-3a9d1a2a4b0e', 'user-1', 'Both', '{"total": 12.50, "status": "Placed", "orderNumber": "YZ-1"}', '2025-01-20 10:00:00+00', NULL, '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01');
INSERT INTO herald.outbox_p20250120 (xid, seq, written_at, event_id, event_type, resource_id, restaurant_id, customer_id, audience, payload, occurred_on_utc, deliver_after, traceparent) OVERRIDING SYSTEM VALUE VALUES ('1002', 2, '2025-01-20 10:00:02+00', '00000000-0000-7000-8000-000000000002', 'CartUpdated', '0b5d2f10-6a43-4c1e-9a53-6f0f6f0b7c11', NULL, NULL, 'Both', '{"userId": "user-1"}', '2025-01-20 10:00:00+00', NULL, NULL);
INSERT INTO herald.outbox_p20250120 (xid, seq, written_at, event_id, event_type, resource_id, restaurant_id, customer_id, audience, payload, occurred_on_utc, deliver_after, traceparent) OVERRIDING SYSTEM VALUE VALUES ('1003', 3, '2025-01-20 10:00:03+00', '00000000-0000-7000-8000-000000000001', 'OrderPlaced', 'f47ac10b-58cc-4372-a567-0e02b2c3d479', 'f3b63b0c-3b2a-4f8c-9d6a-3a9d1a2a4b0e', 'user-1', 'Both', '{"status": "Placed", "orderNumber": "YZ-1"}', '2025-01-20 10:00:00+00', NULL, NULL);
INSERT INTO herald.outbox_p20250120 (xid, seq, written_at, event_id, event_type, resource_id, restaurant_id, customer_id, audience, payload, occurred_on_utc, deliver_after, traceparent) OVERRIDING SYSTEM VALUE VALUES ('1004', 4, '2025-01-20 10:00:04+00', '00000000-0000-7000-8000-000000000004', 'OrderStatusChanged', 'f47ac10b-58cc-4372-a567-0e02b2c3d479', 'f3b63b0c-3b2a-4f8c-9d6a-3a9d1a2a4b0e', 'user-1', 'Restaurant', '{"status": "Accepted", "orderNumber": "YZ-1"}', '2025-01-20 10:00:00+00', NULL, NULL);
INSERT INTO herald.outbox_p20250120 (xid, seq, written_at, event_id, event_type, resource_id, restaurant_id, customer_id, audience, payload, occurred_on_utc, deliver_after, traceparent) OVERRIDING SYSTEM VALUE VALUES ('1005', 5, '2025-01-20 10:00:05+00', '00000000-0000-7000-8000-000000000005', 'SystemAlert', NULL, NULL, NULL, 'Both', '{"type": "info", "message": "all is well"}', '2025-01-20 10:00:00+00', NULL, NULL);
INSERT INTO herald.outbox_p20250120 (xid, seq, written_at, event_id, event_type, resource_id, restaurant_id, customer_id, audience, payload, occurred_on_utc, deliver_after, traceparent) OVERRIDING SYSTEM VALUE VALUES ('1006', 6, '2025-01-20 10:00:06+00', '00000000-0000-7000-8000-000000000006', 'AccessRevoked', 'f3b63b0c-3b2a-4f8c-9d6a-3a9d1a2a4b0e', NULL, NULL, 'Both', '{"policy": "MustBeRestaurantStaff", "userId": "user-3"}', '2025-01-20 10:00:00+00', NULL, NULL);
INSERT INTO herald.outbox_p20250120 (xid, seq, written_at, event_id, event_type, resource_id, restaurant_id, customer_id, audience, payload, occurred_on_utc, deliver_after, traceparent) OVERRIDING SYSTEM VALUE VALUES ('1007', 7, '2025-01-20 10:00:07+00', '00000000-0000-7000-8000-000000000007', 'OrderPlaced', '11111111-1111-4111-8111-111111111111', 'f3b63b0c-3b2a-4f8c-9d6a-3a9d1a2a4b0e', 'user-2', 'Both', '{"status": "Placed"}', '2025-01-20 10:00:00+00', NULL, NULL);
INSERT INTO herald.outbox_p20250120 (xid, seq, written_at, event_id, event_type, resource_id, restaurant_id, customer_id, audience, payload, occurred_on_utc, deliver_after, traceparent) OVERRIDING SYSTEM VALUE VALUES ('1008', 8, '2025-01-20 10:00:08+00', '00000000-0000-7000-8000-000000000008', 'CartPaymentEvent', '0b5d2f10-6a43-4c1e-9a53-6f0f6f0b7c11', NULL, NULL, 'Both', '{"userId": "user-1"}', '2025-01-20 10:00:00+00', NULL, NULL);
INSERT INTO herald.outbox_p20250120 (xid, seq, written_at, event_id, event_type, resource_id, restaurant_id, customer_id, audience, payload, occurred_on_utc, deliver_after, traceparent) OVERRIDING SYSTEM VALUE VALUES ('1009', 9, '2025-01-20 10:00:09+00', '00000000-0000-7000-8000-000000000009', 'CartExpired', '0b5d2f10-6a43-4c1e-9a53-6f0f6f0b7c11', NULL, NULL, 'Both', '{}', '2025-01-20 10:00:00+00', '2125-01-20 10:00:00+00', NULL);
INSERT INTO herald.outbox_p20250120 (xid, seq, written_at, event_id, event_type, resource_id, restaurant_id, customer_id, audience, payload, occurred_on_utc, deliver_after, traceparent) OVERRIDING SYSTEM VALUE VALUES ('1010', 10, '2025-01-20 10:00:10+00', '00000000-0000-7000-8000-000000000010', 'CartLocked', '0b5d2f10-6a43-4c1e-9a53-6f0f6f0b7c11', NULL, NULL, 'Both', '{}', '2025-01-20 10:00:00+00', NULL, NULL);

INSERT INTO herald.pace (version, event_type, relayed_at, held_event_id, held_seq, held_written_at, job_id, due_at) OVERRIDING SYSTEM VALUE VALUES (1, 'AnalyticsUpdate', '2025-01-20 10:00:00+00', NULL, NULL, NULL, NULL, NULL);

INSERT INTO herald.partition_lock (singleton) VALUES (true);

INSERT INTO herald.periodic_job (kind, every, enqueued_at, job_id) VALUES ('maintain_partitions', '01:00:00', '2025-01-20 10:00:00+00', 1);

INSERT INTO herald.platform_stats (id, field, value, set_at) OVERRIDING SYSTEM VALUE VALUES (1, 'totalUsers', 41, '2025-01-20 09:00:00+00');
INSERT INTO herald.platform_stats (id, field, value, set_at) OVERRIDING SYSTEM VALUE VALUES (2, 'totalUsers', 42, '2025-01-20 10:00:00+00');
INSERT INTO herald.platform_stats (id, field, value, set_at) OVERRIDING SYSTEM VALUE VALUES (3, 'totalRevenue', 12.5, '2025-01-20 10:00:00+00');

INSERT INTO herald.platform_stats_broadcast (singleton, stats, broadcast_at) VALUES (true, '{"totalUsers": 42}', '2025-01-20 10:00:05+00');

INSERT INTO herald.relay_checkpoint (version, epoch, "position", snapshot, floor, stragglers, target, target_floor, target_stragglers, ceiling, cursor, relayed_at, paused_at, paused_by, epoch_position, epoch_seq) VALUES (1, 1, 0, '3:3:', 0, '{}', NULL, NULL, NULL, NULL, 0, NULL, NULL, NULL, 0, 0);
INSERT INTO herald.relay_checkpoint (version, epoch, "position", snapshot, floor, stragglers, target, target_floor, target_stragglers, ceiling, cursor, relayed_at, paused_at, paused_by, epoch_position, epoch_seq) VALUES (2, 1, 7, '1010:1010:', 9, '{}', NULL, NULL, NULL, NULL, 0, '2025-02-01 00:00:00+00', NULL, NULL, 0, 0);

INSERT INTO herald.relay_lock (singleton) VALUES (true);

INSERT INTO herald.relayed_event (event_id, first_position, relayed_at, relayed_by) VALUES ('00000000-0000-7000-8000-000000000006', 6, '2025-01-20 10:00:06+00', '5f0c2e9a-0d3e-4f5e-8a52-6d4c0f1f2a01');
INSERT INTO herald.relayed_event (event_id, first_position, relayed_at, relayed_by) VALUES ('00000000-0000-7000-8000-000000000002', 3, '2025-01-20 10:00:02+00', '5f0c2e9a-0d3e-4f5e-8a52-6d4c0f1f2a01');
INSERT INTO herald.relayed_event (event_id, first_position, relayed_at, relayed_by) VALUES ('00000000-0000-7000-8000-000000000004', 4, '2025-01-20 10:00:04+00', '5f0c2e9a-0d3e-4f5e-8a52-6d4c0f1f2a01');
INSERT INTO herald.relayed_event (event_id, first_position, relayed_at, relayed_by) VALUES ('00000000-0000-7000-8000-000000000005', 5, '2025-01-20 10:00:05+00', '5f0c2e9a-0d3e-4f5e-8a52-6d4c0f1f2a01');
INSERT INTO herald.relayed_event (event_id, first_position, relayed_at, relayed_by) VALUES ('00000000-0000-7000-8000-000000000011', 7, '2025-02-01 00:00:00+00', '5f0c2e9a-0d3e-4f5e-8a52-6d4c0f1f2a01');
INSERT INTO herald.relayed_event (event_id, first_position, relayed_at, relayed_by) VALUES ('00000000-0000-7000-8000-000000000001', 1, '2025-01-20 10:00:01+00', '5f0c2e9a-0d3e-4f5e-8a52-6d4c0f1f2a01');

INSERT INTO herald.river_job (id, state, attempt, max_attempts, attempted_at, created_at, finalized_at, scheduled_at, priority, args, attempted_by, errors, kind, metadata, queue, tags, unique_key, unique_states) VALUES (1, 'scheduled', 0, 25, NULL, '2025-01-20 10:00:10+00', NULL, '2125-01-20 10:00:00+00', 1, '{"event_id": "00000000-0000-7000-8000-000000000009", "outbox_seq": 9, "deliver_after": "2125-01-20T10:00:00+00:00", "outbox_written_at": "2025-01-20T10:00:09+00:00"}', NULL, NULL, 'deliver_scheduled', '{}', 'default', '{}', NULL, NULL);

INSERT INTO herald.river_migration (line, version, created_at) VALUES ('main', 1, '2025-01-20 00:00:00+00');
INSERT INTO herald.river_migration (line, version, created_at) VALUES ('main', 2, '2025-01-20 00:00:00+00');
INSERT INTO herald.river_migration (line, version, created_at) VALUES ('main', 3, '2025-01-20 00:00:00+00');
INSERT INTO herald.river_migration (line, version, created_at) VALUES ('main', 4, '2025-01-20 00:00:00+00');
INSERT INTO herald.river_migration (line, version, created_at) VALUES ('main', 5, '2025-01-20 00:00:00+00');
INSERT INTO herald.river_migration (line, version, created_at) VALUES ('main', 6, '2025-01-20 00:00:00+00');
INSERT INTO herald.river_migration (line, version, created_at) VALUES ('main', 7, '2025-01-20 00:00:00+00');
INSERT INTO herald.river_migration (line, version, created_at) VALUES ('main', 8, '2025-01-20 00:00:00+00');

INSERT INTO herald.river_queue (name, created_at, metadata, paused_at, updated_at) VALUES ('default', '2025-01-20 00:00:00+00', '{}', NULL, '2025-01-20 00:00:00+00');

INSERT INTO herald.selfcheck_discrepancy (kind, subject, detail, found_at, seen_at) VALUES ('missing', 'event 1', 'it is not in the log', '2025-01-20 10:05:00+00', '2025-01-20 10:05:00+00');

INSERT INTO herald.selfcheck_state (singleton, epoch, "position", snapshot, floor, stragglers, target, target_floor, target_stragglers, ceiling, cursor, nodes, found, run_at) VALUES (true, 1, 7, '3:3:', 0, '{}', NULL, NULL, NULL, NULL, 0, '{}', '{"missing": 1}', '2025-01-20 10:05:00+00');

INSERT INTO herald.stream_head (group_name, sequence, retired_at) VALUES ('order:22222222-2222-4222-8222-222222222222', 9, '2025-01-20 00:00:00+00');

SELECT pg_catalog.setval('herald.access_grant_id_seq', 4, true);

SELECT pg_catalog.setval('herald.goose_db_version_id_seq', 10, true);

SELECT pg_catalog.setval('herald.outbox_seq_seq', 11, true);

SELECT pg_catalog.setval('herald.pace_version_seq', 1, true);

SELECT pg_catalog.setval('herald.platform_stats_id_seq', 3, true);

SELECT pg_catalog.setval('herald.relay_armed', 1, false);

SELECT pg_catalog.setval('herald.river_job_id_seq', 1, true);

SELECT pg_catalog.setval('herald.river_notification_id_seq', 1, false);

ALTER TABLE ONLY herald.access_grant
    ADD CONSTRAINT access_grant_pkey PRIMARY KEY (id);

ALTER TABLE ONLY herald.broadcast_journal
    ADD CONSTRAINT broadcast_journal_pkey PRIMARY KEY (node_id, number);

ALTER TABLE ONLY herald.dead_letter_history
    ADD CONSTRAINT dead_letter_history_pkey PRIMARY KEY (event_id, at, what);

ALTER TABLE ONLY herald.dead_letter
    ADD CONSTRAINT dead_letter_pkey PRIMARY KEY (event_id);

ALTER TABLE ONLY herald.duplicate_event
    ADD CONSTRAINT duplicate_event_pkey PRIMARY KEY (event_id, outbox_seq);

ALTER TABLE ONLY herald.epoch
    ADD CONSTRAINT epoch_pkey PRIMARY KEY (epoch);

ALTER TABLE ONLY herald.function_set
    ADD CONSTRAINT function_set_pkey PRIMARY KEY (singleton);

ALTER TABLE ONLY herald.goose_db_version
    ADD CONSTRAINT goose_db_version_pkey PRIMARY KEY (id);

ALTER TABLE ONLY herald.migration_lock
    ADD CONSTRAINT migration_lock_pkey PRIMARY KEY (singleton);

ALTER TABLE ONLY herald.node_key
    ADD CONSTRAINT node_key_pkey PRIMARY KEY (key_id);

ALTER TABLE ONLY herald.node
    ADD CONSTRAINT node_pkey PRIMARY KEY (node_id);

ALTER TABLE ONLY herald.pace
    ADD CONSTRAINT pace_pkey PRIMARY KEY (event_type, version);

ALTER TABLE ONLY herald.partition_lock
    ADD CONSTRAINT partition_lock_pkey PRIMARY KEY (singleton);

ALTER TABLE ONLY herald.periodic_job
    ADD CONSTRAINT periodic_job_pkey PRIMARY KEY (kind);

ALTER TABLE ONLY herald.platform_stats_broadcast
    ADD CONSTRAINT platform_stats_broadcast_pkey PRIMARY KEY (singleton);

ALTER TABLE ONLY herald.platform_stats
    ADD CONSTRAINT platform_stats_pkey PRIMARY KEY (id);

ALTER TABLE ONLY herald.relay_checkpoint
    ADD CONSTRAINT relay_checkpoint_pkey PRIMARY KEY (version);

ALTER TABLE ONLY herald.relay_lock
    ADD CONSTRAINT relay_lock_pkey PRIMARY KEY (singleton);

ALTER TABLE ONLY herald.relayed_event
    ADD CONSTRAINT relayed_event_pkey PRIMARY KEY (event_id);

ALTER TABLE ONLY herald.river_job
    ADD CONSTRAINT river_job_pkey PRIMARY KEY (id);

ALTER TABLE ONLY herald.river_leader
    ADD CONSTRAINT river_leader_pkey PRIMARY KEY (name);

ALTER TABLE ONLY herald.river_migration
    ADD CONSTRAINT river_migration_pkey1 PRIMARY KEY (line, version);

ALTER TABLE ONLY herald.river_notification
    ADD CONSTRAINT river_notification_pkey PRIMARY KEY (id);

ALTER TABLE ONLY herald.river_queue
    ADD CONSTRAINT river_queue_pkey PRIMARY KEY (name);

ALTER TABLE ONLY herald.selfcheck_discrepancy
    ADD CONSTRAINT selfcheck_discrepancy_pkey PRIMARY KEY (kind, subject);

ALTER TABLE ONLY herald.selfcheck_state
    ADD CONSTRAINT selfcheck_state_pkey PRIMARY KEY (singleton);

ALTER TABLE ONLY herald.stream_head
    ADD CONSTRAINT stream_head_pkey PRIMARY KEY (group_name);

CREATE INDEX access_grant_event_idx ON herald.access_grant USING btree (written_at, id) WHERE (source = 'event'::text);

CREATE INDEX access_grant_explicit_idx ON herald.access_grant USING btree (id) WHERE (source = 'explicit'::text);

CREATE INDEX access_grant_key_idx ON herald.access_grant USING btree (resource_id, user_id, policy, source, id);

CREATE INDEX access_grant_order_idx ON herald.access_grant USING btree (resource_id, id) WHERE (source = 'event'::text);

CREATE INDEX broadcast_journal_broadcast_at_idx ON herald.broadcast_journal USING btree (broadcast_at);

CREATE INDEX broadcast_journal_positions_idx ON herald.broadcast_journal USING gist (int8range(first_position, (last_position + 1)));

CREATE INDEX dead_letter_died_at_idx ON herald.dead_letter USING btree (died_at, event_id) WHERE (dropped_at IS NULL);

CREATE INDEX dead_letter_history_noted_at_idx ON herald.dead_letter_history USING btree (noted_at);

CREATE INDEX duplicate_event_seen_at_idx ON herald.duplicate_event USING btree (seen_at);

CREATE INDEX event_log_group_sequence_idx ON ONLY herald.event_log USING btree (group_name, sequence);

CREATE INDEX event_log_default_group_name_sequence_idx ON herald.event_log_default USING btree (group_name, sequence);

CREATE INDEX event_log_late_idx ON ONLY herald.event_log USING btree (outbox_written_at) WHERE ((relayed_at - outbox_written_at) > '24:00:00'::interval);

CREATE INDEX event_log_default_outbox_written_at_idx ON herald.event_log_default USING btree (outbox_written_at) WHERE ((relayed_at - outbox_written_at) > '24:00:00'::interval);

CREATE INDEX event_log_position_idx ON ONLY herald.event_log USING btree ("position");

CREATE INDEX event_log_default_position_idx ON herald.event_log_default USING btree ("position");

CREATE INDEX event_log_p20250120_group_name_sequence_idx ON herald.event_log_p20250120 USING btree (group_name, sequence);

CREATE INDEX event_log_p20250120_outbox_written_at_idx ON herald.event_log_p20250120 USING btree (outbox_written_at) WHERE ((relayed_at - outbox_written_at) > '24:00:00'::interval);

CREATE INDEX event_log_p20250120_position_idx ON herald.event_log_p20250120 USING btree ("position");

CREATE INDEX outbox_seq_idx ON ONLY herald.outbox USING btree (seq);

CREATE INDEX outbox_default_seq_idx ON herald.outbox_default USING btree (seq);

CREATE INDEX outbox_xid_seq_idx ON ONLY herald.outbox USING btree (xid, seq);

CREATE INDEX outbox_default_xid_seq_idx ON herald.outbox_default USING btree (xid, seq);

CREATE INDEX outbox_p20250120_seq_idx ON herald.outbox_p20250120 USING btree (seq);

CREATE INDEX outbox_p20250120_xid_seq_idx ON herald.outbox_p20250120 USING btree (xid, seq);

CREATE INDEX platform_stats_field_idx ON herald.platform_stats USING btree (field, id);

CREATE INDEX relayed_event_relayed_at_idx ON herald.relayed_event USING brin (relayed_at) WITH (autosummarize='on');

CREATE INDEX river_job_args_index ON herald.river_job USING gin (args);

CREATE INDEX river_job_kind ON herald.river_job USING btree (kind);

CREATE INDEX river_job_metadata_index ON herald.river_job USING gin (metadata);

CREATE INDEX river_job_prioritized_fetching_index ON herald.river_job USING btree (state, queue, priority, scheduled_at, id);

CREATE INDEX river_job_state_and_finalized_at_index ON herald.river_job USING btree (state, finalized_at) WHERE (finalized_at IS NOT NULL);

CREATE UNIQUE INDEX river_job_unique_idx ON herald.river_job USING btree (unique_key) WHERE ((unique_key IS NOT NULL) AND (unique_states IS NOT NULL) AND herald.river_job_state_in_bitmask(unique_states, state));

CREATE INDEX river_notification_created_at_idx ON herald.river_notification USING btree (created_at);

CREATE INDEX river_notification_topic_id_idx ON herald.river_notification USING btree (topic, id);

CREATE INDEX stream_head_retired_at_idx ON herald.stream_head USING btree (retired_at);

ALTER INDEX herald.event_log_group_sequence_idx ATTACH PARTITION herald.event_log_default_group_name_sequence_idx;

ALTER INDEX herald.event_log_late_idx ATTACH PARTITION herald.event_log_default_outbox_written_at_idx;

ALTER INDEX herald.event_log_position_idx ATTACH PARTITION herald.event_log_default_position_idx;

ALTER INDEX herald.event_log_group_sequence_idx ATTACH PARTITION herald.event_log_p20250120_group_name_sequence_idx;

ALTER INDEX herald.event_log_late_idx ATTACH PARTITION herald.event_log_p20250120_outbox_written_at_idx;

ALTER INDEX herald.event_log_position_idx ATTACH PARTITION herald.event_log_p20250120_position_idx;

ALTER INDEX herald.outbox_seq_idx ATTACH PARTITION herald.outbox_default_seq_idx;

ALTER INDEX herald.outbox_xid_seq_idx ATTACH PARTITION herald.outbox_default_xid_seq_idx;

ALTER INDEX herald.outbox_seq_idx ATTACH PARTITION herald.outbox_p20250120_seq_idx;

ALTER INDEX herald.outbox_xid_seq_idx ATTACH PARTITION herald.outbox_p20250120_xid_seq_idx;

CREATE TRIGGER outbox_accept_event AFTER INSERT ON herald.outbox FOR EACH ROW EXECUTE FUNCTION herald.accept_event();

GRANT USAGE ON SCHEMA herald TO herald_producer;

REVOKE ALL ON FUNCTION herald.accept_event() FROM PUBLIC;

REVOKE ALL ON FUNCTION herald.can_subscribe(policy text, resource_id uuid, user_id text) FROM PUBLIC;

REVOKE ALL ON FUNCTION herald.check_grant(policy text, resource_id uuid, user_id text) FROM PUBLIC;

REVOKE ALL ON FUNCTION herald.day_begins(day date) FROM PUBLIC;

REVOKE ALL ON FUNCTION herald.days_before(parent text, cutoff timestamp with time zone) FROM PUBLIC;

REVOKE ALL ON FUNCTION herald.ensure_partition(parent text, day date) FROM PUBLIC;

REVOKE ALL ON FUNCTION herald.event_jobs(event_id uuid) FROM PUBLIC;

REVOKE ALL ON FUNCTION herald.event_status(event_id uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION herald.event_status(event_id uuid) TO herald_producer;

REVOKE ALL ON FUNCTION herald.event_story(event_id uuid) FROM PUBLIC;

REVOKE ALL ON FUNCTION herald.forget_relayed(before timestamp with time zone, first_block bigint, blocks integer) FROM PUBLIC;

REVOKE ALL ON FUNCTION herald.forgettable_before(cutoff timestamp with time zone) FROM PUBLIC;

REVOKE ALL ON FUNCTION herald.forgettable_blocks(before timestamp with time zone, OUT first bigint, OUT last bigint) FROM PUBLIC;

REVOKE ALL ON FUNCTION herald.grant_access(policy text, resource_id uuid, user_id text) FROM PUBLIC;

REVOKE ALL ON FUNCTION herald.is_platform_stat(field text, value numeric) FROM PUBLIC;

REVOKE ALL ON FUNCTION herald.is_set_aside(event_id uuid) FROM PUBLIC;

REVOKE ALL ON FUNCTION herald.judge_event(event_type text, resource_id uuid, restaurant_id uuid, customer_id text, audience text, payload jsonb, occurred_on_utc timestamp with time zone, deliver_after timestamp with time zone, traceparent text, event_id uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION herald.judge_event(event_type text, resource_id uuid, restaurant_id uuid, customer_id text, audience text, payload jsonb, occurred_on_utc timestamp with time zone, deliver_after timestamp with time zone, traceparent text, event_id uuid) TO herald_producer;

REVOKE ALL ON FUNCTION herald.last_seq() FROM PUBLIC;

REVOKE ALL ON FUNCTION herald.lock_to_change(VARIADIC tables regclass[]) FROM PUBLIC;

REVOKE ALL ON FUNCTION herald.uuidv7() FROM PUBLIC;
GRANT ALL ON FUNCTION herald.uuidv7() TO herald_producer;

GRANT SELECT(event_id),INSERT(event_id) ON TABLE herald.outbox TO herald_producer;

GRANT INSERT(event_type) ON TABLE herald.outbox TO herald_producer;

GRANT INSERT(resource_id) ON TABLE herald.outbox TO herald_producer;

GRANT INSERT(restaurant_id) ON TABLE herald.outbox TO herald_producer;

GRANT INSERT(customer_id) ON TABLE herald.outbox TO herald_producer;

GRANT INSERT(audience) ON TABLE herald.outbox TO herald_producer;

GRANT INSERT(payload) ON TABLE herald.outbox TO herald_producer;

GRANT INSERT(occurred_on_utc) ON TABLE herald.outbox TO herald_producer;

GRANT INSERT(deliver_after) ON TABLE herald.outbox TO herald_producer;

GRANT INSERT(traceparent) ON TABLE herald.outbox TO herald_producer;

REVOKE ALL ON FUNCTION herald.names_customer(o herald.outbox) FROM PUBLIC;

REVOKE ALL ON FUNCTION herald.needed_rows(first timestamp with time zone, next timestamp with time zone) FROM PUBLIC;

REVOKE ALL ON FUNCTION herald.node_host(node_id uuid) FROM PUBLIC;

REVOKE ALL ON FUNCTION herald.other_type(event_type text, family text) FROM PUBLIC;
GRANT ALL ON FUNCTION herald.other_type(event_type text, family text) TO herald_producer;

REVOKE ALL ON FUNCTION herald.partition_bounds(parent text) FROM PUBLIC;

REVOKE ALL ON FUNCTION herald.partition_days(parent text) FROM PUBLIC;

REVOKE ALL ON FUNCTION herald.payload_fields() FROM PUBLIC;
GRANT ALL ON FUNCTION herald.payload_fields() TO herald_producer;

REVOKE ALL ON FUNCTION herald.payload_problems(event_type text, payload jsonb, family text) FROM PUBLIC;
GRANT ALL ON FUNCTION herald.payload_problems(event_type text, payload jsonb, family text) TO herald_producer;

REVOKE ALL ON FUNCTION herald.prune_log_default(cutoff timestamp with time zone, most integer) FROM PUBLIC;

REVOKE ALL ON FUNCTION herald.prune_outbox_default(cutoff timestamp with time zone, after bigint, most integer, OUT pruned bigint, OUT last_seq bigint) FROM PUBLIC;

REVOKE ALL ON FUNCTION herald.publish_admin_event(event_type text, payload jsonb, occurred_on_utc timestamp with time zone, event_id uuid, deliver_after timestamp with time zone, traceparent text) FROM PUBLIC;
GRANT ALL ON FUNCTION herald.publish_admin_event(event_type text, payload jsonb, occurred_on_utc timestamp with time zone, event_id uuid, deliver_after timestamp with time zone, traceparent text) TO herald_producer;

REVOKE ALL ON FUNCTION herald.publish_order_event(event_type text, order_id uuid, order_number text, status text, restaurant_id uuid, customer_id text, audience text, estimated_delivery_time timestamp with time zone, actual_delivery_time timestamp with time zone, delivered_at timestamp with time zone, last_update_timestamp timestamp with time zone, occurred_on_utc timestamp with time zone, event_id uuid, deliver_after timestamp with time zone, extra jsonb, traceparent text) FROM PUBLIC;
GRANT ALL ON FUNCTION herald.publish_order_event(event_type text, order_id uuid, order_number text, status text, restaurant_id uuid, customer_id text, audience text, estimated_delivery_time timestamp with time zone, actual_delivery_time timestamp with time zone, delivered_at timestamp with time zone, last_update_timestamp timestamp with time zone, occurred_on_utc timestamp with time zone, event_id uuid, deliver_after timestamp with time zone, extra jsonb, traceparent text) TO herald_producer;

REVOKE ALL ON FUNCTION herald.publish_teamcart_event(event_type text, team_cart_id uuid, user_id text, status text, order_id uuid, occurred_on_utc timestamp with time zone, event_id uuid, deliver_after timestamp with time zone, extra jsonb, traceparent text) FROM PUBLIC;
GRANT ALL ON FUNCTION herald.publish_teamcart_event(event_type text, team_cart_id uuid, user_id text, status text, order_id uuid, occurred_on_utc timestamp with time zone, event_id uuid, deliver_after timestamp with time zone, extra jsonb, traceparent text) TO herald_producer;

REVOKE ALL ON FUNCTION herald.refuse_event(event_type text, resource_id uuid, restaurant_id uuid, customer_id text, audience text, payload jsonb, occurred_on_utc timestamp with time zone, deliver_after timestamp with time zone, traceparent text, event_id uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION herald.refuse_event(event_type text, resource_id uuid, restaurant_id uuid, customer_id text, audience text, payload jsonb, occurred_on_utc timestamp with time zone, deliver_after timestamp with time zone, traceparent text, event_id uuid) TO herald_producer;

REVOKE ALL ON FUNCTION herald.relay_is_armed() FROM PUBLIC;

REVOKE ALL ON FUNCTION herald.relay_is_spent() FROM PUBLIC;

REVOKE ALL ON FUNCTION herald.retire_log_day(day date) FROM PUBLIC;

REVOKE ALL ON FUNCTION herald.retire_outbox_day(day date, most_to_move integer, OUT moved integer, OUT stays text) FROM PUBLIC;

REVOKE ALL ON FUNCTION herald.revoke_access(policy text, resource_id uuid, user_id text) FROM PUBLIC;

REVOKE ALL ON FUNCTION herald.river_job_state_in_bitmask(bitmask bit, state herald.river_job_state) FROM PUBLIC;

REVOKE ALL ON FUNCTION herald.rotate_node_key(every interval, lead interval, overlap interval) FROM PUBLIC;

REVOKE ALL ON FUNCTION herald.set_platform_stats(stats jsonb) FROM PUBLIC;
GRANT ALL ON FUNCTION herald.set_platform_stats(stats jsonb) TO herald_producer;

REVOKE ALL ON FUNCTION herald.utc(t timestamp with time zone) FROM PUBLIC;
GRANT ALL ON FUNCTION herald.utc(t timestamp with time zone) TO herald_producer;

REVOKE ALL ON FUNCTION herald.utc_or_text(t timestamp with time zone) FROM PUBLIC;
GRANT ALL ON FUNCTION herald.utc_or_text(t timestamp with time zone) TO herald_producer;

REVOKE ALL ON FUNCTION herald.whereabouts(OUT system_identifier bigint, OUT timeline text) FROM PUBLIC;

GRANT SELECT,USAGE ON SEQUENCE herald.relay_armed TO herald_producer;

-- PostgreSQL database dump complete

