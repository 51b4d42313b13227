"""The store in Redis: components, publications and positions, by compare-and-set on one component at a time.

A `RedisStore` is one connection to one server, or one to each node of a cluster. When one is lost, the store is: every
call raises `StoreLostError`, and the worker drops its caches and what is in flight, opens another store and starts
again from its positions (design, section 3). So nothing that may have happened is retried here, and nothing is written
to a server other than the one that was read. Must not know: what the steps are for.
"""

import re
import secrets
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from time import perf_counter
from typing import TypeVar

from resolvers.steps import Reply, Step
from sinks.keys import FENCE_FIELD, PREFIX, Keys
from sinks.redis_batches import BATCHES, batches, due_member
from sinks.redis_cluster import Cluster
from sinks.redis_link import Command
from sinks.redis_scripts import ADVANCE, invoke
from sinks.redis_seals import changed_nodes, require_seals
from sinks.redis_servers import OneServer, Server, Servers
from sinks.redis_slots import is_cluster, slot_of
from sinks.store import SCHEMA, Advance, Advanced, AnyTP, Due, Move, Page, StoreRefusedError, shard_of

T = TypeVar("T")

TIMEOUT_SECONDS = 10.0
TOLERATED_UNTIL = "let_pass_until_ms"
"""The field of the meta hash with what an operator said of floods of dead letters."""
NOTE = "note:"
REBUILDING = "rebuilding"
"""The field of the meta hash that is there while the store is rebuilt."""

STEP_OPS: dict[type, str] = {kind: re.sub(r"(?<!^)(?=[A-Z])", "_", kind.__name__).lower() for kind in BATCHES}
OPS = (*STEP_OPS.values(), "several", "advance", "positions", "clock", "ping", "lookup", "scan")
"""What calls are for, as `Observe` hears it; `several`: steps of more than one kind in one round trip."""

Observe = Callable[[str, float], None]
"""Told of every call that was answered: what it was for, and how many seconds it took."""


