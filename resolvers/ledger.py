"""A ledger: what a person's orders come to, kept from fold to fold and moved by the orders that have changed.

Rules (contract, section 1): the paid amount of an order is its latest `order.paid`; refunds add up per event; a cancel
changes the status only. Lifetime value = paid - refunded, per currency. A refund is told on the day of its order's
payment, whenever it was: so it takes from the value of the window that the payment gave to, and of no other.
Sums are exact, so taking away what was added leaves what was there before. So a ledger that was moved is equal to one
that is made afresh, whatever it was moved from: each entry is found by what it says, and nothing depends on the order
of entries. Orders never change, so one that is the same object as before is the same order.
Must not know: facets, profiles, the time.
"""

from bisect import bisect_left, insort
from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Final

from msgspec import Struct

from resolvers.amounts import minus, money, plus
from resolvers.capped import OPEN_SHOWN, REACHED_SHOWN, SHIPMENTS_SHOWN
from resolvers.orders import Order, Shipment, Status, all_orders, is_cancelled, is_open
from topics.instants import DAY_US, to_text

KEPT_FROM: Final = 8
"""A person with fewer orders is cheaper added up than remembered."""

Sums = dict[str, tuple[Decimal, int]]
"""Currency -> exact sum, and of how many amounts: one of none is not told, one of 0.00 is."""

_NOTHING: Final = (Decimal(0), 0)
_NOTHING_SHOWN: Final[dict[str, Any]] = {
    "orders": {
        "count": 0,
        "reached_at": [],
        "paid": {},
        "refunded": {},
        "first_at": None,
        "last_at": None,
        "open": [],
    },
    "shipments": [],
}


class Bought(Struct, frozen=True, gc=False):
    """The orders paid on one day, what is cancelled among them: how many, how many count, paid and refunded."""

    number: int
    counted: int
    paid: Sums
    refunded: Sums


class Ledger:
    """What some orders come to. Never changed, but copied and moved.

    `value`: paid - refunded of each currency, as texts. `shown`: the profile's `orders` and `shipments`. `days`: by the
    UTC day of the payment. `categories`: of orders that count, name -> day -> orders.
    """

    __slots__ = (
        "_counted_us",
        "_on_their_way",
        "_open",
        "_orders",
        "_paid",
        "_refunded",
        "_sources",
        "categories",
        "days",
        "shown",
        "value",
    )

    def __init__(self) -> None:
        self._sources: Sequence[dict[str, Order]] = ()
        self._orders: dict[str, Order] = {}
        self._paid: Sums = {}
        self._refunded: Sums = {}
        self._counted_us: list[int] = []
        self._open: list[tuple[Status, str]] = []
        self._on_their_way: list[tuple[Shipment, str]] = []
        self.days: dict[int, Bought] = {}
        self.categories: dict[str, dict[int, int]] = {}
        self.value: dict[str, str] = {}
        self.shown: dict[str, Any] = _NOTHING_SHOWN

    def moved(self, sources: Sequence[dict[str, Order]]) -> "Ledger":
        """The ledger of the orders of some facets, which never change; itself where they are these already."""
        if len(sources) == len(self._sources) and all(
            [one is other for one, other in zip(sources, self._sources, strict=True)]
        ):
            return self
        orders, before = sources[0] if len(sources) == 1 else all_orders(sources), self._orders
        changed = [name for name, order in orders.items() if before.get(name) is not order]
        new = sum([name not in before for name in changed])
        gone = [name for name in before if name not in orders] if len(before) + new != len(orders) else []
        moved: Ledger = self._copied(sources, orders)
        for name in (*gone, *changed):
            if (order := before.get(name)) is not None:
                moved._count(name, order, -1)
        for name in changed:
            moved._count(name, orders[name], 1)
        if changed or gone or not before:
            moved._tell()
        return moved

    @property
    def is_worth_keeping(self) -> bool:
        """Whether there are enough orders."""
        return len(self._orders) >= KEPT_FROM

    def _copied(self, sources: Sequence[dict[str, Order]], orders: dict[str, Order]) -> "Ledger":
        copy = Ledger()
        copy._sources, copy._orders = sources, orders
        if self._orders:
            copy._paid, copy._refunded = self._paid.copy(), self._refunded.copy()
            copy._counted_us = self._counted_us.copy()
            copy._open = self._open.copy()
            copy._on_their_way = self._on_their_way.copy()
            copy.days = self.days.copy()
            copy.categories = self.categories.copy()
            copy.value, copy.shown = self.value, self.shown
        return copy

    def _count(self, name: str, order: Order, by: int) -> None:
        """Add what an order says (`by` is 1), or take it away (-1)."""
        paid, counts = order.paid, not is_cancelled(order)
        refunds = [(one.currency, Decimal(one.amount)) for one in order.refunds.values()] if order.refunds else []
        for currency, back in refunds:
            _add(self._refunded, currency, back, by)
        if paid is not None:
            amount, day = Decimal(paid.amount), paid.time_us // DAY_US
            _add(self._paid, paid.currency, amount, by)
            self._count_day(day, paid.currency, amount, refunds, counts=counts, by=by)
            if counts:
                _list(self._counted_us, paid.time_us, by)
                for category in paid.categories:
                    _count_category(self.categories, category, day, by)
        if is_open(order):
            assert order.status is not None
            _list(self._open, (order.status, name), by)
        if order.shipment is not None and counts and not order.shipment.delivered:
            _list(self._on_their_way, (order.shipment, name), by)

    def _count_day(
        self, day: int, currency: str, amount: Decimal, refunds: list[tuple[str, Decimal]], *, counts: bool, by: int
    ) -> None:
        there = self.days.get(day)
        if there is None:
            there = Bought(0, 0, {}, {})
        elif there.number + by == 0:
            del self.days[day]
            return
        paid, refunded = there.paid.copy(), there.refunded
        _add(paid, currency, amount, by)
        if refunds:
            refunded = refunded.copy()
            for one, back in refunds:
                _add(refunded, one, back, by)
        self.days[day] = Bought(there.number + by, there.counted + (by if counts else 0), paid, refunded)

    def _tell(self) -> None:
        """Say what it comes to."""
        counted = self._counted_us
        reached = [to_text(time_us) for time_us in counted[:REACHED_SHOWN]]
        self.value = left(self._paid, self._refunded)
        self.shown = {
            "orders": {
                "count": len(counted),
                "reached_at": reached,
                "paid": texts(self._paid),
                "refunded": texts(self._refunded),
                "first_at": reached[0] if reached else None,
                "last_at": to_text(counted[-1]) if counted else None,
                "open": [
                    {"order_id": name, "status": status.status}
                    for name, status in sorted([(name, status) for status, name in self._open[-OPEN_SHOWN:]])
                ],
            },
            "shipments": [
                {
                    "order_id": name,
                    "status": "shipped",
                    "carrier": shipment.carrier or None,
                    "tracking": shipment.tracking or None,
                    "at": to_text(shipment.time_us),
                }
                for shipment, name in self._on_their_way[: -SHIPMENTS_SHOWN - 1 : -1]
            ],
        }


