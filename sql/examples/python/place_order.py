"""Places an order and publishes it in one transaction, with psycopg 3.

    pip install "psycopg[binary]"
    DATABASE_URL=postgres://order_service:order_service@localhost/shop python place_order.py
"""

import os
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from uuid import UUID, uuid4

import psycopg


@dataclass(frozen=True)
class Order:
    id: UUID
    event_id: UUID
    restaurant_id: UUID
    number: str
    customer_id: str
    total: Decimal


def place(conn: psycopg.Connection, order: Order) -> None:
    """Writes the order and its event, within the caller's transaction. Doing so twice changes nothing."""
    conn.execute(
        """INSERT INTO shop.orders (order_id, order_number, restaurant_id, customer_id, status, total, placed_event_id)
           VALUES (%s, %s, %s, %s, 'Placed', %s, %s) ON CONFLICT (order_id) DO NOTHING""",
        (order.id, order.number, order.restaurant_id, order.customer_id, order.total, order.event_id),
    )
    conn.execute(
        """SELECT herald.publish_order_event('OrderPlaced', %s, %s, 'Placed', %s, %s,
           estimated_delivery_time => %s, event_id => %s)""",
        (order.id, order.number, order.restaurant_id, order.customer_id,
         datetime.now(timezone.utc) + timedelta(minutes=30), order.event_id),
    )


class CardDeclined(Exception):
    pass


def main() -> None:
    with psycopg.connect(os.environ["DATABASE_URL"]) as conn:
        # 1. The order and its event: both or neither.
        first = Order(uuid4(), uuid4(), uuid4(), "YZ-1024", "customer-1", Decimal("31.50"))
        with conn.transaction():
            place(conn, first)
        print("placed", first.id, first.event_id)

        # 2. A transaction that rolls back publishes nothing.
        second = replace(first, id=uuid4(), event_id=uuid4())
        try:
            with conn.transaction():
                place(conn, second)
                raise CardDeclined
        except CardDeclined:
            print("rolled back", second.id, second.event_id)

        # 3. The connection broke and nobody knows whether the first transaction committed: do it again. The same event id
        #    is delivered once.
        with conn.transaction():
            place(conn, first)
        print("retried", first.id, first.event_id)


if __name__ == "__main__":
    main()