class RedisStore:
    """The store behind one connection, or one to each node of a cluster; made by `open`."""

    def __init__(
        self, servers: Servers, keys: Keys, observe: Observe, fences: Sequence[bytes], nodes_changed: int = 0
    ) -> None:
        """Made by `open`.

        `fences`: what is remembered with the fences that this session has begun behind. `nodes_changed`: of a cluster,
        since the last worker opened it; they may have lost what they acknowledged.
        """
        self.fences = fences
        self.nodes_changed = nodes_changed
        self._servers = servers
        self._keys = keys
        self._observe = observe

    @classmethod
    async def open(
        cls,
        url: str,
        prefix: str,
        identity: str,
        *,
        topics: str | None = None,
        rebuild: bool = False,
        timeout_seconds: float = TIMEOUT_SECONDS,
        observe: Observe = lambda _op, _seconds: None,
    ) -> "RedisStore":
        """Connect, and see that this server and what is in it can be used.

        Args:
            url: `redis://`, `rediss://` or `unix://`; `redis+cluster://` or `rediss+cluster://` for a cluster.
            prefix: of all keys.
            identity: fingerprint of the identity configuration; the first one to fill a store decides it.
            topics: prefix of the topics that it is filled from, likewise; facts are fenced by partition and offset, so
                there can be no others. None for who only reads.
            rebuild: it is to be rebuilt from the log, which takes an empty one, or one whose rebuild was not finished;
                until `finish_rebuild` nobody else may work on it.
            timeout_seconds: bounds every call from now on.
            observe: is told of every call.

        Raises:
            StoreRefusedError: it must not be used; the message says why and what to do.
            StoreLostError: it does not answer.
        """
        if not PREFIX.fullmatch(prefix):
            raise StoreRefusedError("The Redis prefix may hold letters, digits and . _ : - only, at most 64 of them.")
        servers = await (_open_cluster if is_cluster(url) else _open_server)(url, timeout_seconds)
        try:
            if rebuild:
                await _reserve(servers, Keys(prefix))
            generation, fences = await _agree(servers, Keys(prefix), identity, topics, rebuild=rebuild)
            keys = Keys(prefix, generation, cluster=is_cluster(url))
            changed = 0
            if keys.cluster:
                await require_seals(servers, keys, all_of_them=topics is not None)
                changed = 0 if topics is None else await changed_nodes(servers, keys)
        except BaseException:
            await servers.close()
            raise
        return cls(servers, keys, observe, fences, changed)

    @property
    def server(self) -> Server:
        """What the server says of itself, or the nodes of the cluster."""
        return self._servers.server

    @property
    def run_id(self) -> str:
        """The server's, as it was when this connection was made; of a cluster, those of all nodes."""
        return self._servers.server.run_id

    async def execute_many(self, steps: Sequence[Step]) -> list[Reply]:
        """Carry out leaf steps of the store, in any order -> a reply for each, as `resolvers.steps` says.

        All commands go out at once: one round trip.
        """
        if not steps:
            return []
        kinds = dict.fromkeys(map(type, steps))
        assert kinds.keys() <= BATCHES.keys(), "a step that is not a store's"
        if len(kinds) == 1:
            op, wanted = STEP_OPS[type(steps[0])], list(batches(self._keys, steps, range(len(steps))))
        else:
            places = [[at for at, step in enumerate(steps) if type(step) is kind] for kind in kinds]
            op = "several"
            wanted = [part for some in places for part in batches(self._keys, [steps[at] for at in some], some)]
        answers = await self._timed(op, self._servers.call([part.command for part in wanted]))
        replies: list[Reply] = [None] * len(steps)
        for part, answer in zip(wanted, answers, strict=True):
            for at, reply in zip(part.places, part.batch.replies(part.steps, answer), strict=True):
                replies[at] = reply
        return replies

    async def profile_key(self, profile_id: str) -> str | None:
        """The key of the identifier that leads to a profile, as `NameProfile` wrote it; None: there is no such id."""
        [key] = await self._timed("lookup", self._servers.call([["GET", self._keys.profile(profile_id)]]))
        return None if key is None else key.decode()

    async def unknown_profiles(self, profile_ids: Sequence[str]) -> list[str]:
        """Those of the ids that no identifier leads to."""
        asked = [["GET", self._keys.profile(one)] for one in profile_ids]
        there = await self._timed("lookup", self._servers.call(asked)) if asked else []
        return [one for one, found in zip(profile_ids, there, strict=True) if found is None]

    async def scan_homes(self, cursor: int = 0) -> Page:
        """Some of the identifiers that are in a component."""
        found, cursor = await self._scan(self._keys.homes, cursor)
        return Page([self._keys.key_of_home(key) for key in found], cursor)

    async def scan_components(self, cursor: int = 0) -> Page:
        """Some of the components, also of those that have moved."""
        found, cursor = await self._scan(self._keys.components, cursor)
        return Page([self._keys.name_of_component(key) for key in found], cursor)

    async def due(self, shard: int, until_us: int, most: int) -> list[Due]:
        """Components of a share that are to be looked at by then, the longest due first; they stay until taken off."""
        [found] = await self._servers.call(
            [["ZRANGEBYSCORE", self._keys.due(shard), "-inf", until_us, "LIMIT", 0, most]]
        )
        return [Due(name.decode(), int(due_us)) for due_us, _, name in (one.partition(b":") for one in found)]

    async def take_off(self, entries: Sequence[Due]) -> None:
        """Forget what was due, because the projection was told."""
        of_shard: dict[int, list[str]] = {}
        for one in entries:
            of_shard.setdefault(shard_of(one.component), []).append(due_member(one.component, one.due_us))
        await self._servers.call([["ZREM", self._keys.due(shard), *members] for shard, members in of_shard.items()])

    async def notes(self, names: Sequence[str]) -> list[str | None]:
        """What was noted of the store as a whole under these names; None: nothing."""
        if not names:
            return []
        [found] = await self._servers.call([["HMGET", self._keys.meta, *[f"{NOTE}{name}" for name in names]]])
        return [None if one is None else one.decode() for one in found]

    async def note(self, name: str, text: str) -> None:
        """Note something of the store as a whole."""
        await self._servers.call([["HSET", self._keys.meta, f"{NOTE}{name}", text]])

    async def remember(self, fences: Mapping[str, bytes]) -> None:
        """Take fences, by name, for put up, with what is remembered of each; for a store that is being rebuilt."""
        if fences:
            words = [word for name, ended in fences.items() for word in (f"{FENCE_FIELD}{name}", ended)]
            await self._servers.call([["HSET", self._keys.meta, *words]])

    async def _scan(self, pattern: str, cursor: int) -> tuple[list[str], int]:
        found, after = await self._timed("scan", self._servers.scan(pattern, cursor))
        return [key.decode() for key in found], after

    async def start_offsets(self, partitions: Iterable[AnyTP]) -> dict[AnyTP, int | None]:
        """The position of each partition: the next offset to read; None: there is none."""
        tps = list(partitions)
        if not tps:
            return {}
        asked = [["GET", self._keys.position(*tp)] for tp in tps]
        positions = await self._timed("positions", self._servers.call(asked))
        return {tp: None if at is None else int(at) for tp, at in zip(tps, positions, strict=True)}

    async def advance(
        self, tp: tuple[str, int], start: int | None, end: int, run_id: str, *, allow_gap: bool = False
    ) -> Advanced:
        """Move a position from the start of a batch, all of whose effects are in this store, to its end.

        Args:
            tp: topic and partition.
            start: the position that the batch continues; None: there was none.
            end: the next offset after the batch.
            run_id: the store's, as it was when the batch began.
            allow_gap: the broker has confirmed that nothing is left between the position and `start`.
        """
        [advanced] = await self.advance_all([Move(tp, start, end)], run_id, allow_gap=allow_gap)
        return advanced

    async def advance_all(self, moves: Sequence[Move], run_id: str, *, allow_gap: bool = False) -> list[Advanced]:
        """Move positions of partitions that differ, each as `advance` does, in one call -> what became of each.

        A position depends on no other: where an interruption leaves only some of them moved, the rest is read again, as
        if each had had a call of its own. Of a cluster all nodes are asked once, after everything that the batch wrote,
        instead of once for each position.
        """
        found: dict[tuple[str, int], Advanced] = {}
        left, known = moves, None
        vouched = await self._servers.vouched(run_id, self._keys)
        while left and vouched != known:
            moving = self._servers.call(list(self._moving(left, vouched, allow_gap=allow_gap)))
            replies = [one for part in await self._timed("advance", moving) for one in part]
            for move, (outcome, position) in zip(left, replies, strict=True):
                found[move.tp] = Advanced(Advance(outcome.decode()), None if position is None else int(position))
            left, known = [one for one in left if found[one.tp].outcome is Advance.CHANGED], vouched
            if left:  # unless their slots have just moved to a node that joined on the way
                vouched = await self._servers.vouched(run_id, self._keys)
        return [found[one.tp] for one in moves]

    def _moving(self, moves: Sequence[Move], vouched: str, *, allow_gap: bool) -> Iterator[Command]:
        """The commands that move positions: one for all; on a cluster, where each has its own slot, one for each."""
        for some in [[one] for one in moves] if self._keys.cluster else [moves]:
            names = [self._keys.position(*one.tp) for one in some]
            keys = self._keys.within(slot_of(names[0])) if self._keys.cluster else self._keys
            ranges = [offset for one in some for offset in ("" if one.start is None else one.start, one.end)]
            yield invoke(ADVANCE, keys, names, [vouched, int(allow_gap), *ranges])

    async def clock_us(self) -> int:
        """The server's clock, of a cluster that of one node: microseconds since 1970."""
        seconds, microseconds = await self._timed("clock", self._servers.time(self._keys))
        return seconds * 1_000_000 + microseconds

    async def finish_rebuild(self) -> None:
        """The store is whole: workers may work on it from now on."""
        await self._servers.call([["HDEL", self._keys.meta, REBUILDING]])

    async def let_pass_until_ms(self) -> int:
        """Refused records appended up to then may pass, however many they are; 0: nobody has said so."""
        [found] = await self._servers.call([["HGET", self._keys.meta, TOLERATED_UNTIL]])
        return int(found or 0)

    async def let_pass(self, until_ms: int) -> None:
        """Say that refused records appended up to then may pass."""
        await self._servers.call([["HSET", self._keys.meta, TOLERATED_UNTIL, until_ms]])

    async def ping(self) -> None:
        """Return if the server answers on this connection, with what was in it; an idle worker asks every second."""
        await self._timed("ping", self._servers.ping(self._keys))

    async def close(self) -> None:
        """Close the connections."""
        await self._servers.close()

    async def _timed(self, op: str, answering: Awaitable[T]) -> T:
        began = perf_counter()
        reply = await answering
        self._observe(op, perf_counter() - began)
        return reply


