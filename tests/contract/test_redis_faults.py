"""What goes wrong between us and Redis: lost connections, restarts, flushed scripts, full memory, bad settings."""

import asyncio
import os
import re
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import pytest
import redis
import uvloop
from redis.backoff import NoBackoff
from redis.retry import Retry

from resolvers.steps import ClaimHome, Commit, Freeze, Intend, ReadComponent, ReadHome, Step
from sinks import redis_scripts
from sinks.redis_link import RedisLink
from sinks.redis_store import RedisStore
from sinks.store import Advance, Advanced, StoreFullError, StoreLostError, StoreRefusedError
from tests.live.redis_server import RedisServer

LUA = Path(redis_scripts.__file__).parent / "lua"
TP = ("idweave.touchpoints", 0)

Open = Callable[[], Awaitable[RedisStore]]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """A server of this module's own, to be restarted and misconfigured."""
    with RedisServer(tmp_path_factory.mktemp("redis")) as own:
        yield own


@pytest.fixture
def operator(server: RedisServer) -> Iterator[redis.Redis]:
    """Somebody else on the same server."""
    with redis.Redis.from_url(server.url, retry=Retry(NoBackoff(), 1)) as client:
        yield client


@pytest.fixture
async def open_one(server: RedisServer, topic_prefix: str) -> AsyncIterator[Open]:
    """Opens a store that is closed after the test."""
    opened: list[RedisStore] = []

    async def another() -> RedisStore:
        opened.append(await RedisStore.open(server.url, topic_prefix, "identity", timeout_seconds=3))
        return opened[-1]

    yield another
    for store in opened:
        await store.close()


async def do(store: RedisStore, step: Step) -> object:
    """Carry out one step."""
    [reply] = await store.execute_many([step])
    return reply


async def test_flushed_scripts_are_loaded_again(open_one: Open, operator: redis.Redis) -> None:
    """In the middle of everything, and no step is done twice or left out."""
    store = await open_one()
    assert await do(store, Commit("c", 0, {"a:x": b""})) == 1
    operator.script_flush()
    steps: list[Step] = [
        Commit("c", 1, {"a:y": b""}),
        ClaimHome("k", "c"),
        ReadHome("k"),
        Intend("c", 0, b"\x90", b"\x90"),
    ]
    replies = await store.execute_many(steps)
    assert (replies[0], replies[1], replies[3]) == (2, "c", 1)
    assert await do(store, Commit("c", 2, {})) == 3


async def test_a_killed_connection_loses_the_store(open_one: Open, operator: redis.Redis) -> None:
    """It raises now and ever after and never connects again by itself; another store goes on."""
    store = await open_one()
    await do(store, Commit("c", 0, {}))
    operator.client_kill_filter(_type="normal", skipme=True)
    with pytest.raises(StoreLostError):
        await do(store, Commit("c", 1, {}))
    with pytest.raises(StoreLostError):
        await store.ping()
    assert await do(await open_one(), Commit("c", 1, {})) == 2


def test_a_connection_that_is_closed_a_moment_ago_is_lost(server: RedisServer) -> None:
    """uvloop, on which workers run, calls a write to such a connection an error of ours: it is the world's."""

    async def ask(turns: int) -> None:
        link = await RedisLink.open(server.url, 5.0)
        assert await link.call([["PING"]]) == [b"PONG"]
        writer = link._connection._writer
        assert writer is not None
        writer.transport.abort()  # as when the other side resets it
        for _ in range(turns):  # until who reads has been told, there is a moment in which nobody has
            await asyncio.sleep(0)
        with pytest.raises(StoreLostError):
            await link.call([["PING"]])
        await link.close()

    for turns in range(4):
        uvloop.run(ask(turns))


async def test_everybody_in_flight_learns_of_the_loss(open_one: Open, operator: redis.Redis) -> None:
    """No caller waits for a reply that won't come."""
    store = await open_one()
    operator.client_pause(400, all=True)
    waiting = [asyncio.create_task(do(store, ReadHome(str(number)))) for number in range(20)]
    await asyncio.sleep(0)
    await store.close()
    outcomes = await asyncio.gather(*waiting, return_exceptions=True)
    assert {type(outcome) for outcome in outcomes} == {StoreLostError}


