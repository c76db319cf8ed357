-- +goose Up

-- A NOTIFY serialises the commits that carry one, through the flush and the synchronous standby. Many transactions that read the same armed flag
-- waited in that line for as many flushes: with 64 writers and 20 ms each, more than a second. So a few of them notify and the others do
-- not: the sequence is 1 when a relay has armed, each transaction that notifies takes the next number, and above 4 nobody notifies until a relay
-- arms again (5 is a relay that has disarmed, and so is the 0 of earlier releases). More than one, because a transaction may stay open or roll
-- back; behind all of them stands the look every 100 ms.
-- herald.notifies is the transaction's own: a transaction counts once, however many events it publishes.
--
-- Else as before (00012).
-- +goose StatementBegin
CREATE OR REPLACE FUNCTION herald.accept_event() RETURNS trigger LANGUAGE plpgsql AS $$
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
    IF coalesce(pg_sequence_last_value('herald.relay_armed'), 1) = ANY ('{1,2,3,4}') THEN
        PERFORM pg_notify('herald_outbox', '');
        IF coalesce(current_setting('herald.notifies', true), '') = '' AND has_sequence_privilege('herald.relay_armed', 'USAGE') THEN
            PERFORM set_config('herald.notifies', 'true', true), nextval('herald.relay_armed');
        END IF;
    END IF;
    RETURN NULL;
END
$$;
-- +goose StatementEnd
GRANT USAGE ON SEQUENCE herald.relay_armed TO herald_producer;

-- +goose StatementBegin
CREATE OR REPLACE FUNCTION herald.relay_is_armed() RETURNS boolean LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    RETURN (SELECT a.last_value BETWEEN 1 AND 4 FROM herald.relay_armed a);
END
$$;
-- +goose StatementEnd

-- +goose Down
-- +goose StatementBegin
CREATE OR REPLACE FUNCTION herald.accept_event() RETURNS trigger LANGUAGE plpgsql AS $$
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
REVOKE USAGE ON SEQUENCE herald.relay_armed FROM herald_producer;
-- +goose StatementBegin
CREATE OR REPLACE FUNCTION herald.relay_is_armed() RETURNS boolean LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    RETURN (SELECT a.last_value = 1 FROM herald.relay_armed a);
END
$$;
-- +goose StatementEnd
