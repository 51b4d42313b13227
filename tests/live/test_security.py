"""Kafka and Redis that let nobody in without TLS and an account: who gets in, who does not, and with which rights.

The rights are those that docs/security.md lists, read from there, and no others.
"""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final, NamedTuple

import pytest
import redis
from confluent_kafka import Consumer, KafkaError, Producer

from sinks.topics_admin import create_topics
from stream.servers.child_process import ServerError
from tests.live.certificates import Authority
from tests.live.engine import HASH_KEY, ID_KEY, ROOT, Engine, Published
from tests.live.kafka_jars import KafkaUnavailableError
from tests.live.secure_servers import MECHANISMS, PASSWORD, SecureKafka, SecureRedis

ACCOUNTS: Final = ("worker", "publisher", "consumer", "operator")
GUIDE: Final = (ROOT / "docs" / "security.md").read_text()
KAFKA_RIGHTS: Final = re.findall(r"^\| (\w+) \| (topic|group) \| `([\w.]+)` \| ([A-Z_, ]+) \|$", GUIDE, re.MULTILINE)
REDIS_RIGHTS: Final = re.findall(r"^user idweave on >password (.+)$", GUIDE, re.MULTILINE)
BROKER_SECONDS: Final = 20.0
KEYS: Final = {"IDWEAVE_HASH_KEY": HASH_KEY, "IDWEAVE_ID_KEY": ID_KEY}
WAYS: Final = (*MECHANISMS, "certificate")


class Guarded(NamedTuple):
    """Both servers, and who signs certificates that they believe."""

    kafka: SecureKafka
    redis: SecureRedis
    authority: Authority


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    """Servers on which nobody but `admin` has a right in Kafka, and the worker those of the guide in Redis."""
    folder = tmp_path_factory.mktemp("guarded")
    authority = Authority(folder / "authority")
    [rights] = REDIS_RIGHTS
    kafka = SecureKafka(folder / "kafka", authority, ACCOUNTS)
    store = SecureRedis(folder / "redis", authority, {"worker": rights.replace("~idweave:*", "~test-*")})
    try:
        kafka.start()
        store.start()
    except (KafkaUnavailableError, ServerError) as error:
        if os.environ.get("CI"):
            pytest.fail(f"Servers with TLS and accounts cannot be started, and nothing may stand in for them: {error}")
        pytest.skip(f"These tests need the real servers, with TLS, but {error}")
    yield Guarded(kafka, store, authority)
    store.stop()
    kafka.stop()


def grant(kafka: SecureKafka, prefix: str) -> None:
    """The rights of the guide, for the topics of one engine."""
    assert len(KAFKA_RIGHTS) == len(re.findall(r"^\| (?:worker|publisher|consumer|operator) ", GUIDE, re.MULTILINE))
    for account, kind, name, operations in KAFKA_RIGHTS:
        kafka.allow(account, kind, re.sub(r"^idweave\b", prefix, name), operations)


def settings_of(kafka: SecureKafka, account: str, way: str) -> dict[str, str]:
    """How an account gets in."""
    return kafka.with_certificate(account) if way == "certificate" else kafka.with_password(account, way)


def variables(settings: Mapping[str, str]) -> dict[str, str]:
    """The same as IDWeave is told."""
    named = {f"IDWEAVE_KAFKA_{name.upper().replace('.', '_')}": text for name, text in settings.items()}
    return {"IDWEAVE_BROKERS": named.pop("IDWEAVE_KAFKA_BOOTSTRAP_SERVERS"), **named}


def login(event_id: str, **identifiers: str) -> Published:
    """An event."""
    event = {
        "id": event_id,
        "source": "/wifi/1",
        "type": "wifi.login",
        "time": "2026-08-01T10:00:00+08:00",
        "data": {"identifiers": identifiers},
    }
    return Published(event_id.encode(), json.dumps(event).encode())


