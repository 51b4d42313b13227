"""What goes wrong between us and Kafka, and what there is beside publishing: reading a profile, creating the topics."""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from confluent_kafka.admin import AdminClient, NewTopic

from resolvers.steps import Outgoing
from sinks import kafka_producer
from sinks.kafka_producer import KafkaPublisher
from sinks.profile_reader import ProfileReader, ProfileReadError
from sinks.publisher import PublishFailedError
from sinks.topics_admin import Outcome, TopicsFailedError, create_topics
from stream.servers.child_process import free_port
from tests.conftest import Broker
from tests.contract.test_publishers import consumed
from tests.live.kafka import KafkaServer
from topics.catalogue import ALL


@pytest.fixture
async def publisher(kafka: Broker, topic_prefix: str) -> AsyncIterator[KafkaPublisher]:
    """A publisher with topics of its own."""
    create_topics(kafka.bootstrap, topic_prefix, {})
    one = await KafkaPublisher.open(kafka.bootstrap, topic_prefix, {})
    yield one
    await one.close()


async def test_a_record_that_fails_fails_the_publisher(publisher: KafkaPublisher, topic_prefix: str) -> None:
    """The error names the topic and the reason, nothing of the record; and nothing can be sent any more."""
    too_large = Outgoing("identities", b"phone:secret", b"secret" * 2_000_000)
    with pytest.raises(PublishFailedError, match=f"{topic_prefix}.identities: .*too large") as failed:
        await publisher.send([Outgoing("profiles", b"k", b"v"), too_large])
    assert "secret" not in str(failed.value)
    with pytest.raises(PublishFailedError, match="too large"):
        await publisher.send([Outgoing("profiles", b"k", b"v")])


