"""Servers that die, forget, or stay away: noticed, said, and gone on from, to the model's people.

The broker and the store of these tests are their own, to be killed and robbed. How operators see it: docs/rebuild.md.
"""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient

from sinks.topics_admin import create_topics
from stream.servers.child_process import LOOPBACK
from stream.servers.redis_client import stock_client
from stream.session import BACKOFF_SECONDS
from tests.conftest import Broker
from tests.live.against_model import Check
from tests.live.command_line import Line
from tests.live.engine import HASH_KEY, ID_KEY, Engine, Published
from tests.live.fleet import QUICK
from tests.live.kafka import KafkaServer
from tests.live.redis_server import RedisServer
from tests.live.test_end_to_end import parts, retail_day
from tests.live.test_faults import whole
from tests.live.test_replay import said
from tests.live.test_republish import lose_topic

PEOPLE = 80
GROWTH_KIB = 100_000
LOG_BYTES_MAX = 100_000


@pytest.fixture
def engine(kafka: Broker, own_redis: RedisServer, topic_prefix: str, tmp_path: Path) -> Iterator[Engine]:
    """Topics on the session's broker, and a store of the test's own."""
    with Engine(kafka.bootstrap, own_redis.url, topic_prefix, tmp_path / "engine") as engine:
        yield engine


@pytest.fixture
def operator(kafka: Broker, own_redis: RedisServer, topic_prefix: str) -> Line:
    """The command line of an operator of `engine`."""
    addresses = {"IDWEAVE_REDIS_URL": own_redis.url, "IDWEAVE_REDIS_PREFIX": topic_prefix}
    return Line(kafka.bootstrap, topic_prefix, {**addresses, "IDWEAVE_HASH_KEY": HASH_KEY, "IDWEAVE_ID_KEY": ID_KEY})


def log_sizes(store: RedisServer) -> dict[Path, int]:
    """How long the files of the log of writes are."""
    return {file: file.stat().st_size for file in (store.folder / "appendonlydir").iterdir()}


