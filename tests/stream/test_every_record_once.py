"""Every record has its effect exactly once, whatever rebalances, failures and lost sessions do to the reading.

Workers in one process, with the real bookkeeping (`Intake`, `Progress`, `Batches`, `Session`) over one store in memory.
What a batch does to the store is what the resolver does: each facet remembers how far it is in a partition and takes
what comes from before that for done (`resolvers.facets`, the fence). So a hole in what is worked on is a loss, and the
test counts. A seed decides everything; time is not waited for.
"""

import asyncio
import random
import selectors
from collections import Counter
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, cast

import pytest

from sinks.memory_store import MemoryStore
from sinks.store import Advanced, Move, StoreLostError
from stream.batches import Batches, Finish
from stream.chunks import TP, Chunk, Intake
from stream.metrics import Metrics
from stream.progress import Progress
from stream.session import Parts, Session
from topics.records import Record

SEEDS = 200
PARTITIONS = [TP("touchpoints", one) for one in range(4)]
RECORDS = 60
"""In each partition."""
FACETS = 5
DROPPED = 0.01
"""How many chunks get lost on their way to the agent: a chunk proves that it continues the one before."""
SECONDS_MAX = 100_000.0
NOBODY = cast("Any", None)


class _Jumping(selectors.DefaultSelector):
    """Nothing is waited for: where a loop would sleep, its clock jumps."""

    now_seconds = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        self.now_seconds += timeout or 0.0
        return super().select(0)


def run_at_once(main: Coroutine[Any, Any, None]) -> None:
    """Run to the end, however long it would take."""
    selector = _Jumping()
    loop = asyncio.SelectorEventLoop(selector)
    loop.time = lambda: selector.now_seconds  # type: ignore[method-assign]
    try:
        loop.run_until_complete(main)
    finally:
        loop.close()


class World:
    """The log, the store, and what goes wrong, decided by a seed."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.content = MemoryStore(lambda: 0)
        self.fences: Counter[tuple[int, TP]] = Counter()
        self.effects: Counter[tuple[TP, int]] = Counter()
        self.harm = self.rng.choice([0.0, 0.02, 0.1])
        self.is_over = False

    async def moment(self) -> None:
        """Some time passes; now and then a server is lost meanwhile.

        Raises:
            StoreLostError: this is such a time.
        """
        await asyncio.sleep(self.rng.choice([0, 0, 0.001, 0.01, 0.3]))
        if self.rng.random() < self.harm and not self.is_over:
            raise StoreLostError("it is away")

    def apply(self, facet: int, records: Sequence[Record]) -> None:
        """What a batch says of a facet, in one step, as a commit is."""
        for record in records:
            tp = TP(record.topic, record.partition)
            if record.offset >= self.fences[facet, tp]:
                self.fences[facet, tp] = record.offset + 1
                self.effects[tp, record.offset] += 1


class Connection:
    """A worker's way to the store; also its publisher."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.run_id = world.content.run_id

    async def start_offsets(self, partitions: set[TP]) -> dict[TP, int | None]:
        """As every store."""
        await self._world.moment()
        return self._world.content.start_offsets(partitions)

    async def advance_all(self, moves: Sequence[Move], run_id: str) -> list[Advanced]:
        """As every store; the answer may be lost."""
        await self._world.moment()
        done = self._world.content.advance_all(moves, run_id)
        await self._world.moment()
        return done

    async def close(self) -> None:
        """There is nothing to close."""


class Applying:
    """A stage that does to facets what a batch's records say."""

    def __init__(self, world: World) -> None:
        self._world = world

    def prepare(self, chunks: Sequence[Chunk]) -> dict[int, list[Record]]:
        """The records of each facet."""
        found: dict[int, list[Record]] = {}
        for chunk in chunks:
            for record in chunk.records:
                found.setdefault(record.offset % FACETS, []).append(record)
        return found

    async def begin(self, prepared: dict[int, list[Record]], _: Parts) -> Finish:
        """Facet by facet, in any order; some may be done when the store is lost."""
        facets = list(prepared)
        self._world.rng.shuffle(facets)
        for facet in facets:
            await self._world.moment()
            self._world.apply(facet, prepared[facet])
        return self._world.moment


