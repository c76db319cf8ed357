-- +goose Up

-- As before (00001), but AccessRevoked is Herald's own: herald.revoke_access writes it in the name of the outbox's owner, and nobody else may.
-- The rows of orders and team carts do not come here (00012), unless something is unusual about them.
-- +goose StatementBegin
CREATE OR REPLACE FUNCTION herald.check_event(
    event_type text, resource_id uuid, restaurant_id uuid, customer_id text, audience text, payload jsonb,
    occurred_on_utc timestamptz, deliver_after timestamptz, traceparent text
) RETURNS boolean LANGUAGE plpgsql STABLE AS $$
DECLARE
    order_types constant text[] := '{OrderPlaced,OrderPaymentSucceeded,OrderPaymentFailed,OrderStatusChanged}';
    cart_types constant text[] := '{CartUpdated,CartLocked,CartPaymentEvent,CartReadyToConfirm,CartConverted,CartExpired}';
    admin_types constant text[] := '{UserActivityUpdate,AnalyticsUpdate,UserCountUpdate,GenerationMetricsUpdate,RevenueUpdate,SystemAlert,AdminNotification}';
    -- Every name and operator is qualified, for this runs with the producer's search_path.
    own_types constant text[] := CASE WHEN event_type OPERATOR(pg_catalog.=) 'AccessRevoked' AND pg_catalog.pg_has_role(current_user,
        (SELECT c.relowner FROM pg_catalog.pg_class c WHERE c.oid OPERATOR(pg_catalog.=) 'herald.outbox'::pg_catalog.regclass), 'USAGE')
        THEN '{AccessRevoked}'::text[] ELSE '{}'::text[] END;
    problem text;
    advice text;
BEGIN
    IF (
        CASE
            WHEN event_type IN ('OrderPlaced', 'OrderPaymentSucceeded', 'OrderPaymentFailed', 'OrderStatusChanged') THEN
                resource_id IS NOT NULL AND restaurant_id IS NOT NULL
                AND coalesce(audience IN ('Both', 'Restaurant', 'Customer'), false)
                AND (audience = 'Restaurant' OR coalesce(customer_id, '') <> '')
                AND coalesce(length(customer_id) <= 256, true)
            WHEN event_type IN ('CartUpdated', 'CartLocked', 'CartPaymentEvent', 'CartReadyToConfirm', 'CartConverted', 'CartExpired') THEN
                resource_id IS NOT NULL
            ELSE event_type = ANY (admin_types || own_types)
        END
        AND jsonb_typeof(payload) = 'object' AND octet_length(payload::text) <= 65536
        AND occurred_on_utc >= '0001-01-01 00:00:00+00' AND occurred_on_utc < '10000-01-01 00:00:00+00'
        AND coalesce(deliver_after >= '0001-01-01 00:00:00+00' AND deliver_after < '10000-01-01 00:00:00+00', true)
        AND coalesce(length(traceparent) <= 512, true)
        AND coalesce(length(customer_id) <= 256, true)
    ) THEN
        RETURN true;
    END IF;
    IF event_type IS NULL OR NOT event_type = ANY (order_types || cart_types || admin_types || own_types) THEN
        problem := format('unknown event_type %s', coalesce(quote_literal(event_type), 'null'));
        advice := 'Use one of ' || array_to_string(order_types || cart_types || admin_types, ', ') || '.';
    ELSIF event_type = ANY (order_types || cart_types) AND resource_id IS NULL THEN
        problem := format('resource_id is missing: an event of type %s needs the id of its %s', event_type,
            CASE WHEN event_type = ANY (order_types) THEN 'order' ELSE 'team cart' END);
        advice := 'Set resource_id.';
    ELSIF event_type = ANY (order_types) AND restaurant_id IS NULL THEN
        problem := format('restaurant_id is missing: an event of type %s needs the id of the order''s restaurant', event_type);
        advice := 'Set restaurant_id.';
    ELSIF event_type = ANY (order_types) AND (audience IS NULL OR audience NOT IN ('Restaurant', 'Customer', 'Both')) THEN
        problem := format('unknown audience %s', coalesce(quote_literal(audience), 'null'));
        advice := 'Use Restaurant, Customer or Both.';
    ELSIF event_type = ANY (order_types) AND audience <> 'Restaurant' AND coalesce(customer_id, '') = '' THEN
        problem := format('customer_id is missing: an event of type %s for audience %s needs the id of the user who placed the order', event_type, audience);
        advice := 'Set customer_id, or audience to Restaurant.';
    ELSIF length(customer_id) > 256 THEN
        problem := format('customer_id has %s characters; at most 256 are allowed', length(customer_id));
        advice := 'Use the id that the user''s token carries in its sub claim.';
    ELSIF payload IS NULL OR jsonb_typeof(payload) <> 'object' THEN
        problem := format('payload is %s, not a JSON object', coalesce(jsonb_typeof(payload), 'null'));
        advice := 'Pass the event''s own fields as an object with camelCase keys, or ''{}''.';
    ELSIF octet_length(payload::text) > 65536 THEN
        problem := format('payload has %s bytes; at most 65536 (64 KiB) are allowed', octet_length(payload::text));
        advice := 'Send ids and let the client fetch what is large.';
    ELSIF NOT isfinite(occurred_on_utc) OR occurred_on_utc < '0001-01-01 00:00:00+00' OR occurred_on_utc >= '10000-01-01 00:00:00+00' THEN
        problem := format('occurred_on_utc %s is not a time between the years 1 and 9999', occurred_on_utc);
        advice := 'Leave occurred_on_utc out for the current time.';
    ELSIF NOT isfinite(deliver_after) OR deliver_after >= '10000-01-01 00:00:00+00' OR deliver_after < '0001-01-01 00:00:00+00' THEN
        problem := format('deliver_after %s is not a time between the years 1 and 9999', deliver_after);
        advice := 'Leave deliver_after null to deliver at once.';
    ELSIF length(traceparent) > 512 THEN
        problem := format('traceparent has %s characters; at most 512 are allowed', length(traceparent));
        advice := 'Pass a W3C trace context, or null.';
    ELSE
        RETURN true;
    END IF;
    RAISE EXCEPTION 'herald.outbox: %', problem USING ERRCODE = 'check_violation', CONSTRAINT = 'outbox_event_valid', HINT = advice;
