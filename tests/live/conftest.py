"""What is true of every live test: it is marked `live`, and has its own time limit if it says none.

Fixtures for whole servers are in tests/conftest.py, because the contract suite uses them too. Here is the one that a
fault test takes when it wants to kill its broker.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from stream.servers.child_process import ServerError
from tests.conftest import Broker
from tests.live.command_line import Line
from tests.live.engine import HASH_KEY, ID_KEY, Engine
from tests.live.kafka import KafkaServer
from tests.live.kafka_jars import KafkaUnavailableError
from tests.live.redis_server import RedisServer

HERE = Path(__file__).parent
LIVE_SECONDS = 180


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what is collected under tests/live."""
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker(pytest.mark.live)
            if item.get_closest_marker("timeout") is None:
                item.add_marker(pytest.mark.timeout(LIVE_SECONDS))


@pytest.fixture
def engine(kafka: Broker, redis_server: RedisServer, topic_prefix: str, tmp_path: Path) -> Iterator[Engine]:
    """Topics and keys of the test's own on the session's servers; no worker yet."""
    with Engine(kafka.bootstrap, redis_server.url, topic_prefix, tmp_path) as engine:
        yield engine


@pytest.fixture
def keeper(kafka: Broker, redis_server: RedisServer, topic_prefix: str) -> Line:
    """The command line of an operator with all that a worker of `engine` has."""
    more = {
        "IDWEAVE_REDIS_URL": redis_server.url,
        "IDWEAVE_REDIS_PREFIX": topic_prefix,
        "IDWEAVE_HASH_KEY": HASH_KEY,
        "IDWEAVE_ID_KEY": ID_KEY,
    }
    return Line(kafka.bootstrap, topic_prefix, more)


@pytest.fixture
def own_kafka(tmp_path: Path) -> Iterator[KafkaServer]:
    """A real broker of the test's own, to stop, pause and kill; nothing can stand in for it."""
    server = KafkaServer(tmp_path / "kafka")
    try:
        server.start()
    except (KafkaUnavailableError, ServerError) as error:
        if os.environ.get("CI"):
            pytest.fail(f"Kafka cannot be started, and in CI nothing may stand in for it: {error}")
        pytest.skip(f"This test kills its broker and needs the real one, but {error}")
    yield server
    server.stop()


@pytest.fixture
def own_redis(tmp_path: Path) -> Iterator[RedisServer]:
    """A store of the test's own, to stop, pause and kill."""
    with RedisServer(tmp_path / "redis") as server:
        yield server


@pytest.fixture
def own_redis_readable(tmp_path: Path) -> Iterator[RedisServer]:
    """The same, whose files hold everything as it is: what is looked for in them is found if it is there."""
    with RedisServer(tmp_path / "redis", {"rdbcompression": "no", "aof-use-rdb-preamble": "no"}) as server:
        yield server
