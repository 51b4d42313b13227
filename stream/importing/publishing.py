"""Publish touchpoints: every record acknowledged by all in-sync replicas, or said not to be.

Rules: an idempotent producer, keys partitioned as Java clients do; nothing is looked at or changed on the way.
Must not know: what is in a record, whose terminal watches.
"""

import time
from collections.abc import Callable, Iterable, Mapping
from typing import Final

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from sinks.kafka_settings import client_settings
from topics.catalogue import TOUCHPOINTS

METADATA_SECONDS: Final = 5.0
DELIVERY_SECONDS: Final = 30.0
OURS: Final = {
    "enable.idempotence": True,
    "acks": "all",
    "partitioner": "murmur2_random",
    "compression.type": "lz4",
    "linger.ms": 5,
    "message.max.bytes": 8 * 1_048_576,  # the topic decides
    "delivery.timeout.ms": int(DELIVERY_SECONDS * 1000),
}

Line = tuple[bytes | None, bytes]
"""Key and value of a record to be."""


class PublishingError(Exception):
    """The broker does not answer, or does not take what it is sent. The message says why, and nothing of a record."""


class TopicMissingError(PublishingError):
    """The touchpoints topic is not there."""


class TouchpointPublisher:
    """A producer to the touchpoints topic. `delivered` records were acknowledged, `failed` were not.

    `too_large` of those that failed are larger than the broker takes: sending them again is of no use.
    `cluster` is the name that the brokers give themselves.
    """

    def __init__(self, brokers: str, prefix: str, settings: Mapping[str, str]) -> None:
        """Connect.

        Raises:
            TopicMissingError: the topics are not created.
            PublishingError: no broker answers.
        """
        self.delivered = 0
        self.failed = 0
        self.too_large = 0
        self.reason = ""
        self.topic = TOUCHPOINTS.full_name(prefix)
        self._producer = Producer(client_settings(brokers, settings, OURS))
        try:
            metadata = self._producer.list_topics(self.topic, METADATA_SECONDS)
        except KafkaException as error:
            raise PublishingError(error.args[0].str()) from error
        self.cluster: str = metadata.cluster_id or ""
        if metadata.topics[self.topic].error is not None:
            raise TopicMissingError(f"there is no topic {self.topic}")

    def publish(
        self,
        lines: Iterable[Line],
        *,
        per_second: float | None = None,
        progress: Callable[[int], None] = lambda _delivered: None,
    ) -> None:
        """Send records in order and wait until each is acknowledged or failed.

        Args:
            lines: keys and values.
            per_second: send no faster than this; None is as fast as the broker takes them.
            progress: told now and then how many were delivered so far.
        """
        started = time.monotonic()
        for number, (key, value) in enumerate(lines):
            if per_second is not None:
                while (ahead := number / per_second - (time.monotonic() - started)) > 0:
                    self._producer.poll(ahead)
                    progress(self.delivered)
            self._produce(key, value)
            if number % 1_000 == 0:
                self._producer.poll(0)
                progress(self.delivered)
        deadline = time.monotonic() + DELIVERY_SECONDS + 5
        while self._producer.flush(0.05) and time.monotonic() < deadline:
            progress(self.delivered)
        progress(self.delivered)

    def stop(self) -> None:
        """Drop what is still queued, so that the process can end."""
        self._producer.purge()
        self._producer.flush(1)

    def _produce(self, key: bytes | None, value: bytes) -> None:
        while True:
            try:
                self._producer.produce(self.topic, value, key, on_delivery=self._report)
            except BufferError:  # so much is on its way that there is no room
                self._producer.poll(0.05)
            except KafkaException as error:  # larger than any topic would take
                self._fail(error.args[0])
                return
            else:
                return

    def _report(self, error: KafkaError | None, _message: Message) -> None:
        if error is None:
            self.delivered += 1
        else:
            self._fail(error)

    def _fail(self, error: KafkaError) -> None:
        self.failed += 1
        self.too_large += error.code() == KafkaError.MSG_SIZE_TOO_LARGE
        self.reason = error.str()
