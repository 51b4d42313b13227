"""Waking: whoever is due is told of once, page by page, by whichever worker, and waited for by who publishes them."""

import asyncio
from collections.abc import Sequence
from typing import Any, cast

import pytest

from resolvers.cache import Cache
from resolvers.steps import Notice
from sinks.murmur2 import partition_of
from sinks.store import Due, shard_of
from stream import waking
from stream.metrics import Metrics
from stream.session import Parts
from stream.waking import PAGE, Pages, Waking

NOBODY = cast("Any", None)


class Store:
    """Components that are due, by their shares."""

    def __init__(self, names: Sequence[str]) -> None:
        self.left: dict[int, list[Due]] = {}
        for name in names:
            self.left.setdefault(shard_of(name), []).append(Due(name, 1))

    async def clock_us(self) -> int:
        """After all of them are due."""
        return 10

    async def due(self, shard: int, _until_us: int, most: int) -> list[Due]:
        """As every store."""
        return self.left.get(shard, [])[:most]

    async def take_off(self, page: Sequence[Due]) -> None:
        """As every store."""
        for one in page:
            self.left[shard_of(one.component)].remove(one)


class Changes:
    """The topic, and the workers that read it: those of its partitions that are ours are published by this one."""

    def __init__(self, partitions: int, ours: set[int], pages: Pages) -> None:
        self.changes_partitions = partitions
        self.told: list[str] = []
        self.unpublished = self.most_unpublished = 0
        self._ours = ours
        self._pages = pages

    async def notify(self, notices: Sequence[Notice]) -> None:
        """Published a moment later."""
        self.told += [notice.component for notice in notices]
        ours = [one for one in notices if partition_of(one.component.encode(), self.changes_partitions) in self._ours]
        self.unpublished += len(ours)
        self.most_unpublished = max(self.most_unpublished, self.unpublished)
        asyncio.get_running_loop().call_later(0.001, self._published, ours)

    def _published(self, ours: Sequence[Notice]) -> None:
        self.unpublished -= len(ours)
        self._pages.published(ours)


@pytest.mark.parametrize("partitions", [1, 3, 4, 6, 12, 128])
async def test_workers_tell_of_everybody_once_and_wait_for_their_own(
    partitions: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where the topic has no power of two of partitions: nobody waits for what another worker publishes."""
    monkeypatch.setattr(waking, "PATIENCE_SECONDS", 60.0)  # whoever waits in vain is seen
    names = [f"card:{n}" for n in range(5 * PAGE)]
    store = Store(names)
    told: list[str] = []
    for ours in ({*range(0, partitions, 2)}, {*range(1, partitions, 2)}):
        pages = Pages()
        changes = Changes(partitions, ours, pages)
        worker = Waking(
            NOBODY,
            Metrics(),
            pages,
            changes="changes",
            reading=ours.copy,
            is_behind=lambda: False,
            fingerprint="rules",
        )
        async with asyncio.timeout(10):
            await worker.wake(Parts(cast("Any", store), cast("Any", changes), Cache(), NOBODY))
        told += changes.told
        assert changes.most_unpublished <= PAGE, "a page was sent before the one before it was published"
    assert sorted(told) == sorted(names)
