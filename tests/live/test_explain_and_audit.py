"""Explain and audit as operators run them: commands against an engine on real servers, whole and harmed."""

import json
import os
import subprocess
import sys
from pathlib import Path
from statistics import median
from time import thread_time
from typing import Any

import pytest
import redis

from resolvers.namespaces import DEFAULT_RULES
from resolvers.steps import ReadComponent, ReadHome
from sinks.redis_store import RedisStore
from sinks.topics_admin import create_topics
from stream.reading.explaining import Explaining
from tests.conftest import Broker
from tests.live.engine import HASH_KEY, ID_KEY, ROOT, Engine, visit
from tests.live.redis_server import RedisServer
from topics.identifiers import Identifier

NUMBER = "13800138001"


@pytest.fixture
def engine(engine: Engine) -> Engine:
    """With one worker."""
    engine.start_worker()
    return engine


def command(
    redis_url: str, prefix: str, *arguments: str, brokers: str = "127.0.0.1:1"
) -> subprocess.CompletedProcess[str]:
    """`idweave ...` in a process of its own."""
    environment = {name: text for name, text in os.environ.items() if not name.startswith("IDWEAVE_")} | {
        "PYTHONPATH": str(ROOT),
        "IDWEAVE_BROKERS": brokers,
        "IDWEAVE_REDIS_URL": redis_url,
        "IDWEAVE_REDIS_PREFIX": prefix,
        "IDWEAVE_TOPIC_PREFIX": prefix,
        "IDWEAVE_HASH_KEY": HASH_KEY,
        "IDWEAVE_ID_KEY": ID_KEY,
    }
    return subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-m", "stream.cli", *arguments], env=environment, capture_output=True, text=True, check=False
    )


def test_explain(engine: Engine, redis_server: RedisServer, tmp_path: Path) -> None:
    """Why, and why not, as text, as JSON and as a picture; nobody's number is repeated."""
    engine.publish(
        [
            visit(1, card="A", phone=NUMBER),
            visit(2, card="B", phone=NUMBER),
            visit(3, phone=NUMBER, cookie="k"),
            visit(4, card="C"),
        ]
    )
    engine.settle()

    def explained(*arguments: str) -> str:
        ended = command(redis_server.url, engine.prefix, "explain", *arguments)
        assert (ended.returncode, ended.stderr) == (0, "")
        assert NUMBER not in ended.stdout
        return ended.stdout

    assert explained("card:B", "cookie:k").startswith("card main:B and cookie k are one person, by 2 links:")
    picture = tmp_path / "why.svg"
    told = json.loads(explained("card:A", f"phone:{NUMBER}", "--json", "--svg", str(picture)))
    assert (told["verdict"], told["refused"][0]["rule"], told["refused"][0]["first"]["id"]) == (
        "refused",
        "unique",
        "e1",
    )
    assert picture.read_text().startswith("<svg")
    assert "no evidence connects them" in explained("card:C", "cookie:k")
    nobody = command(redis_server.url, engine.prefix, "explain", "card:C", "card:nobody")
    assert nobody.returncode == 1
    assert nobody.stderr.startswith(
        "Nobody is known by the second of the two, that card. The first, that card, is known."
    )
    nobody = command(redis_server.url, engine.prefix, "explain", "phone:13800138999", "cookie:k")
    assert nobody.stderr.startswith("Nobody is known by the first of the two, that phone. The second, that cookie, is")
    nobody = command(redis_server.url, engine.prefix, "explain", "phone:13800138999", "card:nobody")
    assert nobody.stderr.startswith("Nobody is known by that phone or that card.")


def test_audit(engine: Engine, redis_server: RedisServer) -> None:
    """While a worker works, and after, nothing is wrong; a profile id that leads nowhere and a lost facet are found."""
    engine.publish(visit(n, card=f"c{n % 150}", phone=f"138001{n % 97:05}", cookie=f"k{n % 211}") for n in range(3_000))
    busy = command(redis_server.url, engine.prefix, "audit", "--patience", "60", "--json")
    assert busy.returncode == 0, busy.stdout
    engine.settle()
    for arguments in ([], ["--sample", "50"]):
        ended = command(redis_server.url, engine.prefix, "audit", *arguments)
        assert (ended.returncode, ended.stderr) == (0, ""), ended.stdout
        assert "Nothing is wrong" in ended.stdout
    client: Any = engine.store
    client.delete(client.keys(f"{engine.prefix}:p:*")[0])
    client.hdel(*_a_cookie(client, engine.prefix))
    harmed = command(redis_server.url, engine.prefix, "audit", "--patience", "2", "--json")
    assert harmed.returncode == 1
    assert {one["rule"] for one in json.loads(harmed.stdout)["findings"]} >= {"unnamed", "homeless", "edge_outside"}


