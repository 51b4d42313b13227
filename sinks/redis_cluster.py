"""A Redis Cluster: one connection to each primary, commands to who serves their slot, and redirects followed.

Rules: a command that was redirected was not carried out, so it is sent again, for a bounded time; nothing else ever is.
A connection that is lost, or a node that is no primary any more, loses all of it: writes that were acknowledged may be
gone. Commands of one call may be carried out in any order. Must not know: what the commands are for.
"""

import asyncio
from collections.abc import Coroutine, Iterable, Sequence
from typing import Any, NamedTuple, TypeVar

from redis.exceptions import AskError, MovedError, NoScriptError, TryAgainError

from sinks.keys import Keys
from sinks.redis_link import Command, RedisLink
from sinks.redis_scripts import SOURCES, accepted, call, in_full
from sinks.redis_servers import SCAN_COUNT, Server, checked, facts_of, require_generation
from sinks.redis_slots import ClusterAddress, Node, cluster_address, owners, slot_of, slot_of_command
from sinks.store import StoreFullError, StoreLostError, StoreRefusedError
from sinks.waiting import all_of

PAUSE_SECONDS = (0.0, 0.002, 0.005, 0.01, 0.02, 0.05)
"""Before commands are sent again: at once after the first redirect, then ever later."""
CURSOR_BITS = 16
"""Of a scan's cursor: its lower bits say which node is being scanned."""


Found = TypeVar("Found")


class Member(NamedTuple):
    """A primary that this session works on."""

    link: RedisLink
    server: Server


