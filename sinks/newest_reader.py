"""Read the newest records of a topic, a page at a time, back to the oldest that is kept.

Rules: of each partition at most a page is read, so that a page costs the same however long the topic is; records of
several partitions are put together by the broker's time. No consumer group, nothing committed; one client, one caller
at a time. The embedded broker says ends that are too small, so the newest page ends where reading ends.
Must not know: what is in a record.
"""

import time
from collections.abc import Mapping
from typing import Final, NamedTuple

from confluent_kafka import Consumer, KafkaException, Message, TopicPartition

from sinks.kafka_settings import END, READS, Settings, client_settings

READ_SECONDS: Final = 5.0
BATCH: Final = 500
POLL_SECONDS: Final = 0.02
OURS: Final = {
    **READS,
    "group.id": "idweave-newest-reader",  # the client demands one; it is never joined
    "auto.offset.reset": "earliest",
    "fetch.wait.max.ms": 5,
}

Bounds = Mapping[int, int]
"""Partition -> offset; what is before it has not been told yet."""


class NewestReadError(Exception):
    """The broker does not answer, or the topic is not created. The message holds nothing of a record."""


class NewestPage(NamedTuple):
    """Values, newest first, and where the next page ends; no bounds: there is nothing older."""

    values: list[bytes]
    earlier: Bounds


class _Taken(NamedTuple):
    """A record; sorts by time."""

    time_ms: int
    partition: int
    offset: int
    value: bytes


class NewestReader:
    """A consumer. Blocks: for a thread."""

    def __init__(self, brokers: str, prefix: str, settings: Settings) -> None:
        self._consumer = Consumer(client_settings(brokers, settings, OURS))
        self._prefix = prefix
        self._deadline = 0.0

    def read(self, topic: str, limit: int, before: Bounds | None) -> NewestPage:
        """The newest records of a topic (its name without prefix) that lie before some bounds.

        Raises:
            NewestReadError: no answer in time, or no such topic.
        """
        self._deadline = time.monotonic() + READ_SECONDS
        try:
            return self._read(f"{self._prefix}.{topic}", limit, before)
        except KafkaException as error:
            raise NewestReadError(f"Kafka does not answer: {error.args[0].str()}") from error

    def close(self) -> None:
        """Let go of the broker."""
        self._consumer.close()

    def _read(self, full: str, limit: int, before: Bounds | None) -> NewestPage:
        starts: dict[int, int] = {}
        ends: dict[int, int] = {}
        firsts: dict[int, int] = {}
        for partition in self._partitions(full):
            first, end = self._watermarks(full, partition)
            firsts[partition] = first
            ends[partition] = end if before is None else min(before.get(partition, 0), end)
            if before is None or ends[partition] > first:
                starts[partition] = max(first, ends[partition] - limit)
        taken = self._taken(full, starts, None if before is None else ends)
        taken.sort(reverse=True)
        newest, left_out = taken[:limit], taken[limit:]
        # Where nothing of what was read is left out, the next page ends where this reading began.
        bounds = {**ends, **starts}
        for one in left_out:
            bounds[one.partition] = max(bounds[one.partition], one.offset + 1)
        earlier = {partition: bound for partition, bound in bounds.items() if bound > firsts[partition]}
        return NewestPage([one.value for one in newest], earlier)

    def _left_seconds(self) -> float:
        return max(self._deadline - time.monotonic(), 0.01)

    def _partitions(self, full: str) -> list[int]:
        there = self._consumer.list_topics(full, self._left_seconds()).topics[full]
        if there.error is not None:
            raise NewestReadError(f"{full}: {there.error.str()}. `idweave topics create` creates all topics.")
        return sorted(there.partitions)

    def _watermarks(self, full: str, partition: int) -> tuple[int, int]:
        found = self._consumer.get_watermark_offsets(TopicPartition(full, partition), self._left_seconds())
        if found is None:
            raise NewestReadError("Kafka does not answer in time")
        return found[0], found[1]

    def _taken(self, full: str, starts: Bounds, ends: Bounds | None) -> list[_Taken]:
        """What lies from the starts on, up to the ends or to where reading ends."""
        taken: list[_Taken] = []
        left = set(starts)
        self._consumer.assign([TopicPartition(full, partition, start) for partition, start in starts.items()])
        while left:
            if time.monotonic() > self._deadline:
                raise NewestReadError("Kafka does not answer in time")
            for message in self._consumer.consume(BATCH, POLL_SECONDS):
                partition, offset, error = message.partition() or 0, message.offset() or 0, message.error()
                if error is not None:
                    if error.code() == END:
                        left.discard(partition)
                    elif not error.retriable():
                        raise NewestReadError(f"{full}: {error.str()}")
                    continue
                end = None if ends is None else ends[partition]
                if end is not None and offset >= end - 1:
                    left.discard(partition)
                value = message.value()
                if value is not None and (end is None or offset < end):
                    taken.append(_Taken(_time_ms(message), partition, offset, value))
        self._consumer.unassign()
        return taken


def _time_ms(message: Message) -> int:
    _kind, since_epoch_ms = message.timestamp()
    return int(since_epoch_ms)