async def test_a_cancelled_caller_harms_nobody(open_one: Open) -> None:
    """Its reply is dropped, and everybody else gets their own."""
    store = await open_one()
    await store.execute_many([ClaimHome(str(number), f"home of {number}") for number in range(200)])
    calls = [asyncio.create_task(do(store, ReadHome(str(number)))) for number in range(200)]
    await asyncio.sleep(0)
    for call in calls[::3]:
        call.cancel()
    outcomes = await asyncio.gather(*calls, return_exceptions=True)
    kept = {number: outcome for number, outcome in enumerate(outcomes) if number % 3}
    assert kept == {number: f"home of {number}" for number in kept}
    assert await do(store, ReadHome("7")) == "home of 7"


async def test_who_gives_up_while_the_way_is_full_harms_nobody(open_one: Open, operator: redis.Redis) -> None:
    """A server that does not read for a while, more than the socket takes, and a caller that does not wait for that."""
    store = await open_one()
    pid = operator.info("server")["process_id"]
    os.kill(pid, signal.SIGSTOP)
    try:
        large = asyncio.create_task(do(store, Commit("large", 0, {"a:x": b"x" * 8_000_000})))
        await asyncio.sleep(0.05)
        other = asyncio.create_task(do(store, ClaimHome("k", "c")))
        await asyncio.sleep(0.05)
        large.cancel()
        await asyncio.wait([large])
    finally:
        os.kill(pid, signal.SIGCONT)
    assert await other == "c"
    assert await do(store, ReadHome("k")) == "c"


async def test_a_server_that_hangs_is_given_up(server: RedisServer, topic_prefix: str) -> None:
    """Every call has an end."""
    store = await RedisStore.open(server.url, topic_prefix, "identity", timeout_seconds=0.3)
    server.pause()
    try:
        with pytest.raises(StoreLostError, match="within"):
            await store.ping()
    finally:
        server.resume()
        await store.close()


async def test_a_restarted_server_refuses_the_batch_of_the_old_one(open_one: Open, server: RedisServer) -> None:
    """Even if nothing else differs: its run id does, so the position stays where it is."""
    before = await open_one()
    await before.advance(TP, None, 10, before.run_id)
    server.restart()  # not in a thread: the server would end with it
    with pytest.raises(StoreLostError):
        await before.advance(TP, 10, 20, before.run_id)
    after = await open_one()
    assert after.run_id != before.run_id
    assert await after.advance(TP, 10, 20, before.run_id) == Advanced(Advance.CHANGED, 10)
    assert await after.advance(TP, 10, 20, after.run_id) == Advanced(Advance.DONE, 20)


async def test_a_server_that_is_not_there_is_lost(server: RedisServer, topic_prefix: str) -> None:
    """Opening fails at once, and can be tried again."""
    server.stop()
    try:
        with pytest.raises(StoreLostError, match="does not answer"):
            await RedisStore.open(server.url, topic_prefix, "identity")
    finally:
        server.start()


async def test_a_full_server_does_nothing_by_halves(open_one: Open, operator: redis.Redis) -> None:
    """Writes are refused until there is room; reads and the connection go on."""
    store = await open_one()
    await do(store, Commit("c", 0, {"a:x": b""}))
    operator.config_set("maxmemory", "1")
    try:
        with pytest.raises(StoreFullError):
            await store.execute_many([Commit("c", 1, {"a:y": b"y" * 10_000}), Freeze("d", "c")])
    finally:
        operator.config_set("maxmemory", "0")
    there = await do(store, ReadComponent("c"))
    assert getattr(there, "version", None) == 1
    assert await do(store, Commit("c", 1, {"a:y": b""})) == 2


async def test_an_emptied_store_takes_no_writes(open_one: Open, operator: redis.Redis) -> None:
    """A worker that remembers what was in it would fill it again by halves: it learns of the loss, also when idle."""
    store, idle = await open_one(), await open_one()
    await store.execute_many([ClaimHome("k", "c"), Commit("c", 0, {"a:x": b""})])
    operator.flushall()
    for step in (
        Commit("c", 1, {}),
        Freeze("d", "c"),
        ClaimHome("l", "c"),
        Intend("c", 0, b"\x90", b"\x90"),
        ReadComponent("c"),
    ):
        with pytest.raises(StoreLostError, match="emptied"):
            await do(store, step)
    with pytest.raises(StoreLostError, match="emptied"):
        await store.advance(TP, None, 10, store.run_id)
    with pytest.raises(StoreLostError, match="emptied"):
        await idle.ping()
    assert operator.dbsize() == 0
    assert await do(await open_one(), Commit("c", 0, {})) == 1