class Worker:
    """One worker, and a transport that cuts chunks out of the log."""

    def __init__(self, world: World) -> None:
        self.owned: set[TP] = set()
        self._world = world
        self.intake = Intake(world.rng.choice([1, 9, 30]))
        metrics = Metrics()
        self._session = Session(self._open, metrics)
        self._session.attach(self.intake)
        self._progress = Progress(self._session, lambda _: None)
        self._batches: Batches[dict[int, list[Record]]] = Batches(
            self._session,
            self._progress,
            Applying(world),
            metrics,
            agent="resolve",
            records_max=world.rng.choice([1, 4, 12, 50]),
        )
        self._cursors: dict[TP, tuple[int, int]] = {}

    async def _open(self) -> Parts:
        await self._world.moment()
        connection: Any = Connection(self._world)
        return Parts(connection, connection, NOBODY, NOBODY)

    def tasks(self) -> list[asyncio.Task[Any]]:
        """All that a worker does."""
        doing: list[Coroutine[Any, Any, Any]] = [
            self._read(),
            self._batches.prepare(self.intake),
            self._batches.run(self.intake),
        ]
        return [asyncio.create_task(one) for one in doing]

    async def close(self) -> None:
        """Let go of the store."""
        await self._session.close()

    def assign(self, partitions: set[TP]) -> None:
        """As after a rebalance."""
        self.intake.revoked()
        self.owned = partitions

    async def _read(self) -> None:
        while True:
            await asyncio.sleep(self._world.rng.choice([0, 0.001, 0.1]))
            owned = set(self.owned)
            if unstarted := self.intake.unstarted(owned):
                assignment = self.intake.assignment
                self.intake.start(assignment, await self._progress.start_offsets(unstarted))
            for tp, reading in self.intake.open(sorted(owned)).items():
                number, offset = self._cursors.get(tp, (0, 0))
                if number != reading.number:
                    offset = reading.start or 0
                end = min(offset + self._world.rng.randint(1, 9), RECORDS)
                if end == offset:
                    continue
                records = [Record(*tp, at, 0, None, None, ()) for at in range(offset, end)]
                self._cursors[tp] = (reading.number, end)
                await asyncio.sleep(self._world.rng.choice([0, 0, 0.01]))
                chunk = Chunk(*tp, offset, end, records, 0, reading.number)
                is_dropped = 0 < offset < end < RECORDS and self._world.rng.random() < DROPPED
                if not is_dropped and self.intake.hand_out(chunk):
                    self._batches.put(chunk, self.intake)


async def play(seed: int) -> World:
    """Two workers read everything, while partitions go to and fro between them."""
    world = World(seed)
    workers = [Worker(world) for _ in range(2)]
    tasks = [task for worker in workers for task in worker.tasks()]
    rebalances = world.rng.choice([1, 5, 30])
    loop = asyncio.get_running_loop()
    while any(world.content.content.positions.get(tp) != RECORDS for tp in PARTITIONS):
        assert loop.time() < SECONDS_MAX, "the workers come to no end"
        if rebalances:
            rebalances -= 1
            mine = {tp for tp in PARTITIONS if world.rng.random() < 0.5}
            workers[0].assign(mine)
            workers[1].assign(set(PARTITIONS) - mine)
        await asyncio.sleep(world.rng.choice([0.001, 0.1, 2.0]))
        for task in tasks:
            assert not task.done(), task
    world.is_over = True
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, *(worker.close() for worker in workers), return_exceptions=True)
    return world


def first_loss() -> tuple[int, list[tuple[TP, int]]] | None:
    """The first seed under which records had no effect, or two, and those records."""
    found: list[tuple[TP, int]] = []

    async def one(seed: int) -> None:
        world = await play(seed)
        found.extend((tp, at) for tp in PARTITIONS for at in range(RECORDS) if world.effects[tp, at] != 1)

    for seed in range(SEEDS):
        run_at_once(one(seed))
        if found:
            return seed, found
    return None


def test_every_record_has_its_effect_once() -> None:
    """Under rebalances, lost sessions and answers, and chunks of all sizes."""
    assert first_loss() is None


def test_without_a_safeguard_something_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    """The test sees what it is for: stale chunks left out of some batches only, and chunks that leave a hole."""

    def stale_beside_fresh(_: Any, batch: Any, intake: Intake) -> Any:  # noqa: ANN401
        return None if all(map(intake.is_stale, batch.chunks)) else batch

    def unchecked(self: Any, chunks: Sequence[Chunk], intake: Intake) -> list[Chunk]:  # noqa: ANN401
        kept = [chunk for chunk in chunks if not intake.is_stale(chunk)]
        for chunk in kept:
            self._earliest.setdefault(chunk.tp, chunk.first_offset)
            self._next[chunk.tp] = chunk.next_offset
        return kept

    mutants: list[tuple[type, str, Callable[..., Any]]] = [
        (Batches, "_fresh", stale_beside_fresh),
        (Progress, "continued", unchecked),
    ]
    for owner, name, mutant in mutants:
        with monkeypatch.context() as patch:
            patch.setattr(owner, name, mutant)
            assert first_loss(), name
