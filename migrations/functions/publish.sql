-- version 1, checksum aef5c244
-- The producers' functions: conveniences over an insert into herald.outbox, to be called inside the producer's own
-- transaction. Each returns the event's id.
--
-- These run in the producer's name and with the producer's search_path: a path of their own would cost each call 10
-- microseconds. What a login may publish must not depend on what it owns and sets. So every operator is written
-- OPERATOR(pg_catalog.=), every function and type is qualified, and nothing stands here for which PostgreSQL looks
-- up an operator by itself: IN, BETWEEN, LIKE, NULLIF, IS DISTINCT FROM, CASE x WHEN. No literal has a backslash,
-- which means something else where standard_conforming_strings is off. A function in standard SQL (RETURN ..., BEGIN
-- ATOMIC) and a column's default are bound to their names when they are created.

-- A UUIDv7 (RFC 9562): 48 bits of milliseconds, then random bits. Time-ordered ids keep the index that deduplicates
-- them compact. PostgreSQL has its own from 18 on.
CREATE OR REPLACE FUNCTION herald.uuidv7() RETURNS uuid LANGUAGE sql VOLATILE PARALLEL SAFE
RETURN encode(
    set_bit(set_bit(
        overlay(uuid_send(gen_random_uuid())
            PLACING substring(int8send((extract(epoch FROM clock_timestamp()) * 1000)::bigint) FROM 3) FROM 1 FOR 6),
        52, 1), 53, 1),
    'hex')::uuid;
GRANT EXECUTE ON FUNCTION herald.uuidv7() TO herald_producer;

