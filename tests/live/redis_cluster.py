"""A real Redis Cluster for the tests: three primaries on loopback, put together here, command by command.

Slots are moved as `redis-cli --cluster reshard` does it, in the order of the cluster specification. Must not know: what
is in the keys.
"""

import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Self

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from stream.child_process import LOOPBACK, PortTakenError, free_port, require_free_port
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
        self.clients = [
            redis.Redis.from_url(server.url, retry=Retry(NoBackoff(), 1), decode_responses=False)
            for server in self.servers
        ]
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
            client.execute_command("CLUSTER", "SET-CONFIG-EPOCH", number + 1)
            client.execute_command("CLUSTER", "ADDSLOTS", *range(number * share, min(SLOTS, (number + 1) * share)))
            client.execute_command("CLUSTER", "MEET", LOOPBACK, self.servers[0].process.port)
        self.wait_until_whole()
        return self

    def __exit__(self, *_error: object) -> None:
        """Stop the nodes."""
        for client in self.clients:
            client.close()
        self._running.close()

    def wait_until_whole(self) -> None:
        """Wait until every node knows every other, and all slots are served."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not all(self._is_whole(client) for client in self.clients):
            assert time.monotonic() < deadline, "the cluster does not come together"
            time.sleep(LOOK_SECONDS)

    def _is_whole(self, client: redis.Redis) -> bool:
        facts = dict(line.split(":", 1) for line in _text(client.execute_command("CLUSTER", "INFO")).split())
        known = len(client.execute_command("CLUSTER", "SLOTS")) >= len(self.servers)
        return known and facts["cluster_state"] == "ok" and int(facts["cluster_known_nodes"]) == len(self.servers)

    def node_ids(self) -> list[str]:
        """The nodes' names for each other."""
        return [_text(client.execute_command("CLUSTER", "MYID")) for client in self.clients]

    def owner(self, slot: int) -> int:
        """Which of the nodes serves a slot, as the first one sees it."""
        ports = [server.process.port for server in self.servers]
        for first, last, primary, *_ in self.clients[0].execute_command("CLUSTER", "SLOTS"):
            if first <= slot <= last:
                return ports.index(int(primary[1]))
        raise AssertionError("a slot that nobody serves")

    def begin_move(self, slot: int, source: int, target: int) -> None:
        """From now on the target takes what the source does not have."""
        ids = self.node_ids()
        self.clients[target].execute_command("CLUSTER", "SETSLOT", slot, "IMPORTING", ids[source])
        self.clients[source].execute_command("CLUSTER", "SETSLOT", slot, "MIGRATING", ids[target])

    def move_keys(self, slot: int, source: int, target: int, at_most: int | None = None) -> int:
        """Move keys of a slot that is moving, all of them or so many -> how many were moved."""
        moved = 0
        while at_most is None or moved < at_most:
            count = KEYS_AT_ONCE if at_most is None else min(KEYS_AT_ONCE, at_most - moved)
            keys: Sequence[bytes] = self.clients[source].execute_command("CLUSTER", "GETKEYSINSLOT", slot, count)
            if not keys:
                break
            port = self.servers[target].process.port
            self.clients[source].execute_command("MIGRATE", LOOPBACK, port, "", 0, MOVE_MS, "KEYS", *keys)
            moved += len(keys)
        return moved

    def end_move(self, slot: int, target: int) -> None:
        """The slot is the target's; it is told first, so that no node sends anybody to one that knows nothing."""
        there = self.node_ids()[target]
        order = [target, *(number for number in range(len(self.clients)) if number != target)]
        for number in order:
            self.clients[number].execute_command("CLUSTER", "SETSLOT", slot, "NODE", there)

    def move_slot(self, slot: int, target: int) -> None:
        """Move a slot with all that is in it."""
        source = self.owner(slot)
        if source != target:
            self.begin_move(slot, source, target)
            self.move_keys(slot, source, target)
            self.end_move(slot, target)


def _node(folder: Path, program: str | None) -> RedisServer:
    folder.mkdir(parents=True)
    options = {"cluster-enabled": "yes", "cluster-node-timeout": "5000"}
    return RedisServer(folder, options, port=_free_port_pair(), program=program)


def _free_port_pair() -> int:
    """A free port whose bus port is free too."""
    while True:
        port = free_port()
        try:
            require_free_port(port + BUS_PORT_OFFSET, "cluster bus")
        except PortTakenError:
            continue
        return port


def _text(said: object) -> str:
    return said.decode() if isinstance(said, bytes) else str(said)
