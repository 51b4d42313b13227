"""The whole engine on a Redis Cluster: what the naive model says comes out, while slots move and a node restarts."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from sinks.keys import Keys
from sinks.redis_slots import slot_of
from tests.conftest import Broker
from tests.live.against_model import Check
from tests.live.engine import Engine
from tests.live.redis_cluster import RedisCluster
from tests.live.test_end_to_end import FEWER_PEOPLE, parts, retail_day
from tests.live.test_explain_and_audit import command
from topics.catalogue import TOUCHPOINTS


@pytest.fixture
def engine(kafka: Broker, redis_cluster: RedisCluster, topic_prefix: str, tmp_path: Path) -> Iterator[Engine]:
    """Topics on the session's broker, keys on its cluster; no worker yet."""
    with Engine(kafka.bootstrap, redis_cluster.url, topic_prefix, tmp_path) as engine:
        yield engine


def test_a_retail_day_on_a_cluster(engine: Engine, redis_cluster: RedisCluster) -> None:
    """Slots move under the worker, then a node restarts: the model's people, and a store that the audit finds whole."""
    first, second, third = parts(retail_day(15, FEWER_PEOPLE), 3)
    keys, topic = Keys(engine.prefix), TOUCHPOINTS.full_name(engine.prefix)
    engine.start_worker()
    engine.publish(first)
    engine.until(lambda: engine.resolved() > 0, "the worker works")
    engine.publish(second)
    slots = {slot_of(keys.position(topic, partition)): 0 for partition in range(TOUCHPOINTS.partitions)}
    slots |= dict.fromkeys([slot_of(keys.meta), *range(0, 16_384, 500)], 0)
    homes = {slot: redis_cluster.owner(slot) for slot in slots}
    for slot, home in homes.items():
        redis_cluster.move_slot(slot, (home + 1) % 3)
    engine.until(lambda: engine.resolved() >= len(first) + len(second), "the worker has found all slots")
    assert "session lost" not in engine.logs()
    redis_cluster.servers[1].restart()
    engine.publish(third)
    engine.settle()
    assert "session lost" in engine.logs()
    assert "nodes of the Redis Cluster have restarted" in engine.logs()
    Check(engine.input_log(), engine.outputs()).everything()
    audited = command(redis_cluster.url, engine.prefix, "audit", "--patience", "30", "--json")
    assert audited.returncode == 0, audited.stderr
    assert json.loads(audited.stdout)["identifiers"] > FEWER_PEOPLE
    for slot, home in homes.items():
        redis_cluster.move_slot(slot, home)
