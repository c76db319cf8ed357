-- +goose Up

-- Whoever relays holds the lock of this one row: the mutex. Nothing ever updates it.
CREATE TABLE herald.relay_lock (singleton boolean PRIMARY KEY DEFAULT true CHECK (singleton));
INSERT INTO herald.relay_lock DEFAULT VALUES;

-- The relay's state, one row for each step; the newest counts. It is not one row that is updated, because no version of a row can
-- be cleared away while any transaction of the cluster may still see it, and whoever reads the row has to step over all of them:
-- a report that runs for an hour would slow the relay down step by step. The newest row is the last of its index instead, and nobody
-- looks at those before it. The primary key is a second fence: of two that relayed from the same state one fails.
--
-- All transactions visible in snapshot have been relayed. While a large backlog is worked off, target is the snapshot up to which, and
-- cursor the seq behind which it goes on; else target is null.
--
-- floor and stragglers say where a row that is invisible in snapshot can be: above floor, or in a transaction that is one of the
-- stragglers (those that had an xid and were in progress when snapshot was taken). target_floor and target_stragglers
-- are the same for target.
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

INSERT INTO herald.relay_checkpoint (version, epoch, position, snapshot, floor, stragglers, target, target_floor, target_stragglers,
    ceiling, cursor, relayed_at)
SELECT 1, s.epoch, s.position, s.snapshot, s.floor, s.stragglers, s.target, s.target_floor, s.target_stragglers, s.ceiling, s.cursor, s.relayed_at
FROM herald.relay_state s;
DROP TABLE herald.relay_state;

CREATE VIEW herald.relay_state AS SELECT * FROM herald.relay_checkpoint c ORDER BY c.version DESC LIMIT 1;

-- Which database this is: the cluster, and the timeline of its write-ahead log, which a promotion or a recovery to a point in time
-- changes. Null where the server does not tell.
-- +goose StatementBegin
CREATE FUNCTION herald.whereabouts(OUT system_identifier bigint, OUT timeline text) LANGUAGE plpgsql STABLE AS $$
BEGIN
    SELECT c.system_identifier, left(pg_walfile_name(pg_current_wal_lsn()), 8) INTO system_identifier, timeline FROM pg_control_system() c;
EXCEPTION
    WHEN insufficient_privilege OR undefined_function OR feature_not_supported THEN NULL;
END
$$;
-- +goose StatementEnd

-- The epochs of the log. A new one begins where the database has lost what clients may have seen: the positions behind
-- first_position have been given before, to other entries. An event that was in the outbox by then (outbox_seq up to last_seq) and
-- is relayed in the new epoch may have been seen in another order, so it is no cursor to resume from.
CREATE TABLE herald.epoch (
    epoch              bigint      PRIMARY KEY,
    system_identifier  bigint,
    timeline           text,
    began_at           timestamptz NOT NULL DEFAULT clock_timestamp(),
    first_position     bigint      NOT NULL,
    last_seq           bigint      NOT NULL
);
INSERT INTO herald.epoch (epoch, system_identifier, timeline, first_position, last_seq)
SELECT s.epoch, w.system_identifier, w.timeline, 1, 0 FROM herald.relay_state s, herald.whereabouts() w;

-- A group's newest sequence is read where its newest entry is, in the log's index. Here are only the heads of groups whose newest
-- entry the retention has dropped.
ALTER TABLE herald.stream_head ADD COLUMN retired_at timestamptz NOT NULL DEFAULT now();

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

REVOKE ALL ON FUNCTION herald.whereabouts(), herald.group_head(text) FROM PUBLIC;

-- +goose Down
DROP FUNCTION herald.group_head(text);
INSERT INTO herald.stream_head (group_name, sequence)
    SELECT l.group_name, max(l.sequence) FROM herald.event_log l WHERE l.sequence > 0 GROUP BY l.group_name
    ON CONFLICT (group_name) DO UPDATE SET sequence = greatest(stream_head.sequence, excluded.sequence);
ALTER TABLE herald.stream_head DROP COLUMN retired_at;
DROP TABLE herald.epoch;
DROP FUNCTION herald.whereabouts();
CREATE TABLE herald.relay_state_kept AS SELECT * FROM herald.relay_state;
DROP VIEW herald.relay_state;
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
INSERT INTO herald.relay_state (epoch, position, snapshot, floor, stragglers, target, target_floor, target_stragglers, ceiling, cursor, relayed_at)
    SELECT s.epoch, s.position, s.snapshot, s.floor, s.stragglers, s.target, s.target_floor, s.target_stragglers, s.ceiling, s.cursor, s.relayed_at
    FROM herald.relay_state_kept s;
DROP TABLE herald.relay_state_kept, herald.relay_checkpoint, herald.relay_lock;
