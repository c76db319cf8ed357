-- What an order service has of its own, as far as the examples need it, and the login that it connects with.
-- Run it once as the owner of the database, behind `herald migrate up`.

CREATE SCHEMA shop;

CREATE TABLE shop.orders (
    order_id         uuid           PRIMARY KEY,
    order_number     text           NOT NULL,
    restaurant_id    uuid           NOT NULL,
    customer_id      text           NOT NULL, -- the sub claim of the customer's token
    status           text           NOT NULL,
    total            numeric(12, 2) NOT NULL CHECK (total >= 0),
    placed_event_id  uuid           NOT NULL  -- chosen with the order, so that placing it can be repeated
);

-- Who has which role at which restaurant.
CREATE TABLE shop.staff (
    restaurant_id  uuid  NOT NULL,
    user_id        text  NOT NULL,
    role           text  NOT NULL CHECK (role IN ('owner', 'staff')),
    PRIMARY KEY (restaurant_id, user_id)
);

CREATE TABLE shop.cart_members (
    team_cart_id  uuid  NOT NULL,
    user_id       text  NOT NULL,
    role          text  NOT NULL DEFAULT 'guest' CHECK (role IN ('host', 'guest')),
    PRIMARY KEY (team_cart_id, user_id)
);

-- Everything that publishing needs comes with the membership.
CREATE ROLE order_service LOGIN PASSWORD 'order_service';
GRANT herald_producer TO order_service;
-- Who may follow what is another right: only a service that says so (authorize_from_own_tables.sql takes people out of groups) needs it.
GRANT EXECUTE ON FUNCTION herald.grant_access(text, uuid, text), herald.revoke_access(text, uuid, text) TO order_service;
GRANT USAGE ON SCHEMA shop TO order_service;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA shop TO order_service;
