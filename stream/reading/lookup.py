"""Lookup: the profile of an id or of an identifier, as last published.

The store keeps no profiles; it leads to the record on the profiles topic that is one: profile id -> an identifier ->
its component, wherever that has moved -> what was published of it -> the record's offset. What a component that moved
in had published stays in that one's name until it is taken over, so those are asked too.
Rules: nothing is waited for but what it asks, and all of that within `LOOKUP_SECONDS`; a walk that finds nothing while
the store changes is walked again, so that "unknown" is never said of somebody who is on the move.
Must not know: HTTP, what is in a profile.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import NamedTuple, Protocol

import msgspec

from resolvers.component import Component
from resolvers.people import VALUES_OF
from resolvers.publication import Publication, Published
from resolvers.steps import ReadComponent, ReadHome, ReadPublication, Reply, Step
from sinks.profile_reader import ProfileReadError
from sinks.store import StoreError
from topics.identifiers import Identifier

LOOKUP_SECONDS = 8.0
WALKS = 4
AGAIN_SECONDS = 0.05
MOVES_MAX = 1_000
"""Components from one that an identifier was put in to the one it is in now; names only get smaller, so it ends."""


class LookupStore(Protocol):
    """A store, as far as looking up goes."""

    async def execute_many(self, steps: Sequence[Step]) -> list[Reply]:
        """Carry out steps of the store -> a reply for each."""
        ...

    async def profile_key(self, profile_id: str) -> str | None:
        """The key of the identifier that leads to a profile."""
        ...


class Records(Protocol):
    """Where profiles are read."""

    async def read(self, profile_id: str, offset: int) -> bytes | None:
        """The value of the profile's record at an offset; None if it is not there."""
        ...


Current = Callable[[str], str]
"""An identifier's key as outputs show it -> the key of the life that it has now (`resolvers.lives`)."""


def first_life(key: str) -> str:
    """The key of the life that an identifier has, where no number ever changed hands."""
    return key


class UnavailableError(Exception):
    """The profile can't be read now; later it can. The message holds nothing of a profile or of who was asked for."""


class Found(NamedTuple):
    """A profile as last published: `json` is the record's value, byte for byte."""

    profile_id: str
    version: int
    json: bytes


class _Head(msgspec.Struct):
    """As much of a record as tells that it is the one that was meant."""

    profile_id: str
    version: int


_head = msgspec.json.Decoder(_Head)


class Walk(NamedTuple):
    """Where a walk ended. `published`: the component's own first. `mark`: what all that was read at.

    Two walks with the same mark have seen the same.
    """

    component: Component
    published: list[Publication]
    mark: tuple[object, ...]


class Chosen(NamedTuple):
    """A profile that was published, and the offset of its record; -1: not yet."""

    profile_id: str
    published: Published
    offset: int


@asynccontextmanager
async def bounded() -> AsyncIterator[None]:
    """Give what is looked up its time, and say in one way that it can't be read now."""
    try:
        async with asyncio.timeout(LOOKUP_SECONDS):
            yield
    except TimeoutError as error:
        raise UnavailableError("no answer in time") from error
    except StoreError as error:
        raise UnavailableError("the store does not answer") from error
    except ProfileReadError as error:
        raise UnavailableError("the profiles topic does not answer") from error


class Lookup:
    """Profiles by id and by identifier."""

    def __init__(
        self, store: Callable[[], Awaitable[LookupStore]], records: Records, current: Current = first_life
    ) -> None:
        """`store` gives the store as it is now, or raises `UnavailableError`; `current` is about the last given."""
        self._store = store
        self._records = records
        self._current = current

    async def by_id(self, profile_id: str) -> Found | None:
        """The profile of an id; of one that merged away, the survivor. None: unknown or erased.

        Raises:
            UnavailableError: it can't be read now.
        """

        async def start(store: LookupStore) -> str | None:
            return await store.profile_key(profile_id)

        return await self._bounded(start, lambda published: survivor(published, profile_id))

    async def by_identifier(self, identifier: Identifier) -> Found | None:
        """The profile that an identifier belongs to. None: unknown or erased.

        Raises:
            UnavailableError: it can't be read now.
        """

        async def start(_store: LookupStore) -> str | None:
            return self._current(identifier.key)

        return await self._bounded(start, lambda published: profile_of(published, identifier.key))

    async def _bounded(
        self,
        start: Callable[[LookupStore], Awaitable[str | None]],
        choose: Callable[[list[Publication]], Chosen | None],
    ) -> Found | None:
        async with bounded():
            return await self._find(start, choose)

    async def _find(
        self,
        start: Callable[[LookupStore], Awaitable[str | None]],
        choose: Callable[[list[Publication]], Chosen | None],
    ) -> Found | None:
        mark: tuple[object, ...] = ()
        for _ in range(WALKS):
            store = await self._store()
            key = await start(store)
            walk = None if key is None else await walked(store, key.removeprefix(VALUES_OF))
            if walk is None:
                return None
            chosen = choose(walk.published)
            if chosen is not None:
                found = await self._read(chosen)
                if found is not None:
                    return found
                await asyncio.sleep(AGAIN_SECONDS)  # a newer record has taken its place; the store will soon say which
            elif walk.mark == mark:
                return None
            mark = walk.mark
        raise UnavailableError("its record is not where the store says")

    async def _read(self, chosen: Chosen) -> Found | None:
        """The record, if it is the one that the store speaks of: a topic made anew has other ones at the same place."""
        profile_id, published, offset = chosen
        if offset < 0:
            return None
        json = await self._records.read(profile_id, offset)
        if json is None:
            return None
        try:
            head = _head.decode(json)
        except msgspec.MsgspecError:
            return None
        if head != _Head(profile_id, published.version):
            return None
        return Found(profile_id, published.version, json)


async def walked(store: LookupStore, key: str) -> Walk | None:
    """From an identifier to what was published of its component; None: the identifier was never seen."""
    [home] = await store.execute_many([ReadHome(key)])
    if home is None:
        return None
    passed: list[str] = []
    component = await _component(store, home)
    while component.moved_to is not None:
        passed.append(component.name)
        assert len(passed) < MOVES_MAX, "a circle of moved components"
        component = await _component(store, component.moved_to)
    names = list(dict.fromkeys([component.name, *sorted(component.absorbed), *passed]))
    publications: list[Publication] = await store.execute_many([ReadPublication(name) for name in names])
    mark = (*names, component.version, *(one.revision for one in publications))
    return Walk(component, publications, mark)


async def _component(store: LookupStore, name: str) -> Component:
    [component] = await store.execute_many([ReadComponent(name)])
    assert isinstance(component, Component)
    return component


def survivor(publications: list[Publication], profile_id: str) -> Chosen | None:
    """The profile of an id, or of the one that it merged into, or that one did."""
    seen: set[str] = set()
    while profile_id not in seen:
        seen.add(profile_id)
        knowing = next(
            (one for one in publications if profile_id in one.state.profiles or profile_id in one.state.ended), None
        )
        if knowing is None:
            return None
        published = knowing.state.profiles.get(profile_id)
        if published is not None:
            return Chosen(profile_id, published, knowing.offsets.get(profile_id, -1))
        profile_id = knowing.state.ended[profile_id]
    raise AssertionError("ids that merged into each other")


def profile_of(publications: list[Publication], key: str) -> Chosen | None:
    """The profile that has the identifier."""
    for one in publications:
        for profile_id, published in one.state.profiles.items():
            if key in published.members:
                return Chosen(profile_id, published, one.offsets.get(profile_id, -1))
    return None
