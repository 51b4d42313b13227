"""The project agent's slices: they overlap, they let others in between, and none outlives its batch."""

import asyncio
from typing import Any, cast

import pytest

from resolvers.cache import Cache
from resolvers.namespaces import DEFAULT_RULES
from resolvers.projecting import Rulebook
from resolvers.pseudonyms import mint
from resolvers.steps import Notice
from stream import project
from stream.metrics import Metrics
from stream.project import SLICE_COMPONENTS_MIN, SLICES_AT_ONCE, Projecting, Told
from stream.session import Parts
from stream.waking import Pages

NOBODY = cast("Any", None)


class Clock:
    """All of a store that is asked for here."""

    async def clock_us(self) -> int:
        """Some instant."""
        return 1


class Slices:
    """Stands where slices are carried out: each waits until it is let go, or fails."""

    def __init__(self) -> None:
        self.begun = 0
        self.others = 0
        self.seen: list[int] = []
        self.go_on, self.second = asyncio.Event(), asyncio.Event()
        self.fails = False

    async def carry(self, *_: object) -> list[object]:
        """One slice."""
        self.begun += 1
        self.seen.append(self.others)
        if len(self.seen) > 1:
            self.second.set()
        if self.fails and self.begun == 1:
            raise OSError("the first one")
        await self.go_on.wait()
        return []


@pytest.fixture
def slices(monkeypatch: pytest.MonkeyPatch) -> Slices:
    """In the place of store and broker."""
    slices = Slices()
    monkeypatch.setattr(project, "carry", slices.carry)
    return slices


def begun(count: int) -> asyncio.Task[Any]:
    """A batch of so many slices, begun."""
    rulebook = Rulebook(DEFAULT_RULES, frozenset(), lambda key, nth: mint(b"i" * 32, key, nth))
    projecting = Projecting(rulebook, Metrics(), Pages())
    notices = [Notice(f"c{n}", 1, "id", "source", 0) for n in range(count * SLICE_COMPONENTS_MIN)]
    return asyncio.create_task(projecting.begin(Told(notices, 0), Parts(cast("Any", Clock()), NOBODY, Cache(), NOBODY)))


async def a_moment() -> None:
    """Let all tasks go as far as they can."""
    for _ in range(50):
        await asyncio.sleep(0)


async def test_slices_overlap_up_to_a_limit(slices: Slices) -> None:
    """While some wait for the broker others are computed, but no more than so many are under way."""
    batch = begun(SLICES_AT_ONCE - 1)
    await a_moment()
    assert slices.begun == SLICES_AT_ONCE - 1
    slices.go_on.set()
    await batch


async def test_others_come_between_two_slices(slices: Slices) -> None:
    """Whoever is ready when a slice was computed goes on before the next one is."""

    async def other() -> None:
        while True:
            slices.others += 1
            await asyncio.sleep(0)

    going = asyncio.create_task(other())
    batch = begun(4)
    await a_moment()
    slices.go_on.set()
    await batch
    going.cancel()
    assert slices.seen == sorted(set(slices.seen)), "two slices with nobody in between"


@pytest.mark.parametrize("amid", [True, False], ids=["while some are begun", "when all are"])
async def test_a_batch_that_is_stopped_leaves_nothing_running(slices: Slices, *, amid: bool) -> None:
    """A worker that ends takes its slices with it, and nobody hears of them later."""
    before = asyncio.all_tasks()
    batch = begun(4)
    if amid:
        await slices.second.wait()
        assert slices.begun < 4
    else:
        await a_moment()
        assert slices.begun == 4
    batch.cancel()
    with pytest.raises(asyncio.CancelledError):
        await batch
    assert asyncio.all_tasks() == before


async def test_a_slice_that_fails_waits_for_the_others(slices: Slices) -> None:
    """What is on its way must not meet what is done next: the error comes when all have ended."""
    slices.fails = True
    batch = begun(3)
    await a_moment()
    assert not batch.done()
    slices.go_on.set()
    with pytest.raises(OSError, match="the first one"):
        await batch
