"""A refused record is in the dead-letter topic before its position is passed (I6)."""

import asyncio
from collections.abc import Sequence
from typing import Any, cast

import pytest

from resolvers.admission import Admission
from resolvers.cache import Cache
from resolvers.namespaces import DEFAULT_RULES
from resolvers.pseudonyms import Pseudonyms
from resolvers.standing import standing_of
from resolvers.steps import Notice, Reply, Step
from sinks.memory_log import MemoryLog
from sinks.memory_store import MemoryStore
from sinks.publisher import PublishFailedError, Sendable
from sinks.store import Advanced, Move
from stream.batches import Batches
from stream.chunks import TP, Chunk, Intake
from stream.config.configuration import DeadLetterLimit
from stream.flood import Flood
from stream.metrics import Metrics
from stream.progress import Progress
from stream.resolve import Resolving
from stream.session import Parts, Session
from topics.envelope import Limits
from topics.records import Record

HERE = TP("touchpoints", 0)
BAD = b"not json"


class Store:
    """The memory store, as one asks a server."""

    run_id = "run-1"

    def __init__(self) -> None:
        self.memory = MemoryStore()
        self.moved = asyncio.Event()

    async def execute_many(self, steps: Sequence[Step]) -> list[Reply]:
        """As the store does."""
        return [self.memory.execute(step) for step in steps]

    async def advance_all(self, moves: Sequence[Move], run_id: str) -> list[Advanced]:
        """As the store does."""
        self.moved.set()
        return self.memory.advance_all(moves, run_id)

    async def start_offsets(self, partitions: set[TP]) -> dict[TP, int | None]:
        """As the store does."""
        return self.memory.start_offsets(partitions)

    async def close(self) -> None:
        """Nothing is open."""


class SlowLog:
    """The memory log, whose broker acknowledges when it is let, or breaks the connection."""

    def __init__(self) -> None:
        self.log = MemoryLog()
        self.asked, self.closed = asyncio.Event(), asyncio.Event()
        self.answer: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def send(self, records: Sequence[Sendable]) -> list[int]:
        """Acknowledged when the broker is let; a record is on the topic then, and not before."""
        self.asked.set()
        await self.answer
        return await self.log.send(records)

    async def notify(self, notices: Sequence[Notice]) -> None:
        """As the log does."""
        await self.log.notify(notices)

    async def close(self) -> None:
        """Nobody needs it any more."""
        self.closed.set()

    def letters(self) -> list[bytes | None]:
        """What is on the dead-letter topic."""
        return [record.value for partition in self.log.topic("touchpoints.dlq") for record in partition]


class Agent:
    """The resolve agent's queue and its two tasks over a store and a broker, with one partition handed out to it."""

    def __init__(self) -> None:
        self.store, self.brokers, self.intake = Store(), [SlowLog(), SlowLog()], Intake()
        self._sessions = iter(self.brokers)
        metrics = Metrics()
        self.session = Session(self._opened, metrics)
        self.session.attach(self.intake)
        self.progress = Progress(self.session, lambda _lost: None)
        self.admission = Admission(DEFAULT_RULES, Pseudonyms(b"a key of the test's own"))
        stage = Resolving(self.admission, Limits(), metrics, Flood(metrics, DeadLetterLimit()), None)
        self.batches = Batches(self.session, self.progress, stage, metrics, agent="resolve", records_max=10)

    async def _opened(self) -> Parts:
        return Parts(
            cast("Any", self.store), cast("Any", next(self._sessions)), Cache(), standing_of([], self.admission)
        )

    async def read(self) -> None:
        """Begin where the store says, and hand out what is there: one record that nobody can read."""
        offsets = await self.progress.start_offsets({HERE})
        self.intake.start(self.intake.assignment, offsets)
        records = [Record(*HERE, 0, 1_790_000_000_000, None, BAD, ())]
        chunk = Chunk(*HERE, 0, 1, records, 0, self.intake.open({HERE})[HERE].number)
        assert self.intake.hand_out(chunk)
        self.batches.put(chunk, self.intake)

    def position(self) -> int | None:
        """Where the store says to go on."""
        return self.store.memory.start_offsets({HERE})[HERE]


@pytest.mark.parametrize("breaks", [False, True], ids=["late", "lost"])
async def test_a_position_waits_for_the_dead_letter(*, breaks: bool) -> None:
    """While the broker has not acknowledged the letter the position stays; where it never does, all is read again."""
    agent = Agent()
    tasks = [asyncio.create_task(work(agent.intake)) for work in (agent.batches.prepare, agent.batches.run)]
    first, second = agent.brokers
    await agent.read()
    await first.asked.wait()
    await asyncio.sleep(0)
    assert (agent.position(), first.letters()) == (None, [])
    if breaks:
        first.answer.set_exception(PublishFailedError("the broker is gone"))
        second.answer.set_result(None)
        await first.closed.wait()
        assert agent.position() is None
        await agent.read()
    else:
        first.answer.set_result(None)
    await agent.store.moved.wait()
    assert (agent.position(), (second if breaks else first).letters()) == (1, [BAD])
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await agent.session.close()
