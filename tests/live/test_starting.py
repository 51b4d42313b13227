"""How a worker starts and ends on servers that are not as they should be: a sentence, a warning, an exit code."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from confluent_kafka.admin import AdminClient, NewPartitions

from sinks.topics_admin import create_topics
from tests.conftest import Broker
from tests.live.command_line import Line
from tests.live.engine import HASH_KEY, ID_KEY, Engine, visit
from tests.live.kafka import KafkaServer, change_topics
from tests.live.redis_server import RedisServer

# A worker whose broker dies between the look at the topics and the start of the group.
BEREFT = """
import os, signal, sys, time
from stream.cli import worker
look, pid = worker.require_store, int(sys.argv.pop())
def look_and_kill(settings):
    look(settings)
    os.kill(pid, signal.SIGKILL)
    time.sleep(1)
worker.require_store = look_and_kill
worker.differing_topics = lambda _settings: []
from stream.cli.main import run
sys.exit(run(["worker"]))
"""


def test_a_broker_that_dies_at_the_start_is_a_sentence(
    own_kafka: KafkaServer, own_redis: RedisServer, topic_prefix: str
) -> None:
    """Whoever typed the command is told what to start, and no frames of anything."""
    create_topics(own_kafka.bootstrap, topic_prefix, {}, 1)
    environment = {name: text for name, text in os.environ.items() if not name.startswith("IDWEAVE_")} | {
        "IDWEAVE_BROKERS": own_kafka.bootstrap,
        "IDWEAVE_TOPIC_PREFIX": topic_prefix,
        "IDWEAVE_REDIS_URL": own_redis.url,
        "IDWEAVE_REDIS_PREFIX": topic_prefix,
        "IDWEAVE_HASH_KEY": HASH_KEY,
        "IDWEAVE_ID_KEY": ID_KEY,
        "IDWEAVE_HTTP": "127.0.0.1:0",
    }
    command = [sys.executable, "-c", BEREFT, str(own_kafka.process.pid)]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60)  # noqa: S603
    sentences = [line for line in ended.stderr.splitlines() if not line.startswith("%")]  # librdkafka's begin so
    assert ended.returncode == 1
    assert len(sentences) == 1, ended.stderr
    assert f"No Kafka broker answers at {own_kafka.bootstrap} (it went away while the worker" in sentences[0]
    assert "frames" not in ended.stdout, ended.stdout
    assert '"critical"' not in ended.stdout


def test_a_worker_whose_broker_is_frozen_ends_as_it_is_told(
    own_kafka: KafkaServer, own_redis: RedisServer, topic_prefix: str, tmp_path: Path
) -> None:
    """Not all can be closed, and nothing is lost by that: exit code 0, in the time that an orchestrator gives."""
    with Engine(own_kafka.bootstrap, own_redis.url, topic_prefix, tmp_path / "engine") as engine:
        worker = engine.start_worker()
        engine.publish([visit(1, card="A")])
        engine.settle()
        own_kafka.pause()
        engine.look_after = lambda: None
        os.kill(worker.pid, signal.SIGTERM)
        engine.until(lambda: worker.exit_code is not None, "it has ended")
        own_kafka.resume()
        assert worker.exit_code == 0
        assert "Nothing is lost" in engine.logs()


def warnings(engine: Engine) -> list[dict[str, Any]]:
    """What workers say of topics."""
    return [json.loads(line) for line in engine.logs().splitlines() if "a topic is not set up" in line]


def test_a_topic_that_is_stamped_by_publishers_is_told_at_the_start(engine: Engine, kafka: Broker) -> None:
    """The worker does its work all the same: its operator may know why. Topics that are right are not named."""
    topic = f"{engine.prefix}.touchpoints"
    change_topics(kafka.bootstrap, {topic: {"message.timestamp.type": "CreateTime"}})
    worker = engine.start_worker()
    engine.until(lambda: engine.is_ready(worker), "it reads")
    [told] = warnings(engine)
    assert told["topic"] == topic
    assert told["differs"] == ["message.timestamp.type is CreateTime, not LogAppendTime"]
    assert told["level"] == "warning"


def test_commands_on_several_partitions_are_a_sentence(engine: Engine, kafka: Broker, keeper: Line) -> None:
    """What is on the others would never be carried out: a worker does not start."""
    topic = f"{engine.prefix}.commands"
    admin = AdminClient({"bootstrap.servers": kafka.bootstrap})
    for going in admin.create_partitions([NewPartitions(topic, 2)]).values():
        going.result(20)
    engine.until(lambda: len(admin.list_topics(topic, 5).topics[topic].partitions) == 2, "it has two")
    ended = keeper.run("worker")
    assert ended.returncode == 1
    assert f"{topic} has 2 partitions and must have one" in ended.stderr
    assert "idweave topics create" in ended.stderr
