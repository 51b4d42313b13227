"""Watch an engine from outside: how far its worker is, by the store's positions and the ends of the log.

Rules: reads only; what it says is settled stays so until somebody publishes again.
Must not know: the worker.
"""

from typing import NamedTuple

import redis
from confluent_kafka import Consumer, KafkaException, TopicPartition
from redis.backoff import NoBackoff
from redis.retry import Retry

from sinks.kafka_settings import client_settings
from sinks.keys import Keys
from stream.settings import Settings
from topics.catalogue import CHANGES, PROFILES, TOUCHPOINTS, Topic

SECONDS = 10.0

OURS = {"group.id": "idweave-demo-watch", "enable.auto.commit": False, "auto.offset.reset": "earliest"}


class Seen(NamedTuple):
    """How far everything is: touchpoints resolved, profile versions published, and whether nothing is left to do."""

    resolved: int
    versions: int
    settled: bool


class WatchError(Exception):
    """A server does not answer any more; the message says which."""


class Watch:
    """One engine, by its prefixes."""

    def __init__(self, settings: Settings) -> None:
        brokers = ",".join(settings.brokers)
        self._prefix = settings.topic_prefix
        self._keys = Keys(settings.redis_prefix)
        self._consumer = Consumer(client_settings(brokers, settings.kafka_settings(), OURS))
        self._store = redis.Redis.from_url(
            settings.redis_url.reveal(), socket_timeout=SECONDS, retry=Retry(NoBackoff(), 0)
        )
        self._partitions: dict[str, int] = {}

    def close(self) -> None:
        """Close both clients."""
        self._consumer.close()
        self._store.close()

    def look(self, published: int) -> Seen:
        """Where everything is, when `published` touchpoints have been acknowledged by the broker.

        Settled is judged in this order: all touchpoints resolved, so that every notice of a change is on the log; then
        all changes projected; and no change was added meanwhile.

        Raises:
            WatchError: a server does not answer.
        """
        try:
            resolved = sum(self._positions(TOUCHPOINTS))
            ends = self._ends(CHANGES)
            done = self._positions(CHANGES) == ends and self._ends(CHANGES) == ends
            return Seen(resolved, sum(self._ends(PROFILES)), resolved >= published and done)
        except KafkaException as error:
            raise WatchError(f"Kafka does not answer any more ({error.args[0].str()})") from error
        except redis.RedisError as error:
            raise WatchError(f"Redis does not answer any more ({type(error).__name__})") from error

    def _count(self, topic: Topic) -> int:
        name = topic.full_name(self._prefix)
        if name not in self._partitions:
            self._partitions[name] = len(self._consumer.list_topics(name, SECONDS).topics[name].partitions)
        return self._partitions[name]

    def _positions(self, topic: Topic) -> list[int]:
        """The store's position in each partition; 0 where it has none yet."""
        name = topic.full_name(self._prefix)
        found = self._store.mget([self._keys.position(name, at) for at in range(self._count(topic))])
        return [int(one or 0) for one in found]

    def _ends(self, topic: Topic) -> list[int]:
        name = topic.full_name(self._prefix)
        return [
            self._consumer.get_watermark_offsets(TopicPartition(name, at), SECONDS)[1]
            for at in range(self._count(topic))
        ]
