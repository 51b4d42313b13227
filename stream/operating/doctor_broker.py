"""What `idweave doctor` looks at in Kafka: do both clients get in, are the topics right, and what does its clock say?

Rules: nothing is written, so the broker's clock is known by the latest record that it has stamped, and only where that
lies in the future is it certainly wrong.
Must not know: how findings are shown.
"""
# ruff: noqa: SLF001 - aiokafka's privates are used on purpose; it is pinned to a minor version

import asyncio
import time
from collections.abc import Iterator
from typing import Any, Final

from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaError
from confluent_kafka import KafkaException
from faust.transport.drivers.aiokafka import credentials_to_aiokafka_auth

from sinks.topics_admin import Outcome, TopicsFailedError, TopicsHealth, examine_topics, latest_append_s
from stream.cli.console import broker_list
from stream.config.settings import Settings
from stream.kafka_security import credentials
from stream.operating.doctor import Finding, clock_finding
from topics.catalogue import ALL, TOUCHPOINTS

BROKER_SECONDS: Final = 5.0
STAMP_SETTING: Final = "message.timestamp.type"
PRODUCE_API: Final = 0
FETCH_API: Final = 1
INIT_PRODUCER_API: Final = 22
MATTERS: Final = "Events are refused as of the future by the broker's clock, and log positions are made of it."
KEYED_BY_PROFILE: Final = tuple(topic for topic in ALL if topic.key == "profile id")


async def examine_broker(settings: Settings) -> list[Finding]:
    """Look at the cluster that the settings name."""
    brokers, kafka = broker_list(settings), settings.kafka_settings()
    try:
        auth = credentials_to_aiokafka_auth(credentials(kafka))
    except (ValueError, OSError) as error:
        says = f"The security settings can't be used: {error}."
        return [Finding("kafka", "wrong", says, "Put IDWEAVE_KAFKA_* right: producer and reader take the same.")]
    reader, producer = await asyncio.gather(_examine_reader(settings, auth), asyncio.to_thread(_topics, settings))
    if isinstance(producer, Finding):
        return [producer] if reader.state == "wrong" else [reader, producer]
    findings = [reader, *topic_findings(producer)]
    name = TOUCHPOINTS.full_name(settings.topic_prefix)
    if not stamped_by_broker(producer, name):
        says = f"Publishers stamp touchpoints ({STAMP_SETTING}), so the broker's clock is not known."
        return [*findings, Finding("clock", "unknown", says, "Put the topic's setting right first.")]
    count = producer.partitions.get(name, 0)
    try:
        appended = await asyncio.to_thread(latest_append_s, brokers, kafka, name, count, BROKER_SECONDS)
    except (KafkaException, TimeoutError):
        says = "The broker does not say when it took its latest record, so its clock is not known."
        return [*findings, Finding("clock", "warning", says, "Look at it by hand: all clocks are to agree.")]
    return [*findings, append_finding(appended - time.time(), known=appended > 0)]


def stamped_by_broker(health: TopicsHealth, topic: str) -> bool:
    """Whether the time stamps on a topic are of the broker's clock; if not, they are of publishers'."""
    differences = [one for report in health.reports if report.topic == topic for one in report.differences]
    return not any(STAMP_SETTING in one for one in differences)


def append_finding(ahead_seconds: float, *, known: bool) -> Finding:
    """What the stamp of the latest record says of the broker's clock."""
    if not known:
        says = "The broker names no touchpoint that it has stamped, so its clock is not known."
        return Finding("clock", "unknown", says, "Look again when events have come.")
    if ahead_seconds > 0:
        return clock_finding("The broker's", ahead_seconds, MATTERS)
    return Finding("clock", "ok", f"The broker stamped its latest touchpoint {-ahead_seconds:,.0f} s ago.")


