"""The worker: a Faust app with three agents, and all that they need. Start reading here.

    publishers -> touchpoints -> resolve -> changes -> project -> profiles, identities, merges, values, conflicts
    operators  -> commands    -> command -> changes, commands.results
    time       -> waking      -> changes

Each agent's loop only puts its chunks in a queue (`stream.batches`), so that no exception can leave it: Faust loses
events when one does. `faust -A stream.app worker` and `idweave worker` run the same `app`.
"""

import os
from collections.abc import AsyncIterable, Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import structlog

from resolvers.cache import Cache, Unconfirmed
from resolvers.projecting import say_again
from resolvers.standing import standing_of
from sinks.carrying import carry
from sinks.failing import clients
from sinks.publisher import Publisher
from sinks.redis_store import RedisStore
from stream.barrier import Barrier
from stream.batches import Batches
from stream.chunks import TP, Chunk
from stream.command import BATCH_RECORDS as COMMAND_RECORDS
from stream.command import Commanding
from stream.config.settings import Settings, load_settings
from stream.flood import Flood
from stream.garbage import spare_the_collector
from stream.memory import Memory, container_limit
from stream.metrics import Metrics
from stream.progress import Progress
from stream.project import BATCH_RECORDS as PROJECT_RECORDS
from stream.project import Projecting
from stream.pulse import Pulse
from stream.resolve import BATCH_RECORDS as RESOLVE_RECORDS
from stream.resolve import Resolving
from stream.rulebook import admission_of, rulebook_of
from stream.serving import lag, not_ready, same_log, web_server
from stream.session import Parts, Session
from stream.transport import ChunkApp, create_app
from stream.waking import Pages, Waking
from topics.catalogue import CHANGES, COMMANDS, TOUCHPOINTS

log = structlog.get_logger("idweave.app")


