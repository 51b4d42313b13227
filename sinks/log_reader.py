"""Read topics from one end to the other, in order and in bounded memory, with nothing committed and no group joined.

Rules: a partition is read to where the broker says that reading ends, or only up to an offset that was fixed before
(asked for ends, the embedded broker names ones that are too small). What a publisher aborted is not there. Every wait
is bounded.
Must not know: what is in a record.
"""

import time
from collections.abc import Iterable, Iterator, Mapping
from typing import Final, NamedTuple

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaException, Message, TopicPartition

from sinks.kafka_settings import END, READS, Settings, client_settings
from topics.records import Record

FETCH_RECORDS: Final = 1_000
POLL_SECONDS: Final = 0.05
SILENCE_SECONDS: Final = 30.0
OURS: Final = {
    **READS,
    "auto.offset.reset": "earliest",
    "isolation.level": "read_committed",
    "fetch.wait.max.ms": 20,
}
FOR_EVER: Final = 2**63

Place = tuple[str, int]
"""A topic, by its full name, and a partition."""


class LogReadError(Exception):
    """The broker does not answer, or not with what was asked for. The message holds nothing of a record."""


class Stretch(NamedTuple):
    """What one partition holds from `first` up to, not including, `next`; offsets without a record hold none."""

    place: Place
    first: int
    next: int
    records: list[Record]

    def part(self, first: int, end: int | None) -> "Stretch | None":
        """The part between two offsets, or from one on; None where there is none."""
        start, after = max(first, self.first), self.next if end is None else min(end, self.next)
        if start >= after:
            return None
        return Stretch(self.place, start, after, [one for one in self.records if start <= one.offset < after])


class LogReader:
    """One client. `group` is whose committed offsets can be asked for; it is never joined."""

    def __init__(self, brokers: str, settings: Settings, group: str) -> None:
        self._consumer = Consumer(client_settings(brokers, settings, {**OURS, "group.id": group}))

    def close(self) -> None:
        """Let go of the brokers."""
        self._consumer.close()

    def places(self, topic: str) -> list[Place]:
        """The partitions of a topic.

        Raises:
            LogReadError: it is not there, or nobody answers.
        """
        try:
            there = self._consumer.list_topics(topic, SILENCE_SECONDS).topics[topic]
        except KafkaException as error:
            raise LogReadError(f"Kafka does not answer: {error.args[0].str()}") from error
        if there.error is not None:
            raise LogReadError(f"{topic}: {there.error.str()}. `idweave topics create` creates all topics.")
        return [(topic, partition) for partition in sorted(there.partitions)]

    def bounds(self, places: Iterable[Place]) -> dict[Place, tuple[int, int]]:
        """The first offset that is kept and the end of each partition, at this moment."""
        found: dict[Place, tuple[int, int]] = {}
        for place in places:
            try:
                marks = self._consumer.get_watermark_offsets(TopicPartition(*place), SILENCE_SECONDS)
            except KafkaException as error:
                raise LogReadError(f"{place[0]}: {error.args[0].str()}") from error
            if marks is None:
                raise LogReadError("Kafka does not answer in time")
            found[place] = marks
        return found

    def committed(self, places: Iterable[Place]) -> dict[Place, int]:
        """How far the group says that it is; what it has never said is left out."""
        wanted = [TopicPartition(*place) for place in places]
        try:
            told = self._consumer.committed(wanted, SILENCE_SECONDS)
        except KafkaException as error:
            raise LogReadError(f"Kafka does not answer: {error.args[0].str()}") from error
        return {(one.topic, one.partition): one.offset for one in told if one.offset >= 0}

    def read(
        self, starts: Mapping[Place, int | None], ends: Mapping[Place, int], records_max: int
    ) -> Iterator[list[Stretch]]:
        """Everything from the starts (None: the earliest), about so many records at a time.

        A partition without an entry in `ends` is read to where reading ends at that moment.

        Raises:
            LogReadError: the broker stopped answering.
        """
        reading = _Reading(self._consumer, starts, ends)
        try:
            while reading.left:
                yield reading.some(records_max)
        except KafkaException as error:
            raise LogReadError(f"Kafka does not answer: {error.args[0].str()}") from error
        finally:
            self._consumer.unassign()


class _Reading:
    def __init__(self, consumer: Consumer, starts: Mapping[Place, int | None], ends: Mapping[Place, int]) -> None:
        self._consumer = consumer
        self._ends = ends
        self._at = dict(starts)
        self.left = {place for place, start in starts.items() if start is None or start < ends.get(place, FOR_EVER)}
        self._heard_at = time.monotonic()
        consumer.assign(
            [TopicPartition(*one, OFFSET_BEGINNING if starts[one] is None else starts[one]) for one in self.left]
        )

    def some(self, records_max: int) -> list[Stretch]:
        """The next records of the partitions, each partition's in one stretch."""
        found: dict[Place, list[Record]] = {}
        nexts: dict[Place, int] = {}
        count = 0
        while self.left and count < records_max:
            messages = self._consumer.consume(min(FETCH_RECORDS, records_max - count), POLL_SECONDS)
            if not messages:
                if count:
                    break  # what there is goes on its way while the broker is waited for
                if time.monotonic() - self._heard_at > SILENCE_SECONDS:
                    raise LogReadError(f"Kafka has said nothing for {SILENCE_SECONDS:.0f} s")
                continue
            self._heard_at = time.monotonic()
            for message in messages:
                count += self._take(message, found, nexts)
        return [self._stretch(place, found.get(place, []), after) for place, after in nexts.items()]

    def _take(self, message: Message, found: dict[Place, list[Record]], nexts: dict[Place, int]) -> int:
        """Take one message -> how many records that was."""
        place, offset, error = (message.topic() or "", message.partition() or 0), message.offset() or 0, message.error()
        if place not in self.left:
            return 0
        if error is not None:
            if error.code() == END:
                nexts[place] = max(offset, nexts.get(place, 0))
                self._leave(place)
            elif not error.retriable():
                raise LogReadError(f"{place[0]}: {error.str()}")
            return 0
        if offset >= self._ends.get(place, FOR_EVER):
            nexts[place] = self._ends[place]
            self._leave(place)
            return 0
        headers = tuple((name, value) for name, value in message.headers() or ())
        append_ms = message.timestamp()[1]
        found.setdefault(place, []).append(Record(*place, offset, append_ms, message.key(), message.value(), headers))
        nexts[place] = offset + 1
        if offset + 1 >= self._ends.get(place, FOR_EVER):
            self._leave(place)
        return 1

    def _leave(self, place: Place) -> None:
        self.left.discard(place)
        self._consumer.incremental_unassign([TopicPartition(*place)])

    def _stretch(self, place: Place, records: list[Record], after: int) -> Stretch:
        first = self._at[place]
        if first is None:
            first = records[0].offset if records else after
        self._at[place] = after
        return Stretch(place, first, after, records)
