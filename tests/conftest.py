"""Fixtures for the whole suite: the real servers, started when a test first asks for them and shared by the session.

A test that needs a broker takes `kafka`, one that needs a store `redis_server`; both isolate themselves by
`topic_prefix`. In CI (the variable `CI` is set) a server that cannot be had is a failure; elsewhere the embedded broker
stands in for Kafka, and the report says so.
"""

import os
import signal
import uuid
from collections.abc import Iterator
from typing import Any, Protocol

import hypothesis
import pytest

from stream.servers.child_process import ServerError
from stream.servers.embedded import embedded_servers
from tests.live.kafka import KafkaServer
from tests.live.kafka_jars import KafkaUnavailableError
from tests.live.redis_cluster import RedisCluster
from tests.live.redis_server import RedisServer

REPORT = pytest.StashKey[list[str]]()

# How slow a machine is says nothing about the code. In CI the same examples every time: a submission is judged by
# itself, and what chance finds is found at the desk.
for name, same in (("ci", True), ("desk", False)):
    hypothesis.settings.register_profile(
        name, derandomize=same, deadline=None, suppress_health_check=list(hypothesis.HealthCheck)
    )
hypothesis.settings.load_profile("ci" if os.environ.get("CI") else "desk")


class Broker(Protocol):
    """What the session's broker offers, real or embedded."""

    @property
    def bootstrap(self) -> str:
        """The address as Kafka clients take it, `127.0.0.1:port`."""
        ...

    @property
    def description(self) -> str:
        """Name and version, for the report."""
        ...


class EmbeddedBroker:
    """The embedded broker standing in for Kafka: no compaction, no retention, no transactions, slow group joins."""

    description = "EMBEDDED broker (Tansu)"

    def __init__(self, bootstrap: str) -> None:
        self.bootstrap = bootstrap


def pytest_configure(config: pytest.Config) -> None:
    """Prepare the lines that the terminal summary prints, and have Ctrl-C mean what it does at a terminal.

    A shell that starts something in the background has it ignore Ctrl-C, and all that it starts; tests press it.
    """
    config.stash[REPORT] = []
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """One of several processes that share the tests hands its lines to the one that prints the summary."""
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["servers"] = session.config.stash[REPORT]


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:  # noqa: ANN401 - pytest-xdist types nothing
    """The one that prints takes the lines of each, and says what they share once."""
    report = node.config.stash[REPORT]
    report += [line for line in getattr(node, "workeroutput", {}).get("servers", ()) if line not in report]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Say which servers the tests ran against, above all where one is only a stand-in."""
    if config.stash[REPORT]:
        terminalreporter.section("servers")
        for line in config.stash[REPORT]:
            terminalreporter.write_line(line)


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config) -> Iterator[Broker]:
    """The session's broker: Apache Kafka, or outside CI the embedded one where Kafka cannot be had."""
    server = KafkaServer(tmp_path_factory.mktemp("kafka"))
    report = pytestconfig.stash[REPORT]
    try:
        server.start()
    except (KafkaUnavailableError, ServerError) as error:
        if os.environ.get("CI"):
            pytest.fail(f"Kafka cannot be started, and in CI nothing may stand in for it: {error}")
        report.append(f"kafka: NOT THE REAL ONE. The embedded broker stood in, because {error}")
        with embedded_servers() as servers:
            yield EmbeddedBroker(servers.brokers)
        return
    report.append(f"kafka: {server.description}")
    yield server
    server.stop()


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config) -> Iterator[RedisServer]:
    """The session's store; `url` is its address. Tests keep apart by key prefix, or empty it first."""
    with RedisServer(tmp_path_factory.mktemp("redis")) as server:
        pytestconfig.stash[REPORT].append(f"redis: {server.description}")
        yield server


@pytest.fixture(scope="session")
def redis_cluster(tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config) -> Iterator[RedisCluster]:
    """The session's cluster of three; who moves its slots moves them back."""
    with RedisCluster(tmp_path_factory.mktemp("cluster")) as cluster:
        pytestconfig.stash[REPORT].append(f"cluster: {cluster.description}")
        yield cluster


@pytest.fixture
def topic_prefix() -> str:
    """A prefix for topics, consumer group and keys that no other test uses."""
    return f"test-{uuid.uuid4().hex[:12]}"
