-- +goose Up

-- A producer learns at once of everything that is wrong with its event. As in 00016, what runs in a producer's name has every operator, function and
-- type qualified, nothing for which PostgreSQL looks an operator up by itself, and no literal with a backslash but those that begin with E.

-- What each event type takes in its payload: internal/event has the same table, and a test compares them. "of" is an event type, 'order' for all of
-- an order's, or a form of AdminNotification; "inside" is the object whose member the field is.
-- +goose StatementBegin
CREATE FUNCTION herald.payload_fields() RETURNS TABLE (n int, "of" text, inside text, name text, kind text, words text[], optional boolean)
LANGUAGE sql IMMUTABLE
BEGIN ATOMIC
    SELECT * FROM (VALUES
        (1, 'order', NULL::text, 'orderNumber', 'text', NULL::text[], false),
        (2, 'order', NULL, 'status', 'text', NULL, false),
        (3, 'order', NULL, 'lastUpdateTimestamp', 'time', NULL, true),
        (4, 'order', NULL, 'estimatedDeliveryTime', 'time', NULL, true),
        (5, 'order', NULL, 'actualDeliveryTime', 'time', NULL, true),
        (6, 'order', NULL, 'deliveredAt', 'time', NULL, true),
        (7, 'CartPaymentEvent', NULL, 'userId', 'text', NULL, false),
        (8, 'CartPaymentEvent', NULL, 'status', 'text', NULL, false),
        (9, 'CartConverted', NULL, 'orderId', 'uuid', NULL, false),
        (10, 'UserActivityUpdate', NULL, 'userId', 'word', NULL, false),
        (11, 'UserActivityUpdate', NULL, 'action', 'word', NULL, false),
        (12, 'UserActivityUpdate', NULL, 'details', 'object', NULL, true),
        (13, 'AnalyticsUpdate', NULL, 'totalUsers', 'count', NULL, false),
        (14, 'AnalyticsUpdate', NULL, 'activeUsers', 'count', NULL, false),
        (15, 'AnalyticsUpdate', NULL, 'websitesGenerated', 'count', NULL, false),
        (16, 'AnalyticsUpdate', NULL, 'imagesGenerated', 'count', NULL, false),
        (17, 'AnalyticsUpdate', NULL, 'revenue', 'number', NULL, false),
        (18, 'UserCountUpdate', NULL, 'totalUsers', 'count', NULL, false),
        (19, 'UserCountUpdate', NULL, 'activeUsers', 'count', NULL, false),
        (20, 'UserCountUpdate', NULL, 'newUsersToday', 'count', NULL, false),
        (21, 'GenerationMetricsUpdate', NULL, 'websitesGenerated', 'count', NULL, false),
        (22, 'GenerationMetricsUpdate', NULL, 'imagesGenerated', 'count', NULL, false),
        (23, 'GenerationMetricsUpdate', NULL, 'failedGenerations', 'count', NULL, false),
        (24, 'GenerationMetricsUpdate', NULL, 'averageGenerationTime', 'amount', NULL, false),
        (25, 'RevenueUpdate', NULL, 'dailyRevenue', 'number', NULL, false),
        (26, 'RevenueUpdate', NULL, 'totalRevenue30d', 'number', NULL, false),
        (27, 'SystemAlert', NULL, 'type', 'one', '{info,warning,error,success}', false),
        (28, 'SystemAlert', NULL, 'message', 'text', NULL, false),
        (29, 'SystemAlert', NULL, 'severity', 'word', NULL, true),
        (30, 'SystemAlert', NULL, 'data', 'object', NULL, true),
        (31, 'SystemAlert', 'data', 'severity', 'short', NULL, true),
        (32, 'SystemAlert', 'data', 'metric', 'short', NULL, true),
        (33, 'SystemAlert', 'data', 'threshold', 'short', NULL, true),
        (34, 'AdminNotification', NULL, 'type', 'one', '{role-assignment,system-event}', false),
        (35, 'role-assignment', NULL, 'userId', 'word', NULL, false),
        (36, 'role-assignment', NULL, 'roleName', 'word', NULL, false),
        (37, 'role-assignment', NULL, 'action', 'one', '{assigned,revoked}', false),
        (38, 'system-event', NULL, 'eventType', 'word', NULL, false),
        (39, 'system-event', NULL, 'description', 'text', NULL, false),
        (40, 'system-event', NULL, 'data', 'object', NULL, true)
    ) f (n, "of", inside, name, kind, words, optional);
