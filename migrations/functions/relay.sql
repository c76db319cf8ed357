-- version 1, checksum 58332f3e
-- What the relay asks. The first three are called in each of its transactions, so they name all in full: a path of
-- their own costs a call several times what it does. They are in PL/pgSQL, which keeps a plan for the session (5
-- microseconds); a function in SQL is planned with every statement that calls it (150 microseconds in a session at
-- rest).

-- The newest seq that has been drawn, by whatever transaction, committed or not; 0 where none has been.
CREATE OR REPLACE FUNCTION herald.last_seq() RETURNS bigint LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    RETURN (SELECT CASE WHEN o.is_called THEN o.last_value ELSE o.last_value OPERATOR(pg_catalog.-) 1 END FROM herald.outbox_seq_seq o);
END
$$;

-- Whether a relay sleeps, or is about to, and has not been notified by enough transactions yet.
CREATE OR REPLACE FUNCTION herald.relay_is_armed() RETURNS boolean LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    RETURN (SELECT a.last_value OPERATOR(pg_catalog.>=) 1 AND a.last_value OPERATOR(pg_catalog.<=) 4 FROM herald.relay_armed a);
END
$$;

-- Whether the count of those that notify an armed relay is used up (above 4), and not set far higher by a relay that
-- has disarmed: the relay's package knows the numbers.
CREATE OR REPLACE FUNCTION herald.relay_is_spent() RETURNS boolean LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    RETURN (SELECT a.last_value OPERATOR(pg_catalog.>) 4 AND a.last_value OPERATOR(pg_catalog.<) 1099511627776 FROM herald.relay_armed a);
END
$$;

-- Which database this is: the cluster, and the timeline of its write-ahead log, which a promotion or a recovery to a
-- point in time changes. Null where the server does not tell.
CREATE OR REPLACE FUNCTION herald.whereabouts(OUT system_identifier bigint, OUT timeline text) LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, herald, pg_temp AS $$
BEGIN
    SELECT c.system_identifier, left(pg_walfile_name(pg_current_wal_lsn()), 8) INTO system_identifier, timeline FROM pg_control_system() c;
EXCEPTION
    WHEN insufficient_privilege OR undefined_function OR feature_not_supported THEN NULL;
END
$$;

-- The first epoch, of a new database.
INSERT INTO herald.epoch (epoch, system_identifier, timeline, first_position, last_seq)
SELECT s.epoch, w.system_identifier, w.timeline, 1, 0 FROM herald.relay_state s, herald.whereabouts() w
WHERE NOT EXISTS (SELECT FROM herald.epoch) AND NOT EXISTS (SELECT FROM herald.function_set);
