"""What every publisher does: the log in memory, and Kafka."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import NamedTuple

import pytest
from confluent_kafka import Consumer, TopicPartition

from resolvers.steps import Notice, Outgoing
from sinks.kafka_producer import KafkaPublisher
from sinks.memory_log import MemoryLog
from sinks.murmur2 import partition_of
from sinks.publisher import Publisher, RawRecord, Sendable, unpacked
from sinks.topics_admin import create_topics
from tests.conftest import Broker

PARTITIONS = 4


class Stored(NamedTuple):
    """A record as a consumer finds it."""

    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...]


class Side(NamedTuple):
    """A publisher, and what a consumer of a topic would read."""

    publisher: Publisher
    read: Callable[[str], list[Stored]]


def consumed(bootstrap: str, topic: str) -> list[Stored]:
    """Everything on a topic."""
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "contract", "enable.partition.eof": True})
    found: list[Stored] = []
    try:
        partitions = consumer.list_topics(topic, 10).topics[topic].partitions
        consumer.assign([TopicPartition(topic, partition, 0) for partition in partitions])
        ended = 0
        while ended < len(partitions):
            message = consumer.poll(10)
            assert message is not None, "the broker does not answer"
            if message.error() is not None:
                ended += 1
            else:
                headers = tuple(message.headers() or ())
                found.append(Stored(message.partition(), message.offset(), message.key(), message.value(), headers))
    finally:
        consumer.close()
    return sorted(found)


@pytest.fixture(params=["memory", "kafka"])
async def side(request: pytest.FixtureRequest, topic_prefix: str) -> AsyncIterator[Side]:
    """Each publisher, with empty topics."""
    if request.param == "memory":
        log = MemoryLog(PARTITIONS)
        yield Side(
            log,
            lambda topic: [
                Stored(one.partition, one.offset, one.key, one.value, one.headers)
                for partition in log.topic(topic)
                for one in partition
            ],
        )
        return
    kafka: Broker = request.getfixturevalue("kafka")
    create_topics(kafka.bootstrap, topic_prefix, {})
    publisher = await KafkaPublisher.open(kafka.bootstrap, topic_prefix, {})
    yield Side(publisher, lambda topic: consumed(kafka.bootstrap, f"{topic_prefix}.{topic}"))
    await publisher.close()


async def test_records_are_where_the_offsets_say(side: Side) -> None:
    """In the partition that Java clients would choose for the key, tombstones too, and as they were given."""
    records = [
        Outgoing("profiles", b"key %d" % number, None if number % 5 == 0 else b"value %d" % number)
        for number in range(50)
    ]
    offsets = await side.publisher.send(records)
    found = {(one.partition, one.offset): (one.key, one.value) for one in side.read("profiles")}
    for record, offset in zip(records, offsets, strict=True):
        assert found[partition_of(record.key, PARTITIONS), offset] == (record.key, record.value)
    assert len(found) == len(records)


async def test_records_of_a_key_keep_their_order(side: Side) -> None:
    """Within one call, from call to call, and between topics none is lost."""
    records = [Outgoing("identities", b"key %d" % (number % 7), b"%d" % number) for number in range(3_000)]
    for start in range(0, 3_000, 1_000):
        await side.publisher.send(records[start : start + 1_000])
    found = side.read("identities")
    for key in {record.key for record in records}:
        mine = [one.value for one in found if one.key == key]
        assert mine == [record.value for record in records if record.key == key]


async def test_callers_at_once_get_their_own_offsets(side: Side) -> None:
    """Each call's offsets are those of its records, and its records stay in order."""

    async def caller(number: int) -> list[int]:
        return await side.publisher.send([Outgoing("profiles", b"k", b"%d/%d" % (number, at)) for at in range(20)])

    all_offsets = await asyncio.gather(*[caller(number) for number in range(20)])
    found = {one.offset: one.value for one in side.read("profiles")}
    for number, offsets in enumerate(all_offsets):
        assert [found[offset] for offset in offsets] == [b"%d/%d" % (number, at) for at in range(20)]
        assert offsets == sorted(offsets)


async def test_headers_and_missing_keys_go_along(side: Side) -> None:
    """Trace contexts on updates; dead letters as received, with a header twice and no key."""
    trace = (("traceparent", b"00-1-2-01"),)
    letter = RawRecord("touchpoints.dlq", None, b"\xff\0", (("a", b"1"), ("a", b"2"), ("b", b"")))
    records: list[Sendable] = [Outgoing("profiles", b"k", b"v", trace), letter]
    await side.publisher.send(records)
    assert [one.headers for one in side.read("profiles")] == [trace]
    [dead] = side.read("touchpoints.dlq")
    assert (dead.key, dead.value, dead.headers) == (None, letter.value, letter.headers)


async def test_notices_arrive_in_few_records(side: Side) -> None:
    """One record for each partition; whoever owns a component's partition gets all its notices in order."""
    notices = [Notice(f"phone:{number % 50}", number, "id", "source", number, None) for number in range(500)]
    await side.publisher.notify(notices)
    records = side.read("changes")
    assert len(records) == PARTITIONS
    found = [(one.partition, notice) for one in records for notice in unpacked(one.value or b"")]
    assert sorted(notice.version for _, notice in found) == list(range(500))
    for partition, notice in found:
        assert partition == partition_of(notice.component.encode(), PARTITIONS)
        assert notice == notices[notice.version]


async def test_nothing_is_sent_of_nothing(side: Side) -> None:
    """Empty calls return at once."""
    assert await side.publisher.send([]) == []
    await side.publisher.notify([])
    assert side.read("changes") == []
