"""Bounded lists: how long each may grow, and the joins that keep them so.

Rule: a list is the top k by (time, id) over everything that it was ever told, closed entries included, and is filtered
only when it is read. What a cap leaves out is then the same in any order: an entry that was left out once has k greater
ones above it, and these never go. An entry that changes only ever grows (it is a maximum), so it comes back whole.
Must not know: what the lists are of.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final, TypeVar

ACTIVE_DAYS: Final = 366
"""Days with events: the longest window of 365, and a day ahead, which event times may be."""
STORE_DAYS: Final = 64
"""(day, store) with visits, from which a store's rank is counted."""
CATEGORY_DAYS: Final = 64
"""(day, category) with products looked at or tried."""
ORDER_CATEGORIES: Final = 16
"""Categories of one order, the first by name."""
VIEWED: Final = 20
"""Products looked at or tried."""
CAMPAIGNS: Final = 20
"""Campaigns that a person took part in, or came by."""
ACCOUNTS: Final = 20
"""WeChat accounts followed or left."""
APPOINTMENTS: Final = 50
"""Appointments, by id."""
COUPONS: Final = 100
"""Coupons, by id."""
TRAITS: Final = 1_000
"""Paths of traits, and as many of `traits_once`."""
COUNTERS: Final = 1_000
"""Counters, the first by name."""
CONSENTS: Final = 100
"""Consents, the first by name."""
REWARDS: Final = 20
"""Rewards claimed, or that points were spent on."""
DIGESTS: Final = 8192
"""Things counted one by one (see `resolvers.distinct`): exact up to here, within about 1 % beyond."""
SHOWN: Final = 10
"""Stores and categories in a profile."""
SHIPMENTS_SHOWN: Final = 20
"""Shipments in a profile."""
OPEN_SHOWN: Final = 100
"""Open orders in a profile."""
REACHED_SHOWN: Final = 10
"""Instants in a profile at which the number of orders came to 1, 2, ..."""

Ranked = TypeVar("Ranked", bound=Any)


def keep_latest(entries: dict[str, Ranked], key: str, entry: Ranked, most: int) -> None:
    """Keep the greater of the entry there and this one, and of all entries the `most` greatest by (entry, key)."""
    there = entries.get(key)
    if there is None or there < entry:
        entries[key] = entry
        if len(entries) > most:
            del entries[min(entries, key=lambda one: (entries[one], one))]


def keep_first_names(entries: dict[str, Any], most: int) -> None:
    """Keep the `most` first by name: what is a sum can't be the latest, and whose name stays was never left out."""
    if len(entries) > most:
        for name in sorted(entries)[most:]:
            del entries[name]


def latest_of(facets: Iterable[Mapping[str, Ranked]]) -> dict[str, Ranked]:
    """The greater entry of each key; those of several facets together are not capped again."""
    found: dict[str, Ranked] = {}
    for entries in facets:
        for key, entry in entries.items():
            if key not in found or found[key] < entry:
                found[key] = entry
    return found


def newest_first(entries: Mapping[str, Ranked], most: int) -> list[str]:
    """The keys of the `most` greatest entries, the greatest first."""
    return sorted(entries, key=lambda one: (entries[one], one), reverse=True)[:most]


def count_day(counts: dict[str, dict[int, int]], name: str, day: int, most: int) -> None:
    """Count an event of a day for a name; keep the counts of the `most` latest (day, name). A sum: once for each event.

    The inner dicts are replaced, never changed: copies of the outer one share them.
    """
    there = counts.get(name)
    if there is None:
        counts[name] = {day: 1}
    elif day in there:
        counts[name] = {**there, day: there[day] + 1}
        return
    else:
        counts[name] = {**there, day: 1}
    if sum(map(len, counts.values())) > most:
        last, gone = min((one, name) for name, days in counts.items() for one in days)
        left = {one: count for one, count in counts[gone].items() if one != last}
        if left:
            counts[gone] = left
        else:
            del counts[gone]
