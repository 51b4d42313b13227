"""Read what happened: the records of some keys on topics that keep everything for some days, newest first.

Rules: only the partitions that the keys are in are read, in windows from the end backwards, until all is read or the
time is over: so that what is missing then is the oldest. No consumer group, nothing committed. Asked for ends, the
embedded broker names ones that are too small, so the newest window ends where reading ends.
Must not know: what is in a record.
"""

import time
from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

from confluent_kafka import Consumer, KafkaException, Message, TopicPartition

from sinks.kafka_settings import END, READS, Settings, client_settings
from sinks.murmur2 import partition_of

WINDOW_RECORDS: Final = 20_000
"""Of one partition, at a time."""
BATCH: Final = 500
POLL_SECONDS: Final = 0.05  # a client waits this long for a batch to be full
OURS: Final = {
    **READS,
    "group.id": "idweave-history-reader",  # the client demands one; it is never joined
    "auto.offset.reset": "earliest",
    "fetch.wait.max.ms": 20,
}

_Place = tuple[str, int]


class HistoryReadError(Exception):
    """The broker does not answer. The message holds nothing of a record."""


class History(NamedTuple):
    """What was read.

    `records`: (topic as it was asked for, value). `whole`: all that is kept was read; if not, `since_ms` is the instant
    from which on it was, None if not even the newest window was.
    """

    records: list[tuple[str, bytes]]
    whole: bool
    since_ms: int | None


class _Window(NamedTuple):
    """Offsets of one partition, the second not included; None: to the end of the log."""

    first: int
    end: int | None


def read_history(
    brokers: str,
    prefix: str,
    settings: Settings,
    keys: Mapping[str, frozenset[bytes] | None],
    *,
    seconds: float,
    progress: Callable[[int, int], None] = lambda _done, _of: None,
) -> History:
    """The records of some keys, by topic; None: of all keys. Blocks for as long as it takes, at most about `seconds`.

    Args:
        brokers: as Kafka clients take them.
        prefix: of the topics' names.
        settings: further settings of the client.
        keys: topic without prefix -> keys.
        seconds: for reading; what is read until then is the newest.
        progress: told how many records are read, and of about how many.

    Raises:
        HistoryReadError: the broker does not answer, or a topic is not created.
    """
    deadline = time.monotonic() + seconds
    consumer = Consumer(client_settings(brokers, settings, OURS))
    try:
        return _Reading(consumer, prefix, keys, deadline, progress).run()
    except KafkaException as error:
        raise HistoryReadError(f"Kafka does not answer: {error.args[0].str()}") from error
    finally:
        consumer.close()


class _Reading:
    def __init__(
        self,
        consumer: Consumer,
        prefix: str,
        keys: Mapping[str, frozenset[bytes] | None],
        deadline: float,
        progress: Callable[[int, int], None],
    ) -> None:
        self._consumer = consumer
        self._names = {f"{prefix}.{name}": name for name in keys}
        self._keys = keys
        self._deadline = deadline
        self._progress = progress
        self._records: list[tuple[str, bytes]] = []
        self._done = 0
        self._first_ms: dict[_Place, int] = {}

    def run(self) -> History:
        left = {place: self._watermarks(place) for full in self._names for place in self._places(full)}
        of = sum(end - first for first, end in left.values())
        newest, since_ms = True, None
        while left:
            windows = {
                place: _Window(max(first, end - WINDOW_RECORDS), None if newest else end)
                for place, (first, end) in left.items()
            }
            if not self._read(windows, of):
                return History(self._records, whole=False, since_ms=since_ms)
            left = {
                place: (first, windows[place].first)
                for place, (first, _) in left.items()
                if windows[place].first > first
            }
            since_ms = max((self._first_ms.get(place, 0) for place in left), default=None)
            newest = False
        return History(self._records, whole=True, since_ms=None)

    def _left_seconds(self) -> float:
        return max(self._deadline - time.monotonic(), 0.01)

    def _places(self, full: str) -> list[_Place]:
        """The partitions that the topic's keys are in."""
        there = self._consumer.list_topics(full, self._left_seconds()).topics[full]
        if there.error is not None:
            raise HistoryReadError(f"{full}: {there.error.str()}. `idweave topics create` creates all topics.")
        keys, count = self._keys[self._names[full]], len(there.partitions)
        return [
            (full, one) for one in sorted(range(count) if keys is None else {partition_of(key, count) for key in keys})
        ]

    def _watermarks(self, place: _Place) -> tuple[int, int]:
        found = self._consumer.get_watermark_offsets(TopicPartition(*place), self._left_seconds())
        if found is None:
            raise HistoryReadError("Kafka does not answer in time")
        return found[0], found[1]

    def _read(self, windows: Mapping[_Place, _Window], of: int) -> bool:
        """Read these windows -> whether there was time for all of them."""
        left = set(windows)
        self._first_ms.clear()
        self._consumer.assign([TopicPartition(*place, window.first) for place, window in windows.items()])
        while left:
            if time.monotonic() > self._deadline:
                return False
            for message in self._consumer.consume(BATCH, POLL_SECONDS):
                place = (message.topic() or "", message.partition() or 0)
                error = message.error()
                if error is not None and error.code() != END:
                    if error.retriable():
                        continue
                    raise HistoryReadError(f"{place[0]}: {error.str()}")
                end, offset = windows[place].end, message.offset() or 0
                if place in left and (error is not None or (end is not None and offset >= end - 1)):
                    left.discard(place)
                    self._consumer.incremental_unassign([TopicPartition(*place)])
                if error is None and (end is None or offset < end):
                    self._take(place, message)
            self._progress(self._done, max(of, self._done))
        return True

    def _take(self, place: _Place, message: Message) -> None:
        self._done += 1
        self._first_ms.setdefault(place, message.timestamp()[1])
        name = self._names[place[0]]
        keys, key, value = self._keys[name], message.key(), message.value()
        if value is not None and (keys is None or key in keys):
            self._records.append((name, value))
