-- version 1, checksum 71a72704
-- Locks tables for a migration that changes them, until its transaction ends. A migration that waited for a lock
-- would make all producers wait behind it, for as long as one transaction stays open. So it waits 200 ms, lets the
-- others by for a second, and tries again for about ten minutes. What a migration does under the lock takes a moment:
-- a column without a default, a constraint that is NOT VALID.
CREATE OR REPLACE FUNCTION herald.lock_to_change(VARIADIC tables regclass[]) RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, herald, pg_temp AS $$
DECLARE
    attempts constant int := 600;
    names constant text := (SELECT string_agg(t::text, ', ') FROM unnest(tables) t);
    patience constant text := current_setting('lock_timeout');
BEGIN
    PERFORM set_config('lock_timeout', '200ms', true);
    FOR attempt IN 1..attempts LOOP
        BEGIN
            EXECUTE format('LOCK TABLE %s IN ACCESS EXCLUSIVE MODE', names);
            EXIT;
        EXCEPTION WHEN lock_not_available THEN
            IF attempt = attempts THEN
                RAISE EXCEPTION '% have been in use by transactions that do not end, for % attempts to change them', names, attempts
                    USING ERRCODE = 'lock_not_available', HINT = 'Look for the oldest in pg_stat_activity, then migrate again.';
            END IF;
            PERFORM pg_sleep(1);
        END;
    END LOOP;
    PERFORM set_config('lock_timeout', patience, true);
END
$$;
