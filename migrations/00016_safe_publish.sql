-- +goose Up

-- What a producer's login may publish does not depend on what it owns and sets. These functions run in its name and with its search_path, for a
-- path of their own would cost each call 10 µs. So every operator is written OPERATOR(pg_catalog.…), every function and type is qualified, and
-- nothing stands here for which PostgreSQL looks an operator up by itself: IN, BETWEEN, LIKE, NULLIF, IS DISTINCT FROM, CASE x WHEN. No literal
-- has a backslash: it means something else where standard_conforming_strings is off. A function that is written in standard SQL
-- (herald.uuidv7, herald.utc) and a column's default were resolved when they were created.

-- Checks a row and wakes a sleeping relay (00015), in the producer's name. PL/pgSQL prepares each expression anew in each transaction that evaluates
-- it, so one expression says of nearly every row of an order or a team cart that it is valid, and the rest is evaluated where that does not say so.
-- Two things in it are short for what herald.check_event spells out: a text that begins and is smaller than with these characters begins with a
-- printable one, so it is not blank; and a payload with a __proto__ in it becomes too long.
--
-- A transaction that has notified cannot be prepared for a two-phase commit. So where the server allows that (max_prepared_transactions), a transaction
-- notifies only if herald.notify says that it will not be prepared; else the relay's look every 100 ms finds its events. The setting is a
-- session's, a role's or a database's: on or off.
-- +goose StatementBegin
CREATE OR REPLACE FUNCTION herald.accept_event() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (NEW.event_id OPERATOR(pg_catalog.<>) '00000000-0000-0000-0000-000000000000'::pg_catalog.uuid
        AND NEW.resource_id OPERATOR(pg_catalog.<>) '00000000-0000-0000-0000-000000000000'::pg_catalog.uuid
        AND CASE
            WHEN NEW.event_type OPERATOR(pg_catalog.=) ANY ('{OrderPlaced,OrderPaymentSucceeded,OrderPaymentFailed,OrderStatusChanged}'::pg_catalog.text[]) THEN
                NEW.restaurant_id OPERATOR(pg_catalog.<>) '00000000-0000-0000-0000-000000000000'::pg_catalog.uuid
                AND NEW.audience OPERATOR(pg_catalog.=) ANY ('{Both,Restaurant,Customer}'::pg_catalog.text[])
                AND NEW.customer_id OPERATOR(pg_catalog.<>) ''
                AND NEW.payload OPERATOR(pg_catalog.@@) 'strict $.orderNumber >= "!" && $.orderNumber < "~" && $.status >= "!" && $.status < "~"
                    && !exists($.**{62} ? (@.type() == "object" || @.type() == "array"))'::pg_catalog.jsonpath
            ELSE NEW.restaurant_id IS NULL AND NEW.payload OPERATOR(pg_catalog.@@) CASE
                WHEN NEW.event_type OPERATOR(pg_catalog.=) ANY ('{CartUpdated,CartLocked,CartReadyToConfirm,CartExpired}'::pg_catalog.text[]) THEN
                    'strict $.type() == "object"
                        && !exists($.**{62} ? (@.type() == "object" || @.type() == "array"))'::pg_catalog.jsonpath
                WHEN NEW.event_type OPERATOR(pg_catalog.=) 'CartPaymentEvent' THEN
                    'strict $.userId >= "!" && $.userId < "~" && $.status >= "!" && $.status < "~"
                        && !exists($.**{62} ? (@.type() == "object" || @.type() == "array"))'::pg_catalog.jsonpath
            END
        END
        AND coalesce(pg_catalog.length(NEW.customer_id), 0) OPERATOR(pg_catalog.<=) 256
        AND pg_catalog.octet_length(pg_catalog.replace(NEW.payload::pg_catalog.text, '__proto__', pg_catalog.repeat(' ', 4097)))
            OPERATOR(pg_catalog.<=) 4096
        AND NEW.occurred_on_utc OPERATOR(pg_catalog.>=) '0001-01-01 00:00:00+00'::pg_catalog.timestamptz
        AND NEW.occurred_on_utc OPERATOR(pg_catalog.<) '10000-01-01 00:00:00+00'::pg_catalog.timestamptz
        AND NEW.deliver_after IS NULL AND NEW.traceparent IS NULL) IS NOT TRUE
    THEN
        -- A row of another transaction was published long ago: retention, or its owner, has moved it from one day's partition to another.
        IF NEW.xid OPERATOR(pg_catalog.<>) pg_catalog.pg_current_xact_id() THEN
            RETURN NULL;
        ELSIF NEW.event_id OPERATOR(pg_catalog.=) '00000000-0000-0000-0000-000000000000'::pg_catalog.uuid THEN
            RAISE EXCEPTION 'herald.outbox: event_id is missing: the all-zero UUID is an id that was not set'
                USING ERRCODE = 'check_violation', CONSTRAINT = 'outbox_event_valid', HINT = 'Leave event_id out for a new one, or set it.';
        END IF;
        PERFORM herald.check_event(NEW.event_type, NEW.resource_id, NEW.restaurant_id, NEW.customer_id, NEW.audience, NEW.payload,
            NEW.occurred_on_utc, NEW.deliver_after, NEW.traceparent);
    ELSIF (coalesce(NEW.payload OPERATOR(pg_catalog.->>) 'estimatedDeliveryTime', NEW.payload
        OPERATOR(pg_catalog.->>) 'actualDeliveryTime', NEW.payload OPERATOR(pg_catalog.->>) 'deliveredAt') IS NULL
        AND coalesce(NEW.payload OPERATOR(pg_catalog.->>) 'lastUpdateTimestamp' OPERATOR(pg_catalog.=) herald.utc(NEW.occurred_on_utc),
            true)) IS NOT TRUE
    THEN
        -- An order's times, as herald.publish_order_event writes them: so many of that form, none of which is longer than one. (Checking each by a
        -- jsonpath's datetime() took twice as long.)
        IF (pg_catalog.concat_ws(',', '', NEW.payload OPERATOR(pg_catalog.->>) 'lastUpdateTimestamp', NEW.payload
            OPERATOR(pg_catalog.->>) 'estimatedDeliveryTime', NEW.payload OPERATOR(pg_catalog.->>) 'actualDeliveryTime',
            NEW.payload OPERATOR(pg_catalog.->>) 'deliveredAt')
                OPERATOR(pg_catalog.~) '^(,[1-9][0-9]{3}-((0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])|(0[13-9]|1[0-2])-(29|30)|(0[13578]|1[02])-31)T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9][.][0-9]{6}Z)+$'
            AND greatest(pg_catalog.length(NEW.payload OPERATOR(pg_catalog.->>) 'lastUpdateTimestamp'),
                pg_catalog.length(NEW.payload OPERATOR(pg_catalog.->>) 'estimatedDeliveryTime'),
                pg_catalog.length(NEW.payload OPERATOR(pg_catalog.->>) 'actualDeliveryTime'),
                pg_catalog.length(NEW.payload OPERATOR(pg_catalog.->>) 'deliveredAt')) OPERATOR(pg_catalog.=) 27) IS NOT TRUE
            AND NEW.xid OPERATOR(pg_catalog.=) pg_catalog.pg_current_xact_id()
        THEN
            PERFORM herald.check_payload(NEW.event_type, NEW.payload);
        END IF;
    END IF;
    IF coalesce(pg_catalog.pg_sequence_last_value('herald.relay_armed'::pg_catalog.regclass), 1::pg_catalog.int8)
        OPERATOR(pg_catalog.=) ANY ('{1,2,3,4}'::pg_catalog.int8[]) THEN
        IF (CASE WHEN pg_catalog.current_setting('max_prepared_transactions') OPERATOR(pg_catalog.=) '0'
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
$$;
-- +goose StatementEnd

-- As before (00014), but for ids that are all zero, payloads that clients cannot read, and payloads that their event types cannot be made of.
-- +goose StatementBegin
CREATE OR REPLACE FUNCTION herald.check_event(
    event_type text, resource_id uuid, restaurant_id uuid, customer_id text, audience text, payload jsonb,
    occurred_on_utc timestamptz, deliver_after timestamptz, traceparent text
) RETURNS boolean LANGUAGE plpgsql STABLE AS $$
BEGIN
    IF (
        CASE
            WHEN event_type OPERATOR(pg_catalog.=) ANY ('{OrderPlaced,OrderPaymentSucceeded,OrderPaymentFailed,OrderStatusChanged}'::pg_catalog.text[]) THEN
                resource_id IS NOT NULL AND restaurant_id IS NOT NULL
                    AND audience OPERATOR(pg_catalog.=) ANY ('{Both,Restaurant,Customer}'::pg_catalog.text[])
                AND (audience OPERATOR(pg_catalog.=) 'Restaurant' OR customer_id OPERATOR(pg_catalog.<>) '')
            WHEN event_type OPERATOR(pg_catalog.=) ANY ('{CartUpdated,CartLocked,CartPaymentEvent,CartReadyToConfirm,CartConverted,CartExpired}'::pg_catalog.text[]) THEN
                resource_id IS NOT NULL
            ELSE event_type OPERATOR(pg_catalog.=) ANY ('{UserActivityUpdate,AnalyticsUpdate,UserCountUpdate,GenerationMetricsUpdate,RevenueUpdate,SystemAlert,AdminNotification}'::pg_catalog.text[])
        END
        AND coalesce(resource_id OPERATOR(pg_catalog.<>) '00000000-0000-0000-0000-000000000000'::pg_catalog.uuid, true)
            AND coalesce(restaurant_id OPERATOR(pg_catalog.<>) '00000000-0000-0000-0000-000000000000'::pg_catalog.uuid, true)
        AND pg_catalog.jsonb_typeof(payload) OPERATOR(pg_catalog.=) 'object'
            AND pg_catalog.octet_length(payload::pg_catalog.text) OPERATOR(pg_catalog.<=) 65536
        AND pg_catalog.strpos(payload::pg_catalog.text, '__proto__') OPERATOR(pg_catalog.=) 0
        AND NOT payload OPERATOR(pg_catalog.@?) 'strict $.**{62} ? (@.type() == "object" || @.type() == "array")'::pg_catalog.jsonpath
        AND occurred_on_utc OPERATOR(pg_catalog.>=) '0001-01-01 00:00:00+00'::pg_catalog.timestamptz
            AND occurred_on_utc OPERATOR(pg_catalog.<) '10000-01-01 00:00:00+00'::pg_catalog.timestamptz
        AND coalesce(deliver_after OPERATOR(pg_catalog.>=) '0001-01-01 00:00:00+00'::pg_catalog.timestamptz
            AND deliver_after OPERATOR(pg_catalog.<) '10000-01-01 00:00:00+00'::pg_catalog.timestamptz, true)
        AND coalesce(pg_catalog.length(traceparent) OPERATOR(pg_catalog.<=) 512, true)
        AND coalesce(pg_catalog.length(customer_id) OPERATOR(pg_catalog.<=) 256, true)
    ) IS NOT TRUE THEN
        DECLARE
            zero constant pg_catalog.uuid := '00000000-0000-0000-0000-000000000000'::pg_catalog.uuid;
            order_types constant pg_catalog.text[] := '{OrderPlaced,OrderPaymentSucceeded,OrderPaymentFailed,OrderStatusChanged}'::pg_catalog.text[];
            cart_types constant pg_catalog.text[] := '{CartUpdated,CartLocked,CartPaymentEvent,CartReadyToConfirm,CartConverted,CartExpired}'::pg_catalog.text[];
            admin_types constant pg_catalog.text[] := '{UserActivityUpdate,AnalyticsUpdate,UserCountUpdate,GenerationMetricsUpdate,RevenueUpdate,SystemAlert,AdminNotification}'::pg_catalog.text[];
            -- AccessRevoked is Herald's own: herald.revoke_access writes it in the name of the outbox's owner, and no other login may.
            own_types constant pg_catalog.text[] := CASE WHEN event_type OPERATOR(pg_catalog.=) 'AccessRevoked'
                AND pg_catalog.pg_has_role(current_user,
                (SELECT c.relowner FROM pg_catalog.pg_class c WHERE c.oid OPERATOR(pg_catalog.=) 'herald.outbox'::pg_catalog.regclass),
                    'USAGE')
                THEN '{AccessRevoked}'::pg_catalog.text[] ELSE '{}'::pg_catalog.text[] END;
            unset constant pg_catalog.text := 'the all-zero UUID is an id that was not set';
            problem pg_catalog.text;
            advice pg_catalog.text;
        BEGIN
            IF event_type IS NULL
                OR NOT event_type OPERATOR(pg_catalog.=) ANY (order_types OPERATOR(pg_catalog.||) cart_types
                OPERATOR(pg_catalog.||) admin_types OPERATOR(pg_catalog.||) own_types) THEN
                problem := pg_catalog.format('unknown event_type %s', coalesce(pg_catalog.quote_literal(pg_catalog.left(event_type, 64)),
                    'null'));
                advice := pg_catalog.concat('Use one of ', pg_catalog.array_to_string(order_types
                    OPERATOR(pg_catalog.||) cart_types OPERATOR(pg_catalog.||) admin_types, ', '), '.');
            ELSIF event_type OPERATOR(pg_catalog.=) ANY (order_types OPERATOR(pg_catalog.||) cart_types)
                AND coalesce(resource_id, zero) OPERATOR(pg_catalog.=) zero THEN
                problem := pg_catalog.format('resource_id is missing: an event of type %s needs the id of its %s', event_type,
                    CASE WHEN event_type OPERATOR(pg_catalog.=) ANY (order_types) THEN 'order' ELSE 'team cart' END);
                advice := CASE WHEN resource_id IS NULL THEN 'Set resource_id.' ELSE pg_catalog.format('Set resource_id; %s.', unset) END;
            ELSIF event_type OPERATOR(pg_catalog.=) ANY (order_types) AND coalesce(restaurant_id, zero) OPERATOR(pg_catalog.=) zero THEN
                problem := pg_catalog.format('restaurant_id is missing: an event of type %s needs the id of the order''s restaurant',
                    event_type);
                advice := CASE WHEN restaurant_id IS NULL THEN 'Set restaurant_id.'
                    ELSE pg_catalog.format('Set restaurant_id; %s.', unset) END;
            ELSIF resource_id OPERATOR(pg_catalog.=) zero OR restaurant_id OPERATOR(pg_catalog.=) zero THEN
                problem := pg_catalog.format('%s is missing: %s', CASE WHEN resource_id OPERATOR(pg_catalog.=) zero THEN 'resource_id'
                    ELSE 'restaurant_id' END, unset);
                advice := 'Leave it null, or set it.';
            ELSIF event_type OPERATOR(pg_catalog.=) ANY (order_types)
                AND coalesce(audience OPERATOR(pg_catalog.<>) ALL ('{Restaurant,Customer,Both}'::pg_catalog.text[]), true) THEN
                problem := pg_catalog.format('unknown audience %s', coalesce(pg_catalog.quote_literal(pg_catalog.left(audience, 64)),
                    'null'));
                advice := 'Use Restaurant, Customer or Both.';
            ELSIF event_type OPERATOR(pg_catalog.=) ANY (order_types) AND audience OPERATOR(pg_catalog.<>) 'Restaurant'
                AND coalesce(customer_id, '') OPERATOR(pg_catalog.=) '' THEN
                problem := pg_catalog.format('customer_id is missing: an event of type %s for audience %s needs the id of the user who placed the order', event_type, audience);
                advice := 'Set customer_id, or audience to Restaurant.';
            ELSIF pg_catalog.length(customer_id) OPERATOR(pg_catalog.>) 256 THEN
                problem := pg_catalog.format('customer_id has %s characters; at most 256 are allowed', pg_catalog.length(customer_id));
                advice := 'Use the id that the user''s token carries in its sub claim.';
            ELSIF payload IS NULL OR pg_catalog.jsonb_typeof(payload) OPERATOR(pg_catalog.<>) 'object' THEN
                problem := pg_catalog.format('payload is %s, not a JSON object', coalesce(pg_catalog.jsonb_typeof(payload), 'null'));
                advice := 'Pass the event''s own fields as an object with camelCase keys, or ''{}''.';
            ELSIF pg_catalog.octet_length(payload::pg_catalog.text) OPERATOR(pg_catalog.>) 65536 THEN
                problem := pg_catalog.format('payload has %s bytes; at most 65536 (64 KiB) are allowed',
                    pg_catalog.octet_length(payload::pg_catalog.text));
                advice := 'Send ids and let the client fetch what is large.';
            ELSIF payload OPERATOR(pg_catalog.@?) 'strict $.**{62} ? (@.type() == "object" || @.type() == "array")'::pg_catalog.jsonpath THEN
                problem := 'payload is nested deeper than 62 levels, itself included; clients do not read it';
                advice := 'Send ids and let the client fetch what is nested.';
            ELSIF payload OPERATOR(pg_catalog.@?) 'lax $.**."__proto__"'::pg_catalog.jsonpath THEN
                problem := 'payload has a key named __proto__, which ends clients';
                advice := 'Give the key another name.';
            ELSIF pg_catalog.isfinite(occurred_on_utc) IS NOT TRUE
                OR occurred_on_utc OPERATOR(pg_catalog.<) '0001-01-01 00:00:00+00'::pg_catalog.timestamptz
                    OR occurred_on_utc OPERATOR(pg_catalog.>=) '10000-01-01 00:00:00+00'::pg_catalog.timestamptz THEN
                problem := pg_catalog.format('occurred_on_utc %s is not a time between the years 1 and 9999',
                    coalesce(occurred_on_utc::pg_catalog.text, 'null'));
                advice := 'Leave occurred_on_utc out for the current time.';
            ELSIF NOT pg_catalog.isfinite(deliver_after)
                OR deliver_after OPERATOR(pg_catalog.<) '0001-01-01 00:00:00+00'::pg_catalog.timestamptz
                    OR deliver_after OPERATOR(pg_catalog.>=) '10000-01-01 00:00:00+00'::pg_catalog.timestamptz THEN
                problem := pg_catalog.format('deliver_after %s is not a time between the years 1 and 9999', deliver_after);
                advice := 'Leave deliver_after null to deliver at once.';
            ELSIF pg_catalog.length(traceparent) OPERATOR(pg_catalog.>) 512 THEN
                problem := pg_catalog.format('traceparent has %s characters; at most 512 are allowed', pg_catalog.length(traceparent));
                advice := 'Pass a W3C trace context, or null.';
            END IF;
            IF problem IS NOT NULL THEN
                RAISE EXCEPTION 'herald.outbox: %', problem USING ERRCODE = 'check_violation', CONSTRAINT = 'outbox_event_valid',
                    HINT = advice;
            END IF;
        END;
    END IF;
    PERFORM herald.check_payload(event_type, payload);
    RETURN true;
END
$$;
-- +goose StatementEnd

-- Raises what is wrong with a payload. The rules are those of the REST API's endpoints (internal/adminapi) and of what the clients' methods
-- are sent (internal/event): a field that its event type needs is there, in its form. Others are passed on as they are.
--
-- kind is text (not blank), word (text of at most 256 characters), one of words, time (RFC 3339), uuid, count (whole, what JavaScript keeps exactly),
-- amount (a number from 0), number (what a 64-bit float holds) or object. A field is needed unless optional.
-- +goose StatementBegin
CREATE FUNCTION herald.check_payload(event_type pg_catalog.text,
    payload pg_catalog.jsonb) RETURNS pg_catalog.void LANGUAGE plpgsql STABLE AS $$
#variable_conflict use_column
DECLARE
    usual_time constant pg_catalog.text := '^[12][0-9]{3}-((0[1-9]|1[0-2])-([01][1-9]|10|2[0-8])|(0[13-9]|1[0-2])-(29|30)|(0[13578]|1[02])-31)T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]([.][0-9]+)?(Z|[+-]0[0-9]:[0-5][0-9])$';
    fits pg_catalog.bool;
    problem pg_catalog.text;
    advice pg_catalog.text;
BEGIN
    -- Of nearly every payload one expression says, without a query, that it fits; the query below decides where that does not say so.
    IF event_type OPERATOR(pg_catalog.=) ANY ('{OrderPlaced,OrderPaymentSucceeded,OrderPaymentFailed,OrderStatusChanged}'::pg_catalog.text[]) THEN
        fits := payload OPERATOR(pg_catalog.@@) 'strict $.orderNumber >= "!" && $.orderNumber < "~" && $.status >= "!" && $.status < "~"'::pg_catalog.jsonpath
            AND coalesce(payload OPERATOR(pg_catalog.->>) 'lastUpdateTimestamp' OPERATOR(pg_catalog.~) usual_time, true)
            AND coalesce(payload OPERATOR(pg_catalog.->>) 'estimatedDeliveryTime' OPERATOR(pg_catalog.~) usual_time, true)
            AND coalesce(payload OPERATOR(pg_catalog.->>) 'actualDeliveryTime' OPERATOR(pg_catalog.~) usual_time, true)
            AND coalesce(payload OPERATOR(pg_catalog.->>) 'deliveredAt' OPERATOR(pg_catalog.~) usual_time, true);
    ELSIF event_type OPERATOR(pg_catalog.=) ANY ('{CartUpdated,CartLocked,CartReadyToConfirm,CartExpired,AccessRevoked}'::pg_catalog.text[]) THEN
        fits := true;
    ELSIF event_type OPERATOR(pg_catalog.=) 'CartPaymentEvent' THEN
        fits := payload OPERATOR(pg_catalog.@@) 'strict $.userId >= "!" && $.userId < "~" && $.status >= "!" && $.status < "~"'::pg_catalog.jsonpath;
    ELSIF event_type OPERATOR(pg_catalog.=) 'SystemAlert' THEN
        fits := payload OPERATOR(pg_catalog.@@) 'strict ($.type == "info" || $.type == "warning" || $.type == "error" || $.type == "success") && $.message >= "!" && $.message < "~"'::pg_catalog.jsonpath
            AND payload OPERATOR(pg_catalog.->>) 'severity' IS NULL
            AND coalesce(pg_catalog.jsonb_typeof(payload OPERATOR(pg_catalog.->) 'data')
                OPERATOR(pg_catalog.=) ANY ('{"null",object}'::pg_catalog.text[]), true);
    ELSIF event_type OPERATOR(pg_catalog.=) 'UserActivityUpdate' THEN
        fits := payload OPERATOR(pg_catalog.@@) 'strict $.userId >= "!" && $.userId < "~" && $.action >= "!" && $.action < "~"'::pg_catalog.jsonpath
            AND pg_catalog.length(pg_catalog.concat(payload OPERATOR(pg_catalog.->>) 'userId', payload
                OPERATOR(pg_catalog.->>) 'action')) OPERATOR(pg_catalog.<=) 256
            AND coalesce(pg_catalog.jsonb_typeof(payload OPERATOR(pg_catalog.->) 'details')
                OPERATOR(pg_catalog.=) ANY ('{"null",object}'::pg_catalog.text[]), true);
    ELSIF event_type OPERATOR(pg_catalog.=) 'AnalyticsUpdate' THEN
        fits := payload OPERATOR(pg_catalog.@@) 'strict $.totalUsers >= 0 && $.activeUsers >= 0 && $.websitesGenerated >= 0 && $.imagesGenerated >= 0 && $.revenue > -1e300 && $.revenue < 1e300'::pg_catalog.jsonpath
            AND pg_catalog.concat_ws(' ', payload OPERATOR(pg_catalog.->>) 'totalUsers', payload OPERATOR(pg_catalog.->>) 'activeUsers',
                payload OPERATOR(pg_catalog.->>) 'websitesGenerated', payload OPERATOR(pg_catalog.->>) 'imagesGenerated')
                OPERATOR(pg_catalog.~) '^[0-9]{1,15} [0-9]{1,15} [0-9]{1,15} [0-9]{1,15}$';
    ELSIF event_type OPERATOR(pg_catalog.=) 'UserCountUpdate' THEN
        fits := payload OPERATOR(pg_catalog.@@) 'strict $.totalUsers >= 0 && $.activeUsers >= 0 && $.newUsersToday >= 0'::pg_catalog.jsonpath
            AND pg_catalog.concat_ws(' ', payload OPERATOR(pg_catalog.->>) 'totalUsers', payload OPERATOR(pg_catalog.->>) 'activeUsers',
                payload OPERATOR(pg_catalog.->>) 'newUsersToday') OPERATOR(pg_catalog.~) '^[0-9]{1,15} [0-9]{1,15} [0-9]{1,15}$';
    ELSIF event_type OPERATOR(pg_catalog.=) 'GenerationMetricsUpdate' THEN
        fits := payload OPERATOR(pg_catalog.@@) 'strict $.websitesGenerated >= 0 && $.imagesGenerated >= 0 && $.failedGenerations >= 0 && $.averageGenerationTime >= 0 && $.averageGenerationTime < 1e300'::pg_catalog.jsonpath
            AND pg_catalog.concat_ws(' ', payload OPERATOR(pg_catalog.->>) 'websitesGenerated', payload
                OPERATOR(pg_catalog.->>) 'imagesGenerated', payload OPERATOR(pg_catalog.->>) 'failedGenerations')
                OPERATOR(pg_catalog.~) '^[0-9]{1,15} [0-9]{1,15} [0-9]{1,15}$';
    ELSIF event_type OPERATOR(pg_catalog.=) 'RevenueUpdate' THEN
        fits := payload OPERATOR(pg_catalog.@@) 'strict $.dailyRevenue > -1e300 && $.dailyRevenue < 1e300 && $.totalRevenue30d > -1e300 && $.totalRevenue30d < 1e300'::pg_catalog.jsonpath;
    ELSIF event_type OPERATOR(pg_catalog.=) 'AdminNotification' THEN
        fits := CASE WHEN payload OPERATOR(pg_catalog.@@) 'strict $.type == "role-assignment"'::pg_catalog.jsonpath
            THEN payload OPERATOR(pg_catalog.@@) 'strict ($.action == "assigned" || $.action == "revoked") && $.userId >= "!" && $.userId < "~" && $.roleName >= "!" && $.roleName < "~"'::pg_catalog.jsonpath
                AND pg_catalog.length(pg_catalog.concat(payload OPERATOR(pg_catalog.->>) 'userId', payload
                    OPERATOR(pg_catalog.->>) 'roleName')) OPERATOR(pg_catalog.<=) 256
            ELSE payload OPERATOR(pg_catalog.@@) 'strict $.type == "system-event" && $.eventType >= "!" && $.eventType < "~" && $.description >= "!" && $.description < "~"'::pg_catalog.jsonpath
                AND pg_catalog.length(pg_catalog.concat(payload OPERATOR(pg_catalog.->>) 'eventType')) OPERATOR(pg_catalog.<=) 256
                    AND coalesce(pg_catalog.jsonb_typeof(payload OPERATOR(pg_catalog.->) 'data')
                    OPERATOR(pg_catalog.=) ANY ('{"null",object}'::pg_catalog.text[]), true)
            END;
    END IF;
    IF fits THEN
        RETURN;
    END IF;
    SELECT
        CASE
            WHEN f.form OPERATOR(pg_catalog.=) 'null' THEN pg_catalog.format('has no %s: an event of type %s needs it', f.name, $1)
            WHEN f.kind OPERATOR(pg_catalog.=) ANY ('{count,amount,number}'::pg_catalog.text[])
                AND f.form OPERATOR(pg_catalog.=) 'number' THEN
                pg_catalog.format('has %s %s, which is not %s', f.name, pg_catalog.left(f.value, 64), f.wanted)
            WHEN f.form OPERATOR(pg_catalog.=) 'string' AND f.value OPERATOR(pg_catalog.!~) '[^[:space:]]'
                THEN pg_catalog.format('has an empty %s', f.name)
            WHEN f.form OPERATOR(pg_catalog.=) 'string' AND f.kind OPERATOR(pg_catalog.=) 'word' THEN
                pg_catalog.format('has %s of %s characters; at most 256 are allowed', f.name, pg_catalog.length(f.value))
            WHEN f.form OPERATOR(pg_catalog.=) 'string' AND f.kind OPERATOR(pg_catalog.=) ANY ('{time,uuid,one}'::pg_catalog.text[]) THEN
                pg_catalog.format('has %s %s, which is not %s', f.name, pg_catalog.quote_literal(pg_catalog.left(f.value, 64)), f.wanted)
            ELSE pg_catalog.format('has %s of type %s, not %s', f.name, f.form, f.wanted)
        END,
        coalesce(
            (SELECT pg_catalog.format('payload has %s; names are camelCase and matched exactly.', pg_catalog.to_json(k.k))
                FROM pg_catalog.jsonb_object_keys($2) k (k)
                WHERE f.form OPERATOR(pg_catalog.=) 'null' AND k.k OPERATOR(pg_catalog.<>) f.name
                AND pg_catalog.lower(k.k COLLATE pg_catalog."C")
                    OPERATOR(pg_catalog.=) pg_catalog.lower(f.name COLLATE pg_catalog."C") LIMIT 1),
            pg_catalog.format('Set %s to %s.', f.name, f.wanted))
    INTO problem, advice
    FROM (
        SELECT r.name, r.kind, r.words, r.optional,
            $2 OPERATOR(pg_catalog.->>) r.name AS value,
            coalesce(pg_catalog.jsonb_typeof($2 OPERATOR(pg_catalog.->) r.name), 'null') AS form,
            CASE
                WHEN r.kind OPERATOR(pg_catalog.=) 'one' THEN pg_catalog.concat('one of ', pg_catalog.array_to_string(r.words, ', '))
                WHEN r.kind OPERATOR(pg_catalog.=) 'time' THEN 'a time in RFC 3339 with an offset, such as 2025-01-20T10:05:00Z'
                WHEN r.kind OPERATOR(pg_catalog.=) 'uuid' THEN 'a UUID, and not the all-zero one'
                WHEN r.kind OPERATOR(pg_catalog.=) 'count' THEN 'a whole number from 0 to 9007199254740991'
                WHEN r.kind OPERATOR(pg_catalog.=) 'amount' THEN 'a number from 0 that a 64-bit float holds'
                WHEN r.kind OPERATOR(pg_catalog.=) 'number' THEN 'a number that a 64-bit float holds'
                WHEN r.kind OPERATOR(pg_catalog.=) 'object' THEN 'an object'
                ELSE 'a string'
            END AS wanted
        FROM (VALUES
            ('order', 'orderNumber', 'text', NULL::pg_catalog.text[], false),
            ('order', 'status', 'text', NULL, false),
            ('order', 'lastUpdateTimestamp', 'time', NULL, true),
            ('order', 'estimatedDeliveryTime', 'time', NULL, true),
            ('order', 'actualDeliveryTime', 'time', NULL, true),
            ('order', 'deliveredAt', 'time', NULL, true),
            ('CartPaymentEvent', 'userId', 'text', NULL, false),
            ('CartPaymentEvent', 'status', 'text', NULL, false),
            ('CartConverted', 'orderId', 'uuid', NULL, false),
            ('UserActivityUpdate', 'userId', 'word', NULL, false),
            ('UserActivityUpdate', 'action', 'word', NULL, false),
            ('UserActivityUpdate', 'details', 'object', NULL, true),
            ('AnalyticsUpdate', 'totalUsers', 'count', NULL, false),
            ('AnalyticsUpdate', 'activeUsers', 'count', NULL, false),
            ('AnalyticsUpdate', 'websitesGenerated', 'count', NULL, false),
            ('AnalyticsUpdate', 'imagesGenerated', 'count', NULL, false),
            ('AnalyticsUpdate', 'revenue', 'number', NULL, false),
            ('UserCountUpdate', 'totalUsers', 'count', NULL, false),
            ('UserCountUpdate', 'activeUsers', 'count', NULL, false),
            ('UserCountUpdate', 'newUsersToday', 'count', NULL, false),
            ('GenerationMetricsUpdate', 'websitesGenerated', 'count', NULL, false),
            ('GenerationMetricsUpdate', 'imagesGenerated', 'count', NULL, false),
            ('GenerationMetricsUpdate', 'failedGenerations', 'count', NULL, false),
            ('GenerationMetricsUpdate', 'averageGenerationTime', 'amount', NULL, false),
            ('RevenueUpdate', 'dailyRevenue', 'number', NULL, false),
            ('RevenueUpdate', 'totalRevenue30d', 'number', NULL, false),
            ('SystemAlert', 'type', 'one', '{info,warning,error,success}', false),
            ('SystemAlert', 'message', 'text', NULL, false),
            ('SystemAlert', 'severity', 'word', NULL, true),
            ('SystemAlert', 'data', 'object', NULL, true),
            ('AdminNotification', 'type', 'one', '{role-assignment,system-event}', false),
            ('role-assignment', 'userId', 'word', NULL, false),
            ('role-assignment', 'roleName', 'word', NULL, false),
            ('role-assignment', 'action', 'one', '{assigned,revoked}', false),
            ('system-event', 'eventType', 'word', NULL, false),
            ('system-event', 'description', 'text', NULL, false),
            ('system-event', 'data', 'object', NULL, true)
        ) r (of, name, kind, words, optional)
        WHERE r.of OPERATOR(pg_catalog.=) $1
            OR r.of OPERATOR(pg_catalog.=) 'order' AND $1 OPERATOR(pg_catalog.=) ANY (
                '{OrderPlaced,OrderPaymentSucceeded,OrderPaymentFailed,OrderStatusChanged}'::pg_catalog.text[])
            OR $1 OPERATOR(pg_catalog.=) 'AdminNotification' AND r.of OPERATOR(pg_catalog.=) ($2 OPERATOR(pg_catalog.->>) 'type')
                AND r.of OPERATOR(pg_catalog.=) ANY ('{role-assignment,system-event}'::pg_catalog.text[])
    ) f
    WHERE CASE
            WHEN f.form OPERATOR(pg_catalog.=) 'null' THEN f.optional
            WHEN f.kind OPERATOR(pg_catalog.=) 'object' THEN f.form OPERATOR(pg_catalog.=) 'object'
            WHEN f.kind OPERATOR(pg_catalog.=) ANY ('{count,amount,number}'::pg_catalog.text[])
                THEN f.form OPERATOR(pg_catalog.=) 'number' AND CASE
                WHEN f.kind OPERATOR(pg_catalog.=) 'count' THEN CASE WHEN f.value OPERATOR(pg_catalog.~) '^[0-9]{1,16}$'
                    THEN f.value::pg_catalog.int8 OPERATOR(pg_catalog.<=) 9007199254740991 END
                ELSE pg_catalog.abs(f.value::pg_catalog.numeric) OPERATOR(pg_catalog.<=) 1.7976931348623157e308
                    AND (f.kind OPERATOR(pg_catalog.=) 'number'
                        OR f.value::pg_catalog.numeric OPERATOR(pg_catalog.>=) 0::pg_catalog.numeric)
                END
            ELSE f.form OPERATOR(pg_catalog.=) 'string' AND CASE
                WHEN f.kind OPERATOR(pg_catalog.=) 'one' THEN f.value OPERATOR(pg_catalog.=) ANY (f.words)
                WHEN f.kind OPERATOR(pg_catalog.=) 'uuid' THEN f.value OPERATOR(pg_catalog.~*) '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'
                    AND f.value OPERATOR(pg_catalog.~) '[^0-]'
                WHEN f.kind OPERATOR(pg_catalog.=) 'time' THEN f.value OPERATOR(pg_catalog.~)
                    '^(?!0000)([0-9]{4}-((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])|(0[469]|11)-(0[1-9]|[12][0-9]|30)|02-(0[1-9]|1[0-9]|2[0-8]))|([0-9]{2}(0[48]|[2468][048]|[13579][26])|([02468][048]|[13579][26])00)-02-29)T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]([.][0-9]+)?(Z|[+-](0[0-9]|1[0-5]):[0-5][0-9])$'
                    AND (f.value OPERATOR(pg_catalog.!~) '^(0001-01-01|9999-12-31)' OR f.value OPERATOR(pg_catalog.~) '(Z|[+-]00:00)$')
                ELSE f.value OPERATOR(pg_catalog.~) '[^[:space:]]' AND (f.kind OPERATOR(pg_catalog.=) 'text'
                    OR pg_catalog.length(f.value) OPERATOR(pg_catalog.<=) 256)
            END
        END IS NOT TRUE
    LIMIT 1;
    IF problem IS NOT NULL THEN
        RAISE EXCEPTION 'herald.outbox: payload %', problem USING ERRCODE = 'check_violation', CONSTRAINT = 'outbox_event_valid',
            HINT = advice;
    END IF;
END
$$;
-- +goose StatementEnd
REVOKE ALL ON FUNCTION herald.check_payload(text, jsonb) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION herald.check_payload(text, jsonb) TO herald_producer;

-- As before (00012, 00005), qualified.
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
    -- Nearly no call has one of these, and each expression in the statement below costs each call.
    estimated pg_catalog.text;
    actual pg_catalog.text;
    delivered pg_catalog.text;
    wrong pg_catalog.text;
BEGIN
    event_id := coalesce(event_id, herald.uuidv7());
    occurred_on_utc := coalesce(occurred_on_utc, pg_catalog.clock_timestamp());
    IF (event_type OPERATOR(pg_catalog.=) ANY ('{OrderPlaced,OrderPaymentSucceeded,OrderPaymentFailed,OrderStatusChanged}'::pg_catalog.text[])
        AND order_number IS NOT NULL AND status IS NOT NULL
        AND coalesce(estimated_delivery_time, actual_delivery_time, delivered_at, last_update_timestamp) IS NULL) IS NOT TRUE
    THEN
        IF (event_type OPERATOR(pg_catalog.=) ANY ('{OrderPlaced,OrderPaymentSucceeded,OrderPaymentFailed,OrderStatusChanged}'::pg_catalog.text[])) IS NOT TRUE THEN
            RAISE EXCEPTION 'herald.publish_order_event: % is not an order event',
                coalesce(pg_catalog.quote_literal(pg_catalog.left(event_type, 64)), 'null')
                USING ERRCODE = 'check_violation',
                    HINT = 'Use OrderPlaced, OrderPaymentSucceeded, OrderPaymentFailed or OrderStatusChanged.';
        ELSIF order_number IS NULL OR status IS NULL THEN
            RAISE EXCEPTION 'herald.publish_order_event: % is missing', CASE WHEN order_number IS NULL THEN 'order_number' ELSE 'status' END
                USING ERRCODE = 'check_violation';
        -- Such a time has no RFC 3339 form, so its event would be undeliverable. least and greatest pass over nulls, and compare by the type's own
        -- order, whatever operators there are.
        ELSIF least(estimated_delivery_time, actual_delivery_time, delivered_at, last_update_timestamp)
                OPERATOR(pg_catalog.<) '0001-01-01 00:00:00+00'::pg_catalog.timestamptz
            OR greatest(estimated_delivery_time, actual_delivery_time, delivered_at, last_update_timestamp)
                OPERATOR(pg_catalog.>=) '10000-01-01 00:00:00+00'::pg_catalog.timestamptz THEN
            SELECT pg_catalog.format('%s %s', f.name, f.value) INTO wrong
            FROM (VALUES ('estimated_delivery_time', estimated_delivery_time), ('actual_delivery_time', actual_delivery_time),
                ('delivered_at', delivered_at), ('last_update_timestamp', last_update_timestamp)) f (name, value)
            WHERE f.value OPERATOR(pg_catalog.<) '0001-01-01 00:00:00+00'::pg_catalog.timestamptz
                OR f.value OPERATOR(pg_catalog.>=) '10000-01-01 00:00:00+00'::pg_catalog.timestamptz LIMIT 1;
            RAISE EXCEPTION 'herald.publish_order_event: % is not a time between the years 1 and 9999', wrong
                USING ERRCODE = 'check_violation', HINT = 'Pass null for a time that is not known.';
        END IF;
        estimated := herald.utc(estimated_delivery_time);
        actual := herald.utc(actual_delivery_time);
        delivered := herald.utc(delivered_at);
    END IF;
    INSERT INTO herald.outbox (event_id, event_type, resource_id, restaurant_id, customer_id, audience, payload,
        occurred_on_utc, deliver_after)
    VALUES (event_id, event_type, order_id, restaurant_id, customer_id, coalesce(audience, 'Both'), pg_catalog.jsonb_object(ARRAY[
        'orderNumber', order_number,
        'status', status,
        'lastUpdateTimestamp', herald.utc(coalesce(last_update_timestamp, occurred_on_utc)),
        'estimatedDeliveryTime', estimated,
        'actualDeliveryTime', actual,
        'deliveredAt', delivered]), occurred_on_utc, deliver_after);
    RETURN event_id;
END
$$;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE OR REPLACE FUNCTION herald.publish_teamcart_event(
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
    id pg_catalog.uuid := coalesce(event_id, herald.uuidv7());
BEGIN
    IF (event_type OPERATOR(pg_catalog.=) ANY ('{CartUpdated,CartLocked,CartPaymentEvent,CartReadyToConfirm,CartConverted,CartExpired}'::pg_catalog.text[])) IS NOT TRUE THEN
        RAISE EXCEPTION 'herald.publish_teamcart_event: % is not a team cart event',
            coalesce(pg_catalog.quote_literal(pg_catalog.left(event_type, 64)), 'null')
            USING ERRCODE = 'check_violation',
                HINT = 'Use CartUpdated, CartLocked, CartPaymentEvent, CartReadyToConfirm, CartConverted or CartExpired.';
    ELSIF event_type OPERATOR(pg_catalog.=) 'CartPaymentEvent' AND (user_id IS NULL OR status IS NULL) THEN
        RAISE EXCEPTION 'herald.publish_teamcart_event: a CartPaymentEvent needs user_id and status' USING ERRCODE = 'check_violation';
    ELSIF event_type OPERATOR(pg_catalog.=) 'CartConverted' AND order_id IS NULL THEN
        RAISE EXCEPTION 'herald.publish_teamcart_event: a CartConverted needs order_id' USING ERRCODE = 'check_violation';
    END IF;
    INSERT INTO herald.outbox (event_id, event_type, resource_id, payload, occurred_on_utc, deliver_after)
    VALUES (id, event_type, team_cart_id,
        pg_catalog.jsonb_strip_nulls(pg_catalog.jsonb_build_object('userId', user_id, 'status', status, 'orderId', order_id)),
        coalesce(occurred_on_utc, pg_catalog.clock_timestamp()), deliver_after);
    RETURN id;
END
$$;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE OR REPLACE FUNCTION herald.publish_admin_event(
    event_type text,
    payload jsonb,
    occurred_on_utc timestamptz DEFAULT NULL,
    event_id uuid DEFAULT NULL,
    deliver_after timestamptz DEFAULT NULL
) RETURNS uuid LANGUAGE plpgsql AS $$
#variable_conflict use_variable
DECLARE
    id pg_catalog.uuid := coalesce(event_id, herald.uuidv7());
BEGIN
    IF (event_type OPERATOR(pg_catalog.=) ANY ('{UserActivityUpdate,AnalyticsUpdate,UserCountUpdate,GenerationMetricsUpdate,RevenueUpdate,SystemAlert,AdminNotification}'::pg_catalog.text[])) IS NOT TRUE THEN
        RAISE EXCEPTION 'herald.publish_admin_event: % is not an admin event',
            coalesce(pg_catalog.quote_literal(pg_catalog.left(event_type, 64)), 'null')
            USING ERRCODE = 'check_violation', HINT = 'Use UserActivityUpdate, AnalyticsUpdate, UserCountUpdate, '
                'GenerationMetricsUpdate, RevenueUpdate, SystemAlert or AdminNotification.';
    END IF;
    INSERT INTO herald.outbox (event_id, event_type, payload, occurred_on_utc, deliver_after)
    VALUES (id, event_type, payload, coalesce(occurred_on_utc, pg_catalog.clock_timestamp()), deliver_after);
    RETURN id;
END
$$;
-- +goose StatementEnd

-- Whether a value can be one of the platform's statistics: a count is whole and one that JavaScript keeps exactly, revenue is a number that a 64-bit
-- float holds, as in the events that carry them. Of what earlier releases have stored, the rest counts as never set.
-- +goose StatementBegin
CREATE FUNCTION herald.is_platform_stat(field text, value numeric) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE
    WHEN field = ANY ('{totalUsers,activeUsers,newUsersToday,websitesGenerated,imagesGenerated,failedGenerations}') THEN
        value BETWEEN 0 AND 9007199254740991 AND value = trunc(value)
    ELSE field = ANY ('{totalRevenue,revenueToday}') AND abs(value) <= 1.7976931348623157e308
END;
-- +goose StatementEnd
REVOKE ALL ON FUNCTION herald.is_platform_stat(text, numeric) FROM PUBLIC;

-- As before (00004), but for values that no event could carry.
-- +goose StatementBegin
CREATE OR REPLACE FUNCTION herald.set_platform_stats(stats jsonb) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, herald, pg_temp AS $$
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
-- +goose StatementBegin
CREATE OR REPLACE FUNCTION herald.publish_teamcart_event(
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
CREATE OR REPLACE FUNCTION herald.publish_admin_event(
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
-- +goose StatementBegin
CREATE OR REPLACE FUNCTION herald.set_platform_stats(stats jsonb) RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    known constant text[] := '{totalUsers,activeUsers,newUsersToday,websitesGenerated,imagesGenerated,failedGenerations,totalRevenue,revenueToday}';
    wrong text;
BEGIN
    IF stats IS NULL OR pg_catalog.jsonb_typeof(stats) <> 'object' THEN
        RAISE EXCEPTION 'herald.set_platform_stats: stats is %, not a JSON object', coalesce(pg_catalog.jsonb_typeof(stats), 'null')
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    SELECT e.key INTO wrong FROM pg_catalog.jsonb_each(stats) e WHERE NOT e.key = ANY (known) LIMIT 1;
    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION 'herald.set_platform_stats: unknown field %', pg_catalog.quote_literal(wrong)
            USING ERRCODE = 'invalid_parameter_value', HINT = 'The fields are ' || pg_catalog.array_to_string(known, ', ') || '.';
    END IF;
    SELECT e.key INTO wrong FROM pg_catalog.jsonb_each(stats) e WHERE pg_catalog.jsonb_typeof(e.value) <> 'number' LIMIT 1;
    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION 'herald.set_platform_stats: % is not a number', wrong USING ERRCODE = 'invalid_parameter_value';
    END IF;
    INSERT INTO herald.platform_stats (field, value) SELECT e.key, e.value::numeric FROM pg_catalog.jsonb_each(stats) e;
END
$$;
-- +goose StatementEnd
DROP FUNCTION herald.check_payload(text, jsonb), herald.is_platform_stat(text, numeric);
