"""Comparing: are the people of a rebuilt store those of the live one?

Both are looked at as they are at one instant, person by person: who belongs together, under which id, with what
contents. Rules: the live store is only read, and may move meanwhile: what differs is looked at again.
Must not know: how the rebuilt one came about, how a comparison is shown.
"""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Sequence
from typing import Any, Final, NamedTuple

import msgspec

from resolvers.component import Component
from resolvers.people import VALUES_OF, Person, people
from resolvers.projecting import Rulebook
from resolvers.publication import Publication
from resolvers.steps import ReadComponent, ReadHome, ReadPublication
from sinks.log_reader import Place
from sinks.redis_store import RedisStore
from stream.operating.replaying import Rebuilt, Replaying

AT_ONCE: Final = 200
PATIENCE_SECONDS: Final = 20.0
"""For how long people of a live store that differ are looked at again."""
AGAIN_SECONDS: Final = 0.5
SUSPECTS_MAX: Final = 10_000
"""More than these are not looked at again: it is no coincidence."""
EXAMPLES_MAX: Final = 10
"""Of each kind of difference."""
FIELDS_MAX: Final = 8

_fields = msgspec.json.Decoder(dict[str, Any])


class Individual(NamedTuple):
    """A person and the id that it is published under; None: that is not settled yet."""

    person: Person
    profile_id: str | None


class Unlike(NamedTuple):
    """One difference, by the holder of the person.

    `kind`: `missing` (live, not rebuilt), `extra` (rebuilt, not live), `people` (others belong together), `id`,
    `contents`. `fields`: of the contents, those that differ.
    """

    kind: str
    holder: str
    live_id: str | None
    rebuilt_id: str | None
    fields: tuple[str, ...] = ()


class Comparison(NamedTuple):
    """How many people were compared, how many differ by kind, and some of them."""

    rebuilt: int
    live: int
    differing: dict[str, int]
    examples: list[Unlike]


def unlike(rebuilt: Individual | None, live: Individual | None) -> Unlike | None:
    """How one person differs; None: not at all."""
    if rebuilt is None or live is None:
        there = rebuilt or live
        assert there is not None, "nobody is nowhere"
        kind = "missing" if rebuilt is None else "extra"
        return Unlike(kind, there.person.holder, live and live.profile_id, rebuilt and rebuilt.profile_id)
    ids = (live.profile_id, rebuilt.profile_id)
    if rebuilt.person.members != live.person.members:
        return Unlike("people", rebuilt.person.holder, *ids)
    if rebuilt.profile_id != live.profile_id:
        return Unlike("id", rebuilt.person.holder, *ids)
    if rebuilt.person.body != live.person.body:
        ours, theirs = _fields.decode(rebuilt.person.body), _fields.decode(live.person.body)
        fields = sorted(name for name in {*ours, *theirs} if ours.get(name) != theirs.get(name))
        return Unlike("contents", rebuilt.person.holder, *ids, tuple(fields[:FIELDS_MAX]))
    return None


class Tally:
    """What a comparison has found so far."""

    def __init__(self) -> None:
        self.rebuilt = self.live = 0
        self._differing: Counter[str] = Counter()
        self._examples: list[Unlike] = []

    def add(self, one: Unlike) -> None:
        """Count a difference; the first of each kind are kept."""
        self._differing[one.kind] += 1
        if self._differing[one.kind] <= EXAMPLES_MAX:
            self._examples.append(one)

    def told(self) -> Comparison:
        """The comparison."""
        return Comparison(self.rebuilt, self.live, dict(sorted(self._differing.items())), self._examples)