class Cluster:
    """The primaries of a cluster; made by `open`."""

    def __init__(self, address: ClusterAddress, timeout_seconds: float) -> None:
        self._address = address
        self._timeout_seconds = timeout_seconds
        self._members: dict[Node, Member] = {}
        self._owners: list[Node] = []
        self._slots: dict[Node, int] | None = None  # one of each node, as long as no slot moves
        self._joining = asyncio.Lock()
        self._lost: str | None = None

    @classmethod
    async def open(cls, url: str, timeout_seconds: float) -> "Cluster":
        """Ask one of the named nodes who serves which slot, and connect to all of them.

        Raises:
            StoreRefusedError: the address can't be read, or a node must not be used; the message says why.
            StoreLostError: one does not answer, or some slots are served by nobody.
        """
        address = cluster_address(url)
        if address is None:  # the reason would quote the address, and with it a password
            raise StoreRefusedError(
                "The address of the Redis Cluster can't be read. It looks like"
                " redis+cluster://user:password@host:6379,host:6379, with special characters of the password"
                " percent-encoded and without a database."
            )
        cluster = cls(address, timeout_seconds)
        try:
            cluster._owners = await ask_owners(address, timeout_seconds)
            await cluster._join(cluster._owners)
        except BaseException:
            await cluster.close()
            raise
        return cluster

    @property
    def server(self) -> Server:
        """What the nodes say of themselves, as one."""
        servers = [member.server for member in self._members.values()]
        oldest = min(servers, key=lambda server: [int(part) for part in server.version.split(".") if part.isdigit()])
        run_ids = sorted(server.run_id for server in servers)
        return Server(" ".join(run_ids), oldest.version, all(server.appends for server in servers))

    async def call(self, commands: Sequence[Command]) -> list[Any]:
        """Send each command to who serves its keys' slot -> their replies. Errors as in `redis_scripts.call`."""
        return await self._guarded(self._routed(commands))

    async def scan(self, pattern: str, cursor: int) -> tuple[list[bytes], int]:
        """Some of the keys of one node that match a pattern, and the cursor to go on with, there or at the next node.

        What moves to another node meanwhile may be missed.
        """
        at, mine = cursor & (1 << CURSOR_BITS) - 1, cursor >> CURSOR_BITS
        links = [member.link for member in self._members.values()]
        command: Command = ["SCAN", mine, "MATCH", pattern, "COUNT", SCAN_COUNT]
        [(after, found)] = await self._guarded(call(links[at], [command]))
        if int(after):
            return found, int(after) << CURSOR_BITS | at
        return found, at + 1 if at + 1 < len(links) else 0

    async def vouched(self, run_id: str, keys: Keys) -> str:
        """The run ids of all nodes, if those of the batch are among them and every one still has what was in it."""
        mine = self.server.run_id
        if not set(run_id.split()) <= set(mine.split()):
            return ""
        await self.ping(keys)
        return mine

    async def ping(self, keys: Keys) -> None:
        """Return if every node answers and has what was in it: the meta hash, and one seal of each.

        A node that has become a replica redirects, and is found out by that.
        """
        if self._slots is None:
            self._slots = {node: slot for slot, node in enumerate(self._owners)}
        names = [keys.meta, *[keys.seal(slot) for slot in self._slots.values()]]
        for generation in await self.call([["HGET", name, "generation"] for name in names]):
            require_generation(generation, keys)

    async def time(self, keys: Keys) -> tuple[int, int]:
        """Seconds and microseconds by the clock of the node that has the meta hash."""
        node = self._owners[slot_of(keys.meta)]
        await self._guarded(self._join([node]))
        [(seconds, microseconds)] = await self._guarded(call(self._members[node].link, [["TIME"]]))
        return int(seconds), int(microseconds)

    async def close(self) -> None:
        """Close all connections."""
        self._lost = self._lost or "this store was closed"
        await asyncio.gather(*[member.link.close() for member in self._members.values()])

    async def _guarded(self, working: Coroutine[Any, Any, Found]) -> Found:
        """Once one connection is lost, all of it is."""
        lost = self._lost or next((one.link.lost for one in self._members.values() if one.link.lost is not None), None)
        if lost is not None:
            working.close()
            self._lost = lost
            raise StoreLostError(lost)
        try:
            return await working
        except StoreLostError as error:
            self._lost = self._lost or str(error)
            raise

    async def _routed(self, commands: Sequence[Command]) -> list[Any]:
        """Send the commands, and those that were redirected again, until each is answered."""
        replies: list[Any] = [None] * len(commands)
        left, asking = dict(enumerate(commands)), dict[int, Node]()
        slots = [slot_of_command(command) for command in commands]
        turn, ends = 0, asyncio.get_running_loop().time() + self._timeout_seconds
        while True:
            moved: set[Node] = set()
            served: dict[int, Node] = {}
            for node, at, reply in await self._sent(left, slots, asking):
                asking.pop(at, None)
                match reply:
                    case MovedError():
                        moved.add(node)
                        served[slots[at]] = Node(reply.host or node.host, reply.port)
                    case AskError():
                        asking[at] = Node(reply.host or node.host, reply.port)
                    case TryAgainError():
                        pass
                    case NoScriptError():
                        left[at] = in_full(left[at])
                    case _:
                        replies[at] = reply
                        del left[at]
            if not left:
                return accepted(replies, commands)
            await self._require_primaries(moved)
            for slot, node in served.items():
                self._owners[slot], self._slots = node, None
            if asyncio.get_running_loop().time() > ends:
                raise StoreFullError(
                    f"A slot of the cluster has been on its way to another node for {self._timeout_seconds} s: let it"
                    " arrive, or `redis-cli --cluster fix` what was left there"
                )
            await asyncio.sleep(PAUSE_SECONDS[min(turn, len(PAUSE_SECONDS) - 1)])
            turn += 1

    async def _sent(
        self, commands: dict[int, Command], slots: Sequence[int], asking: dict[int, Node]
    ) -> list[tuple[Node, int, Any]]:
        """Send each command to the node that it is to be asked of, or that serves its slot -> node, place and reply."""
        places: dict[Node, list[int]] = {}
        packed: dict[Node, list[Command]] = {}
        for at, command in commands.items():
            node = asking.get(at) or self._owners[slots[at]]
            places.setdefault(node, []).append(at)
            packed.setdefault(node, []).extend([["ASKING"], command] if at in asking else [command])
        await self._join(packed)
        replies = await all_of([self._members[node].link.call(some) for node, some in packed.items()])
        found = []
        for (node, there), some in zip(places.items(), replies, strict=True):
            answers = iter(some)
            for at in there:
                if at in asking:
                    next(answers)
                found.append((node, at, next(answers)))
        return found

    async def _require_primaries(self, nodes: Iterable[Node]) -> None:
        """Raise `StoreLostError` if a node has become a replica: a failover may have lost what it acknowledged."""
        asked = list(nodes)
        roles = await all_of([call(self._members[node].link, [["ROLE"]]) for node in asked])
        for node, [role] in zip(asked, roles, strict=True):
            if role[0] != b"master":
                raise StoreLostError(f"{node} is a replica now: a failover may have lost what it had acknowledged")

    async def _join(self, nodes: Iterable[Node]) -> None:
        """Connect to the nodes that this session does not know yet."""
        if all(node in self._members for node in nodes):
            return
        async with self._joining:
            await all_of([self._connect(node) for node in dict.fromkeys(nodes) if node not in self._members])

    async def _connect(self, node: Node) -> None:
        link = await RedisLink.open(self._address.url(node), self._timeout_seconds)
        try:
            server = checked(await facts_of(link))
            await call(link, [["SCRIPT", "LOAD", source] for source in SOURCES.values()])
        except BaseException:
            await link.close()
            raise
        self._members[node] = Member(link, server)
        if self._lost is not None:  # closed while this was under way
            await link.close()


async def ask_owners(address: ClusterAddress, timeout_seconds: float) -> list[Node]:
    """The node that serves each slot, as one of the named ones sees it.

    Raises:
        StoreRefusedError: one is not in cluster mode.
        StoreLostError: none answers, or some slots are served by nobody.
    """
    failure = ""
    for node in address.nodes:
        try:
            link = await RedisLink.open(address.url(node), timeout_seconds)
        except StoreLostError as error:
            failure = f"{node}: {error}"
            continue
        try:
            if (await facts_of(link)).get("cluster_enabled") != "1":
                raise StoreRefusedError(f"{node} is not in cluster mode: name a single Redis by redis://.")
            [ranges] = await call(link, [["CLUSTER", "SLOTS"]])
        finally:
            await link.close()
        table = owners(ranges, node)
        served = [one for one in table if one is not None]
        if len(served) < len(table):
            raise StoreLostError(f"{len(table) - len(served)} slots of the cluster are served by nobody")
        return served
    raise StoreLostError(failure)
