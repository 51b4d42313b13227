"""What does a step cost on a Redis Cluster, where a script reaches one slot only, against a single Redis?

Run: `python -m benchmarks.cluster`. Both are started here, with every write in their log before it is answered. On a
machine of few cores the nodes of the cluster have no machine of their own: read the costs, not the speed.
"""

import asyncio
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import redis

from resolvers.facets import encode, sighted
from resolvers.steps import ClaimHome, Commit, ReadComponent, ReadHome, Step
from sinks.redis_store import RedisStore
from tests.live.redis_cluster import RedisCluster
from tests.live.redis_server import RedisServer

NAMES = [f"phone:k1{number}" for number in range(20_000)]
STEPS_A_CALL = 500
FACET = encode(sighted("138****8000", 5))


async def measure(url: str, prefix: str, nodes: Sequence[redis.Redis]) -> None:
    """Print what each kind of step costs: elapsed, and in the servers' own time."""
    began = time.perf_counter()
    store = await RedisStore.open(url, prefix, "identity", topics=prefix)
    print(f"  open a new store: {1e3 * (time.perf_counter() - began):.0f} ms")
    kinds: dict[str, list[Step]] = {
        "claim a home": [ClaimHome(name, name) for name in NAMES],
        "read a home": [ReadHome(name) for name in NAMES],
        "commit": [Commit(name, 0, {"f:0:phone:a": FACET}) for name in NAMES],
        "read a component": [ReadComponent(name) for name in NAMES],
    }
    for kind, steps in kinds.items():
        busy = _busy_seconds(nodes)
        began = time.perf_counter()
        for at in range(0, len(steps), STEPS_A_CALL):
            await store.execute_many(steps[at : at + STEPS_A_CALL])
        elapsed = time.perf_counter() - began
        busy = _busy_seconds(nodes) - busy
        print(f"  {kind}: {1e6 * elapsed / len(steps):.1f} us, of the servers {1e6 * busy / len(steps):.1f} us")
    await store.close()
    began = time.perf_counter()
    store = await RedisStore.open(url, prefix, "identity", topics=prefix)
    print(f"  open it again: {1e3 * (time.perf_counter() - began):.0f} ms")
    await store.close()


def _busy_seconds(nodes: Sequence[redis.Redis]) -> float:
    """How long the servers have worked, all together."""
    said = [node.info("cpu") for node in nodes]
    return sum(float(one["used_cpu_user"]) + float(one["used_cpu_sys"]) for one in said)


def main() -> None:
    """Measure both."""
    with tempfile.TemporaryDirectory() as folder:
        with RedisServer(Path(folder)) as single, redis.Redis.from_url(single.url) as client:
            print(single.description)
            asyncio.run(measure(single.url, "benchmark", [client]))
        with RedisCluster(Path(folder) / "cluster") as cluster:
            print(cluster.description)
            asyncio.run(measure(cluster.url, "benchmark", cluster.clients))
            seals = sum(client.dbsize() for client in cluster.clients) - 2 * len(NAMES) - 1
            size = cluster.clients[0].memory_usage(next(cluster.clients[0].scan_iter("benchmark:g:*")))
            print(f"  seals: {seals} of {size} bytes")


if __name__ == "__main__":
    main()
