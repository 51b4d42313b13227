"""A real Redis Cluster for the tests: three primaries on loopback, put together here, command by command.

Slots are moved as `redis-cli --cluster reshard` does it, in the order of the cluster specification. Must not know: what
is in the keys.
"""

import contextlib
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from stream.servers.child_process import LOOPBACK, PORT_MAX, PortTakenError, free_port, require_free_port
from tests.live.redis_server import RedisServer

NODES = 3
SLOTS = 16_384
BUS_PORT_OFFSET = 10_000  # where nodes of every version listen for each other
PATIENCE_SECONDS = 20.0
LOOK_SECONDS = 0.02
KEYS_AT_ONCE = 10
MOVE_MS = 5_000


class RedisCluster:
    """Primaries without replicas, each slot on one of them; `url` names the first only, which knows the others."""

    def __init__(self, folder: Path, nodes: int = NODES, program: str | None = None) -> None:
        self.servers = [_node(folder / f"node-{number}", program) for number in range(nodes)]
        self.clients = [_client(server) for server in self.servers]
        self.description = f"{self.servers[0].description}, a cluster of {nodes}"
        self._running = ExitStack()

    @property
    def url(self) -> str:
        """The cluster's address, as the settings take it."""
        return f"redis+cluster://{LOOPBACK}:{self.servers[0].process.port}"

    def __enter__(self) -> Self:
        """Start the nodes, give each its slots, and wait until all of them say that the cluster is whole."""
        for server in self.servers:
            self._running.enter_context(server)
        share = -(-SLOTS // len(self.servers))
        for number, client in enumerate(self.clients):
            ask(client, "CLUSTER", "SET-CONFIG-EPOCH", number + 1)
            ask(client, "CLUSTER", "ADDSLOTS", *range(number * share, min(SLOTS, (number + 1) * share)))
        for client in self.clients:  # only now: a node that knows another one takes no epoch any more
            self._meet(client)
        self.wait_until_whole()
        return self

    def __exit__(self, *_error: object) -> None:
        """Stop the nodes."""
        for client in self.clients:
            client.close()
        self._running.close()

    def add_node(self, folder: Path) -> int:
        """Start one more node, without slots -> its number."""
        server = self._running.enter_context(_node(folder, None))
        self.servers.append(server)
        self.clients.append(_client(server))
        self._meet(self.clients[-1])
        self.wait_until_whole()
        return len(self.servers) - 1

    def remove_node(self, node: int) -> None:
        """Stop a node without slots, and let the others forget it."""
        gone = self.node_ids()[node]
        self.clients.pop(node).close()
        self.servers.pop(node).stop()
        for client in self.clients:
            ask(client, "CLUSTER", "FORGET", gone)
        self.wait_until_whole()

    def replicate(self, node: int, primary: int) -> None:
        """Make a node without slots a replica, and wait until it has what the primary has."""
        ask(self.clients[node], "CLUSTER", "REPLICATE", self.node_ids()[primary])
        self.wait_for(lambda: b"connected" in ask(self.clients[node], "ROLE"), "the replica has everything")

    def take_over(self, replica: int) -> None:
        """Let a replica take its primary's place without asking anybody, and wait until all know."""
        ask(self.clients[replica], "CLUSTER", "FAILOVER", "TAKEOVER")
        self.wait_for(self._agree, "all nodes know who serves what")

    def wait_for(self, what: Callable[[], bool], claim: str) -> None:
        """Wait until it is so; a node that is still loading its data is asked again."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            with contextlib.suppress(redis.BusyLoadingError):
                if what():
                    return
            assert time.monotonic() < deadline, f"waited in vain: {claim}"
            time.sleep(LOOK_SECONDS)

    def errors(self) -> Counter[str]:
        """How often the nodes have answered with each kind of error since `forget_errors`."""
        found: Counter[str] = Counter()
        for client in self.clients:
            for name, said in client.info("errorstats").items():
                found[name.removeprefix("errorstat_")] += int(said["count"])
        return found

    def forget_errors(self) -> None:
        """Count from here."""
        for client in self.clients:
            client.config_resetstat()

    def _meet(self, client: redis.Redis) -> None:
        """Tell a node of all others; left to themselves, they take seconds to hear of each other."""
        for server in self.servers:
            ask(client, "CLUSTER", "MEET", LOOPBACK, server.process.port)

    def _agree(self) -> bool:
        """Whether all nodes say the same of who serves what, and since which epoch."""
        tables = []
        for client in self.clients:
            lines = [line.split() for line in _text(ask(client, "CLUSTER", "NODES")).splitlines()]
            # A node lists the slots that it hands over or takes in square brackets.
            tables.append(
                sorted(
                    (name, epoch, [one for one in slots if one[0] != "["])
                    for name, _, _, _, _, _, epoch, _, *slots in lines
                )
            )
        return all(table == tables[0] for table in tables)

    def wait_until_whole(self) -> None:
        """Wait until every node knows every other, and all slots are served."""
        self.wait_for(lambda: all(self._is_whole(client) for client in self.clients) and self._agree(), "it is whole")

    def _is_whole(self, client: redis.Redis) -> bool:
        facts = dict(line.split(":", 1) for line in _text(ask(client, "CLUSTER", "INFO")).split())
        return facts["cluster_state"] == "ok" and int(facts["cluster_known_nodes"]) == len(self.servers)

    def node_ids(self) -> list[str]:
        """The nodes' names for each other."""
        return [_text(ask(client, "CLUSTER", "MYID")) for client in self.clients]

    def owner(self, slot: int) -> int:
        """Which of the nodes serves a slot, as it says itself: what others say may be old for a moment."""
        for number, (client, server) in enumerate(zip(self.clients, self.servers, strict=True)):
            for first, last, primary, *_ in ask(client, "CLUSTER", "SLOTS"):
                if first <= slot <= last and int(primary[1]) == server.process.port:
                    return number
        raise AssertionError("a slot that nobody serves")

    def begin_move(self, slot: int, source: int, target: int) -> None:
        """From now on the target takes what the source does not have."""
        ids = self.node_ids()
        ask(self.clients[target], "CLUSTER", "SETSLOT", slot, "IMPORTING", ids[source])
        ask(self.clients[source], "CLUSTER", "SETSLOT", slot, "MIGRATING", ids[target])

    def move_keys(self, slot: int, source: int, target: int, at_most: int | None = None) -> int:
        """Move keys of a slot that is moving, all of them or so many -> how many were moved."""
        moved = 0
        while at_most is None or moved < at_most:
            count = KEYS_AT_ONCE if at_most is None else min(KEYS_AT_ONCE, at_most - moved)
            keys: Sequence[bytes] = ask(self.clients[source], "CLUSTER", "GETKEYSINSLOT", slot, count)
            if not keys:
                break
            port = self.servers[target].process.port
            ask(self.clients[source], "MIGRATE", LOOPBACK, port, "", 0, MOVE_MS, "KEYS", *keys)
            moved += len(keys)
        return moved

    def end_move(self, slot: int, target: int) -> None:
        """The slot is the target's; it is told first, so that no node sends anybody to one that knows nothing.

        Returns when all have heard of each other's epochs: of two moves to and fro the earlier could win otherwise.
        """
        there = self.node_ids()[target]
        order = [target, *(number for number in range(len(self.clients)) if number != target)]
        for number in order:
            ask(self.clients[number], "CLUSTER", "SETSLOT", slot, "NODE", there)
        self.wait_for(self._agree, "all nodes know who serves what")

    def move_slot(self, slot: int, target: int) -> None:
        """Move a slot with all that is in it."""
        source = self.owner(slot)
        if source != target:
            self.begin_move(slot, source, target)
            self.move_keys(slot, source, target)
            self.end_move(slot, target)


def _node(folder: Path, program: str | None) -> RedisServer:
    folder.mkdir(parents=True)
    options = {
        "cluster-enabled": "yes",
        "cluster-node-timeout": "5000",
        # A primary that has given its last slot away is to stay one: what becomes a replica loses the store.
        "cluster-allow-replica-migration": "no",
        "repl-diskless-sync-delay": "0",
    }
    return RedisServer(folder, options, port=_free_port_pair(), program=program)


def _client(server: RedisServer) -> redis.Redis:
    return redis.Redis.from_url(server.url, retry=Retry(NoBackoff(), 1))


def _free_port_pair() -> int:
    """A free port whose bus port is free too, and is not one that systems give to outgoing connections."""
    while True:
        port = free_port()
        with contextlib.suppress(PortTakenError):
            if port + BUS_PORT_OFFSET < PORT_MAX:
                require_free_port(port + BUS_PORT_OFFSET, "cluster bus")
                return port


def ask(client: redis.Redis, *command: str | bytes | int) -> Any:  # noqa: ANN401 - whatever Redis says
    """Send a command as it stands."""
    return client.execute_command(*command)  # type: ignore[no-untyped-call]


def _text(said: object) -> str:
    return said.decode() if isinstance(said, bytes) else str(said)
