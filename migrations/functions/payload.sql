-- version 1, checksum 944097d5
-- What each event type takes. Herald's types by name stand in event_types.txt.

-- What each event type takes in its payload. internal/event has the same table, and a test compares them. "of" is an
-- event type, 'order' for all of an order's, or a form of AdminNotification; "inside" is the object whose member the
-- field is.
CREATE OR REPLACE FUNCTION herald.payload_fields() RETURNS TABLE (n int, "of" text, inside text, name text, kind text, words text[], optional boolean)
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
GRANT EXECUTE ON FUNCTION herald.payload_fields() TO herald_producer;

-- What is wrong with a payload's fields, one row each, in the table's order. argument is the name of the publish
-- function's argument that is the field, where family says that a function was called ('order', 'teamcart').
CREATE OR REPLACE FUNCTION herald.payload_problems(event_type text, payload jsonb, family text) RETURNS TABLE (problem text, advice text)
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
        WHERE f."of" IN ($1, CASE WHEN $1 = ANY ('{@order_types@}'::text[]) THEN 'order'
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
GRANT EXECUTE ON FUNCTION herald.payload_problems(text, jsonb, text) TO herald_producer;
