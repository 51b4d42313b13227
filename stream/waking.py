"""Waking: components that are due, or whose rules have changed, are made known to the projection as any change is.

Rules: an entry of `due` is taken off only when its notice is acknowledged; one that comes twice is no harm. A worker
looks after the shares of `due` that fall to the partitions of `changes` that it reads, so that nothing is told twice
for long. No page is sent before what this worker publishes of the one before is published: a million people may be due
at one instant, and events go first.
Must not know: what time or rules change in a person.
"""

import asyncio
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import NoReturn

import structlog
from msgspec.structs import replace

from resolvers.projecting import time_notice
from resolvers.steps import Notice
from sinks.murmur2 import partition_of
from sinks.store import DUE_SHARDS, Due
from stream.bugs import end_process
from stream.metrics import Metrics
from stream.session import Parts, Session, WorldError
from topics.instants import to_text

PAGE = 200
"""Components of a page: published in some 30 ms, for which an event may have to wait."""
EVERY_SECONDS = 1.0
PATIENCE_SECONDS = 5.0
"""How long a page is waited for: it may have gone to a worker that took over."""
BEHIND_SECONDS = 0.2
NOTE = "rules"
SOURCE = "idweave"

log = structlog.get_logger("idweave.waking")


class Pages:
    """Which components of the page that was sent, as far as they are this worker's, are not published yet."""

    def __init__(self) -> None:
        self._waiting: set[str] = set()
        self._published = asyncio.Event()

    def sent(self, components: Iterable[str]) -> None:
        """A page is on its way, with these that this worker will publish."""
        self._waiting = {*components}
        if self._waiting:
            self._published.clear()
        else:
            self._published.set()

    def published(self, notices: Sequence[Notice]) -> None:
        """These, some of them perhaps ours, are published."""
        if self._waiting:
            self._waiting.difference_update([notice.component for notice in notices])
            if not self._waiting:
                self._published.set()

    async def wait(self) -> None:
        """Until all are, or for as long as is worth it."""
        try:
            await asyncio.wait_for(self._published.wait(), PATIENCE_SECONDS)
        except TimeoutError:
            self._waiting.clear()


class Waking:
    """A task of the worker.

    `changes`: the topic's name; `reading`: its partitions that this worker reads; `fingerprint`: of all live rules.
    """

    def __init__(
        self,
        session: Session,
        metrics: Metrics,
        pages: Pages,
        *,
        changes: str,
        reading: Callable[[], Collection[int]],
        is_behind: Callable[[], bool],
        fingerprint: str,
    ) -> None:
        self._session = session
        self._metrics = metrics
        self._pages = pages
        self._changes = changes
        self._reading = reading
        self._is_behind = is_behind
        self._fingerprint = fingerprint
        self._judged: tuple[int, frozenset[int]] = (-1, frozenset())
        self._begun_in = -1

    async def run(self) -> NoReturn:
        """Every second, until cancelled."""
        while True:
            number = self._session.number
            try:
                parts = await self._session.parts()
                if number == self._begun_in:
                    await self.wake(parts)
                    await self.judge_again(parts)
                else:
                    await self.begin(parts)
                    self._begun_in = number
            except WorldError as error:
                self._session.lost(number, error)
            except Exception as error:  # noqa: BLE001 - a bug
                end_process(error)
            await asyncio.sleep(EVERY_SECONDS)

    async def begin(self, parts: Parts) -> None:
        """Of partitions of which nobody was ever published, note that all were judged by our rules.

        This comes before anything is read. Without it, whoever is published in the first seconds of a new store would
        be judged again, and an old member base is.
        """
        partitions = parts.publisher.changes_partitions
        positions = await parts.store.start_offsets([(self._changes, one) for one in range(partitions)])
        new = [partition for (_, partition), position in positions.items() if position is None]
        for one, note in zip(new, await parts.store.notes([note_of(one, partitions) for one in new]), strict=True):
            if note is None:
                await parts.store.note(note_of(one, partitions), self._fingerprint)

    async def wake(self, parts: Parts) -> None:
        """Tell the projection of all that is due by now, as long as it is this worker's to tell."""
        now_us = await parts.store.clock_us()
        partitions = parts.publisher.changes_partitions
        page: list[Due] = []
        for shard in range(DUE_SHARDS):
            while shard % partitions in self._reading():
                page += await parts.store.due(shard, now_us, PAGE - len(page))
                if len(page) < PAGE:
                    break
                await self._tell(page, parts)
                page = []
        await self._tell(page, parts)

    async def _tell(self, page: list[Due], parts: Parts) -> None:
        """Take a page off when its notices are acknowledged, and wait until it is published."""
        if page:
            await self._send([time_notice(*one) for one in page], parts)
            await parts.store.take_off(page)
            self._metrics.due.inc(len(page))
            await self._pages.wait()

    async def judge_again(self, parts: Parts) -> None:
        """Where rules are not those by which a partition's people were judged, have all of them judged again."""
        partitions = parts.publisher.changes_partitions
        reading = frozenset(self._reading())
        if self._judged == (self._session.number, reading):
            return
        named = sorted(reading)
        noted = await parts.store.notes([note_of(one, partitions) for one in named])
        changed = {one for one, note in zip(named, noted, strict=True) if note != self._fingerprint}
        if changed:
            await self._sweep(changed, parts)
            for one in changed & {*self._reading()}:
                await parts.store.note(note_of(one, partitions), self._fingerprint)
        self._judged = (self._session.number, reading)

    async def _sweep(self, of_partitions: set[int], parts: Parts) -> None:
        notice = Notice("", 0, f"rules {self._fingerprint[:12]} {to_text(await parts.store.clock_us())}", SOURCE, 0)
        found, cursor, begun = 0, 0, True
        while begun or cursor:
            begun = False
            page = await parts.store.scan_components(cursor)
            cursor = page.cursor
            names = [
                name
                for name in page.names
                if partition_of(name.encode(), parts.publisher.changes_partitions) in of_partitions
            ]
            for at in range(0, len(names), PAGE):
                some = names[at : at + PAGE]
                await self._send([replace(notice, component=name) for name in some], parts)
                await self._pages.wait()
            if names and not found:  # nobody is there yet in a store that is new
                log.info("the rules have changed: everybody is judged again", partitions=sorted(of_partitions))
            found += len(names)
        if found:
            log.info("judged again", components=found)

    async def _send(self, notices: list[Notice], parts: Parts) -> None:
        """Send a page when the resolver is not behind."""
        while self._is_behind():  # noqa: ASYNC110 - nobody says when that ends
            await asyncio.sleep(BEHIND_SECONDS)
        partitions, reading = parts.publisher.changes_partitions, {*self._reading()}
        names = [notice.component for notice in notices]
        self._pages.sent(name for name in names if partition_of(name.encode(), partitions) in reading)
        await parts.publisher.notify(notices)


def note_of(partition: int, partitions: int) -> str:
    """Where it is noted by which rules a partition's people were judged."""
    return f"{NOTE}:{partitions}:{partition}"
