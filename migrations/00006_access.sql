-- +goose Up

-- Who may join which group: a ledger, insert-only, so that granting never waits for another transaction. The newest
-- row of the most binding source decides: what grant_access and revoke_access said goes before what an order event
-- implies.
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
-- An order's customer, by the order.
CREATE INDEX access_grant_order_idx ON herald.access_grant (resource_id, id) WHERE source = 'event';
-- What retention walks through.
CREATE INDEX access_grant_event_idx ON herald.access_grant (written_at, id) WHERE source = 'event';
CREATE INDEX access_grant_explicit_idx ON herald.access_grant (id) WHERE source = 'explicit';