-- A time as the payload carries it: UTC, ending in Z, whatever the session's time zone.
CREATE OR REPLACE FUNCTION herald.utc(t timestamptz) RETURNS text LANGUAGE sql STABLE
RETURN to_char(t AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"');
GRANT EXECUTE ON FUNCTION herald.utc(timestamptz) TO herald_producer;

-- A time as RFC 3339 has it, or, where that cannot say it, as PostgreSQL prints it: the outbox then refuses it by
-- name.
CREATE OR REPLACE FUNCTION herald.utc_or_text(t timestamptz) RETURNS text LANGUAGE sql STABLE
RETURN CASE WHEN t >= '0001-01-01 00:00:00+00' AND t < '10000-01-01 00:00:00+00' THEN herald.utc(t) ELSE t::text END;
GRANT EXECUTE ON FUNCTION herald.utc_or_text(timestamptz) TO herald_producer;

-- The event type that a publish function passes on where it is not of its family: another family's is refused, null
-- becomes empty, and the trigger refuses the rest.
CREATE OR REPLACE FUNCTION herald.other_type(event_type text, family text) RETURNS text LANGUAGE plpgsql STABLE AS $$
DECLARE
    own constant pg_catalog.text[] := CASE WHEN family OPERATOR(pg_catalog.=) 'order' THEN '{@order_types@}'
        WHEN family OPERATOR(pg_catalog.=) 'teamcart' THEN '{@cart_types@}'
        ELSE '{@admin_types@}'
        END::pg_catalog.text[];
BEGIN
    IF event_type OPERATOR(pg_catalog.<>) ALL (own) AND event_type OPERATOR(pg_catalog.=) ANY ('{@order_types@,@cart_types@,@admin_types@,AccessRevoked}'::pg_catalog.text[]) THEN
        RAISE EXCEPTION 'herald.publish_%_event: % is not %', family, pg_catalog.quote_literal(event_type), CASE
                WHEN family OPERATOR(pg_catalog.=) 'order' THEN 'an order event' WHEN family OPERATOR(pg_catalog.=) 'teamcart' THEN 'a team cart event'
                ELSE 'an admin event' END
            USING ERRCODE = 'check_violation', CONSTRAINT = 'outbox_event_valid', HINT = pg_catalog.concat('Use one of ',
                pg_catalog.array_to_string(own, ', '), '; each family of events has a publish function of its own.');
    END IF;
    RETURN coalesce(event_type, '');
END
$$;
GRANT EXECUTE ON FUNCTION herald.other_type(text, text) TO herald_producer;

-- An order's event. A name of Herald's own in extra replaces nothing. An event type that is null is passed on as an
-- empty one. What is missing or wrong the table's trigger refuses.
CREATE OR REPLACE FUNCTION herald.publish_order_event(
    event_type text DEFAULT NULL,
    order_id uuid DEFAULT NULL,
    order_number text DEFAULT NULL,
    status text DEFAULT NULL,
    restaurant_id uuid DEFAULT NULL,
    customer_id text DEFAULT NULL,
    audience text DEFAULT 'Both',
    estimated_delivery_time timestamptz DEFAULT NULL,
    actual_delivery_time timestamptz DEFAULT NULL,
    delivered_at timestamptz DEFAULT NULL,
    last_update_timestamp timestamptz DEFAULT NULL,
    occurred_on_utc timestamptz DEFAULT NULL,
    event_id uuid DEFAULT NULL,
    deliver_after timestamptz DEFAULT NULL,
    extra jsonb DEFAULT NULL,
    traceparent text DEFAULT NULL
) RETURNS uuid LANGUAGE plpgsql AS $$
#variable_conflict use_variable
BEGIN
    event_id := coalesce(event_id, herald.uuidv7());
    occurred_on_utc := coalesce(occurred_on_utc, pg_catalog.clock_timestamp());
    -- Nearly no call has one of these, and each expression in a statement costs each call.
    IF event_type OPERATOR(pg_catalog.=) ANY ('{@order_types@}'::pg_catalog.text[])
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
    ELSIF event_type OPERATOR(pg_catalog.=) ANY ('{@order_types@}'::pg_catalog.text[])
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
    VALUES (event_id, CASE WHEN event_type OPERATOR(pg_catalog.=) ANY ('{@order_types@}'::pg_catalog.text[])
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
GRANT EXECUTE ON FUNCTION herald.publish_order_event(text, uuid, text, text, uuid, text, text, timestamptz, timestamptz, timestamptz, timestamptz,
    timestamptz, uuid, timestamptz, jsonb, text)
    TO herald_producer;

-- A team cart's event, by the same rules.
CREATE OR REPLACE FUNCTION herald.publish_teamcart_event(
    event_type text DEFAULT NULL,
    team_cart_id uuid DEFAULT NULL,
    user_id text DEFAULT NULL,
    status text DEFAULT NULL,
    order_id uuid DEFAULT NULL,
    occurred_on_utc timestamptz DEFAULT NULL,
    event_id uuid DEFAULT NULL,
    deliver_after timestamptz DEFAULT NULL,
    extra jsonb DEFAULT NULL,
    traceparent text DEFAULT NULL
) RETURNS uuid LANGUAGE plpgsql AS $$
#variable_conflict use_variable
DECLARE
    id pg_catalog.uuid := coalesce(event_id, herald.uuidv7());
BEGIN
    IF event_type OPERATOR(pg_catalog.=) ANY ('{@cart_types@}'::pg_catalog.text[])
        AND extra IS NULL
    THEN
        INSERT INTO herald.outbox (event_id, event_type, resource_id, payload, occurred_on_utc, deliver_after, traceparent)
        VALUES (id, event_type, team_cart_id,
            pg_catalog.jsonb_strip_nulls(pg_catalog.jsonb_build_object('userId', user_id, 'status', status, 'orderId', order_id)),
            coalesce(occurred_on_utc, pg_catalog.clock_timestamp()), deliver_after, traceparent);
        RETURN id;
    END IF;
    INSERT INTO herald.outbox (event_id, event_type, resource_id, payload, occurred_on_utc, deliver_after, traceparent)
    VALUES (id, CASE WHEN event_type OPERATOR(pg_catalog.=) ANY ('{@cart_types@}'::pg_catalog.text[])
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
GRANT EXECUTE ON FUNCTION herald.publish_teamcart_event(text, uuid, text, text, uuid, timestamptz, uuid, timestamptz, jsonb, text)
    TO herald_producer;

-- An event for the administrators, by the same rules.
CREATE OR REPLACE FUNCTION herald.publish_admin_event(
    event_type text DEFAULT NULL,
    payload jsonb DEFAULT NULL,
    occurred_on_utc timestamptz DEFAULT NULL,
    event_id uuid DEFAULT NULL,
    deliver_after timestamptz DEFAULT NULL,
    traceparent text DEFAULT NULL
) RETURNS uuid LANGUAGE plpgsql AS $$
#variable_conflict use_variable
DECLARE
    id pg_catalog.uuid := coalesce(event_id, herald.uuidv7());
BEGIN
    IF (event_type OPERATOR(pg_catalog.=) ANY ('{@admin_types@}'::pg_catalog.text[])
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
GRANT EXECUTE ON FUNCTION herald.publish_admin_event(text, jsonb, timestamptz, uuid, timestamptz, text)
    TO herald_producer;
