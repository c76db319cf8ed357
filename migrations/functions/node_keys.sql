-- version 1, checksum 73562a20
-- Makes the next key where it is due: there is none, or the newest has been in use for the time every. It is used
-- from lead later on, the first at once. Of nodes that call at the same time one makes it. The secret is made here,
-- so that no log of statements and their parameters holds it. Returns whether there is something new to read.
CREATE OR REPLACE FUNCTION herald.rotate_node_key(every interval, lead interval, overlap interval) RETURNS boolean
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, herald, pg_temp AS $$
DECLARE
    newest timestamptz;
    begins timestamptz;
BEGIN
    FOR locked IN 0..1 LOOP
        SELECT max(k.activates_at) INTO newest FROM herald.node_key k;
        IF newest > clock_timestamp() - every AND newest <= clock_timestamp() + 2 * lead THEN
            RETURN false;
        END IF;
        IF locked = 0 THEN
            LOCK TABLE herald.node_key IN EXCLUSIVE MODE; -- readers go on
        END IF;
    END LOOP;
    IF newest > clock_timestamp() THEN -- the clock was set back since
        UPDATE herald.node_key k SET activates_at = clock_timestamp() WHERE k.activates_at > clock_timestamp();
        RETURN true;
    END IF;
    begins := CASE WHEN newest IS NULL THEN clock_timestamp() ELSE clock_timestamp() + lead END;
    UPDATE herald.node_key k SET retires_at = begins + overlap WHERE k.retires_at IS NULL;
    DELETE FROM herald.node_key k WHERE k.retires_at <= clock_timestamp();
    INSERT INTO herald.node_key (key_id, secret, activates_at)
    VALUES (('x' || encode(substring(uuid_send(gen_random_uuid()) FROM 1 FOR 4), 'hex'))::bit(32)::integer,
        sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid())), begins);
    RETURN true;
END
$$;
