-- +goose Up

-- The producers' functions: conveniences over an insert into herald.outbox, to be called inside the producer's own
-- transaction. Each returns the event's id.

-- A time as the payload carries it: UTC, ending in Z, whatever the session's time zone.
-- +goose StatementBegin
CREATE FUNCTION herald.utc(t timestamptz) RETURNS text LANGUAGE sql STABLE
RETURN to_char(t AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"');
-- +goose StatementEnd

-- +goose StatementBegin
CREATE FUNCTION herald.publish_order_event(
    event_type text,
    order_id uuid,
    order_number text,
    status text,
    restaurant_id uuid,
    customer_id text,
    audience text DEFAULT 'Both',
    estimated_delivery_time timestamptz DEFAULT NULL,
    actual_delivery_time timestamptz DEFAULT NULL,
    delivered_at timestamptz DEFAULT NULL,
    last_update_timestamp timestamptz DEFAULT NULL,
    occurred_on_utc timestamptz DEFAULT NULL,
    event_id uuid DEFAULT NULL,
    deliver_after timestamptz DEFAULT NULL
) RETURNS uuid LANGUAGE plpgsql AS $$
#variable_conflict use_variable
DECLARE
    id uuid := coalesce(event_id, herald.uuidv7());
    occurred timestamptz := coalesce(occurred_on_utc, clock_timestamp());
    wrong text;
BEGIN
    IF event_type IS NULL OR event_type NOT IN ('OrderPlaced', 'OrderPaymentSucceeded', 'OrderPaymentFailed', 'OrderStatusChanged') THEN
        RAISE EXCEPTION 'herald.publish_order_event: % is not an order event', coalesce(quote_literal(event_type), 'null')
            USING ERRCODE = 'check_violation',
                HINT = 'Use OrderPlaced, OrderPaymentSucceeded, OrderPaymentFailed or OrderStatusChanged.';
    ELSIF order_number IS NULL OR status IS NULL THEN
        RAISE EXCEPTION 'herald.publish_order_event: % is missing', CASE WHEN order_number IS NULL THEN 'order_number' ELSE 'status' END
            USING ERRCODE = 'check_violation';
    -- Such a time has no RFC 3339 form, so its event would be undeliverable. least and greatest pass over nulls.
    ELSIF least(estimated_delivery_time, actual_delivery_time, delivered_at, last_update_timestamp) < '0001-01-01 00:00:00+00'
        OR greatest(estimated_delivery_time, actual_delivery_time, delivered_at, last_update_timestamp) >= '10000-01-01 00:00:00+00' THEN
        SELECT format('%s %s', f.name, f.value) INTO wrong
        FROM (VALUES ('estimated_delivery_time', estimated_delivery_time), ('actual_delivery_time', actual_delivery_time),
            ('delivered_at', delivered_at), ('last_update_timestamp', last_update_timestamp)) f (name, value)
        WHERE f.value < '0001-01-01 00:00:00+00' OR f.value >= '10000-01-01 00:00:00+00' LIMIT 1;
        RAISE EXCEPTION 'herald.publish_order_event: % is not a time between the years 1 and 9999', wrong
            USING ERRCODE = 'check_violation', HINT = 'Pass null for a time that is not known.';
    END IF;
    INSERT INTO herald.outbox (event_id, event_type, resource_id, restaurant_id, customer_id, audience, payload,
        occurred_on_utc, deliver_after)
    VALUES (id, event_type, order_id, restaurant_id, customer_id, coalesce(audience, 'Both'), jsonb_build_object(
        'orderNumber', order_number,
        'status', status,
        'lastUpdateTimestamp', herald.utc(coalesce(last_update_timestamp, occurred)),
        'estimatedDeliveryTime', herald.utc(estimated_delivery_time),
        'actualDeliveryTime', herald.utc(actual_delivery_time),
        'deliveredAt', herald.utc(delivered_at)), occurred, deliver_after);
    RETURN id;
END
$$;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE FUNCTION herald.publish_teamcart_event(
    event_type text,
    team_cart_id uuid,
    user_id text DEFAULT NULL,
    status text DEFAULT NULL,
    order_id uuid DEFAULT NULL,
    occurred_on_utc timestamptz DEFAULT NULL,
    event_id uuid DEFAULT NULL,
    deliver_after timestamptz DEFAULT NULL
) RETURNS uuid LANGUAGE plpgsql AS $$
#variable_conflict use_variable
DECLARE
    id uuid := coalesce(event_id, herald.uuidv7());
BEGIN
    IF event_type IS NULL OR event_type NOT IN ('CartUpdated', 'CartLocked', 'CartPaymentEvent', 'CartReadyToConfirm', 'CartConverted', 'CartExpired') THEN
        RAISE EXCEPTION 'herald.publish_teamcart_event: % is not a team cart event', coalesce(quote_literal(event_type), 'null')
            USING ERRCODE = 'check_violation',
                HINT = 'Use CartUpdated, CartLocked, CartPaymentEvent, CartReadyToConfirm, CartConverted or CartExpired.';
    ELSIF event_type = 'CartPaymentEvent' AND (user_id IS NULL OR status IS NULL) THEN
        RAISE EXCEPTION 'herald.publish_teamcart_event: a CartPaymentEvent needs user_id and status' USING ERRCODE = 'check_violation';
    ELSIF event_type = 'CartConverted' AND order_id IS NULL THEN
        RAISE EXCEPTION 'herald.publish_teamcart_event: a CartConverted needs order_id' USING ERRCODE = 'check_violation';
    END IF;
    INSERT INTO herald.outbox (event_id, event_type, resource_id, payload, occurred_on_utc, deliver_after)
    VALUES (id, event_type, team_cart_id,
        jsonb_strip_nulls(jsonb_build_object('userId', user_id, 'status', status, 'orderId', order_id)),
        coalesce(occurred_on_utc, clock_timestamp()), deliver_after);
    RETURN id;
END
$$;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE FUNCTION herald.publish_admin_event(
    event_type text,
    payload jsonb,
    occurred_on_utc timestamptz DEFAULT NULL,
    event_id uuid DEFAULT NULL,
    deliver_after timestamptz DEFAULT NULL
) RETURNS uuid LANGUAGE plpgsql AS $$
#variable_conflict use_variable
DECLARE
    id uuid := coalesce(event_id, herald.uuidv7());
BEGIN
    IF event_type IS NULL OR event_type NOT IN ('UserActivityUpdate', 'AnalyticsUpdate', 'UserCountUpdate', 'GenerationMetricsUpdate',
            'RevenueUpdate', 'SystemAlert', 'AdminNotification') THEN
        RAISE EXCEPTION 'herald.publish_admin_event: % is not an admin event', coalesce(quote_literal(event_type), 'null')
            USING ERRCODE = 'check_violation', HINT = 'Use UserActivityUpdate, AnalyticsUpdate, UserCountUpdate, '
                'GenerationMetricsUpdate, RevenueUpdate, SystemAlert or AdminNotification.';
    END IF;
    INSERT INTO herald.outbox (event_id, event_type, payload, occurred_on_utc, deliver_after)
    VALUES (id, event_type, payload, coalesce(occurred_on_utc, clock_timestamp()), deliver_after);
    RETURN id;
END
$$;
-- +goose StatementEnd

-- Where is my event: one row for each group that it has a place in, else one row that says why it has none.
-- status: waiting, scheduled, relayed, dead or unknown.
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
        SELECT 'dead', d.outbox_written_at, NULL::timestamptz, NULL::timestamptz, NULL::uuid, NULL, NULL::bigint, NULL::bigint, d.reason
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

-- The role for producers. Roles belong to the cluster, so another database's Herald may have made it already, or be making it.
-- +goose StatementBegin
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'herald_producer') THEN
        CREATE ROLE herald_producer NOLOGIN;
    END IF;