def cut_log(store: RedisServer, sizes: dict[Path, int]) -> None:
    """The end of the log of writes did not reach the disk: half of what was written since, and a torn command."""
    for file in (store.folder / "appendonlydir").iterdir():
        before = sizes.get(file, 0)
        if ".incr." in file.name:
            with file.open("r+b") as log:
                log.truncate(before + (file.stat().st_size - before) // 2 + 1)


def repaired(engine: Engine, operator: Line) -> int:
    """What the runbook says for a store that lost writes -> how many profiles only subscribers knew."""
    engine.settle()
    assert "Redis has lost writes that it had acknowledged" in engine.logs()
    strays = said(operator, "republish", "--topic", "profiles")["strays"]
    engine.settle()
    said(operator, "republish", "--topic", "identities")
    engine.settle()
    again = said(operator, "republish", "--topic", "profiles")
    assert (again["again"], again["strays"]) == (0, 0)
    return int(strays)


def live_through(engine: Engine, records: list[Published]) -> None:
    """In small batches, as people come: done again in large ones, they are published under other ids."""
    for part in parts(records, 12):
        engine.publish(part)
        engine.until(engine.is_idle, "a part is published")


def test_a_store_that_lost_its_last_writes(engine: Engine, own_redis: RedisServer, operator: Line) -> None:
    """F5: Redis is killed, and its log of writes comes back short and torn: noticed, said, repeated, made good."""
    first, second, third = parts(retail_day(31, PEOPLE), 3)
    worker = engine.start_worker(**QUICK)
    engine.publish(first)
    engine.settle()
    sizes = log_sizes(own_redis)
    live_through(engine, second)
    own_redis.kill()
    cut_log(own_redis, sizes)
    own_redis.start()
    repaired(engine, operator)
    engine.publish(third)
    engine.settle()
    assert worker.alive
    whole(engine, forgot=True)


@pytest.mark.chaos
def test_a_replica_that_lagged_is_promoted(
    engine: Engine, own_redis: RedisServer, operator: Line, tmp_path: Path
) -> None:
    """F6: the primary dies, and a replica that had stopped listening takes its address: as a restored backup does."""
    first, second, third = parts(retail_day(32, PEOPLE), 3)
    (tmp_path / "replica").mkdir()
    replica = RedisServer(tmp_path / "replica", {"replicaof": f"{LOOPBACK} {own_redis.process.port}"})
    with replica, stock_client(replica.url, 10) as client:
        engine.start_worker(**QUICK)
        engine.publish(first)
        engine.settle()
        engine.until(lambda: client.dbsize() == engine.keys(), "the replica has everything")
        replica.kill()
        live_through(engine, second)
    own_redis.kill()
    with RedisServer(replica.folder, port=own_redis.process.port):
        repaired(engine, operator)
        engine.publish(third)
        engine.settle()
        whole(engine, forgot=True)


def test_servers_that_stay_away(own_kafka: KafkaServer, own_redis: RedisServer, tmp_path: Path) -> None:
    """F4, F5: the store, then the broker, are killed or frozen: not ready, few words, no growth; then on by itself."""
    parts_left = iter(parts(retail_day(33, PEOPLE), 4))
    with Engine(own_kafka.bootstrap, own_redis.url, "away", tmp_path / "engine") as engine:
        worker = engine.start_worker(**QUICK)
        engine.publish(next(parts_left))
        engine.settle()
        before_kib, words = memory_kib(worker.pid), len(engine.logs())

        own_redis.kill()
        engine.publish(next(parts_left))
        engine.until(lambda: "servers_unavailable" in engine.reasons(worker), "without a store it is not ready")
        engine.until(lambda: engine.logs().count("cannot open a session") >= 5, "it tries again, and says so")
        waits = [float(text) for text in re.findall(r'"again_in_seconds":([\d.]+)', engine.logs())]
        assert waits == sorted(waits)
        assert waits[-1] <= max(BACKOFF_SECONDS)
        own_redis.start()
        engine.until(lambda: engine.is_ready(worker), "it is ready again by itself")
        engine.settle()

        own_kafka.pause()
        engine.until(lambda: "the lag is not known" in engine.logs(), "a broker that hangs is noticed")
        own_kafka.resume()
        engine.publish(next(parts_left))
        engine.until(engine.is_resolved, "it goes on")
        own_kafka.kill()
        own_kafka.start()
        engine.publish(next(parts_left))
        engine.settle()
        assert worker.alive
        assert memory_kib(worker.pid) < before_kib + GROWTH_KIB
        assert len(engine.logs()) < words + LOG_BYTES_MAX
        whole(engine)


def memory_kib(pid: int) -> int:
    """What a process holds in memory."""
    found = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    assert found is not None
    return int(found[1])


def test_records_that_retention_took_are_counted(engine: Engine, kafka: Broker) -> None:
    """F15: while nobody read, touchpoints were deleted: an error that names them, a metric, and all others are done."""
    first, second = parts(retail_day(34, 30), 2)
    worker = engine.start_worker(**QUICK)
    engine.publish(first)
    engine.settle()
    worker.stop()
    engine.workers.remove(worker)
    done = engine.resolved()
    engine.publish(second)
    admin = AdminClient({"bootstrap.servers": kafka.bootstrap})
    topic = f"{engine.prefix}.touchpoints"
    places = [TopicPartition(topic, one, end) for one, end in engine.ends().items()]
    for waiting in admin.delete_records(places).values():
        waiting.result(10)
    engine.publish(first[:20])
    worker = engine.start_worker(**QUICK)
    engine.settle()
    lost = len(second)
    assert engine.resolved() == done + lost + 20
    assert "touchpoints were deleted before they were resolved: events are lost" in engine.logs()
    assert engine.metric(worker, "idweave_position_gap_total") == lost


@pytest.mark.parametrize("running", [False, True], ids=["while nobody reads", "below a worker"])
def test_an_input_that_is_made_anew_is_not_read_on(engine: Engine, kafka: Broker, *, running: bool) -> None:
    """It has grown past the positions, so no offset shows it: not one of its records is done, and it is said why.

    Without positions in it, which an operator deletes, a topic is a beginning like any other.
    """
    first, second = parts(retail_day(36, 40), 2)
    worker = engine.start_worker(**QUICK)
    engine.publish(first)
    engine.settle()
    done = engine.resolved()
    if not running:
        worker.stop()
        engine.workers.remove(worker)
    lose_topic(kafka, engine, "touchpoints")
    engine.publish([*second, *first, *second])
    if not running:
        worker = engine.start_worker(**QUICK)
    engine.until(lambda: "touchpoints was deleted and made anew" in engine.logs(), "it is told")
    assert engine.reasons(worker) == ["servers_unavailable"]
    assert running or engine.resolved() == done
    engine.forget_positions()
    engine.until(lambda: engine.is_ready(worker), "it reads again")


@pytest.mark.chaos
def test_a_broker_that_takes_no_records(engine: Engine, kafka: Broker) -> None:
    """F13: an output topic is gone: no position moves past what was not published; with the topic, all is."""
    first, second = parts(retail_day(35, 60), 2)
    engine.start_worker(**QUICK)
    engine.publish(first)
    engine.settle()
    done = engine.published_changes()
    name = f"{engine.prefix}.values"
    admin = AdminClient({"bootstrap.servers": kafka.bootstrap})
    admin.delete_topics([name], operation_timeout=10)[name].result(10)
    engine.publish(second)
    engine.until(lambda: "PublishFailedError" in engine.logs(), "the broker refuses a record")
    engine.until(engine.is_resolved, "resolving goes on")
    assert engine.published_changes() < engine.changes_end()
    assert engine.published_changes() >= done
    create_topics(kafka.bootstrap, engine.prefix, {}, 1)
    engine.settle()
    check = Check(engine.input_log(), engine.outputs())
    check.people()
    check.identities()
    check.merges()
    check.versions(once=False)
