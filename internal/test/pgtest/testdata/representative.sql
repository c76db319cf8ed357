-- A little of everything, for the fixture: fixed ids and times, so that the dump is the same whenever it is made. The days around
-- now, which a new database has, give way to one of the past.
DO $$
DECLARE
    partition regclass;
BEGIN
    FOR partition IN SELECT i.inhrelid::regclass FROM pg_inherits i
        WHERE i.inhparent IN ('herald.outbox'::regclass, 'herald.event_log'::regclass) AND i.inhrelid::regclass::text ~ '_p[0-9]{8}$' LOOP
        EXECUTE format('DROP TABLE %s', partition);
    END LOOP;
    PERFORM herald.ensure_partition('outbox', '2025-01-20'), herald.ensure_partition('event_log', '2025-01-20');
END
$$;

SET session_replication_role = replica; -- the rows are as if of transactions of the past

-- 1 and 2 are relayed, 3 is the id of 1 again, 4 to 6 are relayed, 7 died, 8 died and was dropped, 9 is scheduled, 10 waits, and 11, of
-- a day without a partition, is in the default one.
INSERT INTO herald.outbox (xid, seq, written_at, event_id, event_type, resource_id, restaurant_id, customer_id, audience, payload,
    occurred_on_utc, deliver_after, traceparent) OVERRIDING SYSTEM VALUE
SELECT (1000 + n)::text::xid8, n, timestamptz '2025-01-20 10:00:00+00' + n * interval '1 second',
    ('00000000-0000-7000-8000-' || lpad(CASE n WHEN 3 THEN 1 ELSE n END::text, 12, '0'))::uuid, t.event_type, t.resource_id, t.restaurant_id,
    t.customer_id, t.audience, t.payload::jsonb, timestamptz '2025-01-20 10:00:00+00', t.deliver_after, t.traceparent
FROM (VALUES
    (1, 'OrderPlaced', uuid 'f47ac10b-58cc-4372-a567-0e02b2c3d479', uuid 'f3b63b0c-3b2a-4f8c-9d6a-3a9d1a2a4b0e', 'user-1', 'Both',
        '{"orderNumber": "YZ-1", "status": "Placed", "total": 12.50}', NULL::timestamptz,
        '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'),
    (2, 'CartUpdated', '0b5d2f10-6a43-4c1e-9a53-6f0f6f0b7c11', NULL, NULL, 'Both', '{"userId": "user-1"}', NULL, NULL),
    (3, 'OrderPlaced', 'f47ac10b-58cc-4372-a567-0e02b2c3d479', 'f3b63b0c-3b2a-4f8c-9d6a-3a9d1a2a4b0e', 'user-1', 'Both',
        '{"orderNumber": "YZ-1", "status": "Placed"}', NULL, NULL),
    (4, 'OrderStatusChanged', 'f47ac10b-58cc-4372-a567-0e02b2c3d479', 'f3b63b0c-3b2a-4f8c-9d6a-3a9d1a2a4b0e', 'user-1', 'Restaurant',
        '{"orderNumber": "YZ-1", "status": "Accepted"}', NULL, NULL),
    (5, 'SystemAlert', NULL, NULL, NULL, 'Both', '{"type": "info", "message": "all is well"}', NULL, NULL),
    (6, 'AccessRevoked', 'f3b63b0c-3b2a-4f8c-9d6a-3a9d1a2a4b0e', NULL, NULL, 'Both',
        '{"policy": "MustBeRestaurantStaff", "userId": "user-3"}', NULL, NULL),
    (7, 'OrderPlaced', '11111111-1111-4111-8111-111111111111', 'f3b63b0c-3b2a-4f8c-9d6a-3a9d1a2a4b0e', 'user-2', 'Both',
        '{"status": "Placed"}', NULL, NULL),
    (8, 'CartPaymentEvent', '0b5d2f10-6a43-4c1e-9a53-6f0f6f0b7c11', NULL, NULL, 'Both', '{"userId": "user-1"}', NULL, NULL),
    (9, 'CartExpired', '0b5d2f10-6a43-4c1e-9a53-6f0f6f0b7c11', NULL, NULL, 'Both', '{}', '2125-01-20 10:00:00+00', NULL),
    (10, 'CartLocked', '0b5d2f10-6a43-4c1e-9a53-6f0f6f0b7c11', NULL, NULL, 'Both', '{}', NULL, NULL)
) t (n, event_type, resource_id, restaurant_id, customer_id, audience, payload, deliver_after, traceparent);
INSERT INTO herald.outbox (xid, seq, written_at, event_id, event_type, resource_id, payload, occurred_on_utc) OVERRIDING SYSTEM VALUE
VALUES ('1011', 11, '2024-12-01 00:00:00+00', '00000000-0000-7000-8000-000000000011', 'CartUpdated',
    '0b5d2f10-6a43-4c1e-9a53-6f0f6f0b7c11', '{}', '2024-12-01 00:00:00+00');