GUARD = (LUA / "guard.lua").read_text()


@pytest.mark.parametrize("script", sorted(path.stem for path in LUA.glob("*.lua") if path.stem != "guard"))
def test_scripts_say_what_they_take(script: str) -> None:
    """Each file opens with what it does, its KEYS, ARGV and reply, and is loaded by the program."""
    text = (LUA / f"{script}.lua").read_text()
    comment = "".join(re.findall(r"^--.*\n", text, re.MULTILINE))
    assert text.startswith("-- ")
    assert re.search(r"KEYS: .*ARGV: .*Reply: ", comment, re.DOTALL)
    loaded = text if "Not behind the guard" in comment else GUARD + text
    assert loaded in redis_scripts.SOURCES.values()


@pytest.mark.parametrize(
    ("script", "arguments"),
    [
        (redis_scripts.COMMIT, ["0", "1", "0", "f"]),
        (redis_scripts.COMMIT, ["0", "1", "0", "f", "v", "more"]),
        (redis_scripts.COMMIT, ["0", "one", "0", "f", "v"]),
        (redis_scripts.CLAIM, []),
        (redis_scripts.SHORTEN, ["a"]),
        (redis_scripts.FREEZE, []),
        (redis_scripts.COMPLETE, ["1"]),
        (redis_scripts.INTEND, ["1", "state", "sending", "2"]),
        (redis_scripts.ADVANCE, ["run", "x", "y", "0"]),
    ],
)
def test_bad_arguments_write_nothing(
    operator: redis.Redis, topic_prefix: str, script: redis_scripts.Script, arguments: list[str]
) -> None:
    """A script looks at all its arguments before the first write, because Lua takes nothing back."""
    operator.hset(f"{topic_prefix}:meta", "generation", "g")
    with pytest.raises(redis.ResponseError, match="BADARGS"):
        operator.eval(script.source, 2, f"{topic_prefix}:meta", f"{topic_prefix}:key", "g", *arguments)
    assert operator.exists(f"{topic_prefix}:key") == 0


async def test_an_evicting_server_is_refused(server: RedisServer, operator: redis.Redis, topic_prefix: str) -> None:
    """An evicted key would be a person torn apart without a word."""
    operator.config_set("maxmemory-policy", "allkeys-lru")
    try:
        with pytest.raises(StoreRefusedError, match="noeviction"):
            await RedisStore.open(server.url, topic_prefix, "identity")
    finally:
        operator.config_set("maxmemory-policy", "noeviction")


async def test_another_identity_configuration_is_refused(
    open_one: Open, server: RedisServer, topic_prefix: str
) -> None:
    """The first one decides; another one needs a replay into a fresh store, or another prefix."""
    await open_one()
    with pytest.raises(StoreRefusedError, match="another identity configuration"):
        await RedisStore.open(server.url, topic_prefix, "another")
    other = await RedisStore.open(server.url, f"{topic_prefix}-2", "another")
    await other.close()


async def test_who_only_reads_decides_nothing(server: RedisServer, topic_prefix: str) -> None:
    """A look into an empty store with a wrong key keeps no worker out of it; the worker then keeps such looks out."""
    for identity, topics in (("mistaken", None), ("right", "one"), ("right", None)):
        store = await RedisStore.open(server.url, topic_prefix, identity, topics=topics)
        await store.close()
    for topics in (None, "one"):
        with pytest.raises(StoreRefusedError, match="another identity configuration"):
            await RedisStore.open(server.url, topic_prefix, "mistaken", topics=topics)


async def test_other_topics_are_refused(server: RedisServer, topic_prefix: str) -> None:
    """Facts are fenced by partition and offset: those of another topic would be taken for known ones."""
    for topics in ("one", None, "one"):
        store = await RedisStore.open(server.url, topic_prefix, "identity", topics=topics)
        await store.close()
    with pytest.raises(StoreRefusedError, match=r"filled from the topics one\.\*, not two\.\*"):
        await RedisStore.open(server.url, topic_prefix, "identity", topics="two")


