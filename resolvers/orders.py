"""Orders: joined by order id, so that no event counts twice at any distance.

Rules (contract, section 1): the paid amount of an order is its latest `order.paid`; refunds add up per event; a cancel
changes the status only. Lifetime value = paid - refunded, per currency. An order seen through two facets is one order.
Must not know: facets, profiles.
"""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

import msgspec

from resolvers.amounts import minus, money, plus
from resolvers.capped import OPEN_SHOWN, REACHED_SHOWN, SHIPMENTS_SHOWN, newest_first
from topics.instants import DAY_US, to_text

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


class Refund(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """One `order.refunded`."""

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
        {**a.refunds, **b.refunds} if a.refunds and b.refunds else a.refunds or b.refunds,
        max(a.shipment, b.shipment) if a.shipment and b.shipment else a.shipment or b.shipment,
    )


def all_orders(facets: Iterable[dict[str, Order]]) -> dict[str, Order]:
    """The orders of several facets, by order id."""
    found: dict[str, Order] = {}
    for orders in facets:
        for order_id, order in orders.items():
            found[order_id] = joined(found[order_id], order) if order_id in found else order
    return found


def totals(orders: Iterable[Order]) -> tuple[dict[str, Decimal], dict[str, Decimal]]:
    """Paid and refunded, per currency."""
    paid: dict[str, Decimal] = {}
    refunded: dict[str, Decimal] = {}
    for order in orders:
        if order.paid is not None:
            paid[order.paid.currency] = plus(paid.get(order.paid.currency, Decimal(0)), Decimal(order.paid.amount))
        for refund in order.refunds.values():
            refunded[refund.currency] = plus(refunded.get(refund.currency, Decimal(0)), Decimal(refund.amount))
    return paid, refunded


def lifetime_value(paid: dict[str, Decimal], refunded: dict[str, Decimal]) -> dict[str, str]:
    """Paid - refunded of each currency in either, as texts."""
    zero = Decimal(0)
    return {
        currency: money(minus(paid.get(currency, zero), refunded.get(currency, zero)))
        for currency in sorted(paid.keys() | refunded.keys())
    }


def summary(orders: dict[str, Order], paid: dict[str, Decimal], refunded: dict[str, Decimal]) -> dict[str, Any]:
    """The profile's `orders`."""
    if not orders:
        return {
            "count": 0,
            "reached_at": [],
            "paid": {},
            "refunded": {},
            "first_at": None,
            "last_at": None,
            "open": [],
        }
    counted = sorted(
        [order.paid.time_us for order in orders.values() if order.paid is not None and not is_cancelled(order)]
    )
    reached = [to_text(time_us) for time_us in counted[:REACHED_SHOWN]]
    return {
        "count": len(counted),
        "reached_at": reached,
        "paid": {currency: money(paid[currency]) for currency in sorted(paid)},
        "refunded": {currency: money(refunded[currency]) for currency in sorted(refunded)},
        "first_at": reached[0] if counted else None,
        "last_at": to_text(counted[-1]) if counted else None,
        "open": _open(orders),
    }


def _open(orders: dict[str, Order]) -> list[dict[str, Any]]:
    """Those that moved last of the orders on their way, by id."""
    statuses = {
        order_id: order.status
        for order_id, order in orders.items()
        if order.status is not None and order.status.status in OPEN and not _refunded_in_full(order)
    }
    if len(statuses) > OPEN_SHOWN:
        statuses = {order_id: statuses[order_id] for order_id in newest_first(statuses, OPEN_SHOWN)}
    return [{"order_id": order_id, "status": status.status} for order_id, status in sorted(statuses.items())]


def shipments(orders: dict[str, Order]) -> list[dict[str, Any]]:
    """The profile's `shipments`: what is on its way, the latest shipped first."""
    on_their_way = {
        order_id: order.shipment
        for order_id, order in orders.items()
        if order.shipment is not None and not order.shipment.delivered and not is_cancelled(order)
    }
    return [
        {
            "order_id": order_id,
            "status": "shipped",
            "carrier": on_their_way[order_id].carrier or None,
            "tracking": on_their_way[order_id].tracking or None,
            "at": to_text(on_their_way[order_id].time_us),
        }
        for order_id in newest_first(on_their_way, SHIPMENTS_SHOWN)
    ]


def categories_bought(orders: dict[str, Order]) -> list[tuple[str, int]]:
    """The categories of orders that count, each with the UTC day of the payment."""
    return [
        (category, order.paid.time_us // DAY_US)
        for order in orders.values()
        if order.paid is not None and not is_cancelled(order)
        for category in order.paid.categories
    ]


def is_cancelled(order: Order) -> bool:
    """Whether that is the last word on it."""
    return order.status is not None and order.status.status == "cancelled"


def _refunded_in_full(order: Order) -> bool:
    if order.paid is None or not order.refunds:
        return False
    back = [Decimal(refund.amount) for refund in order.refunds.values() if refund.currency == order.paid.currency]
    return bool(back) and sum(back) >= Decimal(order.paid.amount)
