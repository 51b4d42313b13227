"""The stores that the contract suite runs over: in memory, Redis, Valkey and a Redis Cluster, behind one face."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Protocol

import pytest

from resolvers.steps import Reply, Step
from sinks.memory_store import MemoryStore
from sinks.redis_store import RedisStore
from sinks.store import Advanced, AnyTP, Due, Move, Page
from stream.servers.child_process import ChildProcess
from stream.servers.embedded import store_program
from tests.live.redis_cluster import RedisCluster
from tests.live.redis_server import RedisServer

HERE = Path(__file__).parent
CONTRACT_SECONDS = 120


class AnyStore(Protocol):
    """What every store offers; the one in memory with its methods made awaitable."""

    @property
    def run_id(self) -> str:
        """The server's."""
        ...

    async def execute_many(self, steps: Sequence[Step]) -> list[Reply]:
        """A reply for each step."""
        ...

    async def profile_key(self, profile_id: str) -> str | None:
        """The identifier that leads to a profile."""
        ...

    async def scan_homes(self, cursor: int = 0) -> Page:
        """Some identifiers."""
        ...

    async def scan_components(self, cursor: int = 0) -> Page:
        """Some components."""
        ...

    async def due(self, shard: int, until_us: int, most: int) -> list[Due]:
        """What is due."""
        ...

    async def take_off(self, entries: Sequence[Due]) -> None:
        """Forget what was due."""
        ...

    async def notes(self, names: Sequence[str]) -> list[str | None]:
        """What was noted."""
        ...

    async def note(self, name: str, text: str) -> None:
        """Note something."""
        ...

    async def start_offsets(self, partitions: Iterable[AnyTP]) -> dict[AnyTP, int | None]:
        """The positions."""
        ...

    async def advance(
        self, tp: tuple[str, int], start: int | None, end: int, run_id: str, *, allow_gap: bool = False
    ) -> Advanced:
        """Move a position."""
        ...

    async def advance_all(self, moves: Sequence[Move], run_id: str) -> list[Advanced]:
        """Move positions."""
        ...


class AwaitedMemory:
    """A `MemoryStore` whose methods are awaited."""

    def __init__(self, store: MemoryStore) -> None:
        self.store = store

    @property
    def run_id(self) -> str:
        """The server's that it plays."""
        return self.store.run_id

    async def execute_many(self, steps: Sequence[Step]) -> list[Reply]:
        """One step after the other."""
        return [self.store.execute(step) for step in steps]

    async def profile_key(self, profile_id: str) -> str | None:
        """The identifier that leads to a profile."""
        return self.store.profile_key(profile_id)

    async def scan_homes(self, cursor: int = 0) -> Page:
        """Some identifiers."""
        return self.store.scan_homes(cursor)

    async def scan_components(self, cursor: int = 0) -> Page:
        """Some components."""
        return self.store.scan_components(cursor)

    async def due(self, shard: int, until_us: int, most: int) -> list[Due]:
        """What is due."""
        return self.store.due(shard, until_us, most)

    async def take_off(self, entries: Sequence[Due]) -> None:
        """Forget what was due."""
        self.store.take_off(entries)

    async def notes(self, names: Sequence[str]) -> list[str | None]:
        """What was noted."""
        return self.store.notes(names)

    async def note(self, name: str, text: str) -> None:
        """Note something."""
        self.store.note(name, text)

    async def start_offsets(self, partitions: Iterable[AnyTP]) -> dict[AnyTP, int | None]:
        """The positions."""
        return self.store.start_offsets(partitions)

    async def advance(
        self, tp: tuple[str, int], start: int | None, end: int, run_id: str, *, allow_gap: bool = False
    ) -> Advanced:
        """Move a position."""
        return self.store.advance(tp, start, end, run_id, allow_gap=allow_gap)

    async def advance_all(self, moves: Sequence[Move], run_id: str) -> list[Advanced]:
        """Move positions."""
        return self.store.advance_all(moves, run_id)


OpenStore = Callable[[], Awaitable[AnyStore]]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Real servers take their time to start."""
    for item in items:
        if item.path.is_relative_to(HERE) and item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(CONTRACT_SECONDS))


@pytest.fixture(scope="session")
def valkey_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """The embedded server's program, run as the session's store is."""
    server = RedisServer(tmp_path_factory.mktemp("valkey"))
    there = server.process
    server.process = ChildProcess("valkey", [str(store_program()), *there.command[1:]], there.folder, there.port)
    with server:
        yield server


@pytest.fixture(scope="session")
def cluster_server(redis_cluster: RedisCluster) -> RedisCluster:
    """The session's cluster."""
    return redis_cluster


@pytest.fixture(params=["memory", "redis", "valkey", "cluster"])
async def open_store(request: pytest.FixtureRequest, topic_prefix: str) -> AsyncIterator[OpenStore]:
    """Opens the same store again and again, as several workers would."""
    if request.param == "memory":
        one = AwaitedMemory(MemoryStore())

        async def the_same() -> AnyStore:
            return one

        yield the_same
        return
    server: RedisServer | RedisCluster = request.getfixturevalue(f"{request.param}_server")
    opened: list[RedisStore] = []

    async def another() -> AnyStore:
        opened.append(await RedisStore.open(server.url, topic_prefix, "identity", topics=topic_prefix))
        return opened[-1]

    yield another
    for store in opened:
        await store.close()


@pytest.fixture
async def store(open_store: OpenStore) -> AnyStore:
    """One store, empty."""
    return await open_store()
