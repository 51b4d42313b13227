"""Seals: every slot of a cluster says which store it is part of, so that one that was emptied or replaced is noticed.

On a single Redis each script looks into the meta hash; on a cluster it reaches nothing but its own slot, so the
generation is there too (ADR 0007). A slot moves to another node together with its seal. A slot that comes back without
what was in it has none, and takes no writes any more: the store is no longer whole and has to be filled anew.
A fence begins the store's next generation in the meta hash; who opens the store then seals the slots anew, each for
itself, and until it has, nobody of the new generation writes.
Also noted is which nodes there were. Must not know: steps.
"""

from collections.abc import Sequence

from sinks.keys import Keys
from sinks.redis_scripts import RESEAL
from sinks.redis_servers import Servers
from sinks.redis_slots import SLOTS
from sinks.store import StoreRefusedError

NODES = "nodes"
"""A field of the meta hash: the run ids of the nodes that the last worker found."""
SEALED = "sealed"
"""A field of the meta hash: all slots were sealed once, so one that has no seal has lost it."""


async def require_seals(servers: Servers, keys: Keys, *, all_of_them: bool) -> None:
    """Seal the slots of a new store; of an old one, see that none was lost.

    Args:
        servers: the cluster.
        keys: with the generation that its meta hash says.
        all_of_them: look at every seal, some 50 ms. Who only reads learns it from what is read.

    Raises:
        StoreRefusedError: a part of the cluster was emptied, or holds what is left of another store.
    """
    [sealed] = await servers.call([["HGET", keys.meta, SEALED]])
    if sealed is None:
        made = await servers.call([["HSETNX", keys.seal(slot), "generation", keys.generation] for slot in range(SLOTS)])
        older = [slot for slot in range(SLOTS) if made[slot] == 0]
        await _require(servers, keys, older)
        await servers.call([["HSET", keys.meta, SEALED, 1]])
    elif all_of_them:
        await _require(servers, keys, await _resealed(servers, keys))


def following(generation: str) -> str:
    """The generation after this one, behind a fence."""
    store, _, number = generation.partition(".")
    return f"{store}.{int(number or 0) + 1}"


async def _resealed(servers: Servers, keys: Keys) -> list[int]:
    """Seal the slots anew that an earlier generation of this store sealed -> those that no generation of it did."""
    found = await servers.call([["HGET", keys.seal(slot), "generation"] for slot in range(SLOTS)])
    others = [slot for slot, there in enumerate(found) if there != keys.generation.encode()]
    kept = await servers.call([["EVALSHA", RESEAL.sha1, 1, keys.seal(slot), keys.generation] for slot in others])
    return [slot for slot, done in zip(others, kept, strict=True) if not done]


async def changed_nodes(servers: Servers, keys: Keys) -> int:
    """How many nodes the last worker knew that are not there any more, or not as they were; from now on it is these.

    They restarted, left, or a replica took over; the last one at least may have lost what it had acknowledged.
    """
    there = servers.server.run_id
    [before] = await servers.call([["HGET", keys.meta, NODES]])
    await servers.call([["HSET", keys.meta, NODES, there]])
    return len(set((before or b"").decode().split()) - set(there.split()))


async def _require(servers: Servers, keys: Keys, slots: Sequence[int]) -> None:
    found = await servers.call([["HGET", keys.seal(slot), "generation"] for slot in slots]) if slots else []
    gone = sum(generation != keys.generation.encode() for generation in found)
    if gone:
        raise StoreRefusedError(
            f"A part of the cluster ({gone} of {SLOTS} slots) was emptied, or holds what is left of another store: what"
            " is left has holes in it. Empty every node, or take another IDWEAVE_REDIS_PREFIX, and read everything"
            " again (replay)."
        )
