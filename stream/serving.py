"""What a worker runs beside its agents: the HTTP interface and the lag metric, put together from the worker's parts.

Must not know: what the agents do.
"""

import asyncio
from collections.abc import Callable, Collection

from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector

from resolvers.admission import Admission
from sinks.history_reader import History, read_history
from sinks.profile_reader import ProfileReader
from sinks.redis_store import RedisStore
from stream.explaining import Explaining
from stream.lag import Lag, LogEnds
from stream.lookup import Lookup, UnavailableError
from stream.metrics import Metrics
from stream.profile_source import ProfileSource
from stream.recalling import READ_SECONDS, Keys, Recalling
from stream.session import Session
from stream.settings import Settings
from stream.web import create_web
from stream.web_guard import Guard
from stream.web_server import WebServer
from topics.catalogue import TOUCHPOINTS

Reading = Callable[[], Collection[object]]
"""The partitions that this worker reads now."""


def web_server(
    settings: Settings, session: Session, admission: Admission, metrics: Metrics, reading: Reading
) -> WebServer:
    """The HTTP interface; its `run` is a task of the worker."""
    brokers = ",".join(settings.brokers)

    async def store() -> RedisStore:
        if not session.ready.is_set():
            raise UnavailableError("the worker waits for its servers")
        return (await session.parts()).store

    async def reader() -> ProfileReader:
        return await ProfileReader.open(brokers, settings.topic_prefix, settings.kafka_settings())

    def read(keys: Keys) -> History:
        kafka = settings.kafka_settings()
        return read_history(brokers, settings.topic_prefix, kafka, keys, seconds=READ_SECONDS)

    async def histories(keys: Keys) -> History:
        return await asyncio.to_thread(read, keys)

    source = ProfileSource(reader)
    web = create_web(
        Lookup(store, source),
        Explaining(store, admission.rules),
        admission,
        lambda: not_ready(session, reading),
        [metrics.registry, _process_metrics()],
        recalling=Recalling(store, histories, settings.configuration.retention_days),
    )
    return WebServer(Guard(web, settings.http, settings.api_tokens), settings.http, source)


def lag(settings: Settings, session: Session, metrics: Metrics) -> Lag:
    """The lag metric; its `watch` is a task of the worker."""
    topic = TOUCHPOINTS.full_name(settings.topic_prefix)
    return Lag(LogEnds(settings.kafka_settings(), ",".join(settings.brokers), topic), session, metrics)


def not_ready(session: Session, reading: Reading) -> list[str]:
    """Why a worker is not ready, as codes.

    `servers_unavailable`: it waits for Redis or Kafka. `no_partitions`: it reads nothing (yet): it is joining the
    group, or there are more workers than partitions.
    """
    reasons = []
    if not session.ready.is_set():
        reasons.append("servers_unavailable")
    if not reading():
        reasons.append("no_partitions")
    return reasons


def _process_metrics() -> CollectorRegistry:
    """CPU, memory, open files, garbage collection of this process."""
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    GCCollector(registry=registry)
    return registry