def test_workers_with_the_least_rights_do_their_work(guarded: Guarded, topic_prefix: str, tmp_path: Path) -> None:
    """With PLAIN, each SCRAM and a certificate, in Redis as the guide's account: events become people."""
    kafka, store, _ = guarded
    admin = kafka.with_certificate("admin")
    with Engine(admin["bootstrap.servers"], store.url, topic_prefix, tmp_path, admin) as engine:
        grant(kafka, topic_prefix)
        account = store.url_of("worker")
        ways = [variables(settings_of(kafka, "worker", way)) for way in WAYS]
        workers = [engine.start_worker(**way, IDWEAVE_REDIS_URL=account) for way in ways]
        engine.until(lambda: all(map(engine.is_ready, workers)), "each has a partition, and both servers")
        engine.publish([login(str(one), phone=f"1380013{one:04}", cookie=f"c{one}") for one in range(40)])
        reply = ("Faust-Ag-ReplyTo", f"{topic_prefix}.commands".encode())  # Faust's agents would answer there
        engine.publish([Published(b"broken", b"{", (reply,))])
        engine.settle()
        engine.until(lambda: all(engine.accepted(worker) > 0 for worker in workers), "each has done some of it")
        outputs = engine.outputs()
        assert len({one.key for one in outputs["profiles"]}) == 40
        assert len({one.key for one in outputs["identities"]}) == 80
        assert len(outputs["touchpoints.dlq"]) == 1
        assert [*engine.each("commands")] == []
        assert not re.search(r"denied|authorization|NOPERM", engine.logs(), re.IGNORECASE)
        assert PASSWORD not in engine.logs()


@pytest.fixture(scope="module")
def topics(guarded: Guarded) -> str:
    """The prefix of topics on which each account has the rights of the guide."""
    prefix = "test-rights"
    create_topics(guarded.kafka.for_certificates, prefix, guarded.kafka.with_certificate("admin"), 1)
    grant(guarded.kafka, prefix)
    return prefix


def refusal(settings: Mapping[str, str], topic: str) -> KafkaError | None:
    """Why a record is not taken; None: it is."""
    said: list[KafkaError | None] = []
    producer = Producer({**settings, "message.timeout.ms": 4_000, "log_level": 0})
    producer.produce(topic, b"{}", on_delivery=lambda error, _: said.append(error))
    producer.flush(BROKER_SECONDS)
    [outcome] = said
    return outcome


def refusals(asked: Sequence[tuple[Mapping[str, str], str]]) -> list[KafkaError | None]:
    """Of many at once: who is not let in waits until its time is over."""
    with ThreadPoolExecutor(len(asked)) as threads:
        return list(threads.map(lambda one: refusal(*one), asked))


def reading(settings: Mapping[str, str], group: str, topic: str) -> KafkaError | None:
    """Why a group may not read a topic; None: it may."""
    consumer = Consumer({**settings, "group.id": group, "enable.partition.eof": True, "log_level": 0})
    try:
        consumer.subscribe([topic])
        [message] = consumer.consume(1, BROKER_SECONDS)
        error = message.error()
        return None if error is None or error.code() == KafkaError._PARTITION_EOF else error
    finally:
        consumer.close()


def test_kafka_lets_nobody_in_who_is_not_known(guarded: Guarded, topics: str) -> None:
    """Without TLS, a wrong password, no certificate, one that somebody else signed: nothing is taken."""
    kafka, _, _ = guarded
    stranger = Authority(kafka.process.log.parent / "stranger")
    topic = f"{topics}.touchpoints"
    good = kafka.with_password("publisher", "SCRAM-SHA-512")
    assert refusal(good, topic) is None, "the same record with the right password"
    mutual = kafka.with_certificate("publisher")
    no_certificate = {name: text for name, text in mutual.items() if "certificate" not in name and "key" not in name}
    unknown = [
        {"bootstrap.servers": kafka.bootstrap},
        {**good, "sasl.password": "a guess"},
        {**good, "sasl.mechanism": "PLAIN", "sasl.password": "a guess"},
        {**good, "ssl.ca.location": str(stranger.file)},
        no_certificate,
        kafka.with_certificate("publisher", stranger),
    ]
    assert all(refusal is not None for refusal in refusals([(settings, topic) for settings in unknown]))


