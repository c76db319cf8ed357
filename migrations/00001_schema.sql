-- +goose Up

CREATE SCHEMA IF NOT EXISTS herald;

-- Which set of functions (migrations/functions) the database has: the version tells an older binary to leave it
-- alone, the checksum tells a changed set of the same version.
CREATE TABLE herald.function_set (
    singleton   boolean     PRIMARY KEY DEFAULT true CHECK (singleton),
    version     integer     NOT NULL,
    checksum    text        NOT NULL,
    applied_at  timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- The role that producers' logins are members of. Roles belong to the cluster, so the Herald of another database may
-- have made it already, or be making it now.
-- +goose StatementBegin
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'herald_producer') THEN
        CREATE ROLE herald_producer NOLOGIN;
    END IF;
EXCEPTION
    WHEN duplicate_object OR unique_violation THEN NULL;
    WHEN insufficient_privilege THEN
        RAISE EXCEPTION 'the role herald_producer does not exist and % may not create it', current_user
            USING ERRCODE = 'insufficient_privilege', HINT = 'Run as a superuser: CREATE ROLE herald_producer NOLOGIN';
END
$$;
-- +goose StatementEnd
GRANT USAGE ON SCHEMA herald TO herald_producer;

-- Whoever creates or drops partitions holds the lock of this one row. An advisory lock could be taken by any login.
CREATE TABLE herald.partition_lock (singleton boolean PRIMARY KEY DEFAULT true CHECK (singleton));
INSERT INTO herald.partition_lock DEFAULT VALUES;
