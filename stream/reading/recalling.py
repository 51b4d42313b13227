"""Recalling: what happened to a profile, from the topics that keep it for some days.

Rules: the store says who the profile is and which keys its records can have; only their partitions are read, for a time
that is bounded. In a worker one history is read at a time, because each goes through whole partitions.
Must not know: HTTP, what is in a record, how a timeline is shown.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Final, NamedTuple

from resolvers.people import VALUES_OF
from resolvers.publication import Publication
from resolvers.timeline import subject_of, timeline, wanted
from sinks.history_reader import History, HistoryReadError
from stream.reading.lookup import (
    AGAIN_SECONDS,
    LOOKUP_SECONDS,
    WALKS,
    Chosen,
    Current,
    LookupStore,
    UnavailableError,
    Walk,
    bounded,
    first_life,
    profile_of,
    survivor,
    walked,
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


class Recalling:
    """Timelines by id and by identifier."""

    def __init__(
        self,
        store: Callable[[], Awaitable[LookupStore]],
        histories: Histories,
        retention_days: Mapping[str, int],
        current: Current = first_life,
    ) -> None:
        """`store` gives the store as it is now, or raises `UnavailableError`; `current` speaks of the last one given.

        `retention_days`: by topic.
        """
        self._store = store
        self._current = current
        self._histories = histories
        self._kept_days = {name: retention_days[name] for name in (MERGES.name, CONFLICTS.name)}
        self._turn = asyncio.Lock()

    async def by_id(self, profile_id: str) -> Timeline | None:
        """The timeline of an id; of one that merged away, that of the survivor. None: unknown or erased.

        Raises:
            UnavailableError: it can't be read now.
        """

        async def start(store: LookupStore) -> str | None:
            return await store.profile_key(profile_id)

        return await self._told(start, lambda published: survivor(published, profile_id), profile_id)

    async def by_identifier(self, identifier: Identifier) -> Timeline | None:
        """The timeline of the profile that an identifier belongs to. None: unknown or erased.

        Raises:
            UnavailableError: it can't be read now.
        """

        async def start(_store: LookupStore) -> str | None:
            return self._current(identifier.key)

        return await self._told(start, lambda published: profile_of(published, identifier.key), None)

    async def _told(
        self,
        start: Callable[[LookupStore], Awaitable[str | None]],
        choose: Callable[[list[Publication]], Chosen | None],
        asked: str | None,
    ) -> Timeline | None:
        async with bounded():
            found = await self._find(start, choose)
        if found is None:
            return None
        component, published = found.walk.component, found.chosen.published
        subject = subject_of(found.chosen.profile_id, published.merged_from, published.members, asked)
        history = await self._history(wanted(subject, component, [one.state for one in found.walk.published]))
        entries, more = timeline(history.records, subject, component)
        return {
            "profile_id": found.chosen.profile_id,
            "version": published.version,
            "kept_days": self._kept_days,
            "whole": history.whole,
            "since": None if history.since_ms is None else to_text(history.since_ms * 1000),
            "entries": entries,
            "more": more,
        }

    async def _history(self, keys: Keys) -> History:
        try:
            async with asyncio.timeout(LOOKUP_SECONDS):
                await self._turn.acquire()
        except TimeoutError as error:
            raise UnavailableError("others are being read at the moment") from error
        try:
            return await self._histories(keys)
        except HistoryReadError as error:
            raise UnavailableError("the topics of merges and conflicts do not answer") from error
        finally:
            self._turn.release()

    async def _find(
        self,
        start: Callable[[LookupStore], Awaitable[str | None]],
        choose: Callable[[list[Publication]], Chosen | None],
    ) -> _Found | None:
        """Who it is; a walk that finds nobody while the store changes is walked again."""
        mark: tuple[object, ...] = ()
        for _ in range(WALKS):
            store = await self._store()
            key = await start(store)
            walk = None if key is None else await walked(store, key.removeprefix(VALUES_OF))
            if walk is None:
                return None
            chosen = choose(walk.published)
            if chosen is not None:
                return _Found(chosen, walk)
            if walk.mark == mark:
                return None
            mark = walk.mark
            await asyncio.sleep(AGAIN_SECONDS)
        raise UnavailableError("the profile is on the move")
