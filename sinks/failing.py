"""A store and a publisher that fail on purpose, at failpoints.

All that a worker does to the world goes through these two, so what surrounds them lies between every two steps of
every agent. A process without failpoints has the plain ones: see `clients`.
Must not know: why.
"""

from collections.abc import Sequence

from resolvers.steps import Notice, Reply, Step
from sinks.failpoints import Failpoint, Failpoints, Where, fail
from sinks.kafka_producer import KafkaPublisher
from sinks.publisher import Sendable
from sinks.redis_store import STEP_OPS, RedisStore
from sinks.store import Advanced, Move
from topics.catalogue import CONFLICTS, DEAD_LETTERS, RESULTS

REPORTS = (DEAD_LETTERS.name, CONFLICTS.name)


def clients(points: Sequence[Failpoint]) -> tuple[type[RedisStore], type[KafkaPublisher]]:
    """What a worker opens: the plain store and publisher, or ones that fail as told."""
    if not points:
        return RedisStore, KafkaPublisher
    met = Failpoints(points)

    class FailingStore(RedisStore):
        async def execute_many(self, steps: Sequence[Step]) -> list[Reply]:
            names = {STEP_OPS[type(step)] for step in steps}
            fail(met.meet(Where.BEFORE, names))
            done: list[Reply] = []
            if (point := met.meet(Where.AMID, names)) is not None:
                done = await super().execute_many(steps[: len(steps) // 2])
                fail(point)
            replies = done + await super().execute_many(steps[len(done) :])
            fail(met.meet(Where.AFTER, names))
            return replies

        async def advance_all(self, moves: Sequence[Move], run_id: str, *, allow_gap: bool = False) -> list[Advanced]:
            names = {f"advance_{one.tp[0].rpartition('.')[2]}" for one in moves}
            fail(met.meet(Where.BEFORE, names))
            advanced = await super().advance_all(moves, run_id, allow_gap=allow_gap)
            fail(met.meet(Where.AFTER, names))
            return advanced

    class FailingPublisher(KafkaPublisher):
        async def send(self, records: Sequence[Sendable]) -> list[int]:
            if not records:
                return []
            names = {_named(records[0].topic)}
            fail(met.meet(Where.BEFORE, names))
            done: list[int] = []
            if (point := met.meet(Where.AMID, names)) is not None:
                done = await super().send(records[: len(records) // 2])
                fail(point)
            offsets = done + await super().send(records[len(done) :])
            fail(met.meet(Where.AFTER, names))
            return offsets

        async def notify(self, notices: Sequence[Notice]) -> None:
            fail(met.meet(Where.BEFORE, {"notify"}))
            half = 0
            if (point := met.meet(Where.AMID, {"notify"})) is not None:
                half = len(notices) // 2
                await super().notify(notices[:half])
                fail(point)
            await super().notify(notices[half:])
            fail(met.meet(Where.AFTER, {"notify"}))

    return FailingStore, FailingPublisher


def _named(topic: str) -> str:
    """The step that a call is, by its first record."""
    if topic == RESULTS.name:
        return "answer"
    return "report" if topic in REPORTS else "publish"
