-- Who may subscribe, answered from the order service's own tables instead of from herald.access_grant. Start the server with
--
--   HERALD_AUTHORIZE_FUNCTION=shop.can_subscribe
--
-- Herald calls it once for each subscribe that the token's permission claims do not decide. An error, null, and no answer within two
-- seconds refuse. A yes is remembered for HERALD_AUTHORIZE_CACHE, so whoever leaves a table is refused two seconds later; to refuse at once, and to take
-- open connections out of the group, call herald.revoke_access in the same transaction (order_service.sql grants it to the service).
--
-- SECURITY DEFINER: the server's role needs no right to the service's tables, only to this function. SET search_path: Herald calls it in a session
-- that looks for names in pg_catalog and herald only, so a function of your own says where its tables are, here by naming each with its schema.

CREATE FUNCTION shop.can_subscribe(policy text, resource_id uuid, user_id text) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE policy
        -- The order's row commits together with its first event, so the customer may follow it from that moment on.
        WHEN 'MustBeOrderOwner' THEN
            EXISTS (SELECT FROM shop.orders o WHERE o.order_id = $2 AND o.customer_id = $3)
        -- A restaurant's group is joined by its owner or its staff: Herald asks for the one, then for the other.
        WHEN 'MustBeRestaurantOwner' THEN
            EXISTS (SELECT FROM shop.staff s WHERE s.restaurant_id = $2 AND s.user_id = $3 AND s.role = 'owner')
        WHEN 'MustBeRestaurantStaff' THEN
            EXISTS (SELECT FROM shop.staff s WHERE s.restaurant_id = $2 AND s.user_id = $3)
        -- The host and the guests alike.
        WHEN 'MustBeTeamCartMember' THEN
            EXISTS (SELECT FROM shop.cart_members m WHERE m.team_cart_id = $2 AND m.user_id = $3)
        ELSE false
    END
$$;

-- A new function may be called by everybody. Grant it to the role that the server connects with, unless that is the owner:
--   GRANT USAGE ON SCHEMA shop TO herald_server; GRANT EXECUTE ON FUNCTION shop.can_subscribe(text, uuid, text) TO herald_server;
REVOKE ALL ON FUNCTION shop.can_subscribe(text, uuid, text) FROM PUBLIC;