async def _open_server(url: str, timeout_seconds: float) -> Servers:
    return await OneServer.open(url, timeout_seconds)


async def _open_cluster(url: str, timeout_seconds: float) -> Servers:
    return await Cluster.open(url, timeout_seconds)


async def _reserve(servers: Servers, keys: Keys) -> None:
    """Mark an empty store as one that is being rebuilt; one that is marked so is taken over."""
    [(generation, rebuilding)] = await servers.call([["HMGET", keys.meta, "generation", REBUILDING]])
    if rebuilding is not None:
        return
    if generation is None:
        [_, generation] = await servers.call(
            [["HSETNX", keys.meta, REBUILDING, "1"], ["HGET", keys.meta, "generation"]]
        )
        if generation is None:
            return
        await servers.call([["HDEL", keys.meta, REBUILDING]])  # a worker was faster
    raise StoreRefusedError(
        "The store is not empty: a rebuild needs a fresh one. Name another prefix (--into), or empty this one."
    )


async def _agree(
    servers: Servers, keys: Keys, identity: str, topics: str | None, *, rebuild: bool
) -> tuple[str, list[bytes]]:
    """Write down, or compare, the layout and the identity configuration of what is in the store.

    Returns:
        Its generation, and what is remembered with fences: both of one moment.
    """
    if topics is not None and not rebuild:
        [rebuilding] = await servers.call([["HGET", keys.meta, REBUILDING]])
        if rebuilding is not None:
            raise StoreRefusedError(
                "The store is being rebuilt from the log: wait until `idweave replay` is done. If it was stopped, run"
                " it again: it goes on where it was."
            )
    fields = [("schema", SCHEMA), ("identity", identity), ("generation", secrets.token_hex(8))]
    if topics is not None:
        [is_first] = await servers.call([["HSETNX", keys.meta, "topics", topics]])
        if is_first:  # so nothing is in it, and whoever only read from it before has decided nothing
            await servers.call([["HSET", keys.meta, "identity", identity]])
    await servers.call([["HSETNX", keys.meta, name, value] for name, value in fields])
    [flat] = await servers.call([["HGETALL", keys.meta]])
    there = dict(zip(flat[::2], flat[1::2], strict=True))
    names = (b"schema", b"identity", b"generation", b"topics")
    schema, identity_there, generation, topics_there = (there.get(name, b"").decode() for name in names)
    if schema != SCHEMA:
        raise StoreRefusedError(
            f"The store has layout {schema} and this program writes layout {SCHEMA}: replay into a fresh store."
        )
    if identity_there != identity:
        raise StoreRefusedError(
            "The store was filled with another identity configuration (order, scope, normaliser or pii of a namespace,"
            " or another key): take that one back, or fill a fresh store (IDWEAVE_REDIS_PREFIX)."
        )
    if topics is not None and topics_there != topics:
        raise StoreRefusedError(
            f"The store was filled from the topics {topics_there}.*, not {topics}.*: offsets would be taken for those"
            " of the others. Fill a fresh store (IDWEAVE_REDIS_PREFIX)."
        )
    fences = [value for name, value in there.items() if name.startswith(FENCE_FIELD.encode()) and value]
    return generation, fences
