"""Create all topics of the catalogue, or say how those that are there differ from it, and how well they are kept.

Rule: what is there is never changed. Must not know: what is on the topics.
"""

import time
from concurrent.futures import Future
from enum import StrEnum
from typing import NamedTuple

from confluent_kafka import KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, ConfigResource, NewTopic, OffsetSpec, ResourceType, TopicMetadata

from sinks.kafka_settings import Settings, client_settings
from topics.catalogue import ALL, Topic

BROKER_SECONDS = 30.0
POLL_SECONDS = 0.05
MUST_MATCH = ("cleanup.policy", "message.timestamp.type")
"""Settings that correctness rests on. The others are an operator's to choose."""


class Outcome(StrEnum):
    """What became of a topic."""

    CREATED = "created"
    EXISTS = "exists"
    DIFFERS = "differs"
    MISSING = "missing"


class TopicReport(NamedTuple):
    """A topic by its full name; `differences` are sentences for an operator."""

    topic: str
    outcome: Outcome
    differences: tuple[str, ...] = ()


class TopicsFailedError(Exception):
    """The broker does not answer, or does not let us. The message says why."""


def create_topics(brokers: str, prefix: str, settings: Settings, replication: int = -1) -> list[TopicReport]:
    """Create the topics that are not there -> a report on each, in the catalogue's order.

    Args:
        brokers: `host:port` list.
        prefix: of all topics.
        settings: librdkafka's, for authentication.
        replication: copies of each partition; -1: the broker's default.

    Raises:
        TopicsFailedError: a topic could not be created or looked at.
    """
    admin = AdminClient(client_settings(brokers, settings, {}))
    wanted = [NewTopic(topic.full_name(prefix), topic.partitions, replication, config=topic.config()) for topic in ALL]
    going = admin.create_topics(wanted, operation_timeout=BROKER_SECONDS, request_timeout=BROKER_SECONDS)
    created = {name for name, outcome in going.items() if _was_created(name, outcome)}
    _wait_until_usable(admin, list(going))
    reports = []
    for topic in ALL:
        name = topic.full_name(prefix)
        differences = () if name in created else tuple(_differences(admin, topic, name))
        outcome = Outcome.CREATED if name in created else Outcome.DIFFERS if differences else Outcome.EXISTS
        reports.append(TopicReport(name, outcome, differences))
    return reports


class TopicsHealth(NamedTuple):
    """How the topics of the catalogue are on a cluster.

    `copies`: of the partition that has the fewest, by topic. `leaderless` and `behind`: partitions without a leader,
    and with fewer copies in sync than there are, as `topic-partition`.
    """

    brokers: int
    reports: tuple[TopicReport, ...]
    partitions: dict[str, int]
    copies: dict[str, int]
    leaderless: tuple[str, ...]
    behind: tuple[str, ...]


def examine_topics(brokers: str, prefix: str, settings: Settings, timeout_seconds: float) -> TopicsHealth:
    """Look at all topics; nothing is created or changed.

    Raises:
        KafkaException: no broker answers.
        TopicsFailedError: a topic's settings can't be read.
    """
    admin = AdminClient(client_settings(brokers, settings, {}))
    cluster = admin.list_topics(timeout=timeout_seconds)
    ours = {name: cluster.topics.get(name) for name in (topic.full_name(prefix) for topic in ALL)}
    there = {name: topic for name, topic in ours.items() if topic is not None and topic.error is None}
    reports = []
    for topic in ALL:
        name = topic.full_name(prefix)
        differences = tuple(_differences(admin, topic, name)) if name in there else ()
        outcome = Outcome.MISSING if name not in there else Outcome.DIFFERS if differences else Outcome.EXISTS
        reports.append(TopicReport(name, outcome, differences))
    every = [(f"{name}-{at}", one) for name, topic in there.items() for at, one in topic.partitions.items()]
    return TopicsHealth(
        len(cluster.brokers),
        tuple(reports),
        {name: len(topic.partitions) for name, topic in there.items()},
        {name: min(len(one.replicas) for one in topic.partitions.values()) for name, topic in there.items()},
        tuple(at for at, one in every if one.leader < 0),
        tuple(at for at, one in every if len(one.isrs) < len(one.replicas)),
    )


