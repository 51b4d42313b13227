"""Slots of a Redis Cluster: which one a key is in, which node serves it, and how a cluster is named.

The cluster specification: 16,384 slots; the slot of a key is CRC16 of its tag (what is between the first `{` and the
first `}` after it), or of the whole key. Must not know: connections.
"""

from binascii import crc_hqx
from collections.abc import Iterable, Sequence
from functools import cache
from itertools import count
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from redis.crc import REDIS_CLUSTER_HASH_SLOTS, key_slot

SLOTS = REDIS_CLUSTER_HASH_SLOTS
DEFAULT_PORT = 6379
CLUSTER_SCHEMES = {"redis+cluster": "redis", "rediss+cluster": "rediss"}
"""How a cluster is named, and how each of its nodes is reached."""


class Node(NamedTuple):
    """Where a node listens."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


class ClusterAddress(NamedTuple):
    """A cluster as it was named: some of its nodes, and how to reach any of them."""

    nodes: tuple[Node, ...]
    scheme: str
    user: str
    query: str

    def url(self, node: Node) -> str:
        """The address of one node, with the same credentials and options."""
        host = f"[{node.host}]" if ":" in node.host else node.host
        return f"{self.scheme}://{self.user}{host}:{node.port}/0{self.query}"


def is_cluster(url: str) -> bool:
    """Whether an address names a cluster."""
    return url.partition("://")[0] in CLUSTER_SCHEMES


def cluster_address(url: str) -> ClusterAddress | None:
    """`redis+cluster://user:password@host:port,host:port?options`; None: it is none, or can't be read."""
    try:
        parts = urlsplit(url)
        user, at, hosts = parts.netloc.rpartition("@")
        nodes = tuple(_node(host) for host in hosts.split(","))
    except ValueError:
        return None
    scheme = CLUSTER_SCHEMES.get(parts.scheme)
    if scheme is None or parts.fragment or parts.path not in {"", "/", "/0"}:  # a cluster has one database
        return None
    return ClusterAddress(nodes, scheme, user + at, f"?{parts.query}" if parts.query else "")


def slot_of(key: str) -> int:
    """The slot that a key is in."""
    return key_slot(key.encode())


def slot_of_command(command: Sequence[str | bytes | int]) -> int:
    """The slot of the first key of a command that has keys: after the number of keys of a script, else the first."""
    key = command[3] if command[0] in {"EVALSHA", "EVAL"} else command[1]
    assert isinstance(key, str), "keys are text"
    return key_slot(key.encode())


@cache
def tags() -> tuple[str, ...]:
    """A short tag for each slot, the same everywhere: the smallest number in hexadecimal that falls into it."""
    found: dict[int, str] = {}
    for number in count():
        tag = f"{number:x}"
        found.setdefault(crc_hqx(tag.encode(), 0) % SLOTS, tag)
        if len(found) == SLOTS:
            return tuple(found[slot] for slot in range(SLOTS))
    raise AssertionError("numbers do not end")


def owners(ranges: Iterable[Sequence[Any]], asked: Node) -> list[Node | None]:
    """The node that serves each slot, from the reply to CLUSTER SLOTS of the node that was asked; None: nobody."""
    table: list[Node | None] = [None] * SLOTS
    for first, last, primary, *_ in ranges:
        host = (primary[0] or b"").decode()
        node = Node(asked.host if host in {"", "?"} else host, int(primary[1]))
        table[first : last + 1] = [node] * (last + 1 - first)
    return table


def _node(text: str) -> Node:
    parts = urlsplit(f"//{text.strip()}")
    port = DEFAULT_PORT if parts.port is None else parts.port
    if not parts.hostname or parts.path or not port:
        raise ValueError("not a node")
    return Node(parts.hostname, port)