END;
-- +goose StatementEnd

-- What is wrong with a payload's fields, one row each, in the table's order; argument is the name of the publish function's argument that is the
-- field, where family says that it has been called ('order', 'teamcart').
-- +goose StatementBegin
CREATE FUNCTION herald.payload_problems(event_type text, payload jsonb, family text) RETURNS TABLE (problem text, advice text)
LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT
        CASE
            WHEN v.argument IS NOT NULL THEN CASE
                WHEN v.form = 'null' THEN format('%s is missing: an event of type %s needs it', v.argument, $1)
                WHEN v.kind = 'uuid' THEN format('%s is missing: the all-zero UUID is an id that was not set', v.argument)
                WHEN v.kind = 'time' THEN format('%s %s is not a time between the years 1 and 9999', v.argument, left(v.value, 64))
                ELSE format('%s is empty', v.argument) END
            WHEN v.form = 'null' THEN format('payload has no %s: an event of type %s needs it', v.path, $1)
            WHEN v.kind IN ('count', 'amount', 'number') AND v.form = 'number' THEN
                format('payload has %s %s, which is not %s', v.path, left(v.value, 64), v.wanted)
            WHEN v.form = 'string' AND v.kind <> 'short' AND btrim(v.value, E' \t\n\x0B\f\r') = '' THEN format('payload has an empty %s', v.path)
            WHEN v.form = 'string' AND v.kind IN ('word', 'short') THEN
                format('payload has %s of %s characters; at most 256 are allowed', v.path, length(v.value))
            WHEN v.form = 'string' AND v.kind IN ('time', 'uuid', 'one') THEN
                format('payload has %s %s, which is not %s', v.path, quote_literal(left(v.value, 64)), v.wanted)
            ELSE format('payload has %s of type %s, not %s', v.path, v.form, CASE WHEN v.kind IN ('text', 'word') THEN 'a string' ELSE v.wanted END)
        END,
        coalesce(
            CASE WHEN v.argument IS NULL AND v.form = 'null' THEN
                (SELECT format('payload has %s; names are camelCase and matched exactly.', to_json(k.k)) FROM jsonb_object_keys($2) k (k)
                    WHERE k.k <> v.name AND lower(k.k COLLATE "C") = lower(v.name COLLATE "C") LIMIT 1) END,
            CASE WHEN v.argument IS NOT NULL AND v.kind = 'time' THEN 'Pass null for a time that is not known.' END,
            format('Set %s to %s.', coalesce(v.argument, v.path), v.wanted))
    FROM (
        SELECT f.*, CASE WHEN f.inside IS NULL THEN f.name ELSE concat(f.inside, '.', f.name) END AS path,
            CASE WHEN $3 IN ('order', 'teamcart')
                THEN lower(regexp_replace(f.name COLLATE "C", '([A-Z])', '_\1', 'g') COLLATE "C") END AS argument,
            CASE WHEN f.inside IS NULL THEN $2 ELSE $2 -> f.inside END ->> f.name AS value,
            coalesce(jsonb_typeof(CASE WHEN f.inside IS NULL THEN $2 ELSE $2 -> f.inside END -> f.name), 'null') AS form,
            CASE f.kind
                WHEN 'one' THEN concat('one of ', array_to_string(f.words, ', '))
                WHEN 'time' THEN 'a time in RFC 3339 with an offset, such as 2025-01-20T10:05:00Z'
                WHEN 'uuid' THEN 'a UUID, and not the all-zero one'
                WHEN 'count' THEN 'a whole number from 0 to 9007199254740991'
                WHEN 'amount' THEN 'a number from 0 that a 64-bit float holds'
                WHEN 'number' THEN 'a number that a 64-bit float holds'
                WHEN 'object' THEN 'an object'
                WHEN 'text' THEN 'a string that is not empty'
                WHEN 'word' THEN 'a string that is not empty, of at most 256 characters'
                ELSE 'a string of at most 256 characters'
            END AS wanted
        FROM herald.payload_fields() f
        WHERE f."of" IN ($1, CASE WHEN $1 IN ('OrderPlaced', 'OrderPaymentSucceeded', 'OrderPaymentFailed', 'OrderStatusChanged') THEN 'order'
            WHEN $1 = 'AdminNotification' AND $2 ->> 'type' IN ('role-assignment', 'system-event') THEN $2 ->> 'type' END)
    ) v
    WHERE CASE
            WHEN v.form = 'null' THEN v.optional
            WHEN v.kind = 'short' THEN v.form <> 'string' OR length(v.value) <= 256
            WHEN v.kind = 'object' THEN v.form = 'object'
            WHEN v.kind IN ('count', 'amount', 'number') THEN CASE
                WHEN v.form <> 'number' THEN false
                WHEN v.kind = 'count' THEN CASE WHEN v.value ~ '^[0-9]{1,16}$' THEN v.value::bigint <= 9007199254740991 END
                ELSE (v.value::numeric = 0 OR abs(v.value::numeric) BETWEEN 2.4703282292062328e-324 AND 1.797693134862315807e308)
                    AND (v.kind = 'number' OR v.value::numeric >= 0) END
            ELSE v.form = 'string' AND CASE v.kind
                WHEN 'one' THEN v.value = ANY (v.words)
                WHEN 'uuid' THEN v.value ~* '^((urn:uuid:)?([0-9a-f]{4}-?){7}[0-9a-f]{4}|[{]([0-9a-f]{4}-?){7}[0-9a-f]{4}[}])$'
                    AND v.value !~* '^(urn:uuid:|[{])?[0-]+[}]?$'
                WHEN 'time' THEN v.value ~ '^(?!0000)([0-9]{4}-((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])|(0[469]|11)-(0[1-9]|[12][0-9]|30)|02-(0[1-9]|1[0-9]|2[0-8]))|([0-9]{2}(0[48]|[2468][048]|[13579][26])|([02468][048]|[13579][26])00)-02-29)T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]([.][0-9]+)?(Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9])$'
                    AND (v.value !~ '^(0001-01-01|9999-12-31)' OR v.value ~ '(Z|[+-]00:00)$')
                ELSE btrim(v.value, E' \t\n\x0B\f\r') <> '' AND (v.kind = 'text' OR length(v.value) <= 256)
            END
        END IS NOT TRUE
    ORDER BY v.n;
