"""The log in memory: the twin of `KafkaPublisher`, and what it has sent, for tests and the simulation.

Deterministic; topics are lists of partitions, and partitions are lists of records.
"""

from collections.abc import Callable, Sequence

from resolvers.steps import Notice
from sinks.murmur2 import partition_of
from sinks.publisher import Sendable, packed
from topics.catalogue import CHANGES
from topics.records import Record


class MemoryLog:
    """A log of topics with the same number of partitions each; `clock_ms` stamps the records."""

    def __init__(self, partitions: int = 4, clock_ms: Callable[[], int] = lambda: 0) -> None:
        self.partitions = partitions
        self._clock_ms = clock_ms
        self._topics: dict[str, list[list[Record]]] = {}

    def topic(self, name: str) -> list[list[Record]]:
        """The records of each partition of a topic (name without prefix)."""
        return self._topics.setdefault(name, [[] for _ in range(self.partitions)])

    def append(self, record: Sendable) -> int:
        """Append one record to the partition that its key goes to -> its offset."""
        partition = 0 if record.key is None else partition_of(record.key, self.partitions)
        return self._append(record.topic, partition, record.key, record.value, record.headers)

    def tell(self, notices: Sequence[Notice]) -> None:
        """Append notices to `changes`, packed as on Kafka."""
        for partition, value in packed(notices, self.partitions):
            self._append(CHANGES.name, partition, None, value, ())

    async def send(self, records: Sequence[Sendable]) -> list[int]:
        """Send records in this order -> their offsets."""
        return [self.append(record) for record in records]

    async def notify(self, notices: Sequence[Notice]) -> None:
        """Tell the projection."""
        self.tell(notices)

    def _append(
        self, topic: str, partition: int, key: bytes | None, value: bytes | None, headers: tuple[tuple[str, bytes], ...]
    ) -> int:
        log = self.topic(topic)[partition]
        log.append(Record(topic, partition, len(log), self._clock_ms(), key, value, headers))
        return len(log) - 1
