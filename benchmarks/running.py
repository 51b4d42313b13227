"""An engine of one's own for as long as a benchmark or an example runs: topics, a worker, publishing, waiting.

Rules: the embedded servers are used unless real ones are named; on real ones it keeps to a prefix of its own and
removes it afterwards. Whatever fails is a sentence. The worker is a process, the `idweave worker` of production.
Must not know: what is published, and what is to come out.
"""

import argparse
import secrets
import tempfile
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Final, NamedTuple

import redis
from confluent_kafka import KafkaException

from sinks.log_reader import LogReadError
from sinks.topics_admin import TopicsFailedError, create_topics
from stream.cli.console import OUT, CommandFailedError, broker_list, complain, say, settings_for
from stream.cli.engine import remove_run
from stream.config.configuration import PACKAGED_FILE
from stream.config.mistakes import ConfigError
from stream.config.settings import DEMO_KEYS, Settings
from stream.demo.day import stopped_by_signals, without_kafka_settings, worker_process
from stream.demo.display import Display
from stream.demo.watch import Watch, WatchError
from stream.importing.publishing import PublishingError, TouchpointPublisher
from stream.servers.child_process import ChildProcess, ServerError
from stream.servers.embedded import embedded_servers
from tests.live.kafka import KafkaServer
from tests.live.kafka_jars import KafkaUnavailableError
from tests.live.redis_cluster import RedisCluster
from tests.live.redis_server import RedisServer

STUCK_SECONDS: Final = 60.0
LOOK_SECONDS: Final = 0.3  # a look asks both servers for a dozen numbers


class Servers(NamedTuple):
    """Where to run, and what that is called. `embedded`: they know no authentication, and end with the run.

    `kafka_pids`, `redis_pids`: their processes, where they were started here.
    """

    brokers: str
    redis_url: str
    description: str
    embedded: bool
    kafka_pids: tuple[int, ...] = ()
    redis_pids: tuple[int, ...] = ()


class Run:
    """An engine under way. `settings`, `worker` and `publisher` are its own; `published`: events given to it so far."""

    def __init__(self, settings: Settings, worker: ChildProcess, watch: Watch, publisher: TouchpointPublisher) -> None:
        self.settings = settings
        self.published = 0
        self.worker = worker
        self._watch = watch
        self.publisher = publisher
        self._looked_at = -LOOK_SECONDS

    def publish(self, events: Collection[bytes]) -> float:
        """Publish events in this order -> seconds from the first one to nothing left to do.

        Raises:
            PublishingError, WatchError: a server does not take or give what it should.
            CommandFailedError: the worker is stuck.
        """
        self.published += len(events)
        with Display(OUT, self.published) as display:
            started = time.monotonic()
            self.publisher.publish(((None, event) for event in events), progress=lambda _: self._show(display))
            if self.publisher.failed:
                raise PublishingError(self.publisher.reason)
            self._settle(display)
        return self._watch.moved_at - started

    def published_elsewhere(self, number: int) -> None:
        """Wait until nothing is left to do of what another program has published.

        Raises:
            as `publish`.
        """
        self.published += number
        with Display(OUT, self.published) as display:
            self._settle(display)

    def _settle(self, display: Display) -> None:
        while not self._look(display):
            if time.monotonic() - self._watch.moved_at > STUCK_SECONDS:
                words = "\n  ".join(self.worker.last_log_lines())
                raise CommandFailedError(f"Nothing has moved for {STUCK_SECONDS:.0f} s. The worker says:\n  {words}")
            time.sleep(LOOK_SECONDS / 10)

    def _show(self, display: Display) -> None:
        self._look(display)

    def _look(self, display: Display) -> bool:
        """Look at the engine, if it is time to, and show it -> whether nothing is left to do."""
        if time.monotonic() - self._looked_at < LOOK_SECONDS:
            return False
        self.worker.require_alive()
        seen = self._watch.look(self.published)
        display.show(self.published, seen.resolved, seen.versions)
        self._looked_at = time.monotonic()
        return seen.settled and seen.resolved >= self.published


def server_options(parser: argparse.ArgumentParser) -> None:
    """The options that name real servers."""
    parser.add_argument("--brokers", metavar="HOST:PORT,...", help="real Kafka; with --redis")
    parser.add_argument("--redis", metavar="URL", help="real Redis; with --brokers")


@contextmanager
def embedded() -> Iterator[Servers]:
    """The servers that pip installed, for as long as the block runs."""
    with embedded_servers() as there:
        say(there.banner)
        yield Servers(there.brokers, there.redis_url, "embedded (Tansu, Valkey)", embedded=True)


