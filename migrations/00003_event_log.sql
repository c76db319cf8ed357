-- +goose Up

-- The log: one row for each event and group, an index into the outbox. position is contiguous over the whole log,
-- sequence within one group, both from 1. Both become visible in order, because one relay at a time holds
-- herald.relay_lock until its commit. sequence 0 marks an entry of Herald's own that no client sees (AccessRevoked).
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
-- The entries of events that were relayed more than a day after they were written: scheduled, retried, or held up.
-- All others are in the log's partitions of their own day and the next one, so only these can outlive them.
CREATE INDEX event_log_late_idx ON herald.event_log (outbox_written_at)
    WHERE relayed_at - outbox_written_at > interval '24 hours';
CREATE TABLE herald.event_log_default PARTITION OF herald.event_log DEFAULT;
-- As for herald.outbox.
ALTER TABLE herald.event_log REPLICA IDENTITY FULL;
ALTER TABLE herald.event_log_default REPLICA IDENTITY FULL;

-- The newest sequence of each group whose newest entry retention has dropped, so that a group that was quiet for long
-- goes on counting. All other heads are read from the log's index.
CREATE TABLE herald.stream_head (
    group_name  text        COLLATE "C" PRIMARY KEY,
    sequence    bigint      NOT NULL,
    retired_at  timestamptz NOT NULL DEFAULT now()
) WITH (fillfactor = 70);
CREATE INDEX stream_head_retired_at_idx ON herald.stream_head (retired_at);

-- The events that have a place in the log: deduplication asks it, and a resume finds its event here. first_position
-- is the first of the event's entries; they are consecutive.
CREATE TABLE herald.relayed_event (
    event_id        uuid        PRIMARY KEY,
    first_position  bigint      NOT NULL,
    relayed_at      timestamptz NOT NULL,
    relayed_by      uuid        NOT NULL
);
CREATE INDEX relayed_event_relayed_at_idx ON herald.relayed_event USING brin (relayed_at) WITH (autosummarize = on);

-- The outbox rows whose event id had its place in the log already when the relay got to them. An index on the outbox
-- would answer the same and cost every producer.
CREATE TABLE herald.duplicate_event (
    event_id           uuid        NOT NULL,
    outbox_seq         bigint      NOT NULL,
    outbox_written_at  timestamptz NOT NULL,
    seen_at            timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (event_id, outbox_seq)
);
CREATE INDEX duplicate_event_seen_at_idx ON herald.duplicate_event (seen_at);