def latest_append_s(brokers: str, settings: Settings, topic: str, partitions: int, timeout_seconds: float) -> float:
    """When the latest record of a topic was stamped, in seconds since 1970; 0: there is none.

    Raises:
        KafkaException, TimeoutError: the broker does not say.
    """
    admin = AdminClient(client_settings(brokers, settings, {}))
    asked = {TopicPartition(topic, at): OffsetSpec.max_timestamp() for at in range(partitions)}
    answers = admin.list_offsets(asked, request_timeout=timeout_seconds)
    return max((answer.result(timeout_seconds).timestamp for answer in answers.values()), default=0) / 1000


def _was_created(name: str, outcome: Future[None]) -> bool:
    """Whether it was not there before."""
    try:
        outcome.result(BROKER_SECONDS)
    except KafkaException as error:
        if error.args[0].code() == KafkaError.TOPIC_ALREADY_EXISTS:
            return False
        raise TopicsFailedError(f"{name}: {error.args[0].str()}") from error
    except TimeoutError as error:
        raise TopicsFailedError(f"{name}: no broker answered within {BROKER_SECONDS:.0f} s") from error
    return True


def _wait_until_usable(admin: AdminClient, names: list[str]) -> None:
    """A topic just created is unknown to clients for a moment, and has no leader for another."""
    deadline = time.monotonic() + BROKER_SECONDS
    missing = set(names)
    while missing:
        if time.monotonic() > deadline:
            raise TopicsFailedError(f"created, but not usable within {BROKER_SECONDS:.0f} s: {sorted(missing)}")
        try:
            there = admin.list_topics(timeout=BROKER_SECONDS).topics
        except KafkaException as error:
            raise TopicsFailedError(f"the topics can't be listed: {error.args[0].str()}") from error
        missing = {name for name in missing if name not in there or not _has_leaders(there[name])}
        missing = missing or _not_serving(admin, {name: len(there[name].partitions) for name in names})
        if missing:
            time.sleep(POLL_SECONDS)


def _has_leaders(topic: TopicMetadata) -> bool:
    return topic.error is None and all(partition.leader >= 0 for partition in topic.partitions.values())


def _not_serving(admin: AdminClient, partitions: dict[str, int]) -> set[str]:
    """The topics of which a partition's leader does not know yet that it is: metadata run ahead of the brokers."""
    asked = admin.list_offsets(
        {TopicPartition(name, at): OffsetSpec.latest() for name, count in partitions.items() for at in range(count)},
        request_timeout=BROKER_SECONDS,
    )
    return {partition.topic for partition, answer in asked.items() if answer.exception(2 * BROKER_SECONDS) is not None}


def _differences(admin: AdminClient, topic: Topic, name: str) -> list[str]:
    """How a topic that is there differs in what correctness rests on."""
    resource = ConfigResource(ResourceType.TOPIC, name)
    try:
        there = admin.describe_configs([resource], request_timeout=BROKER_SECONDS)[resource].result(BROKER_SECONDS)
        partitions = len(admin.list_topics(name, BROKER_SECONDS).topics[name].partitions)
    except (KafkaException, TimeoutError) as error:
        raise TopicsFailedError(f"{name}: its settings can't be read: {error}") from error
    wanted = topic.config()
    found = [
        f"{setting} is {there[setting].value}, not {wanted[setting]}"
        for setting in MUST_MATCH
        if setting in there and there[setting].value != wanted[setting]
    ]
    if "max.message.bytes" in there and int(there["max.message.bytes"].value) < topic.message_bytes:
        found.append(f"max.message.bytes is {there['max.message.bytes'].value}, less than {topic.message_bytes}")
    if topic.one_partition and partitions != 1:
        found.append(f"it has {partitions} partitions and must have one, because its order has a meaning")
    return found
