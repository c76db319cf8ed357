-- +goose Up

-- Who may join which group: a ledger, insert-only, so that granting never waits for another transaction. The newest row of
-- the most binding source decides: what grant_access and revoke_access said goes before what an order event implies.
CREATE TABLE herald.access_grant (
    id           bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    policy       text        NOT NULL,
    resource_id  uuid        NOT NULL,
    user_id      text        NOT NULL,
    granted      boolean     NOT NULL,
    source       text        NOT NULL CHECK (source IN ('explicit', 'event')),
    written_at   timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX access_grant_key_idx ON herald.access_grant (resource_id, user_id, policy, source, id);

-- +goose StatementBegin
CREATE FUNCTION herald.check_grant(policy text, resource_id uuid, user_id text) RETURNS void LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    IF policy IS NULL OR policy NOT IN ('MustBeOrderOwner', 'MustBeRestaurantOwner', 'MustBeRestaurantStaff', 'MustBeTeamCartMember') THEN
        RAISE EXCEPTION 'herald access: unknown policy %', coalesce(quote_literal(policy), 'null')
            USING ERRCODE = 'invalid_parameter_value',
                HINT = 'Use MustBeOrderOwner, MustBeRestaurantOwner, MustBeRestaurantStaff or MustBeTeamCartMember.';
    ELSIF resource_id IS NULL THEN
        RAISE EXCEPTION 'herald access: resource_id is missing' USING ERRCODE = 'invalid_parameter_value';
    ELSIF coalesce(user_id, '') = '' OR length(user_id) > 256 THEN
        RAISE EXCEPTION 'herald access: user_id must have 1 to 256 characters' USING ERRCODE = 'invalid_parameter_value';
    END IF;
END
$$;
-- +goose StatementEnd

-- Lets user_id join the group that policy guards, from this transaction's commit on.
-- +goose StatementBegin
CREATE FUNCTION herald.grant_access(policy text, resource_id uuid, user_id text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
BEGIN
    PERFORM herald.check_grant(policy, resource_id, user_id);
    INSERT INTO herald.access_grant (policy, resource_id, user_id, granted, source)
        VALUES (policy, resource_id, user_id, true, 'explicit');
END
$$;
-- +goose StatementEnd

-- Takes it back, from this transaction's commit on: no new subscribe, and the user's connections leave the group on every node
-- when they read the event that is written here.
-- +goose StatementBegin
CREATE FUNCTION herald.revoke_access(policy text, resource_id uuid, user_id text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
BEGIN
    PERFORM herald.check_grant(policy, resource_id, user_id);
    INSERT INTO herald.access_grant (policy, resource_id, user_id, granted, source)
        VALUES (policy, resource_id, user_id, false, 'explicit');
    INSERT INTO herald.outbox (event_type, resource_id, payload)
        VALUES ('AccessRevoked', resource_id, pg_catalog.jsonb_build_object('policy', policy, 'userId', user_id));
END
$$;
-- +goose StatementEnd

-- Whether user_id may join the group that policy guards. An order's customer may from the moment in which the order's
-- first event commits: the relay turns events into grants, and what it has not reached yet is looked up in the outbox itself.
-- +goose StatementBegin
CREATE FUNCTION herald.can_subscribe(policy text, resource_id uuid, user_id text) RETURNS boolean
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

-- +goose Down
DROP FUNCTION herald.can_subscribe(text, uuid, text), herald.revoke_access(text, uuid, text),
    herald.grant_access(text, uuid, text), herald.check_grant(text, uuid, text);
DROP TABLE herald.access_grant;