END;
-- +goose StatementEnd

-- Raises all that is wrong with an event, in the words of whoever published it: the arguments of the publish function that was called, or the columns
-- and the payload. Where nothing is wrong it returns.
-- +goose StatementBegin
CREATE FUNCTION herald.refuse_event(
    event_type text, resource_id uuid, restaurant_id uuid, customer_id text, audience text, payload jsonb,
    occurred_on_utc timestamptz, deliver_after timestamptz, traceparent text, event_id uuid
) RETURNS void LANGUAGE plpgsql STABLE AS $$
#variable_conflict use_variable
DECLARE
    zero constant pg_catalog.uuid := '00000000-0000-0000-0000-000000000000'::pg_catalog.uuid;
    first_time constant pg_catalog.timestamptz := '0001-01-01 00:00:00+00'::pg_catalog.timestamptz;
    end_of_time constant pg_catalog.timestamptz := '10000-01-01 00:00:00+00'::pg_catalog.timestamptz;
    order_types constant pg_catalog.text[] := '{OrderPlaced,OrderPaymentSucceeded,OrderPaymentFailed,OrderStatusChanged}'::pg_catalog.text[];
    cart_types constant pg_catalog.text[] := '{CartUpdated,CartLocked,CartPaymentEvent,CartReadyToConfirm,CartConverted,CartExpired}'::pg_catalog.text[];
    admin_types constant pg_catalog.text[] := '{UserActivityUpdate,AnalyticsUpdate,UserCountUpdate,GenerationMetricsUpdate,RevenueUpdate,SystemAlert,AdminNotification}'::pg_catalog.text[];
    -- AccessRevoked is Herald's own: herald.revoke_access writes it in the name of the outbox's owner, and no other login may.
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
-- +goose StatementEnd