def topic_findings(health: TopicsHealth) -> Iterator[Finding]:
    """What is to be said of the topics."""
    missing = [report.topic for report in health.reports if report.outcome is Outcome.MISSING]
    if missing:
        says = f"{len(missing)} of {len(ALL)} topics are missing: {', '.join(missing)}."
        yield Finding("topics", "wrong", says, "Create them with `idweave topics create`.")
    for report in health.reports:
        for difference in report.differences:
            do = "Change it with kafka-configs, or choose another IDWEAVE_TOPIC_PREFIX."
            yield Finding("topics", "wrong", f"{report.topic}: {difference}.", do)
    if all(report.outcome is Outcome.EXISTS for report in health.reports):
        yield Finding("topics", "ok", f"All {len(ALL)} are there, with the cleanup and time stamps that they need.")
    if health.leaderless:
        says = f"Without a leader: {', '.join(health.leaderless)}."
        yield Finding("topics", "wrong", says, "Brokers that hold them are away: start those.")
    if health.behind:
        says = f"Fewer copies in sync than there should be: {', '.join(health.behind)}."
        yield Finding("topics", "warning", says, "Look at the brokers that are behind; one more loss stops writes.")
    if health.copies and health.brokers > 1 and min(health.copies.values()) == 1:
        single = [name for name, copies in health.copies.items() if copies == 1]
        says = f"On one broker only: {', '.join(single)}."
        yield Finding(
            "topics", "warning", says, "Create topics with --replication 3; these, with kafka-reassign-partitions."
        )
    yield from _agreement(health.partitions)


def _agreement(partitions: dict[str, int]) -> Iterator[Finding]:
    """Topics keyed by profile are joined partition by partition by who reads them."""
    keyed = {
        name: count
        for name, count in partitions.items()
        if name.endswith(tuple(f".{one.name}" for one in KEYED_BY_PROFILE))
    }
    if len(set(keyed.values())) > 1:
        says = "Topics keyed by profile differ in partitions: " + ", ".join(f"{n} {c}" for n, c in keyed.items()) + "."
        yield Finding(
            "topics", "warning", says, "Consumers that join them need equal numbers: create them anew, all alike."
        )
    elif keyed:
        yield Finding("topics", "ok", f"All that are keyed by profile have {next(iter(keyed.values()))} partitions.")


def _topics(settings: Settings) -> TopicsHealth | Finding:
    """By the client that produces."""
    brokers = broker_list(settings)
    try:
        return examine_topics(brokers, settings.topic_prefix, settings.kafka_settings(), BROKER_SECONDS)
    except KafkaException as error:
        says = f"No Kafka broker answers at {brokers} ({error.args[0].str()})."
        do = (
            "Start it, or name yours with --brokers or IDWEAVE_BROKERS; look at IDWEAVE_KAFKA_* if it asks who you are."
        )
        return Finding("kafka", "wrong", says, do)
    except TopicsFailedError as error:
        return Finding(
            "topics", "wrong", f"{error}.", "The user needs the right to describe topics and their settings."
        )


async def _examine_reader(settings: Settings, auth: dict[str, Any]) -> Finding:
    """By the client that reads, which has settings of its own."""
    brokers = broker_list(settings)
    client = AIOKafkaClient(
        bootstrap_servers=list(settings.brokers), request_timeout_ms=int(BROKER_SECONDS * 1000), **auth
    )
    try:
        async with asyncio.timeout(2 * BROKER_SECONDS):
            await client.bootstrap()
            known = list(client.cluster.brokers())
            connection = await client._get_conn(known[0].nodeId)
            apis = dict(connection._versions) if connection is not None else {}
    except (KafkaError, OSError, TimeoutError) as error:
        says = f"The reader's client does not get in at {brokers} ({type(error).__name__}), though the producer's does."
        return Finding("kafka", "wrong", says, "Look at IDWEAVE_KAFKA_* and at the addresses that brokers advertise.")
    finally:
        await client.close()
    if INIT_PRODUCER_API not in apis or PRODUCE_API not in apis:
        says = f"The broker at {brokers} is too old for an idempotent producer."
        return Finding("kafka", "wrong", says, "Install Apache Kafka 2.1 or newer.")
    produce, fetch = apis[PRODUCE_API][1], apis[FETCH_API][1]
    brokers_known = f"{len(known)} broker{'' if len(known) == 1 else 's'}"
    return Finding("kafka", "ok", f"{brokers_known} at {brokers} (APIs: produce {produce}, fetch {fetch}).")
