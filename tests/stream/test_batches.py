"""Batches: what is worked on, in which order, and how much may wait, whatever the group does."""

import asyncio
import itertools
from collections.abc import Callable, Sequence
from typing import Any, cast

import pytest

from stream.batches import QUEUED_CHUNKS, Batches, Finish
from stream.chunks import TP, Chunk, Intake
from stream.metrics import Metrics
from stream.session import Parts
from topics.records import Record

HERE, THERE = TP("touchpoints", 0), TP("touchpoints", 1)
NOBODY = cast("Any", None)


def chunk(intake: Intake, tp: TP, first: int, end: int) -> Chunk:
    """A chunk of the current reading."""
    records = [Record(*tp, offset, 0, None, None, ()) for offset in range(first, end)]
    made = Chunk(*tp, first, end, records, 0, intake.open({tp})[tp].number)
    assert intake.hand_out(made)
    return made


def test_chunks_of_readings_that_ended_do_not_pile_up() -> None:
    """A rebalance after the other while a batch is worked on: of what was handed out, only the last reading's waits."""
    batches: Batches[Any] = Batches(NOBODY, NOBODY, NOBODY, Metrics(), agent="resolve", records_max=10)
    intake = Intake()
    for _ in range(10 * QUEUED_CHUNKS):
        intake.restart()
        intake.start(intake.assignment, {HERE: 0})
        for first in range(4):
            batches.put(chunk(intake, HERE, first, first + 1), intake)
    assert len(batches._queue) <= QUEUED_CHUNKS + 4


def test_waiting_for_long_costs_little(monkeypatch: pytest.MonkeyPatch) -> None:
    """Thousands of chunks of a record each wait for an agent: each is looked at a few times."""
    batches: Batches[Any] = Batches(NOBODY, NOBODY, NOBODY, Metrics(), agent="resolve", records_max=10)
    intake, looks = Intake(), itertools.count()
    intake.start(intake.assignment, {HERE: 0})
    waiting = [chunk(intake, HERE, first, first + 1) for first in range(4_000)]
    is_stale = intake.is_stale

    def counted(one: Chunk) -> bool:
        next(looks)
        return is_stale(one)

    monkeypatch.setattr(intake, "is_stale", counted)
    for one in waiting:
        batches.put(one, intake)
    assert next(looks) < 3 * len(waiting)


class Everything:
    """A session, a progress and a stage in one, that notes what is worked on and lets a test step in."""

    number = 0

    def __init__(self) -> None:
        self.worked: list[tuple[TP, int]] = []
        self.prepared: list[list[int]] = []
        self.first_begun, self.go_on = asyncio.Event(), asyncio.Event()

    def continued(self, chunks: Sequence[Chunk], _: Intake) -> list[Chunk]:
        """All are wanted."""
        return list(chunks)

    async def advance(self, *_: object) -> None:
        """There are no positions."""

    async def parts(self) -> Parts:
        """Of nobody."""
        return Parts(NOBODY, NOBODY, NOBODY, NOBODY)

    def progressed(self, _: int) -> None:
        """Nobody counts."""

    def prepare(self, chunks: Sequence[Chunk]) -> list[Chunk]:
        """They are ready as they are; noted by the offsets at which they begin."""
        self.prepared.append([chunk.first_offset for chunk in chunks])
        return list(chunks)

    async def begin(self, chunks: list[Chunk], _: Parts) -> Finish:
        """Note them; the first batch waits for the test."""
        self.worked += [(chunk.tp, chunk.first_offset) for chunk in chunks]
        if not self.first_begun.is_set():
            self.first_begun.set()
            await self.go_on.wait()

        async def finish() -> None:
            pass

        return finish


async def a_moment() -> None:
    """Let all tasks go as far as they can."""
    for _ in range(20):
        await asyncio.sleep(0)


async def working(
    records_max: int, is_held_up: Callable[[], bool] = lambda: False
) -> tuple[Everything, Intake, Batches[Any], list[asyncio.Task[Any]]]:
    """Batches whose first one, a single record, is worked on until the test lets it end."""
    everything, intake = Everything(), Intake()
    every: Any = everything
    batches: Batches[Any] = Batches(
        every, every, every, Metrics(), agent="resolve", records_max=records_max, is_held_up=is_held_up
    )
    intake.start(intake.assignment, {HERE: 0, THERE: 0})
    tasks = [asyncio.create_task(batches.prepare(intake)), asyncio.create_task(batches.run(intake))]
    batches.put(chunk(intake, HERE, 0, 1), intake)
    await everything.first_begun.wait()
    return everything, intake, batches, tasks