-- Is asked where the trigger's own expression does not say that a row is valid. Of nearly every other row that is valid one of these expressions says
-- so; what is left is judged field by field.
-- +goose StatementBegin
CREATE FUNCTION herald.judge_event(
    event_type text, resource_id uuid, restaurant_id uuid, customer_id text, audience text, payload jsonb,
    occurred_on_utc timestamptz, deliver_after timestamptz, traceparent text, event_id uuid
) RETURNS boolean LANGUAGE plpgsql STABLE AS $$
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
$$;
-- +goose StatementEnd

-- Checks a row and wakes a sleeping relay (00016), in the producer's name. What PL/pgSQL costs a transaction is to prepare anew each expression that
-- it evaluates, by the number of functions and operators in it: so there is one, with as few as can be, which says of nearly every row of an order or
-- a team cart that it is valid and that the relay is awake. What is short in it for what herald.refuse_event spells out: the all-zero UUID is the
-- least of all; a text that begins and is smaller than with these characters begins with a printable one, so it is not blank; the times are looked for as
-- jsonb prints them, in their quotes, which no text can bring along.
--
-- A row of another transaction was published long ago: retention, or its owner, has moved it from one day's partition to another.
-- +goose StatementBegin
CREATE OR REPLACE FUNCTION herald.accept_event() RETURNS trigger LANGUAGE plpgsql AS $$
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
$$;
-- +goose StatementEnd

