-- +goose Up

-- The node takes no new connections and asks those that it has to go elsewhere: it was drained, or it stops. It never takes that back.
ALTER TABLE herald.node ADD COLUMN draining boolean NOT NULL DEFAULT false;

-- +goose Down
ALTER TABLE herald.node DROP COLUMN draining;
