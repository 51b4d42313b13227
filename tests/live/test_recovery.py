"""Servers that die, forget, or stay away: noticed, said, and gone on from, to the model's people.

The broker and the store of these tests are their own, to be killed and robbed. How operators see it: docs/rebuild.md.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import Broker
from tests.live.engine import Engine
from tests.live.fleet import QUICK
from tests.live.redis_server import RedisServer
from tests.live.test_end_to_end import parts, retail_day
from tests.live.test_faults import whole

PEOPLE = 150


@pytest.fixture
def engine(kafka: Broker, own_redis: RedisServer, topic_prefix: str, tmp_path: Path) -> Iterator[Engine]:
    """Topics on the session's broker, and a store of the test's own."""
    with Engine(kafka.bootstrap, own_redis.url, topic_prefix, tmp_path / "engine") as engine:
        yield engine


def cut_log(store: RedisServer, sizes: dict[Path, int]) -> None:
    """The end of the log of writes did not reach the disk: of what was written since, half is left."""
    for file in (store.folder / "appendonlydir").iterdir():
        before = sizes.get(file, file.stat().st_size)
        if ".incr." in file.name:
            with file.open("r+b") as log:
                log.truncate(before + (file.stat().st_size - before) // 2 + 1)


def log_sizes(store: RedisServer) -> dict[Path, int]:
    """How long the files of the log of writes are."""
    return {file: file.stat().st_size for file in (store.folder / "appendonlydir").iterdir()}


def test_a_store_that_lost_its_last_writes(engine: Engine, own_redis: RedisServer) -> None:
    """F5: Redis is killed, and its log comes back without what was acknowledged last: it is noticed and repeated."""
    first, second, third = parts(retail_day(31, PEOPLE), 3)
    worker = engine.start_worker(**QUICK)
    engine.publish(first)
    engine.settle()
    sizes = log_sizes(own_redis)
    for part in parts(second, 20):  # in small batches, as people come: what is said twice is said otherwise
        engine.publish(part)
        engine.until(engine.is_idle, "a part is published")
    engine.settle()
    own_redis.kill()
    cut_log(own_redis, sizes)
    own_redis.start()
    engine.settle()
    engine.publish(third)
    engine.settle()
    assert worker.alive
    whole(engine)
