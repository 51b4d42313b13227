"""What goes wrong between us and a Redis Cluster: slots that move, nodes that join, are emptied, restart, are demoted.

Whatever happens, a step is carried out once or the store says that it is lost or busy.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Iterator
from pathlib import Path
from typing import Protocol

import pytest

from resolvers.steps import ClaimHome, Commit, Freeze, Intend, NameProfile, ReadComponent, ReadHome, Reply, Step
from sinks.keys import Keys
from sinks.memory_store import MemoryStore
from sinks.redis_slots import slot_of
from sinks.redis_store import RedisStore
from sinks.store import Advance, Advanced, StoreFullError, StoreLostError, StoreRefusedError
from tests.contract.test_store_steps import random_step, seen
from tests.live.redis_cluster import RedisCluster

TP = ("idweave.touchpoints", 0)
SECONDS = 3.0
NAMES = [f"phone:{number}" for number in range(60)]


class Open(Protocol):
    """Opens a store that is closed after the test."""

    def __call__(self, timeout_seconds: float = SECONDS) -> Awaitable[RedisStore]:
        """One more session."""
        ...


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisCluster]:
    """A cluster of this module's own, to be rearranged."""
    with RedisCluster(tmp_path_factory.mktemp("own-cluster")) as own:
        yield own


@pytest.fixture
async def open_one(cluster: RedisCluster, topic_prefix: str) -> AsyncIterator[Open]:
    """Opens a store that is closed after the test."""
    opened: list[RedisStore] = []

    async def another(timeout_seconds: float = SECONDS) -> RedisStore:
        url = cluster.url
        opened.append(
            await RedisStore.open(url, topic_prefix, "identity", topics="topics", timeout_seconds=timeout_seconds)
        )
        return opened[-1]

    yield another
    for store in opened:
        await store.close()


async def do(store: RedisStore, step: Step) -> Reply:
    """Carry out one step."""
    [reply] = await store.execute_many([step])
    return reply


def place(cluster: RedisCluster, key: str) -> tuple[int, int, int]:
    """The slot of a key, the node that serves it, and another node."""
    slot = slot_of(key)
    source = cluster.owner(slot)
    return slot, source, (source + 1) % 3


def name_on(cluster: RedisCluster, node: int) -> str:
    """The name of a component that this node keeps."""
    keys = Keys("any")
    return next(name for name in NAMES if cluster.owner(slot_of(keys.component(name))) == node)


async def test_a_slot_that_has_moved_is_found(cluster: RedisCluster, open_one: Open) -> None:
    """The session goes on at the other node, and nothing is done twice."""
    store = await open_one()
    assert await do(store, Commit("c", 0, {"a:x": b""})) == 1
    slot, source, target = place(cluster, "{c}")
    cluster.move_slot(slot, target)
    assert await do(store, Commit("c", 1, {"a:y": b""})) == 2
    assert seen(await do(store, ReadComponent("c"))) == ("c", 2, {"a:x": b"", "a:y": b""}, None, False)
    cluster.move_slot(slot, source)
    assert await do(store, Freeze("c", "b")) == "b"


async def test_a_key_that_went_ahead_is_asked_for(cluster: RedisCluster, open_one: Open, topic_prefix: str) -> None:
    """While its slot moves, a key is at one node or at the other, and one that is nowhere is made by the target."""
    store = await open_one()
    await do(store, ClaimHome("k", "c"))
    slot, source, target = place(cluster, Keys(topic_prefix).home("k"))
    cluster.begin_move(slot, source, target)
    assert await do(store, ReadHome("k")) == "c"
    cluster.move_keys(slot, source, target)
    cluster.forget_errors()
    assert await do(store, ReadHome("k")) == "c"
    assert await do(store, ClaimHome("k", "d")) == "c"
    assert cluster.errors()["ASK"] == 2
    cluster.end_move(slot, target)
    assert await do(store, ReadHome("k")) == "c"


async def test_a_new_component_waits_for_its_slot(cluster: RedisCluster, open_one: Open) -> None:
    """Its seal is at one node and it is nowhere: as soon as the slot has arrived, it is made there, once."""
    store = await open_one()
    slot, source, target = place(cluster, "{new}")
    cluster.forget_errors()
    cluster.begin_move(slot, source, target)
    waiting = asyncio.create_task(do(store, Commit("new", 0, {"a:x": b""})))
    await asyncio.to_thread(cluster.wait_for, lambda: cluster.errors()["TRYAGAIN"] > 0, "it is refused for now")
    assert not waiting.done()
    cluster.move_keys(slot, source, target)
    cluster.end_move(slot, target)
    assert await waiting == 1
    assert await do(store, Commit("new", 0, {"a:y": b""})) is None