END
$$;
-- +goose StatementEnd

-- Publishing is one thing, deciding who may follow what another: who does that is granted the two functions by name.
REVOKE EXECUTE ON FUNCTION herald.grant_access(text, uuid, text), herald.revoke_access(text, uuid, text) FROM herald_producer;

-- +goose Down
GRANT EXECUTE ON FUNCTION herald.grant_access(text, uuid, text), herald.revoke_access(text, uuid, text) TO herald_producer;
-- +goose StatementBegin
CREATE OR REPLACE FUNCTION herald.check_event(
    event_type text, resource_id uuid, restaurant_id uuid, customer_id text, audience text, payload jsonb,
    occurred_on_utc timestamptz, deliver_after timestamptz, traceparent text
) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    order_types constant text[] := '{OrderPlaced,OrderPaymentSucceeded,OrderPaymentFailed,OrderStatusChanged}';
    cart_types constant text[] := '{CartUpdated,CartLocked,CartPaymentEvent,CartReadyToConfirm,CartConverted,CartExpired}';
    admin_types constant text[] := '{UserActivityUpdate,AnalyticsUpdate,UserCountUpdate,GenerationMetricsUpdate,RevenueUpdate,SystemAlert,AdminNotification}';
    problem text;
    advice text;
BEGIN
    IF (
        CASE
            WHEN event_type IN ('OrderPlaced', 'OrderPaymentSucceeded', 'OrderPaymentFailed', 'OrderStatusChanged') THEN
                resource_id IS NOT NULL AND restaurant_id IS NOT NULL
                AND coalesce(audience IN ('Both', 'Restaurant', 'Customer'), false)
                AND (audience = 'Restaurant' OR coalesce(customer_id, '') <> '')
                AND coalesce(length(customer_id) <= 256, true)
            WHEN event_type IN ('CartUpdated', 'CartLocked', 'CartPaymentEvent', 'CartReadyToConfirm', 'CartConverted', 'CartExpired') THEN
                resource_id IS NOT NULL
            ELSE event_type IN ('UserActivityUpdate', 'AnalyticsUpdate', 'UserCountUpdate', 'GenerationMetricsUpdate',
                'RevenueUpdate', 'SystemAlert', 'AdminNotification', 'AccessRevoked')
        END
        AND jsonb_typeof(payload) = 'object' AND octet_length(payload::text) <= 65536
        AND occurred_on_utc >= '0001-01-01 00:00:00+00' AND occurred_on_utc < '10000-01-01 00:00:00+00'
        AND coalesce(deliver_after >= '0001-01-01 00:00:00+00' AND deliver_after < '10000-01-01 00:00:00+00', true)
        AND coalesce(length(traceparent) <= 512, true)
        AND coalesce(length(customer_id) <= 256, true)
    ) THEN
        RETURN true;
    END IF;
    IF event_type IS NULL OR NOT event_type = ANY (order_types || cart_types || admin_types || '{AccessRevoked}'::text[]) THEN
        problem := format('unknown event_type %s', coalesce(quote_literal(event_type), 'null'));
        advice := 'Use one of ' || array_to_string(order_types || cart_types || admin_types, ', ') || '.';
    ELSIF event_type = ANY (order_types || cart_types) AND resource_id IS NULL THEN
        problem := format('resource_id is missing: an event of type %s needs the id of its %s', event_type,
            CASE WHEN event_type = ANY (order_types) THEN 'order' ELSE 'team cart' END);
        advice := 'Set resource_id.';
    ELSIF event_type = ANY (order_types) AND restaurant_id IS NULL THEN
        problem := format('restaurant_id is missing: an event of type %s needs the id of the order''s restaurant', event_type);
        advice := 'Set restaurant_id.';
    ELSIF event_type = ANY (order_types) AND (audience IS NULL OR audience NOT IN ('Restaurant', 'Customer', 'Both')) THEN
        problem := format('unknown audience %s', coalesce(quote_literal(audience), 'null'));
        advice := 'Use Restaurant, Customer or Both.';
    ELSIF event_type = ANY (order_types) AND audience <> 'Restaurant' AND coalesce(customer_id, '') = '' THEN
        problem := format('customer_id is missing: an event of type %s for audience %s needs the id of the user who placed the order', event_type, audience);
        advice := 'Set customer_id, or audience to Restaurant.';
    ELSIF length(customer_id) > 256 THEN
        problem := format('customer_id has %s characters; at most 256 are allowed', length(customer_id));
        advice := 'Use the id that the user''s token carries in its sub claim.';
    ELSIF payload IS NULL OR jsonb_typeof(payload) <> 'object' THEN
        problem := format('payload is %s, not a JSON object', coalesce(jsonb_typeof(payload), 'null'));
        advice := 'Pass the event''s own fields as an object with camelCase keys, or ''{}''.';
    ELSIF octet_length(payload::text) > 65536 THEN
        problem := format('payload has %s bytes; at most 65536 (64 KiB) are allowed', octet_length(payload::text));
        advice := 'Send ids and let the client fetch what is large.';
    ELSIF NOT isfinite(occurred_on_utc) OR occurred_on_utc < '0001-01-01 00:00:00+00' OR occurred_on_utc >= '10000-01-01 00:00:00+00' THEN
        problem := format('occurred_on_utc %s is not a time between the years 1 and 9999', occurred_on_utc);
        advice := 'Leave occurred_on_utc out for the current time.';
    ELSIF NOT isfinite(deliver_after) OR deliver_after >= '10000-01-01 00:00:00+00' OR deliver_after < '0001-01-01 00:00:00+00' THEN
        problem := format('deliver_after %s is not a time between the years 1 and 9999', deliver_after);
        advice := 'Leave deliver_after null to deliver at once.';
    ELSIF length(traceparent) > 512 THEN
        problem := format('traceparent has %s characters; at most 512 are allowed', length(traceparent));
        advice := 'Pass a W3C trace context, or null.';
    ELSE
        RETURN true;
    END IF;
    RAISE EXCEPTION 'herald.outbox: %', problem USING ERRCODE = 'check_violation', CONSTRAINT = 'outbox_event_valid', HINT = advice;
END
$$;
-- +goose StatementEnd
