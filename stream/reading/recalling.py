"""Recalling: what happened to a profile, from the topics that keep it for some days.

Rules: the store says who the profile is and which keys its records can have; only their partitions are read, for a time
that is bounded. In a worker one history is read at a time, because each goes through whole partitions.
Must not know: HTTP, what is in a record, how a timeline is shown.
"""

import asyncio
import binascii
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import Final, NamedTuple

from resolvers.timeline import Place, place_of, subject_of, timeline, wanted
from sinks.history_reader import History, HistoryReadError
from stream.reading.turns import turn
from stream.reading.walking import (
    Chosen,
    Current,
    LookupStore,
    Sought,
    UnavailableError,
    Walk,
    find,
    first_life,
    of_id,
    of_identifier,
)
from topics.answers import Timeline
from topics.catalogue import CONFLICTS, MERGES
from topics.identifiers import Identifier
from topics.instants import to_text

READ_SECONDS: Final = 5.0
"""For reading topics, where somebody waits for an answer over HTTP."""

Keys = Mapping[str, frozenset[bytes] | None]
Histories = Callable[[Keys], Awaitable[History]]
"""Reads the records of some keys by topic, for a time that is bounded."""


class _Found(NamedTuple):
    chosen: Chosen
    walk: Walk


class TimelinePage(NamedTuple):
    """Entries before a place (None: the newest), so many at most (None: as many as are ever told)."""

    before: Place | None
    limit: int | None


EVERYTHING: Final = TimelinePage(None, None)


def written(place: Place) -> str:
    """A place as a timeline's `next`."""
    return urlsafe_b64encode(f"{place.at.isoformat()} {place.id}".encode()).decode()


def place_in(text: str) -> Place | None:
    """What `written` wrote; None: it did not."""
    try:
        at, blank, name = urlsafe_b64decode(text.encode()).decode().partition(" ")
        place = Place(datetime.fromisoformat(at), name)
    except (binascii.Error, ValueError):
        return None
    return place if blank and place.at.tzinfo is not None else None


class Recalling:
    """Timelines by id and by identifier."""

    def __init__(
        self,
        store: Callable[[], Awaitable[LookupStore]],
        histories: Histories,
        retention_days: Mapping[str, int],
        current: Current = first_life,
    ) -> None:
        """`store` gives the store as it is now, or raises `UnavailableError`; `current` is about the last given.

        `retention_days`: by topic.
        """
        self._store = store
        self._current = current
        self._histories = histories
        self._kept_days = {name: retention_days[name] for name in (MERGES.name, CONFLICTS.name)}
        self._turn = asyncio.Lock()

    async def by_id(self, profile_id: str, page: TimelinePage | None = None) -> Timeline | None:
        """The timeline of an id; of one that merged away, that of the survivor. None: unknown or erased.

        `page`: only these entries.

        Raises:
            UnavailableError: it can't be read now.
        """
        return await self._told(of_id(profile_id), profile_id, page)

    async def by_identifier(self, identifier: Identifier) -> Timeline | None:
        """The timeline of the profile that an identifier belongs to. None: unknown or erased.

        Raises:
            UnavailableError: it can't be read now.
        """
        return await self._told(of_identifier(identifier, self._current), None)

    async def _told(self, sought: Sought, asked: str | None, page: TimelinePage | None = None) -> Timeline | None:
        found = await find(sought, self._store, _found)
        if found is None:
            return None
        component, published = found.walk.component, found.chosen.published
        subject = subject_of(found.chosen.profile_id, published.merged_from, published.members, asked)
        history = await self._history(wanted(subject, component, [one.state for one in found.walk.published]))
        before, limit = page or EVERYTHING
        entries, more = timeline(history.records, subject, component, before, limit)
        return {
            "profile_id": found.chosen.profile_id,
            "version": published.version,
            "kept_days": self._kept_days,
            "whole": history.whole,
            "since": None if history.since_ms is None else to_text(history.since_ms * 1000),
            "entries": entries,
            "more": more,
            "next": written(place_of(entries[0])) if more else None,
        }

    async def _history(self, keys: Keys) -> History:
        async with turn(self._turn, "others are being read at the moment"):
            try:
                return await self._histories(keys)
            except HistoryReadError as error:
                raise UnavailableError("the topics of merges and conflicts do not answer") from error


async def _found(chosen: Chosen, walk: Walk) -> _Found:
    return _Found(chosen, walk)