def test_kafka_accounts_do_no_more_than_they_may(guarded: Guarded, topics: str) -> None:
    """A publisher writes touchpoints and nothing else; a consumer reads its topics in its group and nothing else."""
    kafka, _, _ = guarded
    publisher = kafka.with_password("publisher", "SCRAM-SHA-256")
    others = ("commands", "profiles", "changes", "touchpoints.dlq", "commands.results")
    refused = refusals([(publisher, f"{topics}.{topic}") for topic in others])
    assert [error and error.code() for error in refused] == [KafkaError.TOPIC_AUTHORIZATION_FAILED] * len(others)
    consumer = kafka.with_password("consumer", "SCRAM-SHA-256")
    assert reading(consumer, "crm", f"{topics}.profiles") is None
    for group, topic in (("crm", "touchpoints.dlq"), ("crm", "touchpoints"), (topics, "profiles")):
        denied = reading(consumer, group, f"{topics}.{topic}")
        assert denied is not None, (group, topic)
        assert denied.code() in {KafkaError.TOPIC_AUTHORIZATION_FAILED, KafkaError.GROUP_AUTHORIZATION_FAILED}
    assert refusal(kafka.with_password("worker", "PLAIN"), f"{topics}.touchpoints") is not None


def test_redis_lets_nobody_in_who_is_not_known(guarded: Guarded) -> None:
    """Without TLS, as nobody, with a wrong password, or believing somebody else: no answer, and no password in it."""
    _, store, _ = guarded
    stranger = Authority(store.folder / "stranger")
    for url in (
        store.url_of("worker").replace("rediss://", "redis://").partition("?")[0],
        store.url_of("worker").replace(f"worker:{PASSWORD.replace(' ', '_')}@", ""),
        store.url_of("worker", "a guess"),
        store.url_of("worker", authority=stranger),
    ):
        with redis.Redis.from_url(url, socket_timeout=5) as client, pytest.raises(redis.RedisError) as raised:
            client.get("test-x:meta")
        assert PASSWORD.replace(" ", "_") not in str(raised.value)


@pytest.mark.parametrize(
    "command",
    [
        ["FLUSHALL"],
        ["CONFIG", "GET", "*"],
        ["KEYS", "*"],
        ["SCRIPT", "FLUSH"],
        ["ACL", "LIST"],
        ["MONITOR"],
        ["SAVE"],
        ["GET", "another:key"],
        ["EVAL", "return redis.call('GET', 'another:key')", "0"],
        ["EVAL", "return redis.call('FLUSHALL')", "0"],
    ],
)
def test_redis_accounts_do_no_more_than_they_may(guarded: Guarded, command: list[str]) -> None:
    """Not another one's keys, and nothing that is for administrators; neither by themselves nor inside a script."""
    _, store, _ = guarded
    with (
        redis.Redis.from_url(store.url_of("worker"), socket_timeout=5) as client,
        pytest.raises(redis.RedisError, match=r"permission|can't|access"),
    ):
        client.execute_command(*command)


def test_a_worker_that_does_not_get_in_says_so(guarded: Guarded, topics: str, tmp_path: Path) -> None:
    """A wrong password ends it at once with a sentence, which does not hold the password."""
    kafka, store, _ = guarded
    right = {**variables(kafka.with_password("worker", "SCRAM-SHA-512")), "IDWEAVE_REDIS_URL": store.url_of("worker")}
    for wrong, words in (
        ({"IDWEAVE_KAFKA_SASL_PASSWORD": "a-guess"}, "Kafka"),
        ({"IDWEAVE_REDIS_URL": store.url_of("worker", "a-guess")}, "Redis does not accept the user or the password"),
    ):
        done = subprocess.run(
            [sys.executable, "-m", "stream.cli", "worker"],
            env={**os.environ, "PYTHONPATH": str(ROOT), **KEYS, "IDWEAVE_TOPIC_PREFIX": topics, **right, **wrong},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
            timeout=BROKER_SECONDS * 3,
        )
        said = done.stdout + done.stderr
        assert done.returncode == 1, said
        assert words in said
        assert "a-guess" not in said
        assert "Traceback" not in said
