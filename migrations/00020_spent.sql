-- +goose Up

-- Whether the count of those that notify an armed relay is used up (above 4), and not set far higher by a relay that has disarmed: package
-- outbox knows the numbers. Called by every look of an idle relay, so it has no search_path of its own and every name is qualified.
-- +goose StatementBegin
CREATE FUNCTION herald.relay_is_spent() RETURNS boolean LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    RETURN (SELECT a.last_value OPERATOR(pg_catalog.>) 4 AND a.last_value OPERATOR(pg_catalog.<) 1099511627776 FROM herald.relay_armed a);
END
$$;
-- +goose StatementEnd
REVOKE ALL ON FUNCTION herald.relay_is_spent() FROM PUBLIC;

-- +goose Down
DROP FUNCTION herald.relay_is_spent();