def added(days: Sequence[Bought]) -> Bought:
    """What was bought on some days, at least one."""
    if len(days) == 1:
        return days[0]
    paid: Sums = {}
    refunded: Sums = {}
    for sums, parts in ((paid, [one.paid for one in days]), (refunded, [one.refunded for one in days])):
        for part in parts:
            for currency, (total, number) in part.items():
                _add(sums, currency, total, number)
    return Bought(sum([one.number for one in days]), sum([one.counted for one in days]), paid, refunded)


def texts(sums: Sums) -> dict[str, str]:
    """Sums as texts, by currency."""
    return {currency: money(sums[currency][0]) for currency in sorted(sums)}


def left(paid: Sums, refunded: Sums) -> dict[str, str]:
    """Paid - refunded of each currency in either, as texts."""
    if not refunded:
        return texts(paid)
    return {
        currency: money(minus(paid.get(currency, _NOTHING)[0], refunded.get(currency, _NOTHING)[0]))
        for currency in sorted(paid.keys() | refunded.keys())
    }


def _add(sums: Sums, currency: str, amount: Decimal, number: int) -> None:
    """Add an amount that is the sum of so many, or take one away: `number` is -1."""
    total, of = sums.get(currency, _NOTHING)
    if of + number == 0:
        del sums[currency]
    else:
        sums[currency] = (plus(total, amount) if number > 0 else minus(total, amount), of + number)


def _list(entries: list[Any], entry: Any, by: int) -> None:  # noqa: ANN401 - whatever has an order
    if by > 0:
        insort(entries, entry)
    else:
        del entries[bisect_left(entries, entry)]


def _count_category(categories: dict[str, dict[int, int]], name: str, day: int, by: int) -> None:
    """Count an order of a day; the inner dicts are replaced, never changed, because copies of the outer share them."""
    days = categories.get(name, {})
    days = {**days, day: days.get(day, 0) + by}
    if days[day] == 0:
        del days[day]
    if days:
        categories[name] = days
    else:
        del categories[name]


EMPTY: Final = Ledger()
"""Of who has no orders."""
