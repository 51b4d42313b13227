"""Measure from outside: an event is published, and a subscriber has its profile. How long does that take?

Rules: one clock, this process's: from the moment the event is handed to the producer to the moment a stock consumer
hands out the profile that names it as its cause. Events that change nobody (duplicates, refused ones), or whose
profile was published together with a later event's, have no such record and are not measured.
Must not know: the engine.
"""

import time
from collections.abc import Iterable, Iterator
from typing import Final

import msgspec
from confluent_kafka import Consumer, TopicPartition

from sinks.kafka_settings import client_settings
from stream.config.settings import Settings
from stream.importing.publishing import Line
from topics.catalogue import PROFILES

SECONDS: Final = 10.0
OURS: Final = {
    "group.id": "idweave-demo-subscriber",
    "enable.auto.commit": False,
    "fetch.wait.max.ms": 10,
}


class _Name(msgspec.Struct, frozen=True):
    id: str
    source: str


class _Caused(msgspec.Struct):
    cause: _Name | None = None


_names = msgspec.json.Decoder(_Name)
_causes = msgspec.json.Decoder(_Caused)


class Stopwatch:
    """Publishes through `timed`, listens in `listen`; `seconds` are the times measured."""

    def __init__(self, settings: Settings) -> None:
        """Subscribe to the profiles from now on."""
        self.seconds: list[float] = []
        self._sent: dict[_Name, float] = {}
        self._consumer = Consumer(client_settings(",".join(settings.brokers), settings.kafka_settings(), OURS))
        topic = PROFILES.full_name(settings.topic_prefix)
        partitions = self._consumer.list_topics(topic, SECONDS).topics[topic].partitions
        ends = {at: self._consumer.get_watermark_offsets(TopicPartition(topic, at), SECONDS)[1] for at in partitions}
        self._consumer.assign([TopicPartition(topic, at, end) for at, end in ends.items()])

    def timed(self, lines: Iterable[Line]) -> Iterator[Line]:
        """The same lines; when each is taken is noted."""
        for key, value in lines:
            try:
                name = _names.decode(value)
            except (msgspec.DecodeError, UnicodeDecodeError):
                name = None  # one of the records that have to be refused
            if name is not None:
                self._sent.setdefault(name, time.monotonic())
            yield key, value

    def listen(self) -> None:
        """Take what has arrived; never waits."""
        for message in self._consumer.consume(100, 0):
            value = message.value()
            if message.error() is None and value is not None:
                cause = _causes.decode(value).cause
                sent = None if cause is None else self._sent.pop(cause, None)
                if sent is not None:
                    self.seconds.append(time.monotonic() - sent)

    def close(self) -> None:
        """Close the client."""
        self._consumer.close()