class LivePeople:
    """The people of a store that is only read."""

    def __init__(self, store: RedisStore, rulebook: Rulebook) -> None:
        self._store = store
        self._rulebook = rulebook

    async def of(self, keys: Iterable[str], now_us: int) -> dict[str, Individual]:
        """By holder, everybody in the components that these identifiers are in (`VALUES_OF` before one is left out)."""
        names = await self._homes(sorted({key.removeprefix(VALUES_OF) for key in keys}))
        components: dict[str, Component] = {}
        while names:
            read: list[Component] = await self._store.execute_many([ReadComponent(name) for name in sorted(names)])
            components.update((one.name, one) for one in read if one.moved_to is None)
            names = {one.moved_to for one in read if one.moved_to is not None} - components.keys()
        return await self._individuals(list(components.values()), now_us)

    async def pages(self, now_us: int) -> AsyncIterator[dict[str, Individual]]:
        """Everybody, some at a time, by holder."""
        cursor = 0
        while True:
            page = await self._store.scan_components(cursor)
            for at in range(0, len(page.names), AT_ONCE):
                names = page.names[at : at + AT_ONCE]
                read: list[Component] = await self._store.execute_many([ReadComponent(name) for name in names])
                yield await self._individuals([one for one in read if one.moved_to is None], now_us)
            cursor = page.cursor
            if not cursor:
                return

    async def _homes(self, keys: Sequence[str]) -> set[str]:
        found = await self._store.execute_many([ReadHome(key) for key in keys]) if keys else []
        return {name for name in found if name is not None}

    async def _individuals(self, components: Sequence[Component], now_us: int) -> dict[str, Individual]:
        read: list[Publication] = await self._store.execute_many([ReadPublication(one.name) for one in components])
        found: dict[str, Individual] = {}
        book = self._rulebook
        for component, publication in zip(components, read, strict=True):
            ids = {one.holder: profile_id for profile_id, one in publication.state.profiles.items()}
            for person in people(component, book.rules, now_us, book.blocked, book.member).persons:
                found[person.holder] = Individual(person, ids.get(person.holder))
        return found


class Comparing:
    """The rebuilt store against the live one, until what differs stays so."""

    def __init__(
        self, replaying: Replaying, store: RedisStore, live: RedisStore, rulebook: Rulebook, places: Sequence[Place]
    ) -> None:
        self._replaying = replaying
        self._store = store
        self._live = live
        self._people = LivePeople(live, rulebook)
        self._places = places

    async def run(self) -> Comparison:
        """Compare everybody, and again those who differ."""
        await self._catch_up()
        tally, suspects = await self._everybody()
        deadline = time.monotonic() + PATIENCE_SECONDS
        while 0 < len(suspects) <= SUSPECTS_MAX and time.monotonic() < deadline:
            await asyncio.sleep(AGAIN_SECONDS)
            moved = await self._catch_up()
            still = await self._again(sorted(suspects))
            settled = not moved and still == suspects
            suspects = still
            if settled:
                break
        for holder in sorted(suspects):
            tally.add(suspects[holder])
        return tally.told()

    async def _catch_up(self) -> bool:
        """Read as far as the live store has -> whether there was anything."""
        live = await self._live.start_offsets(self._places)
        before = await self._store.start_offsets(self._places)
        await self._replaying.resolve(None, {place: at or 0 for place, at in live.items()})
        return before != await self._store.start_offsets(self._places)

    async def _everybody(self) -> tuple[Tally, dict[str, Unlike]]:
        tally = Tally()
        suspects: dict[str, Unlike] = {}
        now_us = await self._store.clock_us()
        async for page in self._replaying.pages(now_us):
            rebuilt = self._individuals(page, now_us)
            tally.rebuilt += len(rebuilt)
            live = await self._people.of(rebuilt, now_us)
            found = (unlike(one, live.get(holder)) for holder, one in rebuilt.items())
            suspects.update((one.holder, one) for one in found if one is not None)
        async for some in self._people.pages(now_us):
            tally.live += len(some)
            keys = sorted({holder.removeprefix(VALUES_OF) for holder in some})
            homes = dict(zip(keys, await self._store.execute_many([ReadHome(key) for key in keys]), strict=True))
            for holder, one in some.items():
                if homes[holder.removeprefix(VALUES_OF)] is None:
                    suspects[holder] = Unlike("missing", holder, one.profile_id, None)
        return tally, suspects

    async def _again(self, holders: list[str]) -> dict[str, Unlike]:
        """Those of these people who differ still."""
        now_us = await self._store.clock_us()
        keys = sorted({holder.removeprefix(VALUES_OF) for holder in holders})
        names = await self._replaying.components_of(keys)
        rebuilt = self._individuals(await self._replaying.rebuilt(names, now_us), now_us)
        live = await self._people.of(holders, now_us)
        found = [unlike(rebuilt.get(one), live.get(one)) for one in holders if one in rebuilt or one in live]
        return {one.holder: one for one in found if one is not None}

    def _individuals(self, page: Sequence[Rebuilt], now_us: int) -> dict[str, Individual]:
        """By holder, the people of a page with the ids that they would be published under."""
        found: dict[str, Individual] = {}
        for one in page:
            change = self._replaying.different(one, now_us)
            state = one.state if change is None else change.state
            ids = {published.holder: profile_id for profile_id, published in state.profiles.items()}
            found.update((person.holder, Individual(person, ids.get(person.holder))) for person in one.people.persons)
        return found
