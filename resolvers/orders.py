"""Orders: joined by order id, so that no event counts twice at any distance.

Rule: every part of an order is a maximum, of refunds one for each name. An order seen through two facets is one order.
Must not know: facets, profiles, what orders come to.
"""

from collections.abc import Iterable
from decimal import Decimal

import msgspec

STATUS_OF_TYPE = {
    "order.placed": "placed",
    "order.paid": "paid",
    "order.cancelled": "cancelled",
    "order.shipped": "shipped",
    "order.delivered": "delivered",
}
OPEN = frozenset({"placed", "paid", "shipped"})


class Payment(msgspec.Struct, array_like=True, frozen=True, order=True, gc=False):
    """The latest `order.paid`: its stamp (event time in us, id, source), amount (decimal text) and currency.

    `categories`: those of its items.
    """

    time_us: int
    id: str
    source: str
    amount: str
    currency: str
    categories: tuple[str, ...] = ()


class Status(msgspec.Struct, array_like=True, frozen=True, order=True, gc=False):
    """The latest event that changes the status."""

    time_us: int
    id: str
    source: str
    status: str


class Refund(msgspec.Struct, array_like=True, frozen=True, order=True, gc=False):
    """One `order.refunded`; of two under one name, which no publisher should send, the greater by text."""

    amount: str
    currency: str


class Shipment(msgspec.Struct, array_like=True, frozen=True, order=True, gc=False):
    """The latest word of the carrier; "" for what it did not say."""

    time_us: int
    id: str
    source: str
    delivered: bool
    carrier: str
    tracking: str


class Order(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """One order. `refunds` is keyed by the refunding event's id and source."""

    status: Status | None = None
    paid: Payment | None = None
    refunds: dict[str, Refund] = {}
    shipment: Shipment | None = None


def joined(a: Order, b: Order) -> Order:
    """The order as both know it."""
    return Order(
        max(a.status, b.status) if a.status and b.status else a.status or b.status,
        max(a.paid, b.paid) if a.paid and b.paid else a.paid or b.paid,
        _joined_refunds(a.refunds, b.refunds) if a.refunds and b.refunds else a.refunds or b.refunds,
        max(a.shipment, b.shipment) if a.shipment and b.shipment else a.shipment or b.shipment,
    )


def _joined_refunds(a: dict[str, Refund], b: dict[str, Refund]) -> dict[str, Refund]:
    return {**a, **{name: max(a[name], refund) if name in a else refund for name, refund in b.items()}}


def all_orders(facets: Iterable[dict[str, Order]]) -> dict[str, Order]:
    """The orders of several facets, by order id."""
    found: dict[str, Order] = {}
    for orders in facets:
        for order_id, order in orders.items():
            found[order_id] = joined(found[order_id], order) if order_id in found else order
    return found


def is_cancelled(order: Order) -> bool:
    """Whether that is the last word on it."""
    return order.status is not None and order.status.status == "cancelled"


def is_open(order: Order) -> bool:
    """Whether it is on its way: not delivered, nor cancelled, nor refunded in full."""
    return order.status is not None and order.status.status in OPEN and not _refunded_in_full(order)


def _refunded_in_full(order: Order) -> bool:
    if order.paid is None or not order.refunds:
        return False
    back = [Decimal(refund.amount) for refund in order.refunds.values() if refund.currency == order.paid.currency]
    return bool(back) and sum(back) >= Decimal(order.paid.amount)