async def test_a_record_that_the_broker_refuses_fails_the_publisher(publisher: KafkaPublisher) -> None:
    """Everybody who waits learns it, not only whose record it was."""
    incompressible = b"".join(number.to_bytes(4, "big") * 1 for number in range(0, 2**32, 1_600))[:2_000_000]
    sent = publisher.send([Outgoing("identities", b"k", incompressible)])
    outcomes = await asyncio.gather(sent, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [PublishFailedError]
    with pytest.raises(PublishFailedError):
        await publisher.notify([])


async def test_a_full_queue_is_back_pressure(kafka: Broker, topic_prefix: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """More records than the client can hold are sent as there is room, in order."""
    monkeypatch.setitem(kafka_producer.OURS, "queue.buffering.max.messages", 50)
    create_topics(kafka.bootstrap, topic_prefix, {})
    publisher = await KafkaPublisher.open(kafka.bootstrap, topic_prefix, {})
    offsets = await publisher.send([Outgoing("profiles", b"k", b"%d" % number) for number in range(1_000)])
    await publisher.close()
    assert offsets == list(range(1_000))
    assert [one.value for one in consumed(kafka.bootstrap, f"{topic_prefix}.profiles")] == [
        b"%d" % n for n in range(1_000)
    ]


async def test_a_cancelled_caller_harms_nobody(publisher: KafkaPublisher) -> None:
    """Its records are sent all the same, and others get their offsets."""
    cancelled = asyncio.create_task(publisher.send([Outgoing("profiles", b"k", b"1")]))
    await asyncio.sleep(0)
    other = asyncio.create_task(publisher.send([Outgoing("profiles", b"k", b"2")]))
    await asyncio.sleep(0)
    cancelled.cancel()
    assert await other == [1]
    assert await publisher.send([Outgoing("profiles", b"k", b"3")]) == [2]


async def test_a_closed_publisher_sends_what_it_has_and_takes_no_more(
    publisher: KafkaPublisher, kafka: Broker, topic_prefix: str
) -> None:
    """Closing waits for what is on its way; it can be closed twice."""
    sent = asyncio.create_task(publisher.send([Outgoing("profiles", b"k", b"%d" % number) for number in range(500)]))
    await asyncio.sleep(0)
    await publisher.close()
    assert await sent == list(range(500))
    assert len(consumed(kafka.bootstrap, f"{topic_prefix}.profiles")) == 500
    with pytest.raises(PublishFailedError, match="closed"):
        await publisher.send([Outgoing("profiles", b"k", b"v")])


async def test_a_broker_that_hangs_fails_the_publisher(
    kafka: Broker, topic_prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not for ever: a record that is not acknowledged in time has failed, and does not arrive afterwards."""
    if not isinstance(kafka, KafkaServer):
        pytest.skip("the embedded broker can't be paused here")
    monkeypatch.setitem(kafka_producer.OURS, "delivery.timeout.ms", 4_000)
    monkeypatch.setitem(kafka_producer.OURS, "request.timeout.ms", 1_000)
    create_topics(kafka.bootstrap, topic_prefix, {})
    publisher = await KafkaPublisher.open(kafka.bootstrap, topic_prefix, {})
    await publisher.send([Outgoing("profiles", b"k", b"before")])
    kafka.pause()
    try:
        began = time.monotonic()
        with pytest.raises(PublishFailedError, match=r"profiles: .*[Tt]imed out"):
            await publisher.send([Outgoing("profiles", b"k", b"lost")])
        assert time.monotonic() - began < 20
    finally:
        kafka.resume()
        await publisher.close()


async def test_a_broker_that_is_killed_and_comes_back_has_every_record_once(
    kafka: Broker, tmp_path: Path, topic_prefix: str
) -> None:
    """What was on its way is sent again by the client, in order, and nothing is there twice."""
    if not isinstance(kafka, KafkaServer):
        pytest.skip("the embedded broker forgets everything when it is killed")
    with KafkaServer(tmp_path / "kafka") as own:
        create_topics(own.bootstrap, topic_prefix, {})
        publisher = await KafkaPublisher.open(own.bootstrap, topic_prefix, {})
        values = [b"%d" % number for number in range(2_000)]
        sent = [
            asyncio.create_task(publisher.send([Outgoing("profiles", b"k", value) for value in values[at : at + 100]]))
            for at in range(0, 2_000, 100)
        ]
        await sent[0]
        own.kill()
        own.start()
        offsets = [offset for some in await asyncio.gather(*sent) for offset in some]
        await publisher.close()
        assert [one.value for one in consumed(own.bootstrap, f"{topic_prefix}.profiles")] == values
        assert offsets == sorted(set(offsets))


async def test_what_is_not_there_is_a_sentence(
    kafka: Broker, topic_prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Missing topics name the command that creates them; a missing broker is told apart."""
    with pytest.raises(PublishFailedError, match="idweave topics create"):
        await KafkaPublisher.open(kafka.bootstrap, topic_prefix, {})
    with pytest.raises(ProfileReadError, match="idweave topics create"):
        await ProfileReader.open(kafka.bootstrap, topic_prefix, {})
    nowhere = f"127.0.0.1:{free_port()}"
    monkeypatch.setattr(kafka_producer, "METADATA_SECONDS", 0.5)
    with pytest.raises(PublishFailedError, match="does not answer"):
        await KafkaPublisher.open(nowhere, topic_prefix, {})
    monkeypatch.setattr("sinks.topics_admin.BROKER_SECONDS", 1.0)
    with pytest.raises(TopicsFailedError, match="touchpoints: "):
        create_topics(nowhere, topic_prefix, {})


async def test_a_profile_is_read_where_it_was_published(
    kafka: Broker, publisher: KafkaPublisher, topic_prefix: str
) -> None:
    """By its id and offset; what is not there, not there any more or erased is None."""
    ids = [f"profile-{number}" for number in range(20)]
    offsets = await publisher.send([Outgoing("profiles", one.encode(), f"of {one}".encode()) for one in ids])
    [erased] = await publisher.send([Outgoing("profiles", b"profile-0", None)])
    reader = await ProfileReader.open(kafka.bootstrap, topic_prefix, {})
    try:
        for one, offset in reversed(list(zip(ids, offsets, strict=True))):
            assert await reader.read(one, offset) == f"of {one}".encode()
        together = [reader.read(one, offset) for one, offset in zip(ids, offsets, strict=True)]
        assert await asyncio.gather(*together) == [f"of {one}".encode() for one in ids]
        assert await reader.read("profile-0", erased) is None
        assert await reader.read("profile-0", erased + 1) is None
        assert await reader.read("profile-0", -1) is None
        assert await reader.read("profile-unknown", 0) is None
        if isinstance(kafka, KafkaServer):  # the embedded broker does not say that an offset is out of range
            assert await reader.read("profile-0", 10**9) is None
        assert await reader.read(ids[3], offsets[3]) == b"of profile-3"
    finally:
        await reader.close()


def test_topics_are_created_once(kafka: Broker, topic_prefix: str) -> None:
    """All of the catalogue; a second time they are there, and nothing differs."""
    created = create_topics(kafka.bootstrap, topic_prefix, {})
    assert [(one.topic, one.outcome) for one in created] == [
        (topic.full_name(topic_prefix), Outcome.CREATED) for topic in ALL
    ]
    assert {one.outcome for one in create_topics(kafka.bootstrap, topic_prefix, {})} == {Outcome.EXISTS}


def test_topics_that_differ_are_named_and_left_alone(kafka: Broker, topic_prefix: str) -> None:
    """What correctness rests on is compared; the operator is told what is and what should be."""
    if not isinstance(kafka, KafkaServer):
        pytest.skip("the embedded broker does not keep settings of topics")
    admin = AdminClient({"bootstrap.servers": kafka.bootstrap})
    wrong = [
        NewTopic(f"{topic_prefix}.commands", 3, 1),
        NewTopic(f"{topic_prefix}.profiles", 4, 1, config={"cleanup.policy": "delete"}),
    ]
    for going in admin.create_topics(wrong).values():
        going.result(20)
    for _ in range(2):
        reports = {one.topic: one for one in create_topics(kafka.bootstrap, topic_prefix, {})}
        assert reports[f"{topic_prefix}.commands"].outcome is Outcome.DIFFERS
        said = " ".join(reports[f"{topic_prefix}.commands"].differences)
        assert "3 partitions and must have one" in said
        assert "message.timestamp.type is CreateTime, not LogAppendTime" in said
        assert "cleanup.policy is delete, not compact" in reports[f"{topic_prefix}.profiles"].differences
        assert "less than" in " ".join(reports[f"{topic_prefix}.profiles"].differences)
