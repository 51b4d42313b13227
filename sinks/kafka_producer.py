"""The publisher to Kafka: records in order, every one acknowledged by all in-sync replicas, none twice by a retry.

A `KafkaPublisher` is one idempotent producer. When a record fails, the publisher has: what was still queued is purged,
so that it can't arrive after what the recovery will send, and every call raises `PublishFailedError`; open another one.
Rule: the event loop is never blocked, and callbacks run on it: librdkafka is polled from a timer while something is on
its way, so there are no threads of ours, and the cost is the same on a busy loop.
"""

import asyncio
from collections.abc import Sequence
from functools import partial

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from resolvers.steps import Notice
from sinks.kafka_settings import Settings, client_settings
from sinks.publisher import PublishFailedError, RawRecord, Sendable, packed
from topics.catalogue import CHANGES

POLL_SECONDS = 0.001
METADATA_SECONDS = 10.0
ANY = -1  # the partition that the key goes to
DELIVERY_SECONDS = 30.0

OURS = {
    "enable.idempotence": True,
    "acks": "all",
    "partitioner": "murmur2_random",  # as Java clients do
    "compression.type": "lz4",
    "linger.ms": 1,
    "delivery.timeout.ms": int(DELIVERY_SECONDS * 1000),
    "message.max.bytes": 8 * 1_048_576,  # the topics decide; see `topics.catalogue`
    "queue.buffering.max.messages": 200_000,
}


class _Batch:
    """Records that were sent together; `waiting` gets their offsets."""

    __slots__ = ("missing", "offsets", "waiting")

    def __init__(self, size: int) -> None:
        self.missing = size
        self.offsets = [-1] * size
        self.waiting: asyncio.Future[list[int]] = asyncio.get_running_loop().create_future()


class KafkaPublisher:
    """A producer; made by `open`."""

    def __init__(self, producer: Producer, prefix: str, changes_partitions: int) -> None:
        self._producer = producer
        self._prefix = prefix
        self._changes_partitions = changes_partitions
        self._batches: set[_Batch] = set()
        self._failure: str | None = None
        self._polling = False
        self._order = asyncio.Lock()

    @classmethod
    async def open(cls, brokers: str, prefix: str, settings: Settings) -> "KafkaPublisher":
        """Connect and learn how many partitions `changes` has.

        Raises:
            PublishFailedError: no broker answers, or the topics are not created.
        """
        producer = Producer(client_settings(brokers, settings, OURS))
        topic = CHANGES.full_name(prefix)
        try:
            metadata = await asyncio.to_thread(producer.list_topics, topic, METADATA_SECONDS)
        except KafkaException as error:
            raise PublishFailedError(f"Kafka does not answer: {error.args[0].str()}") from error
        there = metadata.topics[topic]
        if there.error is not None:
            raise PublishFailedError(f"{topic}: {there.error.str()}. `idweave topics create` creates all topics.")
        return cls(producer, prefix, len(there.partitions))

    @property
    def queued(self) -> int:
        """Records that were sent and are not acknowledged yet."""
        return len(self._producer)

    @property
    def changes_partitions(self) -> int:
        """How many partitions `changes` has."""
        return self._changes_partitions

    async def send(self, records: Sequence[Sendable]) -> list[int]:
        """Send records in this order and wait until the broker has them -> their offsets.

        Raises:
            PublishFailedError: one of them failed, now or before; others may have arrived.
        """
        batch = _Batch(len(records))
        async with self._order:
            for at, record in enumerate(records):
                while not self._produced(batch, at, record, ANY):
                    await self._room()
        return await self._delivered_all(batch)

    async def notify(self, notices: Sequence[Notice]) -> None:
        """Tell the projection, and wait until the broker has it; one record for each partition concerned."""
        values = list(packed(notices, self._changes_partitions))
        batch = _Batch(len(values))
        async with self._order:
            for at, (partition, value) in enumerate(values):
                while not self._produced(batch, at, RawRecord(CHANGES.name, None, value), partition):
                    await self._room()
        await self._delivered_all(batch)

    async def close(self, timeout_seconds: float = DELIVERY_SECONDS) -> None:
        """Wait for what is on its way, drop what isn't acknowledged by then, and take nothing more."""
        if self._batches:
            await asyncio.wait([batch.waiting for batch in self._batches], timeout=timeout_seconds)
        self._fail("this publisher was closed")
        await asyncio.to_thread(self._producer.close)

    def _produced(self, batch: _Batch, at: int, record: Sendable, partition: int) -> bool:
        """Hand a record to the client -> False: so much is on its way that there is no room."""
        if self._failure is not None:
            raise PublishFailedError(self._failure)
        topic = f"{self._prefix}.{record.topic}"
        done = partial(self._delivered, batch, at)
        try:
            if record.headers:
                self._producer.produce(topic, record.value, record.key, partition, done, headers=list(record.headers))
            else:
                self._producer.produce(topic, record.value, record.key, partition, done)
        except BufferError:
            return False
        except KafkaException as error:
            self._fail(f"{topic}: {error.args[0].str()}")
            raise PublishFailedError(self._failure) from error
        return True

    async def _room(self) -> None:
        """Back-pressure: wait a moment for records to be delivered."""
        self._producer.poll(0)
        await asyncio.sleep(POLL_SECONDS)

    async def _delivered_all(self, batch: _Batch) -> list[int]:
        if self._failure is not None:
            raise PublishFailedError(self._failure)
        if batch.missing:
            self._batches.add(batch)
            if not self._polling:
                self._polling = True
                asyncio.get_running_loop().call_later(POLL_SECONDS, self._poll)
            return await batch.waiting
        return batch.offsets

    def _poll(self) -> None:
        if self._failure is None:
            self._producer.poll(0)
        self._polling = bool(self._batches)
        if self._polling:
            asyncio.get_running_loop().call_later(POLL_SECONDS, self._poll)

    def _delivered(self, batch: _Batch, at: int, error: KafkaError | None, message: Message) -> None:
        """A record's delivery report."""
        if error is not None:
            self._fail(f"{message.topic()}: {error.str()}")
            return
        batch.offsets[at] = message.offset()
        batch.missing -= 1
        if not batch.missing:
            self._batches.discard(batch)
            if not batch.waiting.done():
                batch.waiting.set_result(batch.offsets)

    def _fail(self, why: str) -> None:
        """Nothing more is sent: everybody who waits learns it."""
        if self._failure is not None:
            return
        self._failure = why
        for batch in self._batches:
            if not batch.waiting.done():
                batch.waiting.set_exception(PublishFailedError(why))
        self._batches.clear()
        self._producer.purge(in_queue=True, in_flight=True, blocking=False)
