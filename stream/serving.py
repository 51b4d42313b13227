"""What a worker runs beside its agents: the HTTP interface and the lag metric, put together from the worker's parts.

Must not know: what the agents do.
"""

import asyncio
from collections.abc import Callable, Collection

from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector

from resolvers.admission import Admission
from resolvers.standing import standing_of
from sinks.history_reader import History, read_history
from sinks.profile_reader import ProfileReader
from sinks.redis_store import RedisStore
from stream.config.settings import Settings
from stream.flood import Flood
from stream.lag import Lag, LogEnds
from stream.metrics import Metrics
from stream.reading.explaining import Explaining
from stream.reading.lookup import Lookup, UnavailableError
from stream.reading.profile_source import ProfileSource
from stream.reading.recalling import READ_SECONDS, Keys, Recalling
from stream.session import Session
from stream.web.guard import Guard
from stream.web.routes import Reasons, create_web
from stream.web.server import WebServer
from topics.catalogue import CHANGES, COMMANDS, TOUCHPOINTS

READ = (TOUCHPOINTS, CHANGES, COMMANDS)
"""What the agents read."""

Reading = Callable[[], Collection[object]]
"""The partitions that this worker reads now."""


def web_server(
    settings: Settings, session: Session, admission: Admission, metrics: Metrics, reasons: Reasons
) -> WebServer:
    """The HTTP interface; its `run` is a task of the worker. `reasons`: why the worker is not ready, as codes."""
    brokers = ",".join(settings.brokers)

    lives = standing_of([], admission).lives

    async def store() -> RedisStore:
        nonlocal lives
        if not session.ready.is_set():
            raise UnavailableError("the worker waits for its servers")
        parts = await session.parts()
        lives = parts.standing.lives
        return parts.store

    def current(key: str) -> str:
        return lives.current(key)

    async def reader() -> ProfileReader:
        return await ProfileReader.open(brokers, settings.topic_prefix, settings.kafka_settings())

    def read(keys: Keys) -> History:
        kafka = settings.kafka_settings()
        return read_history(brokers, settings.topic_prefix, kafka, keys, seconds=READ_SECONDS)

    async def histories(keys: Keys) -> History:
        return await asyncio.to_thread(read, keys)

    metrics.ready.set_function(lambda: not reasons())
    source = ProfileSource(reader)
    web = create_web(
        Lookup(store, source, current),
        Explaining(store, admission.rules, current),
        admission,
        reasons,
        [metrics.registry, process_metrics()],
        recalling=Recalling(store, histories, settings.configuration.retention_days, current),
    )
    return WebServer(Guard(web, settings.http, settings.api_tokens), settings.http, source)


def lag(settings: Settings, session: Session, metrics: Metrics) -> Lag:
    """The metrics of lag; its `watch` is a task of the worker."""
    topics = [topic.full_name(settings.topic_prefix) for topic in READ]
    ends = LogEnds(settings.kafka_settings(), ",".join(settings.brokers), topics)
    return Lag(ends, session, metrics, settings.topic_prefix)


def not_ready(session: Session, reading: Reading, flood: Flood) -> list[str]:
    """Why a worker is not ready, as codes.

    `servers_unavailable`: it waits for Redis or Kafka. `no_partitions`: it reads nothing (yet): it is joining the
    group, or there are more workers than partitions. `most_are_refused`: it reads no touchpoints until an operator says
    so.
    """
    reasons = []
    if not session.ready.is_set():
        reasons.append("servers_unavailable")
    if not reading():
        reasons.append("no_partitions")
    if flood.is_paused:
        reasons.append("most_are_refused")
    return reasons


def process_metrics() -> CollectorRegistry:
    """CPU, memory, open files, garbage collection of this process."""
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    GCCollector(registry=registry)
    return registry
