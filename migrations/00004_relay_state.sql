-- +goose Up

-- The relay's mutex: it holds the lock of this one row. Nothing updates it.
CREATE TABLE herald.relay_lock (singleton boolean PRIMARY KEY DEFAULT true CHECK (singleton));
INSERT INTO herald.relay_lock DEFAULT VALUES;

-- The relay's state, one row for each step; the newest counts. It is not one row that is updated: no version of a row
-- can be cleared away while any transaction of the cluster may still see it, and reading the row steps over all of
-- them, so that a report of one hour would slow the relay down step by step. The newest row is the last of its index
-- instead. The primary key is a second fence: of two relays that go on from the same state one fails.
--
-- All transactions visible in snapshot have been relayed. While a large backlog is worked off, target is the snapshot
-- up to which, and cursor the seq behind which it goes on; else target is null.
--
-- floor and stragglers say where a row that is invisible in snapshot can be: above floor, or in a transaction that is
-- one of the stragglers (those that had an xid and were in progress when snapshot was taken). target_floor and
-- target_stragglers are the same for target.
CREATE TABLE herald.relay_checkpoint (
    version            bigint      PRIMARY KEY,
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
    relayed_at         timestamptz,
    paused_at          timestamptz, -- nothing is relayed while it is set
    paused_by          text,
    epoch_position     bigint      NOT NULL DEFAULT 0, -- of the newest entry before this epoch
    epoch_seq          bigint      NOT NULL DEFAULT 0  -- the newest seq before this epoch; 0 in the first one
);
-- Nothing is visible in an empty snapshot: the first look relays all there is.
INSERT INTO herald.relay_checkpoint (version, epoch, position, snapshot, floor, stragglers) VALUES (1, 1, 0, '3:3:', 0, '{}');

CREATE VIEW herald.relay_state AS SELECT * FROM herald.relay_checkpoint c ORDER BY c.version DESC LIMIT 1;

-- The epochs of the log. A new one begins where the database has lost what clients may have seen: the positions
-- behind first_position were given before, to other entries. An event that was in the outbox by then (outbox_seq up
-- to last_seq) and is relayed in the new epoch may have been seen in another order, so it is no cursor to resume
-- from.
CREATE TABLE herald.epoch (
    epoch              bigint      PRIMARY KEY,
    system_identifier  bigint,
    timeline           text,
    began_at           timestamptz NOT NULL DEFAULT clock_timestamp(),
    first_position     bigint      NOT NULL,
    last_seq           bigint      NOT NULL
);

-- When events of a type whose pace is limited (HERALD_ANALYTICS_MIN_INTERVAL) were relayed: a step is inserted, never
-- updated, and the newest of a type counts. Only the holder of the relay's lock writes.
--
-- relayed_at: when the newest event of the type was given its place. held_*: the event that waits to be given one at
-- due_at; it is that of the job job_id. All null: none waits.
CREATE TABLE herald.pace (
    version          bigint      NOT NULL GENERATED ALWAYS AS IDENTITY,
    event_type       text        NOT NULL,
    relayed_at       timestamptz NOT NULL,
    held_event_id    uuid,
    held_seq         bigint,
    held_written_at  timestamptz,
    job_id           bigint,
    due_at           timestamptz,
    PRIMARY KEY (event_type, version),
    CHECK (num_nulls(held_event_id, held_seq, held_written_at, job_id, due_at) IN (0, 5))
);