async def test_a_store_that_is_rebuilt_is_nobody_elses(open_one: Open, server: RedisServer, topic_prefix: str) -> None:
    """Only an empty store is rebuilt; until that is done workers are refused, readers and another try are not."""

    async def opened(prefix: str, *, topics: str | None = "t", rebuild: bool = False) -> None:
        store = await RedisStore.open(server.url, prefix, "identity", topics=topics, rebuild=rebuild)
        await store.close()

    await open_one()
    with pytest.raises(StoreRefusedError, match="not empty"):
        await opened(topic_prefix, rebuild=True)
    fresh = f"{topic_prefix}-2"
    await opened(fresh, rebuild=True)
    with pytest.raises(StoreRefusedError, match="being rebuilt"):
        await opened(fresh)
    await opened(fresh, topics=None)
    store = await RedisStore.open(server.url, fresh, "identity", topics="t", rebuild=True)
    await store.finish_rebuild()
    await store.close()
    await opened(fresh)
    with pytest.raises(StoreRefusedError, match="not empty"):
        await opened(fresh, rebuild=True)


async def test_another_layout_is_refused(open_one: Open, operator: redis.Redis, server: RedisServer) -> None:
    """A store that an older or newer program filled is not touched."""
    operator.hset("old:meta", mapping={"schema": "0"})
    with pytest.raises(StoreRefusedError, match="layout 0"):
        await RedisStore.open(server.url, "old", "identity")
    assert operator.hget("old:meta", "schema") == b"0"
    await open_one()


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("redis+cluster://{address}", "not in cluster mode"),
        ("redis+cluster://:wrong@{address}/1", "can't be read"),
        ("rediss+cluster://:wrong@host:port,other:7000", "can't be read"),
        ("http://127.0.0.1", "can't be read"),
        ("redis://user:wrong@{address}/0", "does not accept"),
        ("redis://:#wrong@host:6379/0", "can't be read"),
        ("redis://:wrong:wrong@host:port/0", "can't be read"),
    ],
)
async def test_addresses_that_are_no_good(server: RedisServer, topic_prefix: str, url: str, sentence: str) -> None:
    """The message says what is wrong, and holds no password."""
    address = server.url.removeprefix("redis://").removesuffix("/0")
    with pytest.raises(StoreRefusedError, match=sentence) as refused:
        await RedisStore.open(url.format(address=address), topic_prefix, "identity")
    assert "wrong" not in str(refused.value)


async def test_an_address_cannot_change_what_we_rely_on(server: RedisServer, topic_prefix: str) -> None:
    """Retries, decoding and the protocol are ours, whatever the address says."""
    asks = "retry_on_timeout=true&decode_responses=true&protocol=3&health_check_interval=1"
    store = await RedisStore.open(f"{server.url}?{asks}", topic_prefix, "identity")
    assert await do(store, ClaimHome("k", "c")) == "c"
    assert await do(store, Commit("c", 0, {"a:x": b"\xff"})) == 1
    await store.close()


@pytest.mark.parametrize("prefix", ["", "{a}", "with blank", "x" * 65])
async def test_prefixes_that_are_no_good(server: RedisServer, prefix: str) -> None:
    """Braces would make all keys one slot of a cluster; blanks and patterns meet nobody's expectation."""
    with pytest.raises(StoreRefusedError, match="prefix"):
        await RedisStore.open(server.url, prefix, "identity")


async def test_a_replica_is_refused_and_a_demoted_server_lost(
    open_one: Open, server: RedisServer, operator: redis.Redis, topic_prefix: str
) -> None:
    """What is written must be on the primary, also when that changes under us."""
    store = await open_one()
    operator.replicaof("127.0.0.1", "1")
    try:
        with pytest.raises(StoreRefusedError, match="replica"):
            await RedisStore.open(server.url, topic_prefix, "identity")
        with pytest.raises(StoreLostError):
            await do(store, Commit("c", 0, {}))
        with pytest.raises(StoreLostError):
            await store.ping()
    finally:
        operator.replicaof("NO", "ONE")


async def test_the_clock_is_the_servers(open_one: Open, operator: redis.Redis) -> None:
    """Microseconds since 1970, as TIME says."""
    store = await open_one()
    seconds, microseconds = operator.time()
    before = seconds * 1_000_000 + microseconds
    now = await store.clock_us()
    assert before <= now < before + 5_000_000
    assert store.server.appends
