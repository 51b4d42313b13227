"""Walking: from a profile's id, or from an identifier, to what was published of its component.

Profile id -> an identifier -> its component, wherever that has moved -> what was published of it. What a component that
moved in had published stays in that one's name until it is taken over, so those are asked too.
Rules: all of it within `LOOKUP_SECONDS`; a walk that finds nothing while the store changes is walked again, so that
"unknown" is never said of somebody who is on the move.
Must not know: HTTP, records, what is in a profile.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import NamedTuple, Protocol, TypeVar

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

Taken = TypeVar("Taken")


class LookupStore(Protocol):
    """A store, as far as looking up goes."""

    async def execute_many(self, steps: Sequence[Step]) -> list[Reply]:
        """Carry out steps of the store -> a reply for each."""
        ...

    async def profile_key(self, profile_id: str) -> str | None:
        """The key of the identifier that leads to a profile."""
        ...


Current = Callable[[str], str]
"""An identifier's key as outputs show it -> the key of the life that it has now (`resolvers.lives`)."""


def first_life(key: str) -> str:
    """The key of the life that an identifier has, where no number ever changed hands."""
    return key


class UnavailableError(Exception):
    """The profile can't be read now; later it can. The message holds nothing of a profile or of who was asked for."""


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


class Sought(NamedTuple):
    """Who is looked for. `start`: the key to walk from; `choose`: which of what was published there it is."""

    start: Callable[[LookupStore], Awaitable[str | None]]
    choose: Callable[[list[Publication]], Chosen | None]


def of_id(profile_id: str) -> Sought:
    """The profile of an id; of one that merged away, the survivor."""

    async def start(store: LookupStore) -> str | None:
        return await store.profile_key(profile_id)

    return Sought(start, lambda published: survivor(published, profile_id))


def of_identifier(identifier: Identifier, current: Current = first_life) -> Sought:
    """The profile that an identifier belongs to. `current` is asked once the store is there."""

    async def start(_store: LookupStore) -> str | None:
        return current(identifier.key)

    return Sought(start, lambda published: profile_of(published, identifier.key))


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


async def find(
    sought: Sought,
    store: Callable[[], Awaitable[LookupStore]],
    take: Callable[[Chosen, Walk], Awaitable[Taken | None]],
) -> Taken | None:
    """What `take` makes of the one that is looked for; it may say None, and the store is asked again.

    Args:
        sought: who.
        store: gives the store as it is now.
        take: of the profile, and of the walk that has led to it.

    Returns:
        None: unknown or erased.

    Raises:
        UnavailableError: it can't be read now.
    """
    async with bounded():
        return await _find(sought, store, take)


async def _find(
    sought: Sought,
    store: Callable[[], Awaitable[LookupStore]],
    take: Callable[[Chosen, Walk], Awaitable[Taken | None]],
) -> Taken | None:
    mark: tuple[object, ...] = ()
    for _ in range(WALKS):
        asked = await store()
        key = await sought.start(asked)
        walk = None if key is None else await walked(asked, key.removeprefix(VALUES_OF))
        if walk is None:
            return None
        chosen = sought.choose(walk.published)
        if chosen is not None:
            taken = await take(chosen, walk)
            if taken is not None:
                return taken
            await asyncio.sleep(AGAIN_SECONDS)  # a newer record has taken its place; the store will soon say which
        elif walk.mark == mark:
            return None
        mark = walk.mark
    raise UnavailableError("its record is not where the store says")


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
