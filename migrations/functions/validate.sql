-- version 1, checksum a5b427ee
-- Which rows herald.outbox takes. As in publish.sql, all that runs in a producer's name is qualified; a literal with
-- a backslash begins with E.

-- Raises all that is wrong with an event, in the terms of the call: the arguments of the publish function, or the
-- columns and the payload of an insert. Where nothing is wrong it returns.
CREATE OR REPLACE FUNCTION herald.refuse_event(
    event_type text, resource_id uuid, restaurant_id uuid, customer_id text, audience text, payload jsonb,
    occurred_on_utc timestamptz, deliver_after timestamptz, traceparent text, event_id uuid
) RETURNS void LANGUAGE plpgsql STABLE AS $$
#variable_conflict use_variable
DECLARE
    zero constant pg_catalog.uuid := '00000000-0000-0000-0000-000000000000'::pg_catalog.uuid;
    first_time constant pg_catalog.timestamptz := '0001-01-01 00:00:00+00'::pg_catalog.timestamptz;
    end_of_time constant pg_catalog.timestamptz := '10000-01-01 00:00:00+00'::pg_catalog.timestamptz;
    order_types constant pg_catalog.text[] := '{@order_types@}'::pg_catalog.text[];
    cart_types constant pg_catalog.text[] := '{@cart_types@}'::pg_catalog.text[];
    admin_types constant pg_catalog.text[] := '{@admin_types@}'::pg_catalog.text[];
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
$$;
GRANT EXECUTE ON FUNCTION herald.refuse_event(text, uuid, uuid, text, text, jsonb, timestamptz, timestamptz, text, uuid)
    TO herald_producer;

-- Called where the trigger's own expression does not say that a row is valid, and for an event that is mended. One of
-- these expressions says so of nearly every other valid row; the rest is judged field by field.
CREATE OR REPLACE FUNCTION herald.judge_event(
    event_type text, resource_id uuid, restaurant_id uuid, customer_id text, audience text, payload jsonb,
    occurred_on_utc timestamptz, deliver_after timestamptz, traceparent text, event_id uuid
) RETURNS boolean LANGUAGE plpgsql STABLE AS $$
#variable_conflict use_variable
BEGIN
    IF ((CASE
            WHEN event_type OPERATOR(pg_catalog.=) ANY ('{@order_types@}'::pg_catalog.text[]) THEN
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
            WHEN event_type OPERATOR(pg_catalog.=) ANY ('{@plain_cart_types@}'::pg_catalog.text[]) THEN
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
$$;
GRANT EXECUTE ON FUNCTION herald.judge_event(text, uuid, uuid, text, text, jsonb, timestamptz, timestamptz, text, uuid)
    TO herald_producer;

-- Checks a row and wakes a sleeping relay, in the producer's name: SECURITY DEFINER and a search_path of its own
-- would cost 10 microseconds a call. A trigger and no check constraint, because the text of a constraint is read anew
-- by each statement; for each row and not for each statement, because a transition table costs more.
--
-- PL/pgSQL keeps the function's plans for the session, but in each transaction it prepares each expression that it
-- evaluates, at a cost that grows with the expression. So there is one, with as few operators as can be. It says of
-- nearly every row of an order or a team cart that it is valid and that the relay is awake. Its short forms for what
-- herald.refuse_event spells out: the all-zero UUID is the least of all; a text that begins and is smaller than with
-- these characters begins with a printable one, so it is not blank; the times are looked for as jsonb prints them, in
-- their quotes, which no text can contain.
--
-- A row of another transaction was published before: retention, or the table's owner, moves it from one partition to
-- another.
--
-- Under load the relay is not armed, and no transaction pays for NOTIFY, which serialises every commit in the
-- cluster. Null is the sequence as it was created, and as a crash leaves it: armed. herald.notifies is the
-- transaction's own: a transaction counts once, however many events it publishes.
--
-- A transaction that has notified cannot be prepared for a two-phase commit. So where the server allows that
-- (max_prepared_transactions), a transaction notifies only if herald.notify (a setting of the session, the role or
-- the database: on or off) says that it will not be prepared; else the relay's look every 100 ms finds its events.
CREATE OR REPLACE FUNCTION herald.accept_event() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (NEW.resource_id IS NOT NULL
        AND least(NEW.event_id, NEW.resource_id, NEW.restaurant_id) OPERATOR(pg_catalog.<>) '00000000-0000-0000-0000-000000000000'::pg_catalog.uuid
        AND NEW.payload OPERATOR(pg_catalog.@@) CASE
            WHEN NEW.event_type OPERATOR(pg_catalog.=) ANY ('{@order_types@}'::pg_catalog.text[]) THEN
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
            WHEN NEW.event_type OPERATOR(pg_catalog.=) ANY ('{@plain_cart_types@}'::pg_catalog.text[]) THEN
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
$$;

-- Producers may write from the moment on at which rows are checked. Neither statement is repeated later: to create a
-- trigger locks the table against writers, so one that changes has a numbered migration.
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_trigger t WHERE t.tgrelid = 'herald.outbox'::regclass AND t.tgname = 'outbox_accept_event') THEN
        RETURN;
    END IF;
    CREATE TRIGGER outbox_accept_event AFTER INSERT ON herald.outbox FOR EACH ROW EXECUTE FUNCTION herald.accept_event();
    GRANT INSERT (event_id, event_type, resource_id, restaurant_id, customer_id, audience, payload, occurred_on_utc,
        deliver_after, traceparent) ON herald.outbox TO herald_producer;
    -- INSERT ... RETURNING event_id is how a producer learns the id.
    GRANT SELECT (event_id) ON herald.outbox TO herald_producer;
END
$$;