def _a_cookie(client: Any, prefix: str) -> tuple[bytes, bytes]:  # noqa: ANN401 - a client whose types do not hold
    """The component and the field of some cookie's facet that evidence speaks of."""
    return next(
        (component, field)
        for component in client.keys(f"{prefix}:c:*")
        for field in client.hkeys(component)
        if field.startswith(b"f:") and b":cookie:" in field
    )


async def test_explain_takes_milliseconds(engine: Engine, redis_server: RedisServer) -> None:
    """Of CPU, over a component of 250 identifiers, most of its evidence refused, on a store that a worker uses."""
    engine.publish(
        visit(n, card=f"c{n % 84}", phone=f"1380013{8000 + n % 83}", cookie=f"k{n % 83}") for n in range(600)
    )
    engine.settle()
    store = await RedisStore.open(redis_server.url, engine.prefix, fingerprint(engine))

    async def current() -> RedisStore:
        return store

    try:
        [home] = await store.execute_many([ReadHome("card:main:c0")])
        [component] = await store.execute_many([ReadComponent(home)])
        assert len(component.facets) == 250
        explaining = Explaining(current, DEFAULT_RULES)
        seconds = []
        for n in range(1, 21):
            began = thread_time()
            told = await explaining.between(Identifier("card", "main:c0"), Identifier("card", f"main:c{n}"))
            seconds.append(thread_time() - began)
            assert told is not None
            assert told["verdict"] == "refused"
    finally:
        await store.close()
    assert median(seconds) < 0.1, seconds


def fingerprint(engine: Engine) -> str:
    """The identity that the worker has written down."""
    client: Any = engine.store
    return str(client.hget(f"{engine.prefix}:meta", "identity").decode())


REFUSING: dict[str, dict[str, str]] = {
    "no memory left": {"maxmemory": "1"},
    "NOREPLICAS": {"min-replicas-to-write": "1"},
}
COMMANDS = (
    ["worker"],
    ["audit"],
    ["profile", "phone:13800138001"],
    ["dlq", "resume"],
    ["republish"],
    ["replay", "--into", "another"],
)


@pytest.mark.parametrize("word", REFUSING)
def test_a_store_that_refuses_is_a_sentence_of_every_command(
    kafka: Broker, own_redis: RedisServer, topic_prefix: str, word: str
) -> None:
    """A Redis that answers and takes no writes is nobody's bug: each command says what it says, and what to do."""
    create_topics(kafka.bootstrap, topic_prefix, {}, 1)
    server = redis.Redis.from_url(own_redis.url)
    for name, value in REFUSING[word].items():
        server.config_set(name, value)
    server.close()
    for arguments in COMMANDS:
        ended = command(own_redis.url, topic_prefix, *arguments, brokers=kafka.bootstrap)
        assert ended.returncode == 1, arguments
        assert "does not do what it is asked" in ended.stderr, arguments
        assert word in ended.stderr
        assert ".." not in ended.stderr
        assert len(ended.stderr.splitlines()) == 1, ended.stderr


def test_a_key_of_somebody_else_is_a_sentence(own_redis: RedisServer, topic_prefix: str) -> None:
    """Where something else writes under the prefix, the audit says where, and nobody's identifier."""
    assert command(own_redis.url, topic_prefix, "audit").returncode == 0
    server = redis.Redis.from_url(own_redis.url)
    server.set(f"{topic_prefix}:c:{{cookie:hushed}}", "somebody else's")
    server.close()
    ended = command(own_redis.url, topic_prefix, "audit")
    assert ended.returncode == 1
    assert f"{topic_prefix}:c:*: WRONGTYPE" in ended.stderr
    assert "Something else writes under this prefix" in ended.stderr
    assert "hushed" not in ended.stderr
