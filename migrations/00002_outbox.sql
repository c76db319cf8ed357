-- +goose Up

-- Declared for the default below; functions/publish.sql defines it.
CREATE FUNCTION herald.uuidv7() RETURNS uuid LANGUAGE sql VOLATILE PARALLEL SAFE AS 'SELECT NULL::uuid';

-- What producers write. Insert-only: nothing but a reseed and a mended dead letter updates a row, and retention drops
-- whole days. The trigger that checks rows and the right to insert stand in functions/validate.sql.
--
-- xid stands before seq on purpose: defaults are evaluated in column order, so a row's seq is drawn after its
-- transaction has its xid. The relay builds on what follows: a transaction that got its xid after the sequence was
-- read holds only seqs above the value that was read.
CREATE TABLE herald.outbox (
    xid              xid8        NOT NULL DEFAULT pg_current_xact_id(),
    seq              bigint      NOT NULL GENERATED ALWAYS AS IDENTITY (CACHE 1),
    written_at       timestamptz NOT NULL DEFAULT clock_timestamp(),
    event_id         uuid        NOT NULL DEFAULT herald.uuidv7(),
    event_type       text        NOT NULL,
    resource_id      uuid,
    restaurant_id    uuid,
    customer_id      text,
    audience         text        DEFAULT 'Both',
    payload          jsonb       NOT NULL DEFAULT '{}',
    occurred_on_utc  timestamptz NOT NULL DEFAULT clock_timestamp(),
    deliver_after    timestamptz,
    traceparent      text
) PARTITION BY RANGE (written_at);

CREATE INDEX outbox_seq_idx ON herald.outbox (seq);
CREATE INDEX outbox_xid_seq_idx ON herald.outbox (xid, seq);

-- Takes the rows of days that have no partition, so that a missing partition never fails a producer.
CREATE TABLE herald.outbox_default PARTITION OF herald.outbox DEFAULT;

-- Under a publication of all tables an UPDATE or DELETE fails where the table does not say how a row is identified,
-- and this one has no primary key. FULL costs an insert nothing. The few rows that are updated (a reseed) or deleted
-- (from the default partition) are written to the write-ahead log whole, where wal_level is logical.
ALTER TABLE herald.outbox REPLICA IDENTITY FULL;
ALTER TABLE herald.outbox_default REPLICA IDENTITY FULL;

-- Whether a relay sleeps, and how many have notified it: 1 is armed, each transaction that notifies takes the next
-- number, and above 4 none notifies until a relay arms again. A few notify and not all, because a NOTIFY serialises
-- the commits that carry one through the flush and the synchronous standby. More than one does, because a transaction
-- may stay open or roll back. A sequence, because setval is seen by every transaction at once. Unlogged, because then
-- it costs neither WAL nor a flush; after a crash it is 1 again.
CREATE UNLOGGED SEQUENCE herald.relay_armed MINVALUE 0 START 1;
-- The trigger reads and counts in the producer's name.
GRANT SELECT, USAGE ON SEQUENCE herald.relay_armed TO herald_producer;
