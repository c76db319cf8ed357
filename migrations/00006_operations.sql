-- +goose Up

-- A dead letter that has been dropped is listed no more, but event_status goes on telling what became of its event.
ALTER TABLE herald.dead_letter ADD COLUMN IF NOT EXISTS dropped_at timestamptz;
CREATE INDEX dead_letter_died_at_idx ON herald.dead_letter (died_at, event_id) WHERE dropped_at IS NULL;

-- +goose StatementBegin
CREATE OR REPLACE FUNCTION herald.event_status(event_id uuid)
RETURNS TABLE (status text, written_at timestamptz, deliver_after timestamptz, relayed_at timestamptz, relayed_by uuid,
    group_name text, "position" bigint, sequence bigint, detail text)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
        SELECT 'relayed', l.outbox_written_at, NULL::timestamptz, r.relayed_at, r.relayed_by, l.group_name, l.position, l.sequence, NULL::text
        FROM herald.relayed_event r
        JOIN herald.event_log l ON l.position >= r.first_position AND l.position < r.first_position + 2
            AND l.relayed_at = r.relayed_at AND l.event_id = r.event_id
        WHERE r.event_id = event_status.event_id ORDER BY l.position;
    IF FOUND THEN RETURN; END IF;
    RETURN QUERY
        SELECT CASE WHEN d.dropped_at IS NULL THEN 'dead' ELSE 'dropped' END, d.outbox_written_at, NULL::timestamptz, NULL::timestamptz,
            NULL::uuid, NULL, NULL::bigint, NULL::bigint, d.reason
        FROM herald.dead_letter d WHERE d.event_id = event_status.event_id;
    IF FOUND THEN RETURN; END IF;
    RETURN QUERY
        SELECT CASE WHEN o.deliver_after > clock_timestamp() THEN 'scheduled' ELSE 'waiting' END, o.written_at, o.deliver_after,
            NULL::timestamptz, NULL::uuid, NULL, NULL::bigint, NULL::bigint, NULL::text
        FROM herald.outbox o WHERE o.event_id = event_status.event_id ORDER BY o.seq LIMIT 1;
    IF FOUND THEN RETURN; END IF;
    RETURN QUERY SELECT 'unknown', NULL::timestamptz, NULL::timestamptz, NULL::timestamptz, NULL::uuid, NULL, NULL::bigint, NULL::bigint,
        'no event with this id has been committed, or it is older than the retention';
END
$$;
-- +goose StatementEnd

-- +goose Down
-- The column stays, because event_status reads it.
DROP INDEX herald.dead_letter_died_at_idx;