async def test_a_slot_that_never_arrives_is_given_up(cluster: RedisCluster, open_one: Open) -> None:
    """Nothing was done, the message says what to do, and other slots are served; later the same store goes on."""
    store = await open_one(0.3)
    slot, source, target = place(cluster, "{stuck}")
    cluster.begin_move(slot, source, target)
    with pytest.raises(StoreFullError, match="--cluster fix"):
        await do(store, Commit("stuck", 0, {}))
    assert await do(store, Commit("c", 0, {})) == 1
    cluster.move_keys(slot, source, target)
    cluster.end_move(slot, target)
    assert await do(store, Commit("stuck", 0, {})) == 1


async def test_a_node_that_joins_takes_over_slots(
    cluster: RedisCluster, open_one: Open, topic_prefix: str, tmp_path: Path
) -> None:
    """The session connects to it when it is first sent there; batches that began before can still be ended."""
    store = await open_one()
    began = store.run_id
    assert await store.advance(TP, None, 10, began) == Advanced(Advance.DONE, 10)
    slot, source, _ = place(cluster, Keys(topic_prefix).position(*TP))
    new = cluster.add_node(tmp_path / "node")
    cluster.move_slot(slot, new)
    assert await store.advance(TP, 10, 20, began) == Advanced(Advance.DONE, 20)
    assert set(began.split()) < set(store.run_id.split())
    assert await store.advance(TP, 20, 30, began) == Advanced(Advance.DONE, 30)
    cluster.move_slot(slot, source)
    cluster.remove_node(new)
    with pytest.raises(StoreLostError):
        await store.ping()


async def test_an_emptied_node_takes_no_writes(cluster: RedisCluster, open_one: Open) -> None:
    """A worker learns of it from any step, or when idle; nobody fills what is left, until all of it is empty."""
    name = name_on(cluster, 2)
    steps = (Commit(name, 1, {}), Freeze(name, "c"), Intend(name, 0, b"\x90", b"\x90"), ReadComponent(name))
    workers, idle, ending = [(await open_one(), step) for step in steps], await open_one(), await open_one()
    await do(idle, Commit(name, 0, {"a:x": b""}))
    cluster.clients[2].flushall()
    for store, step in workers:
        with pytest.raises(StoreLostError, match="emptied"):
            await do(store, step)
        with pytest.raises(StoreLostError, match="emptied"):
            await do(store, ReadHome("elsewhere"))
    with pytest.raises(StoreLostError, match="emptied"):
        await ending.advance(TP, None, 10, ending.run_id)
    with pytest.raises(StoreLostError, match="emptied"):
        await idle.ping()
    assert cluster.clients[2].dbsize() == 0
    with pytest.raises(StoreRefusedError, match=r"slots\) was emptied"):
        await open_one()
    for client in cluster.clients:
        client.flushall()
    assert await do(await open_one(), Commit(name, 0, {})) == 1


async def test_a_lost_connection_loses_the_store(cluster: RedisCluster, open_one: Open) -> None:
    """One of three: every call raises from then on, also of what other nodes keep, and no position moves."""
    store, other = await open_one(), name_on(cluster, 0)
    cluster.clients[1].client_kill_filter(_type="normal", skipme=True)
    with pytest.raises(StoreLostError):
        await store.advance(TP, None, 10, store.run_id)
    with pytest.raises(StoreLostError):
        await do(store, Commit(other, 0, {}))
    again = await open_one()
    assert await again.start_offsets([TP]) == {TP: None}
    assert await do(again, Commit(other, 0, {})) == 1


async def test_a_restarted_node_refuses_the_batch_of_the_old_one(
    cluster: RedisCluster, open_one: Open, topic_prefix: str
) -> None:
    """Although the position is on another node: what the batch wrote to this one may be lost."""
    before = await open_one()
    await before.advance(TP, None, 10, before.run_id)
    _, _, other = place(cluster, Keys(topic_prefix).position(*TP))
    cluster.servers[other].restart()
    with pytest.raises(StoreLostError):
        await before.advance(TP, 10, 20, before.run_id)
    cluster.wait_until_whole()
    after = await open_one()
    assert (after.nodes_changed, (await open_one()).nodes_changed) == (1, 0), "said once"
    assert await after.advance(TP, 10, 20, before.run_id) == Advanced(Advance.CHANGED, 10)
    assert await after.advance(TP, 10, 20, after.run_id) == Advanced(Advance.DONE, 20)


async def test_a_promoted_replica_loses_the_store(cluster: RedisCluster, open_one: Open, tmp_path: Path) -> None:
    """What the old primary acknowledged may be missing: nobody follows its redirect, and who is idle learns it too."""
    replica = cluster.add_node(tmp_path / "node")
    cluster.replicate(replica, 1)
    name = name_on(cluster, 1)
    store, idle = await open_one(), await open_one()
    assert await do(store, Commit(name, 0, {})) == 1
    cluster.take_over(replica)
    with pytest.raises(StoreLostError, match="is a replica now"):
        await do(store, Commit(name, 1, {}))
    with pytest.raises(StoreLostError, match="is a replica now"):
        await idle.ping()
    after = await open_one()
    assert after.nodes_changed == 1
    assert await do(after, Commit(name, 1, {})) == 2
    cluster.remove_node(1)


