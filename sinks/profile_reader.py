"""Read one profile as it was last published: the record at a known offset of the profiles topic.

So the store need not keep profiles: it keeps the offset. No consumer group, nothing committed; one client, one thread.
Must not know: what is in a profile.
"""

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from sinks.kafka_settings import END, READS, Settings, client_settings
from sinks.murmur2 import partition_of
from topics.catalogue import PROFILES

METADATA_SECONDS = 10.0
READ_SECONDS = 5.0

EXPIRED = KafkaError._AUTO_OFFSET_RESET  # noqa: SLF001 - librdkafka's own codes begin so
ALL_DOWN = KafkaError._ALL_BROKERS_DOWN  # noqa: SLF001

OURS = {
    **READS,
    "group.id": "idweave-profile-reader",  # the client demands one; it is never joined
    "auto.offset.reset": "error",
    "fetch.wait.max.ms": 5,
    "fetch.error.backoff.ms": 10,
    "max.partition.fetch.bytes": 65_536,  # one record is wanted; a larger one comes all the same
    "queued.max.messages.kbytes": 256,
}


class ProfileReadError(Exception):
    """The broker does not answer, or not in time. The message holds nothing of a profile."""


class ProfileReader:
    """A consumer; made by `open`."""

    def __init__(self, consumer: Consumer, topic: str, partitions: int) -> None:
        self._consumer = consumer
        self._topic = topic
        self._partitions = partitions
        self._thread = ThreadPoolExecutor(1, "profile-reader")

    @classmethod
    async def open(cls, brokers: str, prefix: str, settings: Settings) -> "ProfileReader":
        """Connect and learn how many partitions there are.

        Raises:
            ProfileReadError: no broker answers, or the topic is not created.
        """
        consumer = Consumer(client_settings(brokers, settings, OURS))
        topic = PROFILES.full_name(prefix)
        try:
            metadata = await asyncio.to_thread(consumer.list_topics, topic, METADATA_SECONDS)
        except KafkaException as error:
            consumer.close()
            raise ProfileReadError(f"Kafka does not answer: {error.args[0].str()}") from error
        there = metadata.topics[topic]
        if there.error is not None:
            consumer.close()
            raise ProfileReadError(f"{topic}: {there.error.str()}. `idweave topics create` creates all topics.")
        return cls(consumer, topic, len(there.partitions))

    async def read(self, profile_id: str, offset: int) -> bytes | None:
        """The value of the profile's record at an offset.

        Returns:
            None where the record is not there any more, because a newer one of the profile has replaced it (ask the
            store for the offset again), or is a tombstone.

        Raises:
            ProfileReadError: the broker does not answer in time.
        """
        if offset < 0:  # never sent; to the client a negative offset would mean an end of the log
            return None
        key = profile_id.encode()
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._read, key, offset)

    async def close(self) -> None:
        """Close the client; what is being read is waited for."""
        await asyncio.get_running_loop().run_in_executor(self._thread, self._consumer.close)
        self._thread.shutdown()

    def _read(self, key: bytes, offset: int) -> bytes | None:
        partition = partition_of(key, self._partitions)
        self._consumer.assign([TopicPartition(self._topic, partition, offset)])
        try:
            deadline = time.monotonic() + READ_SECONDS
            while (left := deadline - time.monotonic()) > 0:
                message = self._consumer.poll(left)
                if message is None:
                    continue
                error = message.error()
                if error is None:
                    there = message.offset() == offset and message.key() == key
                    return message.value() if there else None
                if error.code() in (END, EXPIRED):
                    return None
                if not error.retriable() and error.code() != ALL_DOWN:
                    raise ProfileReadError(f"{self._topic}: {error.str()}")
            raise ProfileReadError(f"{self._topic}: no answer within {READ_SECONDS:.0f} s")
        finally:
            self._consumer.unassign()
