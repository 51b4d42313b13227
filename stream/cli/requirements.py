"""What a command needs before it begins: a broker with every topic, and a store that it may use; or a sentence.

What a worker needs beside that: topics of one partition have one, or it would miss what is on the others. Settings of
topics that differ are told, and no reason not to start.

Must not know: what for. Nothing of Faust is read here: only a worker should have to wait for that.
"""

import asyncio
from collections.abc import Mapping
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


Topics = Mapping[str, TopicMetadata]
"""What a broker has, by name."""


def require_topics(settings: Settings) -> Topics:
    """See that a broker answers and has every topic -> what it has.

    Raises:
        CommandFailedError: otherwise.
    """
    admin = AdminClient(client_settings(broker_list(settings), settings.kafka_settings(), {}))
    try:
        there: Topics = admin.list_topics(timeout=BROKER_SECONDS).topics
    except KafkaException as error:
        raise no_broker(settings, error.args[0].str()) from error
    wanted = [topic.full_name(settings.topic_prefix) for topic in ALL]
    missing = [name for name in wanted if name not in there]
    if missing:
        listed = ", ".join(missing) if len(missing) < len(wanted) else f"every one of {settings.topic_prefix}.*"
        raise CommandFailedError(
            f"Topics are missing on {broker_list(settings)}: {listed}. Create them with `idweave topics create`."
        )
    return there


def require_order(settings: Settings, there: Topics) -> None:
    """See that those of a broker's topics whose order has a meaning have one partition each.

    Raises:
        CommandFailedError: one has more.
    """
    for name in (topic.full_name(settings.topic_prefix) for topic in ALL if topic.one_partition):
        if (count := len(there[name].partitions)) > 1:
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
