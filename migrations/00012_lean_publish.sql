-- +goose Up

-- What a producer's insert costs, beside its row and its indexes. PL/pgSQL keeps a function's plans for the session, but prepares each expression
-- anew in each transaction that evaluates it, at a cost that grows with the expression; and a check constraint is read from its text anew by
-- each statement. A transaction that publishes one event pays for both every time: 43 µs of its 100 µs. So a row is checked by the trigger that
-- wakes the relay, in one expression that says of nearly every row that it is valid; and the rest is evaluated where that does not say so.
-- The trigger is one for each row and not for each statement: the latter sees its rows only by way of a transition table, which costs more.

-- Nobody who writes waits behind this for longer than a lock is waited for.
-- +goose StatementBegin
DO $$
DECLARE
    attempts constant int := 600;
BEGIN
    SET LOCAL lock_timeout = '200ms';
    FOR attempt IN 1..attempts LOOP
        BEGIN
            LOCK TABLE herald.outbox IN ACCESS EXCLUSIVE MODE;
            EXIT;
        EXCEPTION WHEN lock_not_available THEN
            IF attempt = attempts THEN
                RAISE EXCEPTION 'herald.outbox has been in use by transactions that do not end, for % attempts to change it', attempts
                    USING ERRCODE = 'lock_not_available', HINT = 'Look for the oldest in pg_stat_activity, then migrate again.';
            END IF;
            PERFORM pg_sleep(1);
        END;
    END LOOP;
    SET LOCAL lock_timeout = 0;
END
$$;
-- +goose StatementEnd

-- Checks a row and wakes a sleeping relay. Under load the relay is not armed and nobody pays for NOTIFY, which serialises every
-- commit in the cluster. Null is the sequence as it was created, and as a crash leaves it: armed.
--
-- It runs in the producer's name: SECURITY DEFINER and a search_path of its own cost 10 µs a call, and all that it needs is to read the
-- sequence.
-- +goose StatementBegin
CREATE FUNCTION herald.accept_event() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (NEW.resource_id IS NOT NULL
        AND CASE WHEN NEW.event_type = ANY ('{OrderPlaced,OrderPaymentSucceeded,OrderPaymentFailed,OrderStatusChanged}')
            THEN NEW.restaurant_id IS NOT NULL AND NEW.audience = ANY ('{Both,Restaurant,Customer}') AND NEW.customer_id <> ''
            ELSE NEW.event_type = ANY ('{CartUpdated,CartLocked,CartPaymentEvent,CartReadyToConfirm,CartConverted,CartExpired}') END
        AND coalesce(length(NEW.customer_id), 0) <= 256
        AND jsonb_typeof(NEW.payload) = 'object' AND octet_length(NEW.payload::text) <= 65536
        AND NEW.occurred_on_utc >= '0001-01-01 00:00:00+00' AND NEW.occurred_on_utc < '10000-01-01 00:00:00+00'
        AND NEW.deliver_after IS NULL AND NEW.traceparent IS NULL) IS NOT TRUE
    THEN
        PERFORM herald.check_event(NEW.event_type, NEW.resource_id, NEW.restaurant_id, NEW.customer_id, NEW.audience, NEW.payload,
            NEW.occurred_on_utc, NEW.deliver_after, NEW.traceparent);
    END IF;
    IF coalesce(pg_sequence_last_value('herald.relay_armed'), 1) <> 0 THEN
        PERFORM pg_notify('herald_outbox', '');
    END IF;
    RETURN NULL;
END
$$;
-- +goose StatementEnd
REVOKE ALL ON FUNCTION herald.accept_event() FROM PUBLIC;
GRANT SELECT ON SEQUENCE herald.relay_armed TO herald_producer;

