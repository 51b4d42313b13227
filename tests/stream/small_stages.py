"""Both stages of a worker as they are, resolve and project, over a store and a log in memory.

Rules: what is fed is resolved and published before `feed` returns. Must not know: Kafka, Redis.
"""

from collections.abc import Sequence
from typing import Any, cast

from resolvers.admission import Admission
from resolvers.cache import Cache
from resolvers.projecting import Rulebook
from resolvers.pseudonyms import mint
from resolvers.standing import standing_of
from resolvers.steps import Reply, Step
from sinks.memory_log import MemoryLog
from sinks.memory_store import MemoryStore
from stream.chunks import Chunk
from stream.config.configuration import DeadLetterLimit
from stream.flood import Flood
from stream.metrics import Metrics
from stream.project import Projecting
from stream.resolve import Resolving
from stream.session import Parts
from stream.waking import Pages
from topics.envelope import Limits
from topics.records import Record


class _Memory:
    """A store as stages have it."""

    def __init__(self, now_ms: int) -> None:
        self._store = MemoryStore(lambda: now_ms * 1_000)

    async def execute_many(self, steps: Sequence[Step]) -> list[Reply]:
        return [self._store.execute(step) for step in steps]

    async def clock_us(self) -> int:
        return self._store.clock_us()


class SmallStages:
    """A worker's stages at one instant; `log` has what they sent, `metrics` what they counted."""

    def __init__(self, admission: Admission, now_ms: int) -> None:
        self.log = MemoryLog()
        self.metrics = Metrics()
        self.resolving = Resolving(admission, Limits(), self.metrics, Flood(self.metrics, DeadLetterLimit()), None)
        rulebook = Rulebook(admission.rules, frozenset(), lambda key, nth: mint(b"i" * 32, key, nth))
        self._projecting = Projecting(rulebook, self.metrics, Pages())
        self._parts = Parts(cast("Any", _Memory(now_ms)), cast("Any", self.log), Cache(), standing_of([], admission))
        self._told = [0] * self.log.partitions

    async def feed(self, records: Sequence[Record]) -> None:
        """Resolve records, and publish whoever changed."""
        finish = await self.resolving.begin(self.resolving.prepare([_chunk(records)]), self._parts)
        await finish()
        for at, changes in enumerate(self.log.topic("changes")):
            new, self._told[at] = changes[self._told[at] :], len(changes)
            finish = await self._projecting.begin(self._projecting.prepare([_chunk(new)]), self._parts)
            await finish()

    def counted(self, name: str, label: str) -> dict[str, float]:
        """A counter by its label's values."""
        [family] = [one for one in self.metrics.registry.collect() if one.name == name]
        return {one.labels[label]: one.value for one in family.samples if one.name.endswith("_total")}


def _chunk(records: Sequence[Record]) -> Chunk:
    return Chunk("any", 0, 0, len(records), list(records), 0, 0)