REVOKE ALL ON FUNCTION herald.payload_fields(), herald.payload_problems(text, jsonb, text),
    herald.refuse_event(text, uuid, uuid, text, text, jsonb, timestamptz, timestamptz, text, uuid),
    herald.judge_event(text, uuid, uuid, text, text, jsonb, timestamptz, timestamptz, text, uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION herald.payload_fields(), herald.payload_problems(text, jsonb, text),
    herald.refuse_event(text, uuid, uuid, text, text, jsonb, timestamptz, timestamptz, text, uuid),
    herald.judge_event(text, uuid, uuid, text, text, jsonb, timestamptz, timestamptz, text, uuid) TO herald_producer;

-- The publish functions take extra and traceparent, last, and every argument may be left out, so that the one that is missing is named. A function
-- with more arguments is another function: of two of one name a call that leaves the new ones out would fit both. The earlier ones are renamed and not
-- dropped: what depends on them (a view, a function in standard SQL, a call that is under way) goes on, and whoever calls them by name meets the new.
ALTER FUNCTION herald.publish_order_event(text, uuid, text, text, uuid, text, text, timestamptz, timestamptz, timestamptz, timestamptz, timestamptz,
    uuid, timestamptz) RENAME TO earlier_publish_order_event;
ALTER FUNCTION herald.publish_teamcart_event(text, uuid, text, text, uuid, timestamptz, uuid, timestamptz) RENAME TO earlier_publish_teamcart_event;
ALTER FUNCTION herald.publish_admin_event(text, jsonb, timestamptz, uuid, timestamptz) RENAME TO earlier_publish_admin_event;

-- A time as RFC 3339 has it, or, where that cannot say it, as PostgreSQL prints it: the outbox then refuses it by name.
-- +goose StatementBegin
CREATE FUNCTION herald.utc_or_text(t timestamptz) RETURNS text LANGUAGE sql STABLE
RETURN CASE WHEN t >= '0001-01-01 00:00:00+00' AND t < '10000-01-01 00:00:00+00' THEN herald.utc(t) ELSE t::text END;
-- +goose StatementEnd

-- The event type that a publish function passes on which is not of its family: another family's is refused, null becomes empty, and the rest is the
-- trigger's to refuse.
-- +goose StatementBegin
CREATE FUNCTION herald.other_type(event_type text, family text) RETURNS text LANGUAGE plpgsql STABLE AS $$
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
-- +goose StatementEnd
REVOKE ALL ON FUNCTION herald.other_type(text, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION herald.other_type(text, text) TO herald_producer;

-- As before (00016), but for the names of what is missing, which the table's trigger knows. An event type that is null is passed on as an empty one.
-- A name of Herald's own in extra replaces nothing.
-- +goose StatementBegin
CREATE FUNCTION herald.publish_order_event(
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
        -- Others have no RFC 3339 form. least and greatest pass over nulls, and compare by the type's own order, whatever operators there are.
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
-- +goose StatementEnd

-- +goose StatementBegin
CREATE FUNCTION herald.publish_teamcart_event(
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
-- +goose StatementEnd

-- +goose StatementBegin
CREATE FUNCTION herald.publish_admin_event(
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
-- +goose StatementEnd

REVOKE ALL ON FUNCTION herald.utc_or_text(timestamptz) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION herald.utc_or_text(timestamptz) TO herald_producer;
-- Who may publish by the earlier ones may do so by these: the role, and whoever has been granted one by itself.
-- +goose StatementBegin
DO $$
DECLARE
    of record;
BEGIN
    FOR of IN SELECT now_oid::regprocedure AS now, a.grantee, a.is_grantable
        FROM (SELECT new.oid AS now_oid, coalesce(old.proacl, acldefault('f', old.proowner)) AS acl, old.proowner FROM pg_proc old
            JOIN pg_proc new ON new.pronamespace = old.pronamespace AND old.proname = concat('earlier_', new.proname)
            WHERE old.pronamespace = 'herald'::regnamespace) p, LATERAL aclexplode(p.acl) a
        WHERE a.privilege_type = 'EXECUTE' AND a.grantee <> p.proowner
        UNION ALL SELECT new.oid::regprocedure, NULL, NULL FROM pg_proc new
        WHERE new.pronamespace = 'herald'::regnamespace AND new.proname IN ('publish_order_event', 'publish_teamcart_event', 'publish_admin_event')
        ORDER BY 2 NULLS FIRST
    LOOP
        IF of.grantee IS NULL THEN
            EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', of.now);
        ELSE
            EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO %s %s', of.now,
                CASE WHEN of.grantee = 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(of.grantee)) END,
                CASE WHEN of.is_grantable THEN 'WITH GRANT OPTION' END);
        END IF;
    END LOOP;
END
$$;
-- +goose StatementEnd

-- +goose Down
DROP FUNCTION herald.publish_order_event(text, uuid, text, text, uuid, text, text, timestamptz, timestamptz, timestamptz, timestamptz, timestamptz,
    uuid, timestamptz, jsonb, text), herald.publish_teamcart_event(text, uuid, text, text, uuid, timestamptz, uuid, timestamptz, jsonb, text),
    herald.publish_admin_event(text, jsonb, timestamptz, uuid, timestamptz, text), herald.utc_or_text(timestamptz), herald.other_type(text, text);
ALTER FUNCTION herald.earlier_publish_order_event(text, uuid, text, text, uuid, text, text, timestamptz, timestamptz, timestamptz, timestamptz, timestamptz,
    uuid, timestamptz) RENAME TO publish_order_event;
ALTER FUNCTION herald.earlier_publish_teamcart_event(text, uuid, text, text, uuid, timestamptz, uuid, timestamptz) RENAME TO publish_teamcart_event;
ALTER FUNCTION herald.earlier_publish_admin_event(text, jsonb, timestamptz, uuid, timestamptz) RENAME TO publish_admin_event;
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
DROP FUNCTION herald.judge_event(text, uuid, uuid, text, text, jsonb, timestamptz, timestamptz, text, uuid);
DROP FUNCTION herald.refuse_event(text, uuid, uuid, text, text, jsonb, timestamptz, timestamptz, text, uuid);
DROP FUNCTION herald.payload_problems(text, jsonb, text);
DROP FUNCTION herald.payload_fields();
