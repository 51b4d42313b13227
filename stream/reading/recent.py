"""What happened last to anybody: merges, conflicts and commands, newest first, for who watches the engine.

Rules: one page of a topic is read at a time, and the newest one is kept for a second, so that any number of watchers
cost what one does; identifiers are shown as profiles show them, from the store, or by their token.
Must not know: HTTP, who watches.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final

from resolvers.component import Component
from resolvers.steps import ReadComponent, ReadHome
from resolvers.timeline import entry_of
from sinks.newest_reader import Bounds, NewestPage, NewestReader, NewestReadError
from stream.reading.turns import turn
from stream.reading.walking import LookupStore, UnavailableError, bounded
from topics.answers import Recent, RecentEntry, TimelineEntry

KEPT_SECONDS: Final = 1.0
NAMED_MAX: Final = 8
"""Identifiers that an entry names."""

Newest = Callable[[str, int, Bounds | None], Awaitable[NewestPage]]
"""Reads a page of a topic: its name without prefix, how many records, before which bounds."""


class NewestSource:
    """One reader, opened when first needed, and again when it fails."""

    def __init__(self, opening: Callable[[], NewestReader]) -> None:
        self._opening = opening
        self._reader: NewestReader | None = None

    async def read(self, topic: str, limit: int, before: Bounds | None) -> NewestPage:
        """A page; one at a time.

        Raises:
            NewestReadError: the broker does not answer in time.
        """
        return await asyncio.to_thread(self._read, topic, limit, before)

    async def close(self) -> None:
        """Let go of the reader."""
        reader, self._reader = self._reader, None
        if reader is not None:
            await asyncio.to_thread(reader.close)

    def _read(self, topic: str, limit: int, before: Bounds | None) -> NewestPage:
        reader = self._reader or self._opening()
        self._reader = None  # nobody else's, until it has answered
        try:
            page = reader.read(topic, limit, before)
        except NewestReadError:
            reader.close()
            raise
        self._reader = reader
        return page


class Recently:
    """Pages of what happened."""

    def __init__(self, store: Callable[[], Awaitable[LookupStore]], newest: Newest) -> None:
        """`store` gives the store as it is now, or raises `UnavailableError`."""
        self._store = store
        self._newest = newest
        self._turn = asyncio.Lock()
        self._kept: dict[tuple[str, int], tuple[float, Recent]] = {}

    async def page(self, topic: str, limit: int, before: Bounds | None) -> Recent:
        """So many entries of a topic at most; `before`: the older ones than those of an earlier page.

        Raises:
            UnavailableError: it can't be read now.
        """
        async with turn(self._turn, "others are being read at the moment"):
            since, kept = self._kept.get((topic, limit), (0.0, None))
            if before is None and kept is not None and time.monotonic() < since + KEPT_SECONDS:
                return kept
            told = await self._told(topic, limit, before)
            if before is None:
                self._kept = {name: one for name, one in self._kept.items() if name[0] != topic}
                self._kept[topic, limit] = (time.monotonic(), told)
            return told

    async def _told(self, topic: str, limit: int, before: Bounds | None) -> Recent:
        try:
            page = await self._newest(topic, limit, before)
        except NewestReadError as error:
            raise UnavailableError("the topic does not answer") from error
        entries = [entry for value in page.values if (entry := entry_of(topic, value, None, {})) is not None]
        keys = {f"{one['namespace']}:{one['token']}" for entry in entries for one in entry["identifiers"][:NAMED_MAX]}
        async with bounded():
            shown = await _displays(await self._store(), sorted(keys))
        return {"entries": [_named(entry, shown) for entry in entries], "next": written(page.earlier)}


def written(bounds: Bounds) -> str | None:
    """Bounds as a page's `next`; None: nothing is older."""
    return ".".join(f"{partition}-{offset}" for partition, offset in sorted(bounds.items())) or None


def bounds_in(text: str) -> Bounds | None:
    """What `written` wrote; None: it did not."""
    bounds: dict[int, int] = {}
    for part in text.split("."):
        partition, dash, offset = part.partition("-")
        if not (dash and _is_number(partition) and _is_number(offset)) or int(partition) in bounds:
            return None
        bounds[int(partition)] = int(offset)
    return bounds


def _is_number(text: str) -> bool:
    digits_max = 18  # fewer than 64 bits
    return text.isascii() and text.isdigit() and len(text) <= digits_max


async def _displays(store: LookupStore, keys: Sequence[str]) -> dict[str, str]:
    """What people see of identifiers, of as many as are at rest in the component where the store looks first."""
    homes = await store.execute_many([ReadHome(key) for key in keys]) if keys else []
    names = sorted({home for home in homes if home is not None})
    components: list[Component] = await store.execute_many([ReadComponent(name) for name in names]) if names else []
    moved = sorted({one.moved_to for one in components if one.moved_to is not None} - set(names))
    if moved:
        components += await store.execute_many([ReadComponent(name) for name in moved])
    facets = {key: facet for component in components for key, facet in component.facets.items()}
    return {key: facets[key].display for key in keys if key in facets}


def _named(entry: TimelineEntry, shown: Mapping[str, str]) -> RecentEntry:
    """The entry with what people see of its identifiers; it is ours alone."""
    identifiers = entry["identifiers"][:NAMED_MAX]
    for one in identifiers:
        one["display"] = shown.get(f"{one['namespace']}:{one['token']}", one["token"])
    more = len(entry["identifiers"]) - len(identifiers)
    return {**entry, "identifiers": identifiers, "identifiers_more": more}
