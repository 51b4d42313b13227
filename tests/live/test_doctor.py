"""`idweave doctor` on real servers: good ones, ones that are set up wrong, and ones that are not there."""

import json
import time
from pathlib import Path
from typing import Any

import pytest
import redis
from confluent_kafka import Producer

from sinks.topics_admin import create_topics
from stream.cli.main import run
from stream.servers.child_process import LOOPBACK, free_port
from tests.conftest import Broker
from tests.live.kafka import change_topics
from tests.live.redis_server import RedisServer

SECRETS = {"IDWEAVE_HASH_KEY": "hushed-hash-key-" * 3, "IDWEAVE_ID_KEY": "hushed-id-key-" * 3}


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, topic_prefix: str) -> pytest.MonkeyPatch:
    """A worker's environment, but for its servers."""
    monkeypatch.chdir(tmp_path)
    more = {"IDWEAVE_HTTP": f"{LOOPBACK}:{free_port()}", "IDWEAVE_API_TOKENS": "reader:hushed-token"}
    for name, text in {**SECRETS, **more}.items():
        monkeypatch.setenv(name, text)
    for name in ("IDWEAVE_TOPIC_PREFIX", "IDWEAVE_REDIS_PREFIX"):
        monkeypatch.setenv(name, topic_prefix)
    return monkeypatch


def doctor(brokers: str, store: str, capsys: pytest.CaptureFixture[str]) -> tuple[int, list[dict[str, Any]]]:
    """Run it -> its exit code, and what is not good."""
    code = run(["doctor", "--json", "--brokers", brokers, "--redis", store])
    said = capsys.readouterr()
    assert "hushed" not in said.out + said.err
    told = json.loads(said.out)
    assert told["ok"] == (code == 0)
    return code, [one for one in told["findings"] if one["state"] in {"warning", "wrong"}]


def test_good_servers_are_good(
    kafka: Broker,
    redis_server: RedisServer,
    topic_prefix: str,
    environment: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Nothing is wrong with the servers that the tests run on, once their topics are created; text says the same."""
    code, found = doctor(kafka.bootstrap, redis_server.url, capsys)
    assert (code, [one["about"] for one in found]) == (1, ["topics"])
    assert "idweave topics create" in found[0]["do"]
    create_topics(kafka.bootstrap, topic_prefix, {}, 1)
    assert doctor(kafka.bootstrap, redis_server.url, capsys) == (0, [])
    assert run(["doctor", "--brokers", kafka.bootstrap, "--redis", redis_server.url]) == 0
    said = capsys.readouterr().out
    assert "unknown  clock    The broker names no touchpoint that it has stamped" in said
    assert "Nothing is wrong, 1 thing not known yet." in said
    producer = Producer({"bootstrap.servers": kafka.bootstrap})
    producer.produce(f"{topic_prefix}.touchpoints", b"{}")
    assert producer.flush(20) == 0
    environment.setenv("IDWEAVE_BROKERS", kafka.bootstrap)
    environment.setenv("IDWEAVE_REDIS_URL", redis_server.url)
    assert run(["doctor"]) == 0
    said = capsys.readouterr().out
    assert "Everything is as it should be." in said
    assert "The broker stamped its latest touchpoint" in said
    for about in ("python", "settings", "keys", "kafka", "topics", "clock", "redis", "store", "http"):
        assert f"ok       {about}" in said


def test_a_topic_and_a_store_that_are_set_up_wrong(
    kafka: Broker,
    tmp_path: Path,
    topic_prefix: str,
    environment: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A profiles topic that is not compacted, a Redis that evicts and logs nothing, a password: each is said."""
    assert environment
    create_topics(kafka.bootstrap, topic_prefix, {}, 1)
    change_topics(kafka.bootstrap, {f"{topic_prefix}.profiles": {"cleanup.policy": "delete"}})
    options = {"maxmemory": "64mb", "maxmemory-policy": "allkeys-lru", "appendonly": "no"}
    with RedisServer(tmp_path / "redis", options) as server:
        store = redis.Redis.from_url(server.url)
        store.config_set("requirepass", "hushed")
        store.close()
        code, found = doctor(kafka.bootstrap, server.url.replace("//", "//:hushed@"), capsys)
        refused = doctor(kafka.bootstrap, server.url, capsys)[1]
    assert code == 1
    assert [(one["about"], one["state"]) for one in found] == [
        ("topics", "wrong"),
        ("redis", "wrong"),
        ("redis", "warning"),
    ]
    assert "cleanup.policy is delete, not compact" in found[0]["says"]
    assert "noeviction" in found[1]["do"]
    assert "appendonly" in found[2]["do"]
    assert ("redis", "wrong") in [(one["about"], one["state"]) for one in refused]


def test_stamps_of_publishers_are_no_clock_of_the_brokers(
    kafka: Broker,
    redis_server: RedisServer,
    topic_prefix: str,
    environment: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A touchpoint that its publisher has stamped an hour ahead: the topic is wrong, and nothing is said of a clock."""
    assert environment
    create_topics(kafka.bootstrap, topic_prefix, {}, 1)
    name = f"{topic_prefix}.touchpoints"
    change_topics(kafka.bootstrap, {name: {"message.timestamp.type": "CreateTime"}})
    producer = Producer({"bootstrap.servers": kafka.bootstrap})
    producer.produce(name, b"{}", timestamp=int(time.time() * 1000) + 3_000_000)
    assert producer.flush(20) == 0
    code, found = doctor(kafka.bootstrap, redis_server.url, capsys)
    assert code == 1
    assert [(one["about"], one["state"]) for one in found] == [("topics", "wrong")]
    assert "message.timestamp.type is CreateTime" in found[0]["says"]
    run(["doctor", "--brokers", kafka.bootstrap, "--redis", redis_server.url])
    assert "unknown  clock    Publishers stamp touchpoints" in capsys.readouterr().out


def test_servers_that_are_not_there(environment: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Both are said in one run, beside a key that is not set, in the time that a person waits."""
    environment.delenv("IDWEAVE_ID_KEY")
    code, found = doctor(f"{LOOPBACK}:{free_port()}", f"redis://:hushed@{LOOPBACK}:{free_port()}/0", capsys)
    assert code == 1
    assert [(one["about"], one["state"]) for one in found] == [
        ("keys", "wrong"),
        ("kafka", "wrong"),
        ("redis", "wrong"),
    ]
    assert all(one["do"] for one in found)
