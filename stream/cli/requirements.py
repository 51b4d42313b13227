"""What a command needs before it begins: a broker with every topic, and a store that it may use; or a sentence.

Must not know: what for. Nothing of Faust is read here: only a worker should have to wait for that.
"""

import asyncio
from typing import Final

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from sinks.kafka_settings import client_settings
from sinks.redis_store import RedisStore
from sinks.store import StoreError
from stream.cli.console import CommandFailedError, broker_list, no_broker, no_store
from stream.config.settings import Settings
from topics.catalogue import ALL

BROKER_SECONDS: Final = 5.0


def require_topics(settings: Settings) -> None:
    """See that a broker answers and has every topic.

    Raises:
        CommandFailedError: otherwise.
    """
    admin = AdminClient(client_settings(broker_list(settings), settings.kafka_settings(), {}))
    try:
        there = admin.list_topics(timeout=BROKER_SECONDS).topics
    except KafkaException as error:
        raise no_broker(settings, error.args[0].str()) from error
    wanted = [topic.full_name(settings.topic_prefix) for topic in ALL]
    missing = [name for name in wanted if name not in there]
    if missing:
        listed = ", ".join(missing) if len(missing) < len(wanted) else f"every one of {settings.topic_prefix}.*"
        raise CommandFailedError(
            f"Topics are missing on {broker_list(settings)}: {listed}. Create them with `idweave topics create`."
        )


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
