"""What a store is: the steps it carries out, the positions it keeps, and how it fails.

Two of them: `RedisStore`, and `MemoryStore` for tests and the simulation. One contract suite runs over both.
Rule: a step is atomic on one component; steps of one call are independent and may be carried out in any order.
"""

from enum import StrEnum
from typing import NamedTuple, TypeVar

from sinks.murmur2 import partition_of

AnyTP = TypeVar("AnyTP", bound=tuple[str, int])
"""A topic (name as on the broker) and a partition; whatever tuple the caller likes."""

DUE_SHARDS = 64
"""Shares of what is due: so many keys, so that a cluster's nodes have some each, and workers may share them out."""

SCHEMA = "4"
"""The layout of everything in the store. Another one needs a replay into a fresh store."""


class Advance(StrEnum):
    """What became of a position that was to be moved on."""

    DONE = "done"  # the position is now the end of the batch
    BEHIND = "behind"  # it is further than the start of the batch: somebody else was here, or this is a redelivery
    GAP = "gap"  # it is before the start of the batch, or gone: something in between was not done, or was lost
    CHANGED = "changed"  # this is not the server that the batch worked on: what it wrote may be lost


class Move(NamedTuple):
    """A partition's position from the start of a batch (None: there was none) to its end, the next offset after it."""

    tp: tuple[str, int]
    start: int | None
    end: int


class Advanced(NamedTuple):
    """The outcome, and the position as it is now: the next offset to be read; None: there is none."""

    outcome: Advance
    position: int | None


class Page(NamedTuple):
    """Some of the names in the store, and the cursor to go on with; 0 at the end.

    What is there all the while comes at least once; what comes or goes meanwhile may come or not, and neither what a
    cluster moves from node to node meanwhile.
    """

    names: list[str]
    cursor: int


class Due(NamedTuple):
    """A component that is to be looked at, and at which instant it was to be."""

    component: str
    due_us: int


def shard_of(component: str) -> int:
    """The share of `due` that a component is in."""
    return partition_of(component.encode(), DUE_SHARDS)


class StoreError(Exception):
    """The store did not do what it was asked; what was in flight may or may not have happened."""


class StoreLostError(StoreError):
    """The connection is gone, or the server is not what it was. This store is of no use any more: open another one.

    Caches and work in flight are to be dropped, and the worker starts again from the positions.
    """


class StoreFullError(StoreError):
    """The server has no memory left for writes, is busy, or hands slots over to another node; later it may go on."""


class StoreRefusedError(StoreError):
    """The store must not be used as it is configured, or by this configuration. The message says why."""
