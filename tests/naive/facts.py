"""What events say about the person whom they belong to (readings F1-F13 of README.md)."""

from datetime import datetime
from decimal import Decimal
from typing import Any

from tests.naive.decoding import Event

SILENT = ("identity.link", "session.logout")  # they speak of links only
VALUE_FAMILIES = ("order.", "points.", "coupon.", "reward.", "referral.")
STATUSES = ("placed", "paid", "cancelled", "shipped", "delivered")
OPEN = ("placed", "paid", "shipped")
Path = tuple[str, ...]
Stamp = tuple[datetime, str, str]


def stamp(event: Event) -> Stamp:
    """The one order of events for all writes."""
    return (event.time, event.id, event.source)


def text_of(instant: datetime) -> str:
    """RFC 3339 in UTC."""
    return instant.replace(tzinfo=None).isoformat() + "Z"


def carries_value(event: Event) -> bool:
    """Whether the event has facts that a contested device must not carry to a person."""
    return event.type not in SILENT and (event.type.startswith(VALUE_FAMILIES) or bool(event.data.get("consents")))


def leaves(tree: dict[str, Any], above: Path = ()) -> list[tuple[Path, Any]]:
    """Paths and values; an empty object says nothing."""
    found = []
    for name, value in tree.items():
        if isinstance(value, dict):
            found += leaves(value, (*above, name))
        else:
            found.append(((*above, name), value))
    return found


def touch(one: Path, other: Path) -> bool:
    """The same path, or one above the other."""
    shorter = min(len(one), len(other))
    return one[:shorter] == other[:shorter]


def traits(events: list[Event]) -> dict[str, Any]:
    """The tree that consumers see."""
    writes: list[tuple[Stamp, Path, Any]] = []
    once: list[tuple[Stamp, Path, Any]] = []
    for event in events:
        written = event.data.get("traits", {})
        if event.type == "survey.completed":
            written = event.data.get("answers", {}) | written
        writes += [(stamp(event), path, value) for path, value in leaves(written)]
        once += [(stamp(event), path, v) for path, v in leaves(event.data.get("traits_once", {})) if v is not None]
    shown = [
        (path, value)
        for at, path, value in writes
        if not any(later > at and touch(path, other) for later, other, _ in writes)
    ]
    shown += [
        (path, value)
        for at, path, value in once
        if not any(earlier < at and touch(path, other) for earlier, other, _ in once)
        and not any(touch(path, other) for other, _ in shown)
    ]
    tree: dict[str, Any] = {}
    for path, value in shown:
        if value is not None:
            node = tree
            for name in path[:-1]:
                node = node.setdefault(name, {})
            node[path[-1]] = value
    return tree


def counters(events: list[Event]) -> dict[str, int | float]:
    """Exact sums."""
    sums: dict[str, Decimal] = {}
    for event in events:
        for name, number in event.data.get("counters", {}).items():
            sums[name] = sums.get(name, Decimal(0)) + Decimal(repr(number))
    return {name: int(total) if total == int(total) else float(total) for name, total in sums.items()}


def consents(events: list[Event]) -> dict[str, bool]:
    """The latest answers; no wins a tie."""
    latest: dict[str, tuple[datetime, bool]] = {}
    for event in events:
        for name, answer in event.data.get("consents", {}).items():
            known = latest.get(name)
            if known is None or event.time > known[0] or (event.time == known[0] and not answer):
                latest[name] = (event.time, answer)
    return {name: answer for name, (_, answer) in latest.items()}


class Order:
    """One order, told by its events in order of their stamps."""

    def __init__(self) -> None:
        self.status: str | None = None
        self.moved: Stamp | None = None
        self.paid: tuple[str, Decimal] | None = None
        self.paid_at: datetime | None = None
        self.refunds: list[tuple[str, Decimal]] = []
        self.categories: set[str] = set()
        self.carried: Event | None = None

    def hear(self, event: Event) -> None:
        """The next event about it."""
        word = event.type.removeprefix("order.")
        if word in STATUSES:
            self.status, self.moved = word, stamp(event)
        if word in ("paid", "refunded"):
            money = (event.data["order"]["currency"], Decimal(event.data["order"]["amount"]))
            if word == "paid":
                self.paid, self.paid_at = money, event.time
                items = event.data["order"].get("items", [])
                self.categories = {item["category"] for item in items if item.get("category")}
            else:
                self.refunds.append(money)
        if word in ("shipped", "delivered"):
            self.carried = event

    @property
    def counts(self) -> bool:
        """Paid and not cancelled."""
        return self.paid is not None and self.status != "cancelled"

    @property
    def is_open(self) -> bool:
        """Placed, paid or shipped, and not paid back in full."""
        if self.status not in OPEN:
            return False
        if self.paid is None:
            return True
        back = [amount for currency, amount in self.refunds if currency == self.paid[0]]
        return not back or sum(back) < self.paid[1]


def orders_of(events: list[Event]) -> dict[str, Order]:
    """Orders by id."""
    found: dict[str, Order] = {}
    for event in sorted(events, key=stamp):
        if event.type.removeprefix("order.") in (*STATUSES, "refunded") and event.type.startswith("order."):
            order_id = event.data["order_id"] if "order" not in event.data else event.data["order"]["order_id"]
            found.setdefault(order_id, Order()).hear(event)
    return found


def shipments(found: dict[str, Order]) -> list[dict[str, Any]]:
    """The twenty shipped last of those on their way."""
    on_their_way = []
    for order_id, order in found.items():
        event = order.carried
        if event is not None and event.type == "order.shipped" and order.status != "cancelled":
            labels = {name: event.data.get(name) or None for name in ("carrier", "tracking")}
            shown = {"order_id": order_id, "status": "shipped", **labels, "at": text_of(event.time)}
            on_their_way.append((stamp(event), order_id, shown))
    return [shown for *_, shown in sorted(on_their_way, key=lambda each: each[:2], reverse=True)][:20]


def orders(found: dict[str, Order]) -> dict[str, Any]:
    """`orders` and `lifetime_value` of the profile."""
    paid: dict[str, Decimal] = {}
    refunded: dict[str, Decimal] = {}
    for order in found.values():
        for sums, payments in ((paid, [order.paid] if order.paid else []), (refunded, order.refunds)):
            for currency, amount in payments:
                sums[currency] = sums.get(currency, Decimal(0)) + amount
    value = dict(paid)
    for currency, amount in refunded.items():
        value[currency] = value.get(currency, Decimal(0)) - amount
    still_open = [(order.moved, order_id, order.status) for order_id, order in found.items() if order.is_open]
    moments = sorted(order.paid_at for order in found.values() if order.counts and order.paid_at is not None)
    return {
        "orders": {
            "count": len(moments),
            "reached_at": [text_of(moment) for moment in moments[:10]],
            "paid": texts(paid),
            "refunded": texts(refunded),
            "first_at": text_of(moments[0]) if moments else None,
            "last_at": text_of(moments[-1]) if moments else None,
            "open": [
                {"order_id": order_id, "status": status}
                for order_id, status in sorted(each[1:] for each in sorted(still_open)[-100:])
            ],
        },
        "lifetime_value": texts(value),
    }


def texts(sums: dict[str, Decimal]) -> dict[str, str]:
    """Amounts as decimal text: two decimals at least, no further trailing zeros."""
    shown = {}
    for currency, amount in sums.items():
        sign, text = ("-" if amount < 0 else ""), f"{abs(amount):f}"
        whole, _, decimals = text.partition(".")
        shown[currency] = f"{sign}{whole}.{decimals.rstrip('0').ljust(2, '0')}"
    return shown
