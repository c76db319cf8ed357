-- version 1, checksum d0c4c023
-- Who may join which group.

-- Raises what is wrong with the arguments of grant_access and revoke_access.
CREATE OR REPLACE FUNCTION herald.check_grant(policy text, resource_id uuid, user_id text) RETURNS void LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, herald, pg_temp AS $$
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

-- Lets user_id join the group that policy guards, from this transaction's commit on. Deciding who may follow what is
-- not publishing, so a login that does it is granted this function and the next by name.
CREATE OR REPLACE FUNCTION herald.grant_access(policy text, resource_id uuid, user_id text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, herald, pg_temp AS $$
#variable_conflict use_variable
BEGIN
    PERFORM herald.check_grant(policy, resource_id, user_id);
    INSERT INTO herald.access_grant (policy, resource_id, user_id, granted, source)
        VALUES (policy, resource_id, user_id, true, 'explicit');
END
$$;

-- Takes it back, from this transaction's commit on: no new subscribe, and on every node the user's connections leave
-- the group when the node reads the event that is written here.
CREATE OR REPLACE FUNCTION herald.revoke_access(policy text, resource_id uuid, user_id text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, herald, pg_temp AS $$
#variable_conflict use_variable
BEGIN
    PERFORM herald.check_grant(policy, resource_id, user_id);
    INSERT INTO herald.access_grant (policy, resource_id, user_id, granted, source)
        VALUES (policy, resource_id, user_id, false, 'explicit');
    INSERT INTO herald.outbox (event_type, resource_id, payload)
        VALUES ('AccessRevoked', resource_id, pg_catalog.jsonb_build_object('policy', policy, 'userId', user_id));
END
$$;

-- Whether a row of the outbox is an order's event that is due and would be relayed to the order's group. A row that
-- passed the outbox's check fits; this is for rows that came past it, or by a release with another check.
CREATE OR REPLACE FUNCTION herald.names_customer(o herald.outbox) RETURNS boolean LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, herald, pg_temp AS $$
DECLARE
    nothing constant uuid := '00000000-0000-0000-0000-000000000000';
    first_year constant timestamptz := '0001-01-01 00:00:00+00';
    last_year constant timestamptz := '10000-01-01 00:00:00+00';
BEGIN
    RETURN coalesce(
        o.event_type = ANY ('{@order_types@}'::text[])
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

-- Whether user_id may join the group that policy guards. What was granted or revoked last by name decides; else, of
-- an order, whether user_id is the order's customer. That is the customer of the first event that was relayed to the
-- order's group, which the relay notes. Before there is one, it is the customer of the first event that will be: one
-- that is committed, due and not relayed yet, whose id was not seen before and whose payload fits. Such an event is
-- found where the relay looks for it. Of events that would all fail for their ids the first few are looked at.
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
