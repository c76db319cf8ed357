-- Empties a database that the fixture was restored into, so that tests find it as a new one: its tables, indexes and functions stay
-- those of the fixture and of the migrations after it.
DO $$
DECLARE
    name regclass;
BEGIN
    FOR name IN SELECT i.inhrelid::regclass FROM pg_inherits i
        WHERE i.inhparent IN ('herald.outbox'::regclass, 'herald.event_log'::regclass) AND i.inhrelid::regclass::text ~ '_p[0-9]{8}$' LOOP
        EXECUTE format('DROP TABLE %s', name);
    END LOOP;
    FOR name IN SELECT c.oid::regclass FROM pg_class c
        WHERE c.relnamespace = 'herald'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relname NOT IN
            ('goose_db_version', 'river_migration', 'function_set', 'migration_lock', 'relay_lock', 'partition_lock') LOOP
        EXECUTE format('TRUNCATE %s RESTART IDENTITY', name);
    END LOOP;
END
$$;
INSERT INTO herald.relay_checkpoint (version, epoch, position, snapshot, floor, stragglers) VALUES (1, 1, 0, '3:3:', 0, '{}');
INSERT INTO herald.selfcheck_state (epoch, position, snapshot, floor, stragglers) VALUES (1, 0, '3:3:', 0, '{}');
INSERT INTO herald.platform_stats_broadcast DEFAULT VALUES;
INSERT INTO herald.epoch (epoch, system_identifier, timeline, first_position, last_seq)
SELECT 1, w.system_identifier, w.timeline, 1, 0 FROM herald.whereabouts() w;
SELECT setval('herald.relay_armed', 1, false);
SELECT herald.ensure_partition(t, (now() AT TIME ZONE 'UTC')::date + d)
FROM unnest(ARRAY['outbox', 'event_log']) t, generate_series(0, 3) d;
