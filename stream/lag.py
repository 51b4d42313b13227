"""Lag: how many records of each partition that workers read are not done yet, and since when none of them is.

The log's end, asked of the brokers in a thread, minus the store's position, which is what counts; Kafka's committed
offsets are not. Every worker says it of every partition, so that one that nobody reads is seen too: dashboards take the
maximum over workers.
Rules: a lag that is not known is not shown; every call is bounded, and none is in Faust's consumer.
Must not know: which worker reads what.
"""

import asyncio
import time
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import NoReturn

import structlog
from confluent_kafka import KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, ListOffsetsResultInfo, OffsetSpec

from sinks.kafka_settings import client_settings
from stream.chunks import TP
from stream.metrics import Metrics
from stream.pulse import Pulse
from stream.session import Session, WorldError
from topics.catalogue import TOUCHPOINTS

EVERY_SECONDS = 5.0
AGAIN_SECONDS = 1.0
BROKER_SECONDS = 3.0
MISSES = 2
METADATA_SECONDS = 60.0
"""How long the number of partitions is taken for known; it may grow."""

log = structlog.get_logger("idweave.lag")


class LagUnknownError(Exception):
    """The brokers did not say where the log ends."""


class LogEnds:
    """Where each partition of some topics begins and ends, asked of the brokers. Blocks: for a thread."""

    def __init__(self, settings: Mapping[str, str], brokers: str, topics: Sequence[str]) -> None:
        self._settings = client_settings(brokers, settings, {})
        self._topics = topics
        self._partitions: list[TP] = []
        self._known_until = 0.0

    def partitions(self) -> list[TP]:
        """The topics' partitions.

        Raises:
            LagUnknownError: no answer in time, or a topic is not there.
        """
        now = time.monotonic()
        if now >= self._known_until:
            self._partitions = [tp for topic in self._topics for tp in self._partitions_of(topic)]
            self._known_until = now + METADATA_SECONDS
        return self._partitions

    def ask(self) -> dict[TP, tuple[int, int]]:
        """The first offset and the next one to be written, of each partition.

        Raises:
            LagUnknownError: no answer in time, or a topic is not there.
        """
        asked = [TopicPartition(*tp) for tp in self.partitions()]
        try:
            first = self._offsets(asked, OffsetSpec.earliest())
            end = self._offsets(asked, OffsetSpec.latest())
        except (KafkaException, TimeoutError) as error:
            self._known_until = 0.0
            raise LagUnknownError(type(error).__name__) from error
        return {tp: (first[tp], end[tp]) for tp in first}

    def _partitions_of(self, name: str) -> list[TP]:
        try:
            topic = self._admin.list_topics(name, timeout=BROKER_SECONDS).topics[name]
        except KafkaException as error:
            raise LagUnknownError(type(error).__name__) from error
        if topic.error is not None:
            raise LagUnknownError(topic.error.str())
        return [TP(name, one) for one in sorted(topic.partitions)]

    @cached_property
    def _admin(self) -> AdminClient:
        """Made when it is first needed, because it starts threads."""
        return AdminClient(self._settings)

    def _offsets(self, partitions: list[TopicPartition], which: OffsetSpec) -> dict[TP, int]:
        asked = self._admin.list_offsets(dict.fromkeys(partitions, which), request_timeout=BROKER_SECONDS)
        answers: dict[TP, ListOffsetsResultInfo] = {
            TP(one.topic, one.partition): answer.result(BROKER_SECONDS) for one, answer in asked.items()
        }
        return {tp: answer.offset for tp, answer in answers.items()}


class Ages:
    """For how long positions have not moved although there were records after them, in seconds of one clock."""

    def __init__(self) -> None:
        self._since: dict[TP, tuple[int | None, float]] = {}

    def age(self, tp: TP, position: int | None, behind: int, now: float) -> float:
        """The age of a position that has `behind` records after it; 0 where there are none."""
        before, since = self._since.get(tp, (position, now))
        if behind == 0 or position != before:
            since = now
        self._since[tp] = position, since
        return now - since


class Lag:
    """Keeps the metrics; `watch` is a task of the worker. `prefix` is the topics'."""

    def __init__(self, ends: LogEnds, session: Session, metrics: Metrics, prefix: str, pulse: Pulse) -> None:
        self._pulse = pulse
        self._ends = ends
        self._session = session
        self._metrics = metrics
        self._prefix = prefix
        self._ages = Ages()
        self._misses = 0

    @property
    def is_lost(self) -> bool:
        """Whether the servers have not answered twice in a row: once may be a moment's."""
        return self._misses >= MISSES

    async def watch(self) -> NoReturn:
        """Set the metrics every few seconds, until cancelled."""
        was_known = False
        while True:
            known = await self.measure()
            if was_known and not known:
                log.warning("the lag is not known")
            was_known = known
            await asyncio.sleep(EVERY_SECONDS if known else AGAIN_SECONDS)

    async def measure(self) -> bool:
        """Set the metrics of every partition; whether that could be done."""
        if not self._session.ready.is_set():
            self._forget()
            return False
        store = (await self._session.parts()).store
        try:
            # Positions first: then none can be after its log's end, unless that is another log.
            positions = await store.start_offsets(await asyncio.to_thread(self._ends.partitions))
            ends = await asyncio.to_thread(self._ends.ask)
        except (LagUnknownError, *WorldError):
            self._misses += 1
            self._forget()
            return False
        self._misses = 0
        now = time.monotonic()
        published = left = 0
        for tp, (first, end) in ends.items():
            records = behind(positions.get(tp), first, end)
            self._show(tp, positions.get(tp), records, now)
            if tp.topic == TOUCHPOINTS.full_name(self._prefix):
                published += max(end, positions.get(tp) or 0)  # the embedded broker tells the end late
                left += records
        self._pulse.note(time.time_ns() // 1000, published, left)
        return True

    def _show(self, tp: TP, position: int | None, records: int, now: float) -> None:
        topic, partition = tp.topic.removeprefix(f"{self._prefix}."), str(tp.partition)
        if topic == TOUCHPOINTS.name:
            self._metrics.lag_records.labels(partition).set(records)
        self._metrics.topic_lag_records.labels(topic, partition).set(records)
        self._metrics.position_age_seconds.labels(topic, partition).set(self._ages.age(tp, position, records, now))

    def _forget(self) -> None:
        """Show nothing: an old value would look as if all were well."""
        for gauge in (self._metrics.lag_records, self._metrics.topic_lag_records, self._metrics.position_age_seconds):
            gauge.clear()


def behind(position: int | None, first: int, end: int) -> int:
    """How many records are to be resolved yet, from the store's position and where the log begins and ends.

    What retention took is not to come any more. A position after the end is one that the broker has not told us the end
    of yet (the embedded one tells the end of the last batch but its first record): nothing is behind.
    """
    return max(end - max(first, position or 0), 0)