CREATE TRIGGER outbox_accept_event AFTER INSERT ON herald.outbox FOR EACH ROW EXECUTE FUNCTION herald.accept_event();
DROP TRIGGER outbox_wake_relay ON herald.outbox;
DROP FUNCTION herald.wake_relay();
ALTER TABLE herald.outbox DROP CONSTRAINT outbox_event_valid;

-- As before (00005), with one expression for what is nearly every call.
-- +goose StatementBegin
CREATE OR REPLACE FUNCTION herald.publish_order_event(
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
    wrong text;
BEGIN
    event_id := coalesce(event_id, herald.uuidv7());
    occurred_on_utc := coalesce(occurred_on_utc, clock_timestamp());
    IF (event_type = ANY ('{OrderPlaced,OrderPaymentSucceeded,OrderPaymentFailed,OrderStatusChanged}') AND order_number IS NOT NULL AND status IS NOT NULL
        AND coalesce(estimated_delivery_time, actual_delivery_time, delivered_at, last_update_timestamp) IS NULL) IS NOT TRUE
    THEN
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
    END IF;
    INSERT INTO herald.outbox (event_id, event_type, resource_id, restaurant_id, customer_id, audience, payload,
        occurred_on_utc, deliver_after)
    VALUES (event_id, event_type, order_id, restaurant_id, customer_id, coalesce(audience, 'Both'), jsonb_object(ARRAY[
        'orderNumber', order_number,
        'status', status,
        'lastUpdateTimestamp', herald.utc(coalesce(last_update_timestamp, occurred_on_utc)),
        'estimatedDeliveryTime', herald.utc(estimated_delivery_time),
        'actualDeliveryTime', herald.utc(actual_delivery_time),
        'deliveredAt', herald.utc(delivered_at)]), occurred_on_utc, deliver_after);
    RETURN event_id;
END
$$;
-- +goose StatementEnd

-- +goose Down
-- Nobody who writes waits behind this for longer than a lock is waited for.
-- +goose StatementBegin
DO $$
DECLARE
    attempts constant int := 600;
BEGIN
    SET LOCAL lock_timeout = '200ms';
    FOR attempt IN 1..attempts LOOP
        BEGIN
            LOCK TABLE herald.outbox IN ACCESS EXCLUSIVE MODE;
            EXIT;
        EXCEPTION WHEN lock_not_available THEN
            IF attempt = attempts THEN
                RAISE EXCEPTION 'herald.outbox has been in use by transactions that do not end, for % attempts to change it', attempts
                    USING ERRCODE = 'lock_not_available', HINT = 'Look for the oldest in pg_stat_activity, then migrate again.';
            END IF;
            PERFORM pg_sleep(1);
        END;
    END LOOP;
    SET LOCAL lock_timeout = 0;
END
$$;
-- +goose StatementEnd
ALTER TABLE herald.outbox ADD CONSTRAINT outbox_event_valid CHECK (herald.check_event(event_type, resource_id, restaurant_id, customer_id, audience,
    payload, occurred_on_utc, deliver_after, traceparent));
-- +goose StatementBegin
CREATE FUNCTION herald.wake_relay() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    IF coalesce(pg_catalog.pg_sequence_last_value('herald.relay_armed'::pg_catalog.regclass), 1) OPERATOR(pg_catalog.<>) 0 THEN
        PERFORM pg_catalog.pg_notify('herald_outbox', '');
    END IF;
    RETURN NULL;
END
$$;
-- +goose StatementEnd
REVOKE ALL ON FUNCTION herald.wake_relay() FROM PUBLIC;
DROP TRIGGER outbox_accept_event ON herald.outbox;
CREATE TRIGGER outbox_wake_relay AFTER INSERT ON herald.outbox FOR EACH STATEMENT EXECUTE FUNCTION herald.wake_relay();
DROP FUNCTION herald.accept_event();
REVOKE ALL ON SEQUENCE herald.relay_armed FROM herald_producer;
-- +goose StatementBegin
CREATE OR REPLACE FUNCTION herald.publish_order_event(
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
