-- +goose Up

CREATE SCHEMA IF NOT EXISTS herald;

-- A UUIDv7 (RFC 9562): 48 bits of milliseconds, then random bits. Time-ordered ids keep the index that deduplicates
-- them compact. PostgreSQL has its own from 18 on.
-- +goose StatementBegin
CREATE FUNCTION herald.uuidv7() RETURNS uuid LANGUAGE sql VOLATILE PARALLEL SAFE
RETURN encode(
    set_bit(set_bit(
        overlay(uuid_send(gen_random_uuid())
            PLACING substring(int8send((extract(epoch FROM clock_timestamp()) * 1000)::bigint) FROM 3) FROM 1 FOR 6),
        52, 1), 53, 1),
    'hex')::uuid;
-- +goose StatementEnd

-- Whether a row is a valid event; an invalid one raises an error that says what is wrong and what to do. The check is one call on
-- purpose: a constraint's expression is compiled anew for every statement, at a cost that grows with its size (65 µs for these
-- conditions written out), while a function keeps its plan for the session (11 µs).
-- +goose StatementBegin
CREATE FUNCTION herald.check_event(
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

-- The producers' contract. Insert-only: nothing updates or deletes a row; retention drops whole days.
--
-- xid stands before seq on purpose: defaults are evaluated in column order, so a row's seq is drawn after its transaction
-- has its xid. From that follows what the relay builds on: a transaction that got its xid after the sequence was read
-- holds only seqs above the value that was read.
CREATE TABLE herald.outbox (
    xid              xid8        NOT NULL DEFAULT pg_current_xact_id(),
    seq              bigint      NOT NULL GENERATED ALWAYS AS IDENTITY (CACHE 1),
    written_at       timestamptz NOT NULL DEFAULT clock_timestamp(),
    event_id         uuid        NOT NULL DEFAULT herald.uuidv7(),
    event_type       text        NOT NULL,
    resource_id      uuid,
    restaurant_id    uuid,
    customer_id      text,
    audience         text        DEFAULT 'Both',
    payload          jsonb       NOT NULL DEFAULT '{}',
    occurred_on_utc  timestamptz NOT NULL DEFAULT clock_timestamp(),
    deliver_after    timestamptz,
    traceparent      text,
    CONSTRAINT outbox_event_valid CHECK (herald.check_event(event_type, resource_id, restaurant_id, customer_id, audience, payload,
        occurred_on_utc, deliver_after, traceparent))
) PARTITION BY RANGE (written_at);

CREATE INDEX outbox_seq_idx ON herald.outbox (seq);
CREATE INDEX outbox_xid_seq_idx ON herald.outbox (xid, seq);

-- The newest seq that has been drawn, by whatever transaction, committed or not; 0 where none has been.
-- +goose StatementBegin
CREATE FUNCTION herald.last_seq() RETURNS bigint LANGUAGE sql VOLATILE
AS 'SELECT CASE WHEN o.is_called THEN o.last_value ELSE o.last_value - 1 END FROM herald.outbox_seq_seq o';
-- +goose StatementEnd

-- Catches what no day's partition takes, so that a missing partition never fails a producer.
CREATE TABLE herald.outbox_default PARTITION OF herald.outbox DEFAULT;

-- 1 while some relay is about to sleep or sleeping ("armed"), else 0. A sequence because setval is seen by everyone at
-- once, whatever transaction they are in; unlogged because then it costs neither WAL nor a flush. After a crash it is 1 again.
CREATE UNLOGGED SEQUENCE herald.relay_armed MINVALUE 0 START 1;

-- +goose StatementBegin
CREATE FUNCTION herald.relay_is_armed() RETURNS boolean LANGUAGE sql VOLATILE
AS 'SELECT a.last_value = 1 FROM herald.relay_armed a';
-- +goose StatementEnd

-- Wakes a sleeping relay. Under load the relay is not armed and nobody pays for NOTIFY, which serialises every commit in the
-- cluster. SECURITY DEFINER so that producers need no right to the sequence.
-- +goose StatementBegin
CREATE FUNCTION herald.wake_relay() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF (SELECT a.last_value = 1 FROM herald.relay_armed a) THEN
        PERFORM pg_catalog.pg_notify('herald_outbox', '');
    END IF;
    RETURN NULL;
END
$$;
-- +goose StatementEnd

CREATE TRIGGER outbox_wake_relay AFTER INSERT ON herald.outbox FOR EACH STATEMENT EXECUTE FUNCTION herald.wake_relay();

-- Creates the partition of one day (UTC) for a table that is partitioned by day, unless it exists; returns whether it did.
-- The partition is built apart and attached: attaching lets writers go on, where creating it in place would not. What the default
-- partition has caught of that day moves along, unless that is so much that readers would wait too long for it: then the
-- day stays in the default partition.
-- +goose StatementBegin
CREATE FUNCTION herald.ensure_partition(parent text, day date) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    most_to_move constant int := 100000;
    child constant text := parent || '_p' || to_char(day, 'YYYYMMDD');
    catch_all constant text := parent || '_default';
    first_moment constant timestamptz := day::timestamp AT TIME ZONE 'UTC';
    next_moment constant timestamptz := (day + 1)::timestamp AT TIME ZONE 'UTC';
    written text; -- the column that the days are cut from
    caught int;
BEGIN
    IF to_regclass(format('herald.%I', child)) IS NOT NULL THEN
        RETURN false;
    END IF;
    SELECT a.attname INTO STRICT written FROM pg_partitioned_table p JOIN pg_attribute a ON a.attrelid = p.partrelid AND a.attnum = p.partattrs[0]
        WHERE p.partrelid = to_regclass(format('herald.%I', parent));
    EXECUTE format('CREATE TABLE herald.%I (LIKE herald.%I INCLUDING ALL EXCLUDING IDENTITY)', child, parent);
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
$$;
-- +goose StatementEnd

-- +goose Down
DROP TABLE herald.outbox;
DROP SEQUENCE herald.relay_armed;
DROP FUNCTION herald.ensure_partition(text, date);
DROP FUNCTION herald.last_seq();
DROP FUNCTION herald.wake_relay();
DROP FUNCTION herald.relay_is_armed();
DROP FUNCTION herald.check_event(text, uuid, uuid, text, text, jsonb, timestamptz, timestamptz, text);
DROP FUNCTION herald.uuidv7();
