-- +goose Up

-- The nodes and what each last said of itself. A node whose heartbeat is older than a few seconds is gone.
CREATE TABLE herald.node (
    node_id             uuid        PRIMARY KEY,
    host                text        NOT NULL,
    version             text        NOT NULL,
    started_at          timestamptz NOT NULL DEFAULT clock_timestamp(),
    heartbeat_at        timestamptz NOT NULL DEFAULT clock_timestamp(),
    broadcast_position  bigint      NOT NULL DEFAULT 0,
    connections         jsonb       NOT NULL DEFAULT '{}',
    -- By how much the node's clock was ahead of the database's at its last heartbeat.
    clock_skew_seconds  float8      NOT NULL DEFAULT 0,
    -- Where other nodes reach the node, without a path; empty where it does not tell.
    url                 text        NOT NULL DEFAULT '',
    -- Which of the others it could not reach at its last heartbeat: at most 16, each with the address tried and the
    -- error.
    unreachable         jsonb       NOT NULL DEFAULT '[]',
    -- The node takes no new connections and asks those that it has to go elsewhere: it was drained, or it stops. It
    -- never takes that back.
    draining            boolean     NOT NULL DEFAULT false
) WITH (fillfactor = 50);

-- The keys that the nodes share: connection tokens are sealed with one, so that every node can open what another has
-- given out. A key is made a while before it is used (activates_at), so that all nodes know it by then, and opens
-- what it has sealed for long after its successor has taken over (retires_at; null while it has none). Times are the
-- database clock's. Ids are random: a replica that is promoted without the newest key makes another one, which no
-- node may take for the one it knows. A login that can read this table can make connection tokens, and speak as a
-- node.
CREATE TABLE herald.node_key (
    key_id        integer      PRIMARY KEY,
    secret        bytea        NOT NULL CHECK (octet_length(secret) = 32),
    created_at    timestamptz  NOT NULL DEFAULT clock_timestamp(),
    activates_at  timestamptz  NOT NULL,
    retires_at    timestamptz
);
REVOKE ALL ON TABLE herald.node_key FROM PUBLIC, herald_producer;

-- What each node has broadcast: a row for each node and flush, about once a second while there is news.
-- connections[i] is to how many connections the entry at position first_position + i - 1 was handed when it came;
-- what resumes replayed is not counted. The array is null where the counts of a stretch were given up, because the
-- database took too long to take them. Append-only; whole hours go at once.
--
-- number counts a node's rows from 1, without holes. A row without any position (last_position = first_position - 1)
-- begins a stretch: the node started, or was moved, to behind last_position. Any other row continues the one before.
CREATE TABLE herald.broadcast_journal (
    node_id         uuid        NOT NULL,
    first_position  bigint      NOT NULL,
    last_position   bigint      NOT NULL,
    broadcast_at    timestamptz NOT NULL DEFAULT now(),
    connections     int[],
    number          bigint      NOT NULL,
    host            text        NOT NULL,
    PRIMARY KEY (node_id, number),
    CHECK (last_position >= first_position - 1),
    CHECK (connections IS NULL OR cardinality(connections) = last_position - first_position + 1)
);
-- Which rows cover a position. A row's stretch can be of any length, so neither end alone would bound the search.
CREATE INDEX broadcast_journal_positions_idx ON herald.broadcast_journal
    USING gist (int8range(first_position, last_position + 1));
CREATE INDEX broadcast_journal_broadcast_at_idx ON herald.broadcast_journal (broadcast_at);
