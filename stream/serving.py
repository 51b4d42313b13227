"""What a worker runs beside its agents: the HTTP interface and the lag metric, put together from the worker's parts.

Must not know: what the agents do.
"""

import asyncio
from collections.abc import Callable, Collection

from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector

from resolvers.admission import Admission
from resolvers.standing import standing_of
from sinks.history_reader import History, read_history
from sinks.newest_reader import NewestReader
from sinks.profile_reader import ProfileReader
from sinks.redis_store import RedisStore
from sinks.topic_ids import TopicIds
from stream.config.settings import Settings
from stream.flood import Flood
from stream.lag import Lag, LogEnds
from stream.metrics import Metrics
from stream.operating.desk import Desk
from stream.operating.requesting import Requests
from stream.pulse import Pulse
from stream.reading.decisions import Decisions
from stream.reading.explaining import Explaining
from stream.reading.lookup import Lookup
from stream.reading.profile_source import ProfileSource
from stream.reading.recalling import READ_SECONDS, Keys, Recalling
from stream.reading.recent import NewestSource, Recently
from stream.reading.walking import UnavailableError
from stream.same_log import SameLog
from stream.session import Session
from stream.web.guard import Guard
from stream.web.routes import WebParts, create_web
from stream.web.server import WebServer
from stream.web.status import Reasons
from stream.web.vocabulary import vocabulary_of
from topics.catalogue import CHANGES, COMMANDS, TOUCHPOINTS

READ = (TOUCHPOINTS, CHANGES, COMMANDS)
"""What the agents read."""

RULES_SHOWN = 12
"""So much of the rules' fingerprint is told."""

Reading = Callable[[], Collection[object]]
"""The partitions that this worker reads now."""


def web_server(
    settings: Settings, session: Session, admission: Admission, metrics: Metrics, *, reasons: Reasons, pulse: Pulse
) -> WebServer:
    """The HTTP interface; its `run` is a task of the worker. `reasons`: why the worker is not ready, as codes."""
    brokers, prefix, kafka = ",".join(settings.brokers), settings.topic_prefix, settings.kafka_settings()

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
        return await ProfileReader.open(brokers, prefix, kafka)

    async def histories(keys: Keys) -> History:
        return await asyncio.to_thread(read_history, brokers, prefix, kafka, keys, seconds=READ_SECONDS)

    metrics.ready.set_function(lambda: not reasons())
    metrics.rules_info.labels(settings.rules_fingerprint[:RULES_SHOWN]).set(1)
    source = ProfileSource(reader)
    newest = NewestSource(lambda: NewestReader(brokers, prefix, kafka))
    desk = Desk(lambda: Requests(brokers, prefix, kafka))
    web = create_web(
        WebParts(
            lookup=Lookup(store, source, current),
            explaining=Explaining(store, admission.rules, current),
            recalling=Recalling(store, histories, settings.configuration.retention_days, current),
            recently=Recently(store, newest.read),
            decisions=Decisions(store),
            asking=desk.ask,
            admission=admission,
            vocabulary=vocabulary_of(admission.rules, settings.member_rules.rules),
            pulse=pulse,
            reasons=reasons,
            registries=[metrics.registry, process_metrics()],
        )
    )
    guard = Guard(web, settings.http, settings.api_tokens, settings.own_operator)
    return WebServer(guard, settings.http, [source, newest, desk])


def same_log(settings: Settings) -> SameLog:
    """Whether topics are those that the store was filled from."""
    topics = [topic.full_name(settings.topic_prefix) for topic in READ]
    return SameLog(TopicIds(",".join(settings.brokers), settings.kafka_settings(), topics))


def lag(settings: Settings, session: Session, metrics: Metrics, pulse: Pulse) -> Lag:
    """The metrics of lag; its `watch` is a task of the worker."""
    topics = [topic.full_name(settings.topic_prefix) for topic in READ]
    ends = LogEnds(settings.kafka_settings(), ",".join(settings.brokers), topics)
    return Lag(ends, session, metrics, settings.topic_prefix, pulse)


def not_ready(session: Session, reading: Reading, flood: Flood, behind: Lag) -> list[str]:
    """Why a worker is not ready, as codes.

    `servers_unavailable`: it waits for Redis or Kafka, or these do not say how far behind it is. `no_partitions`: it
    reads nothing (yet): it is joining the group, or there are more workers than partitions. `most_are_refused`: it
    reads no touchpoints until an operator says so.
    """
    reasons = []
    if behind.is_lost or not session.ready.is_set():
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