async def ended(tasks: list[asyncio.Task[Any]]) -> None:
    """Stop them."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def test_what_comes_meanwhile_is_one_batch() -> None:
    """Chunks that come one by one while a batch is worked on are not prepared before it is done, and then together."""
    everything, intake, batches, tasks = await working(records_max=160)
    for first in (1, 2, 3):
        batches.put(chunk(intake, HERE, first, first + 1), intake)
        await a_moment()
    assert everything.prepared == [[0]]
    assert not batches.is_behind
    everything.go_on.set()
    await a_moment()
    await ended(tasks)
    assert everything.prepared == [[0], [1, 2, 3]]


async def test_half_a_batch_is_prepared_meanwhile() -> None:
    """Where so much waits that a batch is worth it, it is ready when the one before is done; and that is behind."""
    everything, intake, batches, tasks = await working(records_max=64)
    batches.put(chunk(intake, HERE, 1, 2), intake)
    await a_moment()
    assert everything.prepared == [[0]]
    batches.put(chunk(intake, HERE, 2, 3), intake)
    await a_moment()
    assert everything.prepared == [[0], [1, 2]]
    assert batches.is_behind
    everything.go_on.set()
    await a_moment()
    assert not batches.is_behind
    assert batches.is_resting
    await ended(tasks)


async def test_who_is_held_up_is_not_behind() -> None:
    """Who waits for an operator's command to be carried out is not waited for by what that command leads to."""
    reasons: list[str] = []
    _, intake, batches, tasks = await working(records_max=64, is_held_up=lambda: bool(reasons))
    for first in (1, 2):
        batches.put(chunk(intake, HERE, first, first + 1), intake)
    await a_moment()
    assert (batches.is_behind, batches.is_resting) == (True, False)
    reasons.append("at the barrier")
    assert (batches.is_behind, batches.is_resting) == (False, True)
    await ended(tasks)


async def test_batches_grow_while_they_are_done_in_time() -> None:
    """A worker begins with a small one, because nothing is in its cache, and doubles; one is ahead of what is known."""
    everything, intake, batches, tasks = await working(records_max=64)
    for first in range(1, 120):
        batches.put(chunk(intake, HERE, first, first + 1), intake)
    everything.go_on.set()
    await a_moment()
    await a_moment()
    await ended(tasks)
    assert [len(batch) for batch in everything.prepared] == [1, 4, 4, 16, 32, 63]


async def test_batches_shrink_while_they_take_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """What takes too long is halved, down to the smallest."""
    monkeypatch.setattr("stream.batches.BEGIN_SECONDS_MAX", -1.0)
    everything, intake, batches, tasks = await working(records_max=64)
    for first in range(1, 13):
        batches.put(chunk(intake, HERE, first, first + 1), intake)
    everything.go_on.set()
    await a_moment()
    await ended(tasks)
    assert [len(batch) for batch in everything.prepared] == [1, 4, 4, 4]


async def test_nothing_stale_is_worked_on() -> None:
    """A partition is read again from before chunks that wait: one, alone in its batch, is left out; so is the next.

    Worked on beside a fresh chunk of another partition, the next would have its facts applied before those of the one
    that was left out, and these would be taken for done when they come again.
    """
    everything, intake = Everything(), Intake()
    every: Any = everything
    batches: Batches[Any] = Batches(every, every, every, Metrics(), agent="resolve", records_max=1)
    intake.start(intake.assignment, {HERE: 0, THERE: 0})
    tasks = [asyncio.create_task(batches.prepare(intake)), asyncio.create_task(batches.run(intake))]
    batches.put(chunk(intake, HERE, 0, 10), intake)
    await everything.first_begun.wait()
    batches.put(chunk(intake, HERE, 10, 20), intake)
    await a_moment()  # until it is prepared, in a batch of its own
    stale, fresh = chunk(intake, HERE, 20, 30), chunk(intake, THERE, 0, 10)
    batches.put(stale, intake)
    batches.put(fresh, intake)
    intake.refetch(HERE, 10)
    everything.go_on.set()
    await a_moment()
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert everything.worked == [(HERE, 0), (THERE, 0)]