class Worker:
    """One worker process: settings in, a Faust app out. `app` is what runs."""

    def __init__(self, settings: Settings, metrics: Metrics | None = None) -> None:
        self.settings = settings
        self.metrics = metrics or Metrics()
        self._store_type, self._publisher_type = clients(settings.failpoints)
        self._unconfirmed: dict[str, Unconfirmed] = {}
        self.session = Session(self._open, self.metrics, owes=lambda: bool(self._unconfirmed))
        self._same_log = same_log(settings)
        self._memory = Memory(settings.memory_bytes or container_limit())
        self.metrics.publisher_queue_records.set_function(lambda: self.session.queued)
        self.progress = Progress(self.session, self._rolled_back)
        self.admission = admission_of(settings)
        self._standing = standing_of([], self.admission)
        self.rulebook = rulebook_of(settings, lambda: self._standing)
        self.app: ChunkApp = create_app(
            settings.topic_prefix, settings.brokers, self.progress, security=settings.kafka_settings()
        )
        self.session.attach(self.app.intake)
        commands_topic = COMMANDS.full_name(settings.topic_prefix)
        barrier = Barrier(",".join(settings.brokers), commands_topic, settings.kafka_settings())
        self.flood = Flood(self.metrics, settings.configuration.dead_letters)
        resolving = Resolving(self.admission, settings.configuration.limits, self.metrics, self.flood, barrier)
        pages = Pages()
        projecting = Projecting(self.rulebook, self.metrics, pages)
        resolves = Batches(
            self.session,
            self.progress,
            resolving,
            self.metrics,
            agent="resolve",
            records_max=RESOLVE_RECORDS,
            is_held_up=lambda: barrier.is_waiting or self.flood.is_paused,
        )
        projects = Batches(
            self.session,
            self.progress,
            projecting,
            self.metrics,
            agent="project",
            records_max=PROJECT_RECORDS,
            before=resolves,
        )
        commanding = Commanding(self.admission, self.rulebook, self.metrics)
        commands = Batches(
            self.session, self.progress, commanding, self.metrics, agent="command", records_max=COMMAND_RECORDS
        )
        self._agent(TOUCHPOINTS.full_name(settings.topic_prefix), resolves)
        self._agent(CHANGES.full_name(settings.topic_prefix), projects)
        self._agent(commands_topic, commands)
        self.app.task(self.session.watch)

        async def watch_the_log() -> None:
            await self._same_log.watch(self.session)

        async def watch_memory() -> None:
            await self._memory.watch(self.session)

        self.app.task(watch_the_log)
        self.app.task(watch_memory)
        changes = CHANGES.full_name(settings.topic_prefix)
        waking = Waking(
            self.session,
            self.metrics,
            pages,
            changes=changes,
            reading=lambda: [tp.partition for tp in self._reading() if tp.topic == changes],
            is_behind=lambda: resolves.is_behind,
            fingerprint=settings.rules_fingerprint,
        )
        self.app.task(waking.run)
        pulse = Pulse()
        self._lag = lag(settings, self.session, self.metrics, pulse)
        self.web = web_server(settings, self.session, self.admission, self.metrics, reasons=self.not_ready, pulse=pulse)
        self.app.task(self.web.run)
        self.app.task(self._lag.watch)
        spare_the_collector()

    def _rolled_back(self, lost: Mapping[TP, int]) -> None:
        log.error(
            "Redis has lost writes that it had acknowledged, or workers of another store (IDWEAVE_REDIS_PREFIX) read"
            " the same topics: what is missing here is done again from the log, as far as it is kept; afterwards run"
            " `idweave republish`: docs/runbook.md#idweavestorelostwrites",
            records={f"{tp.topic}-{tp.partition}": count for tp, count in lost.items()},
        )
        self.metrics.store_rollback_records.inc(sum(lost.values()))

    def not_ready(self) -> list[str]:
        """Why it is not ready, as codes; none: it is."""
        return not_ready(self.session, self._reading, self.flood, self._lag)

    def _reading(self) -> set[TP]:
        """The partitions that this worker reads; there is no consumer before the start."""
        found: set[TP] = self.app.consumer.assignment()
        return found

    async def _open(self) -> Parts:
        settings = self.settings
        async with AsyncExitStack() as opened:
            store = await self._store_type.open(
                settings.redis_url.reveal(),
                settings.redis_prefix,
                settings.identity_fingerprint,
                topics=settings.topic_prefix,
                observe=lambda op, seconds: self.metrics.store_seconds.labels(op).observe(seconds),
            )
            opened.push_async_callback(store.close)
            await self._same_log.require(store)
            brokers = ",".join(settings.brokers)
            publisher = await self._publisher_type.open(brokers, settings.topic_prefix, settings.kafka_settings())
            opened.push_async_callback(publisher.close)
            await self._say_again(store, publisher)
            opened.pop_all()
        if not store.server.appends and settings.own_operator is None:  # else servers of one run: their banner says it
            log.warning("Redis keeps no log of writes (appendonly): a restart of it loses everything")
        if store.nodes_changed:
            log.warning(
                "nodes of the Redis Cluster have restarted, left, or were replaced by replicas: unless each keeps every"
                " write (appendfsync always), some may be lost; `idweave audit` looks for holes",
                nodes=store.nodes_changed,
            )
        self._standing = standing_of(store.fences, self.admission)
        return Parts(store, publisher, Cache(self._memory.components, self._unconfirmed), self._standing)

    async def _say_again(self, store: RedisStore, publisher: Publisher) -> None:
        """Have others say again what this process, frozen for a while, may have sent old records of when it woke up."""
        overtaken = await carry(say_again(self._unconfirmed), store, publisher)
        self._unconfirmed.clear()
        if overtaken:
            log.warning(
                "others have gone on with what this worker was publishing when its session was lost (was it frozen?):"
                " its records may lie behind newer ones, and are said again",
                components=len(overtaken),
            )

    def _agent(self, topic: str, batches: Batches[Any]) -> None:
        async def collect(chunks: AsyncIterable[Chunk]) -> None:
            async for chunk in chunks:
                batches.put(chunk, self.app.intake)

        async def prepare() -> None:
            await batches.prepare(self.app.intake)

        async def work() -> None:
            await batches.run(self.app.intake)

        self.app.agent(self.app.topic(topic), name=topic)(collect)
        self.app.task(prepare)
        self.app.task(work)


def worker_from_environment() -> Worker:
    """The worker that the environment and the working folder describe.

    Raises:
        ConfigError: with every mistake found.
    """
    return Worker(load_settings(os.environ, Path.cwd()))


def __getattr__(name: str) -> ChunkApp:
    """`app`, made when `faust -A stream.app` asks for it: importing this module needs no configuration."""
    if name == "app":
        return worker_from_environment().app
    raise AttributeError(name)