SELECT setval('herald.outbox_seq_seq', 11), setval('herald.relay_armed', 1, false);

INSERT INTO herald.event_log (position, group_name, sequence, outbox_seq, outbox_written_at, event_id, relayed_at)
SELECT l.position, l.group_name, l.sequence, o.seq, o.written_at, o.event_id, timestamptz '2025-01-20 10:00:00+00' + o.seq * interval '1 second'
FROM (VALUES (1, 'order:f47ac10b-58cc-4372-a567-0e02b2c3d479', 1, 1), (2, 'restaurant:f3b63b0c-3b2a-4f8c-9d6a-3a9d1a2a4b0e', 1, 1),
    (3, 'teamcart:0b5d2f10-6a43-4c1e-9a53-6f0f6f0b7c11', 1, 2), (4, 'restaurant:f3b63b0c-3b2a-4f8c-9d6a-3a9d1a2a4b0e', 2, 4),
    (5, 'admin', 1, 5), (6, 'restaurant:f3b63b0c-3b2a-4f8c-9d6a-3a9d1a2a4b0e', 0, 6)) l (position, group_name, sequence, seq)
JOIN herald.outbox o ON o.seq = l.seq;
INSERT INTO herald.event_log (position, group_name, sequence, outbox_seq, outbox_written_at, event_id, relayed_at)
VALUES (7, 'teamcart:0b5d2f10-6a43-4c1e-9a53-6f0f6f0b7c11', 2, 11, '2024-12-01 00:00:00+00', '00000000-0000-7000-8000-000000000011',
    '2025-02-01 00:00:00+00');
INSERT INTO herald.relayed_event (event_id, first_position, relayed_at, relayed_by)
SELECT l.event_id, min(l.position), l.relayed_at, '5f0c2e9a-0d3e-4f5e-8a52-6d4c0f1f2a01' FROM herald.event_log l GROUP BY l.event_id, l.relayed_at;
INSERT INTO herald.duplicate_event (event_id, outbox_seq, outbox_written_at, seen_at)
SELECT o.event_id, o.seq, o.written_at, '2025-01-20 10:00:04+00' FROM herald.outbox o WHERE o.seq = 3;
INSERT INTO herald.stream_head (group_name, sequence, retired_at)
VALUES ('order:22222222-2222-4222-8222-222222222222', 9, '2025-01-20 00:00:00+00');

INSERT INTO herald.relay_checkpoint (version, epoch, position, snapshot, floor, stragglers, relayed_at)
VALUES (2, 1, 7, '1010:1010:', 9, '{}', '2025-02-01 00:00:00+00');
UPDATE herald.epoch SET system_identifier = 1, timeline = '00000001', began_at = '2025-01-20 00:00:00+00';
INSERT INTO herald.pace (event_type, relayed_at) VALUES ('AnalyticsUpdate', '2025-01-20 10:00:00+00');

