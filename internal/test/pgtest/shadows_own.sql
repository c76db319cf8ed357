-- Shadows of all that Herald has itself: see shadows.go. Run with search_path = pg_catalog, behind the migrations.
DO $do$
DECLARE
    r record;
BEGIN
    SET LOCAL check_function_bodies = off;
    FOR r IN SELECT c.relname FROM pg_class c WHERE c.relnamespace = 'herald'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'S') LOOP
        PERFORM shadow.make(format('CREATE VIEW shadow.%I AS SELECT shadow.refuse() AS shadow', r.relname));
    END LOOP;
    FOR r IN SELECT t.typname FROM pg_type t WHERE t.typnamespace = 'herald'::regnamespace AND t.typtype = 'e' LOOP
        PERFORM shadow.make(format('CREATE DOMAIN shadow.%I AS herald.%I CHECK (shadow.refuse())', r.typname, r.typname));
    END LOOP;
    FOR r IN SELECT p.proname, pg_get_function_identity_arguments(p.oid) AS arguments FROM pg_proc p
        WHERE p.pronamespace = 'herald'::regnamespace AND p.prorettype <> 'trigger'::regtype AND p.proargmodes IS NULL LOOP
        PERFORM shadow.make(format('CREATE FUNCTION shadow.%I(%s) RETURNS boolean LANGUAGE plpgsql AS ''BEGIN RETURN shadow.refuse(); END''',
            r.proname, r.arguments));
    END LOOP;

    -- What is in pg_temp is found first, unless the path names pg_temp elsewhere: types and tables, not functions. A view is both.
    IF current_setting('server_version_num')::int < 170000 THEN
        RETURN;
    END IF;
    CREATE FUNCTION shadow.on_login() RETURNS event_trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
    DECLARE
        name text;
    BEGIN
        IF pg_is_in_recovery() OR current_setting('transaction_read_only')::boolean THEN
            RETURN;
        END IF;
        FOREACH name IN ARRAY '{text,uuid,jsonb,timestamptz,interval,date,oid,name,xid8,xid,regclass,pg_snapshot,point,tid,int4,int8,bool,float8,numeric,
                pg_class,pg_proc,pg_type,pg_inherits,pg_attribute,pg_partitioned_table,pg_namespace,pg_database,pg_roles,pg_tables,pg_settings,pg_locks,
                pg_stat_activity,outbox,outbox_default,event_log,event_log_default,relay_state,relay_checkpoint,relayed_event,dead_letter,access_grant,
                stream_head,node,epoch,pace,selfcheck_state,river_job,river_leader,river_queue,river_migration,river_job_state,goose_db_version}'::text[] LOOP
            EXECUTE format('CREATE TEMP VIEW %I AS SELECT shadow.refuse() AS shadow', name);
        END LOOP;
    END
    $$;
    CREATE EVENT TRIGGER shadow_on_login ON login EXECUTE FUNCTION shadow.on_login();
    ALTER EVENT TRIGGER shadow_on_login ENABLE ALWAYS;
END
$do$;