async def test_flushed_scripts_are_loaded_again(cluster: RedisCluster, open_one: Open) -> None:
    """On one node, in the middle of everything: each step is done once."""
    store = await open_one()
    cluster.clients[0].script_flush()
    assert await store.execute_many([Commit(name, 0, {}) for name in NAMES]) == [1] * len(NAMES)
    assert await store.execute_many([Commit(name, 0, {}) for name in NAMES]) == [None] * len(NAMES)


async def test_a_full_node_refuses_its_part(cluster: RedisCluster, open_one: Open) -> None:
    """Later it goes on; what the others did stays done."""
    store = await open_one()
    cluster.clients[0].config_set("maxmemory", "1")
    try:
        with pytest.raises(StoreFullError):
            await store.execute_many([Commit(name, 0, {"a:x": b""}) for name in NAMES])
    finally:
        cluster.clients[0].config_set("maxmemory", "0")
    there = await store.execute_many([ReadComponent(name) for name in NAMES])
    wanted = [int(cluster.owner(slot_of(Keys("any").component(name))) != 0) for name in NAMES]
    assert [one.version for one in there] == wanted


async def test_a_node_is_not_taken_for_a_single_redis(cluster: RedisCluster, topic_prefix: str) -> None:
    """The message says how to name it."""
    with pytest.raises(StoreRefusedError, match=r"redis\+cluster://"):
        await RedisStore.open(cluster.servers[0].url, topic_prefix, "identity")


async def test_any_of_the_named_nodes_will_do(cluster: RedisCluster, topic_prefix: str) -> None:
    """One that does not answer is passed over; where none does, the store is lost and can be opened later."""
    address = cluster.url.removeprefix("redis+cluster://")
    store = await RedisStore.open(f"redis+cluster://127.0.0.1:1,{address}", topic_prefix, "identity")
    assert await do(store, NameProfile("p", "k")) is None
    assert await store.profile_key("p") == "k"
    assert abs(await store.clock_us() - int(cluster.clients[0].time()[0]) * 1_000_000) < 5_000_000
    assert store.server.appends
    await store.close()
    with pytest.raises(StoreLostError, match=r"127\.0\.0\.1:1"):
        await RedisStore.open("redis+cluster://127.0.0.1:1", topic_prefix, "identity")


WORKERS = 6
LEAST_STEPS = 3_000


async def test_steps_go_on_while_slots_move(cluster: RedisCluster, open_one: Open) -> None:
    """Slots go to and fro under load: every reply is that of the store in memory, so nothing is lost or done twice."""
    stores = [await open_one(10.0) for _ in range(2)]
    cluster.forget_errors()
    moving, done = True, [0] * WORKERS

    async def worker(number: int) -> None:
        """Random steps on components of its own, and a position, held against the memory store."""
        chance, twin, store = random.Random(number), MemoryStore(), stores[number % len(stores)]
        names = [f"{number}:{letter}" for letter in "abcde"]
        while moving or done[number] < LEAST_STEPS / WORKERS:
            steps = {name: random_step(chance, [name]) for name in names}
            replies = await store.execute_many(list(steps.values()))
            for step, reply in zip(steps.values(), replies, strict=True):
                assert seen(reply) == seen(twin.execute(step)), step
            at = done[number]
            assert (await store.advance(("t", number), at or None, at + len(steps), store.run_id)).outcome == "done"
            done[number] += len(steps)

    def move() -> int:
        """Each slot to the next node and back, at every stage of which steps come in."""
        keys = Keys(stores[0]._keys.meta.removesuffix(":meta"))
        named = [f"{number}:{letter}" for number in range(WORKERS) for letter in "abc"]
        wanted = [key(name) for name in named for key in (keys.component, keys.home)]
        wanted += [keys.position("t", number) for number in range(WORKERS)]
        for key in wanted * 2:
            slot, source, target = place(cluster, key)
            seen_before = sum(done)
            cluster.begin_move(slot, source, target)
            cluster.move_keys(slot, source, target, at_most=1)
            cluster.wait_for(lambda seen_before=seen_before: sum(done) > seen_before, "somebody works")  # type: ignore[misc]
            cluster.move_keys(slot, source, target)
            cluster.end_move(slot, target)
        return 2 * len(wanted)

    workers = [asyncio.create_task(worker(number)) for number in range(WORKERS)]
    try:
        moved = await asyncio.to_thread(move)
    finally:
        moving = False
    await asyncio.gather(*workers)
    errors = cluster.errors()
    assert moved > 80
    assert sum(done) >= LEAST_STEPS
    assert min(errors[kind] for kind in ("MOVED", "ASK", "TRYAGAIN")) > 0, errors