INSERT INTO herald.dead_letter (event_id, outbox_seq, outbox_written_at, reason, attempts, died_at, dropped_at)
SELECT o.event_id, o.seq, o.written_at, 'payload has no field', 3, '2025-01-20 10:01:00+00', CASE o.seq WHEN 8 THEN timestamptz '2025-01-20 11:00:00+00' END
FROM herald.outbox o WHERE o.seq IN (7, 8);
INSERT INTO herald.dead_letter_history (event_id, at, what, by_whom, attempts, detail, noted_at)
SELECT d.event_id, d.died_at, 'died', NULL, d.attempts, d.reason, d.died_at FROM herald.dead_letter d
UNION ALL SELECT d.event_id, d.dropped_at, 'dropped', 'ops', NULL, NULL, d.dropped_at FROM herald.dead_letter d WHERE d.dropped_at IS NOT NULL;
INSERT INTO herald.periodic_job (kind, every, enqueued_at, job_id) VALUES ('maintain_partitions', '1 hour', '2025-01-20 10:00:00+00', 1);
INSERT INTO herald.river_queue (name, created_at, updated_at) VALUES ('default', '2025-01-20 00:00:00+00', '2025-01-20 00:00:00+00');
INSERT INTO herald.river_job (state, max_attempts, kind, queue, args, created_at, scheduled_at)
SELECT 'scheduled', 25, 'deliver_scheduled', 'default', jsonb_build_object('event_id', o.event_id, 'outbox_seq', o.seq, 'outbox_written_at', o.written_at,
        'deliver_after', o.deliver_after),
    '2025-01-20 10:00:10+00', o.deliver_after FROM herald.outbox o WHERE o.seq = 9;

INSERT INTO herald.access_grant (policy, resource_id, user_id, granted, source, written_at) VALUES
    ('MustBeOrderOwner', 'f47ac10b-58cc-4372-a567-0e02b2c3d479', 'user-1', true, 'event', '2025-01-20 10:00:01+00'),
    ('MustBeRestaurantStaff', 'f3b63b0c-3b2a-4f8c-9d6a-3a9d1a2a4b0e', 'user-3', true, 'explicit', '2025-01-20 10:00:02+00'),
    ('MustBeRestaurantStaff', 'f3b63b0c-3b2a-4f8c-9d6a-3a9d1a2a4b0e', 'user-3', false, 'explicit', '2025-01-20 10:00:03+00'),
    ('MustBeRestaurantOwner', 'f3b63b0c-3b2a-4f8c-9d6a-3a9d1a2a4b0e', 'user-4', true, 'explicit', '2025-01-20 10:00:03+00');

INSERT INTO herald.node (node_id, host, version, started_at, heartbeat_at, broadcast_position, url)
VALUES ('5f0c2e9a-0d3e-4f5e-8a52-6d4c0f1f2a01', 'node-1', 'v0', '2025-01-20 09:00:00+00', '2025-01-20 10:00:10+00', 6, 'http://node-1:8080');
INSERT INTO herald.node_key (key_id, secret, created_at, activates_at)
VALUES (1, '\x0101010101010101010101010101010101010101010101010101010101010101', '2025-01-20 00:00:00+00', '2025-01-20 00:00:00+00');
INSERT INTO herald.broadcast_journal (node_id, first_position, last_position, broadcast_at, connections, number, host) VALUES
    ('5f0c2e9a-0d3e-4f5e-8a52-6d4c0f1f2a01', 1, 0, '2025-01-20 10:00:00+00', '{}', 1, 'node-1'),
    ('5f0c2e9a-0d3e-4f5e-8a52-6d4c0f1f2a01', 1, 6, '2025-01-20 10:00:08+00', '{1,0,2,0,0,0}', 2, 'node-1');

INSERT INTO herald.platform_stats (field, value, set_at) VALUES
    ('totalUsers', 41, '2025-01-20 09:00:00+00'), ('totalUsers', 42, '2025-01-20 10:00:00+00'), ('totalRevenue', 12.5, '2025-01-20 10:00:00+00');
UPDATE herald.platform_stats_broadcast SET stats = '{"totalUsers": 42}', broadcast_at = '2025-01-20 10:00:05+00';
UPDATE herald.selfcheck_state SET position = 7, found = '{"missing": 1}', run_at = '2025-01-20 10:05:00+00';
INSERT INTO herald.selfcheck_discrepancy (kind, subject, detail, found_at, seen_at)
VALUES ('missing', 'event 1', 'it is not in the log', '2025-01-20 10:05:00+00', '2025-01-20 10:05:00+00');

UPDATE herald.goose_db_version SET tstamp = '2025-01-20 00:00:00';
UPDATE herald.function_set SET applied_at = '2025-01-20 00:00:00+00';
UPDATE herald.river_migration SET created_at = '2025-01-20 00:00:00+00';
RESET session_replication_role;
