"""Republishing: the projection is told to say again what holds, of everybody or of those that a topic has lost.

Rules: nothing is published here: notices go to the owners of the components, so that one writer stays the only one. The
store is read page by page, and never written.
Must not know: whose terminal watches, how people are published.
"""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from itertools import islice
from typing import Final, Literal, NamedTuple

from resolvers.people import VALUES_OF
from resolvers.profile_ids import Mint
from resolvers.publication import Publication
from resolvers.restoring import Merged, Said, stray
from resolvers.steps import Notice, ReadHome, ReadPublication
from sinks.journal import Journal
from sinks.publisher import Publisher
from sinks.redis_store import RedisStore
from topics.instants import to_text

SOURCE: Final = "idweave.republish"
"""What stands as the source of what is said again."""
COMPONENTS_AT_ONCE: Final = 500
MINTED: Final = 4
"""Ids that one holder may have had, as far as they are tried."""

Compared = Literal["profiles", "identities"]


class Told(NamedTuple):
    """How many components were looked at, and how many are said again; how many profiles those have.

    `strays`: profiles that are on the topic and that the store knows nothing of, because it came back older. They are
    told of, and go on, or end in who holds their identifiers now.
    """

    components: int
    again: int
    profiles: int
    strays: int = 0


class Republishing:
    """One run. `shown` is told how many components were looked at."""

    def __init__(self, store: RedisStore, publisher: Publisher, mint: Mint, shown: Callable[[int], None]) -> None:
        self._store = store
        self._publisher = publisher
        self._shown = shown
        self._mint = mint
        self._looked = self._again = self._profiles = 0

    async def everybody(self, journal: Journal | None = None, topic: Compared = "profiles") -> Told:
        """Say everybody again; with a journal only those who are not on `topic` as they should be.

        Raises:
            StoreError, PublishFailedError: the world did not do its part; run it again.
        """
        async for names in self._pages():
            read: list[Publication] = await self._store.execute_many([ReadPublication(name) for name in names])
            wanted = [
                (name, one)
                for name, one in zip(names, read, strict=True)
                if one.revision and (journal is None or not is_said(one, journal, topic))
            ]
            await self._tell(wanted)
            self._looked += len(names)
            self._shown(self._looked)
        strays = 0 if journal is None or topic != "profiles" else await self._tell_of_strays(journal)
        return Told(self._looked, self._again, self._profiles, strays)

    async def _tell_of_strays(self, journal: Journal) -> int:
        """Tell the owners of their identifiers of profiles that only subscribers know -> how many there are."""
        told, nameless = 0, {}
        living = journal.living()
        while some := list(islice(living, COMPONENTS_AT_ONCE)):
            said = dict(some)
            for one in await self._store.unknown_profiles(list(said)):
                if not said[one].members:  # a device's second profile, which the device's key alone leads to
                    nameless[one] = said[one]
                    continue
                homes: list[str | None] = await self._store.execute_many([ReadHome(key) for key in said[one].members])
                known = [(key, home) for key, home in zip(said[one].members, homes, strict=True) if home is not None]
                if known:
                    await self._tell_of(one, said[one], *known[0])
                    told += 1
        return told + (await self._tell_of_second_profiles(nameless) if nameless else 0)

    async def _tell_of_second_profiles(self, nameless: Mapping[str, Said]) -> int:
        told, cursor, begun = 0, 0, True
        while begun or cursor:
            begun = False
            page = await self._store.scan_homes(cursor)
            cursor = page.cursor
            for key in page.names:
                holder = f"{VALUES_OF}{key}"
                for one in {self._mint(holder, nth) for nth in range(MINTED)} & nameless.keys():
                    [home] = await self._store.execute_many([ReadHome(key)])
                    await self._tell_of(one, nameless[one], holder, home)
                    told += 1
        return told

    async def _tell_of(self, profile_id: str, said: Said, holder: str, home: str) -> None:
        now_us = await self._store.clock_us()
        strays = (stray(profile_id, said, holder),)
        notice = Notice(home, 0, to_text(now_us), SOURCE, now_us // 1000, again=True, strays=strays)
        await self._publisher.notify([notice])

    async def of_keys(self, keys: Sequence[str]) -> Told:
        """Say the people of these identifiers again, and those who are in a component with them."""
        homes: list[str | None] = await self._store.execute_many([ReadHome(key) for key in keys])
        names = sorted({name for name in homes if name is not None})
        read: list[Publication] = await self._store.execute_many([ReadPublication(name) for name in names])
        self._looked = len(names)
        # One that has moved is told all the same: its owner hands the notice on to where it is now.
        await self._tell(list(zip(names, read, strict=True)))
        return Told(self._looked, self._again, self._profiles)

    async def _tell(self, wanted: Sequence[tuple[str, Publication]]) -> None:
        now_us = await self._store.clock_us()
        notices = [Notice(name, 0, to_text(now_us), SOURCE, now_us // 1000, again=True) for name, _ in wanted]
        if notices:
            await self._publisher.notify(notices)
        self._again += len(notices)
        self._profiles += sum(len(one.state.profiles) for _, one in wanted)

    async def _pages(self) -> AsyncIterator[list[str]]:
        cursor = 0
        while True:
            page = await self._store.scan_components(cursor)
            for at in range(0, len(page.names), COMPONENTS_AT_ONCE):
                yield page.names[at : at + COMPONENTS_AT_ONCE]
            cursor = page.cursor
            if not cursor:
                return


def is_said(publication: Publication, journal: Journal, topic: Compared) -> bool:
    """Whether a topic says last of a component's people what the store says was published."""
    state = publication.state
    if topic == "identities":
        led = journal.leads([key for one in state.profiles.values() for key in one.members])
        return all(led.get(key) == name for name, one in state.profiles.items() for key in one.members)
    last = journal.last([*state.profiles, *state.ended])
    return all(
        isinstance(there := last.get(name), Said) and (there.version, there.digest) == (one.version, one.digest)
        for name, one in state.profiles.items()
    ) and all(isinstance(last.get(name), Merged) for name in state.ended)
