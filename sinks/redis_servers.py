"""What a store stands on: one Redis server, or a cluster of them. What both can do, and the one server.

Rule: a `Servers` is of one session. When a connection of it is lost, all of it is, and it never connects again to a
server that it has worked on. Must not know: steps.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from sinks.keys import Keys
from sinks.redis_link import Command, RedisLink
from sinks.redis_scripts import OTHER_GENERATION, call
from sinks.store import StoreLostError, StoreRefusedError

OLDEST = (6, 2)
SCAN_COUNT = 1_000
"""Keys that a server looks at for one page: some 200 us of its time."""


class Server(NamedTuple):
    """What a server says of itself. `appends`: it keeps a log of writes (AOF); without it a restart loses all.

    Of a cluster: the run ids of all nodes in order, with blanks between them; the oldest version; whether all do.
    """

    run_id: str
    version: str
    appends: bool


class Servers(Protocol):
    """One server or many. Every method raises `StoreLostError` when one of them is not there, or not what it was."""

    @property
    def server(self) -> Server:
        """What they say of themselves."""
        ...

    async def call(self, commands: Sequence[Command]) -> list[Any]:
        """Send commands, each with keys of one slot -> their replies. Errors as in `redis_scripts.call`."""
        ...

    async def scan(self, pattern: str, cursor: int) -> tuple[list[bytes], int]:
        """Some of the keys that match a pattern, and the cursor to go on with; 0 at the end."""
        ...

    async def vouched(self, run_id: str, keys: Keys) -> str:
        """The run ids that a position may be moved under, if all that was written under `run_id` is still there.

        Empty, or one that no server has: something is not what it was.
        """
        ...

    async def ping(self, keys: Keys) -> None:
        """Return if every server answers, with what was in it."""
        ...

    async def time(self, keys: Keys) -> tuple[int, int]:
        """Seconds and microseconds by the clock of the server that has the store's meta hash."""
        ...

    async def close(self) -> None:
        """Close all connections."""
        ...


class OneServer:
    """A single Redis."""

    def __init__(self, link: RedisLink, server: Server) -> None:
        self.server = server
        self._link = link

    @classmethod
    async def open(cls, url: str, timeout_seconds: float) -> "OneServer":
        """Connect, and see that this server can be used.

        Raises:
            StoreRefusedError: it must not be used; the message says why and what to do.
            StoreLostError: it does not answer.
        """
        link = await RedisLink.open(url, timeout_seconds)
        try:
            facts = await facts_of(link)
            if facts.get("cluster_enabled") == "1":
                raise StoreRefusedError("This is a node of a Redis Cluster: name it by redis+cluster://host:port.")  # noqa: TRY301
            return cls(link, checked(facts))
        except BaseException:
            await link.close()
            raise

    async def call(self, commands: Sequence[Command]) -> list[Any]:
        """Send commands together -> their replies."""
        return await call(self._link, commands)

    async def scan(self, pattern: str, cursor: int) -> tuple[list[bytes], int]:
        """Some of the keys that match a pattern, and the cursor to go on with."""
        [(after, found)] = await call(self._link, [["SCAN", cursor, "MATCH", pattern, "COUNT", SCAN_COUNT]])
        return found, int(after)

    async def vouched(self, run_id: str, keys: Keys) -> str:  # noqa: ARG002
        """The run id itself: the script that moves the position holds it against the server's."""
        return run_id

    async def ping(self, keys: Keys) -> None:
        """Return if the server answers on this connection, with what was in it."""
        [generation] = await call(self._link, [["HGET", keys.meta, "generation"]])
        require_generation(generation, keys)

    async def time(self, keys: Keys) -> tuple[int, int]:  # noqa: ARG002
        """Seconds and microseconds by the server's clock."""
        [(seconds, microseconds)] = await call(self._link, [["TIME"]])
        return int(seconds), int(microseconds)

    async def close(self) -> None:
        """Close the connection."""
        await self._link.close()


async def facts_of(link: RedisLink) -> dict[str, str]:
    """What a server says of itself: INFO."""
    [info] = await call(link, [["INFO"]])
    return dict(line.split(":", 1) for line in info.decode(errors="replace").splitlines() if ":" in line)


def checked(facts: Mapping[str, str]) -> Server:
    """The server, if it can be used.

    Raises:
        StoreRefusedError: it can't.
    """
    version = facts.get("valkey_version", facts.get("redis_version", "0"))
    if tuple(int(part) for part in facts.get("redis_version", "0.0").split(".")[:2]) < OLDEST:
        raise StoreRefusedError(f"Redis {version} is too old: 6.2 or newer is needed.")
    if facts.get("role") != "master":
        raise StoreRefusedError("This Redis is a replica: name the primary.")
    policy = facts.get("maxmemory_policy", "noeviction")
    if policy != "noeviction":
        raise StoreRefusedError(
            f"Redis has maxmemory-policy {policy}: it would drop people without a word. Set it to noeviction."
        )
    return Server(facts["run_id"], version, facts.get("aof_enabled") == "1")


def require_generation(found: bytes | None, keys: Keys) -> None:
    """Raise `StoreLostError` unless this is the generation of the store that was opened."""
    if found is None or found.decode() != keys.generation:
        raise StoreLostError(OTHER_GENERATION)
