"""Activity: on which days a person did how much, and the windows that are looked through at one instant.

Days are of UTC: they are kept in the store, and the time zone is a setting that may change without a replay. A window
of n days at `now` is today and the n - 1 days before it; so it moves at midnight, and nothing else changes by itself.
An event may be dated up to a day ahead; it is in every window at once.
A run of activity is days of which none is SILENCE_DAYS or more after the one before. Runs are a flat tuple, first day
and last day of each, oldest first; a day that is not in any is a run of its own.
Must not know: facets.
"""

from collections.abc import Iterable, Mapping, Sequence
from operator import itemgetter
from typing import Any, Final

from resolvers.ledger import Bought, added, left, texts
from topics.instants import DAY_US

WINDOWS: Final = {"d30": 30, "d90": 90, "d365": 365}
SHORTEST: Final = min(WINDOWS.values())
SILENCE_DAYS: Final = 90
NEVER_DUE_US: Final = 2**62
"""After every instant."""

NOT_DONE: Final = frozenset(
    {
        "identity.link",
        "session.logout",
        "member.legacy",
        "message.sent",
        "coupon.issued",
        "coupon.expired",
        "points.expired",
        "order.shipped",
        "order.delivered",
    }
)
"""Types that the person has no part in: what the brand, the carrier or time did. They are no activity."""

ENGAGED: Final = frozenset(
    {
        "campaign.joined",
        "campaign.interacted",
        "message.opened",
        "message.clicked",
        "product.viewed",
        "product.trial",
        "points.earned",
        "points.spent",
        "coupon.redeemed",
        "content.shared",
        "survey.completed",
    }
)
"""Types that count as interaction with the brand (interaction rate)."""

_NOTHING: Final[dict[str, dict[str, Any]]] = {**{name: {} for name in WINDOWS}, "value": {name: {} for name in WINDOWS}}


def windows(
    days: Sequence[Mapping[int, int]], bought: Mapping[int, Bought], now_us: int
) -> tuple[dict[str, dict[str, Any]], int]:
    """The windows at `now_us` with their `value`, and the next instant at which one changes without an event.

    Args:
        days: activities by day, a mapping per facet.
        bought: the orders paid on each day.
        now_us: at what instant.
    """
    today = now_us // DAY_US
    events = days[0] if len(days) == 1 else _together(days)
    if not events and not bought:
        return _NOTHING, NEVER_DUE_US
    oldest = min(events) if not bought else min([*events, *bought])
    if oldest > today - SHORTEST:  # most often; then all windows hold the same
        window, value = _window(events.values(), list(bought.values()))
        found = {"d30": window, "d90": window, "d365": window, "value": {"d30": value, "d90": value, "d365": value}}
        return found, (oldest + SHORTEST) * DAY_US
    values: dict[str, dict[str, str]] = {}
    found = {"value": values}
    due_us = NEVER_DUE_US
    for name, length in WINDOWS.items():
        after = today - length
        within = [*(day for day in events if day > after), *(day for day in bought if day > after)]
        found[name], values[name] = {}, {}
        if within:
            counts = [number for day, number in events.items() if day > after]
            found[name], values[name] = _window(counts, [orders for day, orders in bought.items() if day > after])
            due_us = min(due_us, (min(within) + length) * DAY_US)
    return found, due_us


def with_day(runs: tuple[int, ...], day: int) -> tuple[int, ...]:
    """The runs when there was activity on a further day, whatever the order in which days come."""
    joined: list[int] = []
    first, last = day, day
    for begin, end in zip(runs[::2], runs[1::2], strict=True):
        if end + SILENCE_DAYS <= first:
            joined += (begin, end)
        elif last + SILENCE_DAYS <= begin:
            joined += (first, last)
            first, last = begin, end
        else:
            first, last = min(first, begin), max(last, end)
    return (*joined, first, last)


def present_run(days: Sequence[Mapping[int, int]], runs: Sequence[tuple[int, ...]]) -> tuple[int | None, int]:
    """The day on which the latest run began, and how many days of silence were before it; 0: there was nothing.

    Args:
        days: activities by day, a mapping per facet.
        runs: of each facet, the days that its mapping had no room for.
    """
    if not days:
        return None, 0
    latest, oldest = max(map(max, days)), min(map(min, days))
    if not runs and latest - oldest < SILENCE_DAYS:  # most often
        return oldest, 0
    spans = [(day, day) for of_facet in days for day in of_facet]
    spans += [span for flat in runs for span in zip(flat[::2], flat[1::2], strict=True)]
    spans.sort(key=itemgetter(1), reverse=True)
    began = latest
    for first, last in spans:
        if last + SILENCE_DAYS <= began:
            return began, began - last
        began = min(began, first)
    return began, 0


def _together(days: Iterable[Mapping[int, int]]) -> dict[int, int]:
    events: dict[int, int] = {}
    for of_facet in days:
        for day, number in of_facet.items():
            events[day] = events.get(day, 0) + number
    return events


def _window(counts: Iterable[int], bought: Sequence[Bought]) -> tuple[dict[str, Any], dict[str, str]]:
    """A window, and the value of its orders."""
    if not bought:
        return {"events": sum(counts), "orders": 0, "paid": {}}, {}
    orders = added(bought)
    window = {"events": sum(counts), "orders": orders.counted, "paid": texts(orders.paid)}
    return window, left(orders.paid, orders.refunded)
