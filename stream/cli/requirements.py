"""What a command needs before it begins: a broker with every topic, and a store that it may use; or a sentence.

What a worker needs beside that: topics of one partition have one, or it would miss what is on the others. Settings of
topics that differ are told, and no reason not to start.

Must not know: what for. Nothing of Faust is read here: only a worker should have to wait for that.
"""

import asyncio
from typing import Final

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient, TopicMetadata

from sinks.kafka_settings import client_settings
from sinks.redis_store import RedisStore
from sinks.store import StoreError
from sinks.topics_admin import TopicReport, TopicsFailedError, examine_topics
from stream.cli.console import CommandFailedError, broker_list, no_broker, no_store
from stream.config.settings import Settings
from topics.catalogue import ALL

BROKER_SECONDS: Final = 5.0


def require_topics(settings: Settings) -> None:
    """See that a broker answers and has every topic.

    Raises:
        CommandFailedError: otherwise.
    """
    there = _topics(settings)
    wanted = [topic.full_name(settings.topic_prefix) for topic in ALL]
    missing = [name for name in wanted if name not in there]
    if missing:
        listed = ", ".join(missing) if len(missing) < len(wanted) else f"every one of {settings.topic_prefix}.*"
        raise CommandFailedError(
            f"Topics are missing on {broker_list(settings)}: {listed}. Create them with `idweave topics create`."
        )


def require_order(settings: Settings) -> None:
    """See that topics whose order has a meaning have one partition each.

    Raises:
        CommandFailedError: one has more.
    """
    there = _topics(settings)
    for name in (topic.full_name(settings.topic_prefix) for topic in ALL if topic.one_partition):
        if name in there and (count := len(there[name].partitions)) > 1:
            raise CommandFailedError(
                f"{name} has {count} partitions and must have one, because its order has a meaning. Delete it, create"
                " it anew with `idweave topics create`, and read docs/rebuild.md on inputs that are made anew."
            )


def differing_topics(settings: Settings) -> list[TopicReport] | None:
    """The topics that are not set up as they must be; None: this account is not told."""
    try:
        brokers, kafka = broker_list(settings), settings.kafka_settings()
        health = examine_topics(brokers, settings.topic_prefix, kafka, BROKER_SECONDS)
    except (KafkaException, TopicsFailedError):
        return None
    return [report for report in health.reports if report.differences]


def _topics(settings: Settings) -> dict[str, TopicMetadata]:
    """What the broker has."""
    admin = AdminClient(client_settings(broker_list(settings), settings.kafka_settings(), {}))
    try:
        return dict(admin.list_topics(timeout=BROKER_SECONDS).topics)
    except KafkaException as error:
        raise no_broker(settings, error.args[0].str()) from error


def require_store(settings: Settings) -> None:
    """See that the store answers and can be used.

    Raises:
        CommandFailedError: otherwise.
    """

    async def look() -> None:
        url = settings.redis_url.reveal()
        store = await RedisStore.open(
            url, settings.redis_prefix, settings.identity_fingerprint, topics=settings.topic_prefix
        )
        await store.close()

    try:
        asyncio.run(look())
    except StoreError as error:
        raise no_store(settings, error) from error
