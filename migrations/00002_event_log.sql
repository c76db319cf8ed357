-- +goose Up

-- The log: one row for each event and group, an index into the outbox. position is contiguous over the whole log, sequence
-- within one group, both from 1; they become visible in order, because the relay's state row is locked until its commit.
-- sequence 0 marks an entry of Herald's own that no client sees (AccessRevoked).
CREATE TABLE herald.event_log (
    position           bigint      NOT NULL,
    group_name         text        COLLATE "C" NOT NULL,
    sequence           bigint      NOT NULL,
    outbox_seq         bigint      NOT NULL,
    outbox_written_at  timestamptz NOT NULL,
    event_id           uuid        NOT NULL,
    relayed_at         timestamptz NOT NULL
) PARTITION BY RANGE (relayed_at);

CREATE INDEX event_log_position_idx ON herald.event_log (position);
CREATE INDEX event_log_group_sequence_idx ON herald.event_log (group_name, sequence);
CREATE TABLE herald.event_log_default PARTITION OF herald.event_log DEFAULT;

-- Each group's newest sequence. It outlives the log's retention, so that a group that was quiet for long goes on counting.
CREATE TABLE herald.stream_head (
    group_name  text   COLLATE "C" PRIMARY KEY,
    sequence    bigint NOT NULL
) WITH (fillfactor = 70);

-- The events that have a place in the log: what deduplication asks, and where a resume finds its event.
-- first_position is the first of the event's entries; they are consecutive.
CREATE TABLE herald.relayed_event (
    event_id        uuid        PRIMARY KEY,
    first_position  bigint      NOT NULL,
    relayed_at      timestamptz NOT NULL,
    relayed_by      uuid        NOT NULL
);

-- The relay's one state row, also its mutex. All transactions visible in snapshot have been relayed. While a large backlog is
-- worked off, target is the snapshot up to which, and cursor the seq behind which it goes on; else target is null.
--
-- floor and stragglers say where a row that is invisible in snapshot can be: above floor, or in a transaction that is one of the
-- stragglers (those that had an xid and were in progress when snapshot was taken). target_floor and target_stragglers
-- are the same for target.
CREATE TABLE herald.relay_state (
    singleton          boolean     PRIMARY KEY DEFAULT true CHECK (singleton),
    epoch              bigint      NOT NULL DEFAULT 1,
    position           bigint      NOT NULL DEFAULT 0,
    snapshot           pg_snapshot NOT NULL,
    floor              bigint      NOT NULL,
    stragglers         xid8[]      NOT NULL,
    target             pg_snapshot,
    target_floor       bigint,
    target_stragglers  xid8[],
    ceiling            bigint,
    cursor             bigint      NOT NULL DEFAULT 0,
    relayed_at         timestamptz
) WITH (fillfactor = 10);

-- Nothing is visible in an empty snapshot: the first look relays all there is.
INSERT INTO herald.relay_state (snapshot, floor, stragglers) VALUES ('3:3:', 0, '{}');

-- Events that could not be turned into messages, and will not be tried again by themselves.
CREATE TABLE herald.dead_letter (
    event_id           uuid        PRIMARY KEY,
    outbox_seq         bigint      NOT NULL,
    outbox_written_at  timestamptz NOT NULL,
    reason             text        NOT NULL,
    attempts           integer     NOT NULL,
    died_at            timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- The days around now, so that the very first event finds its partition.
SELECT herald.ensure_partition(t, (now() AT TIME ZONE 'UTC')::date + d)
FROM unnest(ARRAY['outbox', 'event_log']) t, generate_series(0, 3) d;

-- +goose Down
DROP TABLE herald.dead_letter, herald.relay_state, herald.relayed_event, herald.stream_head, herald.event_log;
