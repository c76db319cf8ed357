-- +goose Up

-- Where other nodes reach the node, without a path; empty: it is of a release that tells none. And which of the others it cannot reach,
-- as its last heartbeat told: at most 16, each with the address that was tried and the error.
ALTER TABLE herald.node
    ADD COLUMN url text NOT NULL DEFAULT '',
    ADD COLUMN unreachable jsonb NOT NULL DEFAULT '[]';

-- +goose Down
ALTER TABLE herald.node DROP COLUMN url, DROP COLUMN unreachable;