def with_servers(
    asked: argparse.Namespace,
    work: Callable[[Servers], int],
    otherwise: Callable[[], AbstractContextManager[Servers]] = embedded,
) -> int:
    """Do work on the servers that were named, or on others -> its exit code, or 1 after what went wrong."""
    try:
        with stopped_by_signals(), _servers(asked.brokers, asked.redis, otherwise) as servers:
            return work(servers)
    except ConfigError as error:
        for mistake in error.mistakes:
            complain(str(mistake))
    except (CommandFailedError, ServerError) as error:
        complain(str(error))
    except (PublishingError, WatchError, LogReadError, TopicsFailedError, KafkaException, redis.RedisError) as error:
        complain(f"It cannot go on: {error}. Look at the servers and start it again.")
    return 1


@contextmanager
def real_servers() -> Iterator[Servers]:
    """Apache Kafka and Redis, started for as long as the block runs.

    Raises:
        CommandFailedError: Kafka cannot be had.
    """
    with tempfile.TemporaryDirectory() as folder, RedisServer(Path(folder)) as store, _kafka(folder) as kafka:
        yield _real(kafka, store.url, store.description, [store])


@contextmanager
def real_servers_with_cluster() -> Iterator[Servers]:
    """Apache Kafka and a Redis Cluster of three.

    Raises:
        CommandFailedError: Kafka cannot be had.
    """
    with tempfile.TemporaryDirectory() as folder, RedisCluster(Path(folder)) as cluster, _kafka(folder) as kafka:
        yield _real(kafka, cluster.url, cluster.description, cluster.servers)


def _real(kafka: KafkaServer, redis_url: str, described: str, stores: Collection[RedisServer]) -> Servers:
    return Servers(
        kafka.bootstrap,
        redis_url,
        f"{kafka.description}, {described}",
        embedded=True,
        kafka_pids=(kafka.process.pid,),
        redis_pids=tuple(store.process.pid for store in stores),
    )


@contextmanager
def _kafka(folder: str) -> Iterator[KafkaServer]:
    try:
        server = KafkaServer(Path(folder) / "kafka")
        server.start()
    except KafkaUnavailableError as error:
        raise CommandFailedError(f"Kafka cannot be had: {error}") from error
    try:
        yield server
    finally:
        server.stop()


@contextmanager
def fresh_engine(servers: Servers, name: str) -> Iterator[Run]:
    """An engine with empty topics and an empty store, for as long as the block runs. `name` begins its prefix.

    Raises:
        TopicsFailedError, PublishingError, WatchError: a server does not answer.
    """
    with ExitStack() as stack:
        settings = stack.enter_context(fresh_settings(servers, name))
        worker = stack.enter_context(worker_process(settings))
        watch = Watch(settings)
        stack.callback(watch.close)
        publisher = TouchpointPublisher(broker_list(settings), settings.topic_prefix, settings.kafka_settings())
        stack.callback(publisher.stop)
        yield Run(settings, worker, watch, publisher)


@contextmanager
def _servers(
    brokers: str | None, redis_url: str | None, otherwise: Callable[[], AbstractContextManager[Servers]]
) -> Iterator[Servers]:
    if brokers and redis_url:
        say(f"Your servers: broker {brokers}.")
        yield Servers(brokers, redis_url, "named by --brokers and --redis", embedded=False)
        return
    if brokers or redis_url:
        raise CommandFailedError("Name both --brokers and --redis, or neither for servers of its own.")
    with otherwise() as servers:
        yield servers


@contextmanager
def fresh_settings(servers: Servers, name: str) -> Iterator[Settings]:
    """Settings under a prefix that nothing else uses, with topics; removed afterwards where servers live longer."""
    prefix = f"{name}-{secrets.token_hex(4)}"
    overrides = {
        "IDWEAVE_BROKERS": servers.brokers,
        "IDWEAVE_REDIS_URL": servers.redis_url,
        "IDWEAVE_TOPIC_PREFIX": prefix,
        "IDWEAVE_REDIS_PREFIX": prefix,
        "IDWEAVE_HTTP": "127.0.0.1:0",
        "IDWEAVE_CONFIG": str(PACKAGED_FILE),
    }
    settings = settings_for(overrides, DEMO_KEYS)
    settings = without_kafka_settings(settings) if servers.embedded else settings
    create_topics(broker_list(settings), prefix, settings.kafka_settings())
    try:
        yield settings
    finally:
        if not servers.embedded:
            remove_run(settings)
