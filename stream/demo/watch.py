"""Watch an engine from outside: how far its worker is, by the store's positions and the ends of the log.

Rules: reads only; what it says is settled stays so until somebody publishes again. The end of `changes` is the one
that the broker tells a subscriber with the records: asked for it, the embedded broker names one that is too small.
Must not know: the worker.
"""

import time
from typing import NamedTuple

import redis
from confluent_kafka import Consumer, KafkaException, TopicPartition

from sinks.kafka_settings import client_settings
from sinks.keys import Keys
from stream.config.settings import Settings
from stream.servers.redis_client import stock_client
from topics.catalogue import CHANGES, PROFILES, TOUCHPOINTS, Topic

SECONDS = 10.0

QUIET_SECONDS = 0.8
"""Longer than it takes any broker to tell a subscriber of a new end."""

OURS = {
    "group.id": "idweave-demo-watch",
    "enable.auto.commit": False,
    "auto.offset.reset": "earliest",
    "fetch.wait.max.ms": 100,
}


class Seen(NamedTuple):
    """How far everything is.

    `resolved` touchpoints; `projected` records of changes; `versions`: profile records published, about; `settled`:
    nothing is left to do.
    """

    resolved: int = 0
    projected: int = 0
    versions: int = 0
    settled: bool = False


class WatchError(Exception):
    """A server does not answer any more; the message says which."""


class Watch:
    """One engine, by its prefixes."""

    def __init__(self, settings: Settings) -> None:
        brokers = ",".join(settings.brokers)
        self._prefix = settings.topic_prefix
        self._keys = Keys(settings.redis_prefix)
        self._consumer = Consumer(client_settings(brokers, settings.kafka_settings(), OURS))
        self._store = stock_client(settings.redis_url.reveal(), SECONDS)
        self._partitions: dict[str, int] = {}
        self._last = Seen()
        self.moved_at = time.monotonic()
        changes = CHANGES.full_name(self._prefix)
        self._consumer.assign([TopicPartition(changes, at, 0) for at in range(self._count(CHANGES))])

    def close(self) -> None:
        """Close both clients."""
        self._consumer.close()
        self._store.close()

    def look(self, published: int) -> Seen:
        """Where everything is, when `published` touchpoints have been acknowledged by the broker.

        Settled is: all touchpoints are resolved, so that every notice of a change is on the log; all changes are
        projected; and nothing has moved for so long that no end can be an old one. `moved_at` is when something did.

        Raises:
            WatchError: a server does not answer.
        """
        try:
            resolved = sum(self._positions(TOUCHPOINTS))
            projected = self._positions(CHANGES)
            ends = self._ends_told(CHANGES)
            versions = sum(self._ends(PROFILES))
        except KafkaException as error:
            raise WatchError(f"Kafka does not answer any more ({error.args[0].str()})") from error
        except redis.RedisError as error:
            raise WatchError(f"Redis does not answer any more ({type(error).__name__})") from error
        now = time.monotonic()
        seen = Seen(resolved, sum(projected), versions)
        if seen != self._last:
            self._last, self.moved_at = seen, now
        done = resolved >= published and all(at >= end for at, end in zip(projected, ends, strict=True))
        return seen._replace(settled=done and now - self.moved_at > QUIET_SECONDS)

    def _ends_told(self, topic: Topic) -> list[int]:
        """The end of each partition as a subscriber was last told; records are taken and dropped."""
        while self._consumer.consume(500, 0):
            pass
        name = topic.full_name(self._prefix)
        told = [
            self._consumer.get_watermark_offsets(TopicPartition(name, at), cached=True)[1]
            for at in range(self._count(topic))
        ]
        return [max(end, 0) for end in told]  # below zero: nothing was told yet

    def _count(self, topic: Topic) -> int:
        name = topic.full_name(self._prefix)
        if name not in self._partitions:
            self._partitions[name] = len(self._consumer.list_topics(name, SECONDS).topics[name].partitions)
        return self._partitions[name]

    def _positions(self, topic: Topic) -> list[int]:
        """The store's position in each partition; 0 where it has none yet."""
        name = topic.full_name(self._prefix)
        asking = self._store.pipeline(transaction=False)
        for at in range(self._count(topic)):
            asking.get(self._keys.position(name, at))
        return [int(one or 0) for one in asking.execute()]

    def _ends(self, topic: Topic) -> list[int]:
        name = topic.full_name(self._prefix)
        return [
            self._consumer.get_watermark_offsets(TopicPartition(name, at), SECONDS)[1]
            for at in range(self._count(topic))
        ]
