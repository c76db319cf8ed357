-- +goose Up

-- What each of the relay's transactions calls. A function in SQL is parsed and planned with every statement that calls it (150 µs in
-- a session that is at rest); one in PL/pgSQL keeps its plan for the session (5 µs).
-- +goose StatementBegin
CREATE OR REPLACE FUNCTION herald.last_seq() RETURNS bigint LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    RETURN (SELECT CASE WHEN o.is_called THEN o.last_value ELSE o.last_value - 1 END FROM herald.outbox_seq_seq o);
END
$$;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE OR REPLACE FUNCTION herald.relay_is_armed() RETURNS boolean LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    RETURN (SELECT a.last_value = 1 FROM herald.relay_armed a);
END
$$;
-- +goose StatementEnd

-- What each producer's statement calls, at half the cost: no statement inside, only an expression. Every name and operator in it is
-- qualified, so it needs no search_path of its own, which the server would set and take back with each call. Null is the sequence as it was
-- created, and as a crash leaves it: armed.
-- +goose StatementBegin
CREATE OR REPLACE FUNCTION herald.wake_relay() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    IF coalesce(pg_catalog.pg_sequence_last_value('herald.relay_armed'::pg_catalog.regclass), 1) OPERATOR(pg_catalog.<>) 0 THEN
        PERFORM pg_catalog.pg_notify('herald_outbox', '');
    END IF;
    RETURN NULL;
END
$$;
-- +goose StatementEnd

-- As before (00003). What the relay has not reached yet is found by the index on (xid, seq), whatever the statistics say of transactions that have
-- written much.
-- +goose StatementBegin
CREATE OR REPLACE FUNCTION herald.can_subscribe(policy text, resource_id uuid, user_id text) RETURNS boolean
LANGUAGE sql STABLE AS $$
    SELECT coalesce(
        (SELECT g.granted FROM herald.access_grant g
            WHERE g.resource_id = $2 AND g.user_id = $3 AND g.policy = $1 AND g.source = 'explicit' ORDER BY g.id DESC LIMIT 1),
        (SELECT g.granted FROM herald.access_grant g
            WHERE g.resource_id = $2 AND g.user_id = $3 AND g.policy = $1 AND g.source = 'event' ORDER BY g.id DESC LIMIT 1),
        $1 = 'MustBeOrderOwner' AND (
            (SELECT true FROM herald.outbox o
                WHERE o.seq > (SELECT s.floor FROM herald.relay_state s)
                AND o.resource_id = $2 AND o.customer_id = $3 AND o.event_type LIKE 'Order%' ORDER BY o.seq LIMIT 1) IS NOT NULL
            OR EXISTS (SELECT FROM (SELECT unnest(s.stragglers) AS xid, s.floor FROM herald.relay_state s) old,
                LATERAL (SELECT FROM herald.outbox o
                    WHERE (o.xid, o.seq) >= (old.xid, 0) AND (o.xid, o.seq) <= (old.xid, old.floor)
                    AND o.resource_id = $2 AND o.customer_id = $3 AND o.event_type LIKE 'Order%' ORDER BY o.xid, o.seq LIMIT 1) o)))
$$;
-- +goose StatementEnd

-- The relay's own statement does this for all groups of a batch, where the lookups are set up once.
DROP FUNCTION herald.group_head(text);

-- +goose Down
-- +goose StatementBegin
CREATE FUNCTION herald.group_head(of_group text) RETURNS bigint LANGUAGE plpgsql STABLE AS $$
DECLARE
    found bigint;
BEGIN
    SELECT l.sequence INTO found FROM herald.event_log l WHERE l.group_name = of_group AND l.sequence > 0 ORDER BY l.sequence DESC LIMIT 1;
    IF found IS NULL THEN
        SELECT h.sequence INTO found FROM herald.stream_head h WHERE h.group_name = of_group;
    END IF;
    RETURN coalesce(found, 0);
END
$$;
-- +goose StatementEnd
REVOKE ALL ON FUNCTION herald.group_head(text) FROM PUBLIC;
-- +goose StatementBegin
CREATE OR REPLACE FUNCTION herald.can_subscribe(policy text, resource_id uuid, user_id text) RETURNS boolean
LANGUAGE sql STABLE AS $$
    SELECT coalesce(
        (SELECT g.granted FROM herald.access_grant g
            WHERE g.resource_id = $2 AND g.user_id = $3 AND g.policy = $1 AND g.source = 'explicit' ORDER BY g.id DESC LIMIT 1),
        (SELECT g.granted FROM herald.access_grant g
            WHERE g.resource_id = $2 AND g.user_id = $3 AND g.policy = $1 AND g.source = 'event' ORDER BY g.id DESC LIMIT 1),
        $1 = 'MustBeOrderOwner' AND (
            EXISTS (SELECT FROM herald.outbox o
                WHERE o.seq > (SELECT s.floor FROM herald.relay_state s)
                AND o.resource_id = $2 AND o.customer_id = $3 AND o.event_type LIKE 'Order%')
            OR EXISTS (SELECT FROM herald.outbox o
                WHERE o.xid IN (SELECT unnest(s.stragglers) FROM herald.relay_state s)
                AND o.resource_id = $2 AND o.customer_id = $3 AND o.event_type LIKE 'Order%')))
$$;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE OR REPLACE FUNCTION herald.wake_relay() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF (SELECT a.last_value = 1 FROM herald.relay_armed a) THEN
        PERFORM pg_catalog.pg_notify('herald_outbox', '');
    END IF;
    RETURN NULL;
END
$$;
-- +goose StatementEnd
CREATE OR REPLACE FUNCTION herald.last_seq() RETURNS bigint LANGUAGE sql VOLATILE
AS 'SELECT CASE WHEN o.is_called THEN o.last_value ELSE o.last_value - 1 END FROM herald.outbox_seq_seq o';
CREATE OR REPLACE FUNCTION herald.relay_is_armed() RETURNS boolean LANGUAGE sql VOLATILE
AS 'SELECT a.last_value = 1 FROM herald.relay_armed a';
