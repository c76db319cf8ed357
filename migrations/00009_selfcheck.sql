-- +goose Up

-- How far the self-check (do the tables agree?) has looked: one row, which is also its mutex. position is of the log.
-- All rows of the outbox that are visible in snapshot have been looked at; what is new is found as the relay finds
-- it, by floor and stragglers (herald.relay_checkpoint). While many are new, target is the snapshot up to which, and
-- cursor the seq behind which the check goes on. nodes is what it remembers of each node's journal, found how many
-- discrepancies of each kind there were.
CREATE TABLE herald.selfcheck_state (
    singleton          boolean     PRIMARY KEY DEFAULT true CHECK (singleton),
    epoch              bigint      NOT NULL,
    position           bigint      NOT NULL,
    snapshot           pg_snapshot NOT NULL,
    floor              bigint      NOT NULL,
    stragglers         xid8[]      NOT NULL,
    target             pg_snapshot,
    target_floor       bigint,
    target_stragglers  xid8[],
    ceiling            bigint,
    cursor             bigint      NOT NULL DEFAULT 0,
    nodes              jsonb       NOT NULL DEFAULT '{}',
    found              jsonb       NOT NULL DEFAULT '{}',
    run_at             timestamptz
) WITH (fillfactor = 10);
INSERT INTO herald.selfcheck_state (epoch, position, snapshot, floor, stragglers)
SELECT s.epoch, s.position, s.snapshot, s.floor, s.stragglers FROM herald.relay_state s;

-- What the self-check has found, the newest thousand.
CREATE TABLE herald.selfcheck_discrepancy (
    kind      text        NOT NULL,
    subject   text        NOT NULL,
    detail    text        NOT NULL,
    found_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    seen_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (kind, subject)
);