EXCEPTION
    WHEN duplicate_object OR unique_violation THEN NULL;
    WHEN insufficient_privilege THEN
        RAISE EXCEPTION 'the role herald_producer does not exist and % may not create it', current_user
            USING ERRCODE = 'insufficient_privilege', HINT = 'Run as a superuser: CREATE ROLE herald_producer NOLOGIN';
END
$$;
-- +goose StatementEnd

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA herald FROM PUBLIC;
GRANT USAGE ON SCHEMA herald TO herald_producer;
GRANT INSERT (event_id, event_type, resource_id, restaurant_id, customer_id, audience, payload, occurred_on_utc, deliver_after, traceparent)
    ON herald.outbox TO herald_producer;
-- INSERT … RETURNING event_id is how a producer learns the id.
GRANT SELECT (event_id) ON herald.outbox TO herald_producer;
GRANT EXECUTE ON FUNCTION
    herald.uuidv7(),
    herald.utc(timestamptz),
    herald.check_event(text, uuid, uuid, text, text, jsonb, timestamptz, timestamptz, text),
    herald.publish_order_event(text, uuid, text, text, uuid, text, text, timestamptz, timestamptz, timestamptz, timestamptz, timestamptz, uuid, timestamptz),
    herald.publish_teamcart_event(text, uuid, text, text, uuid, timestamptz, uuid, timestamptz),
    herald.publish_admin_event(text, jsonb, timestamptz, uuid, timestamptz),
    herald.set_platform_stats(jsonb),
    herald.event_status(uuid),
    herald.grant_access(text, uuid, text),
    herald.revoke_access(text, uuid, text)
    TO herald_producer;

-- +goose Down
DROP OWNED BY herald_producer;
DROP FUNCTION herald.event_status(uuid), herald.publish_admin_event(text, jsonb, timestamptz, uuid, timestamptz),
    herald.publish_teamcart_event(text, uuid, text, text, uuid, timestamptz, uuid, timestamptz),
    herald.publish_order_event(text, uuid, text, text, uuid, text, text, timestamptz, timestamptz, timestamptz, timestamptz, timestamptz, uuid, timestamptz),
    herald.utc(timestamptz);
