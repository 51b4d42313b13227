"""The store in Redis: components, publications and positions, by compare-and-set on one component at a time.

A `RedisStore` is one connection to one server. When that is lost, the store is: every call raises `StoreLostError`, and
the worker drops its caches and what is in flight, opens another store and starts again from its positions (design,
section 3). So nothing is retried here, and nothing is written to a server other than the one that was read.
Must not know: what the steps are for.
"""

import secrets
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from resolvers.steps import Reply, Step
from sinks.keys import FENCE_FIELD, PREFIX, Keys
from sinks.redis_batches import BATCHES, batches
from sinks.redis_link import RedisLink
from sinks.redis_scripts import ADVANCE, OTHER_GENERATION, call, invoke
from sinks.store import SCHEMA, Advance, Advanced, AnyTP, Page, StoreLostError, StoreRefusedError

OLDEST = (6, 2)
TIMEOUT_SECONDS = 10.0
SCAN_COUNT = 1_000
"""Keys that the server looks at for one page: some 200 us of its time."""


class Server(NamedTuple):
    """What the server says of itself. `appends`: it keeps a log of writes (AOF); without it a restart loses all."""

    run_id: str
    version: str
    appends: bool


class RedisStore:
    """The store behind one connection; made by `open`."""

    def __init__(self, link: RedisLink, keys: Keys, server: Server, fences: list[bytes]) -> None:
        """`fences`: what is remembered with the fences that this session has begun behind."""
        self.server = server
        self.fences = fences
        self._link = link
        self._keys = keys

    @classmethod
    async def open(
        cls,
        url: str,
        prefix: str,
        identity: str,
        *,
        topics: str | None = None,
        timeout_seconds: float = TIMEOUT_SECONDS,
    ) -> "RedisStore":
        """Connect, and see that this server and what is in it can be used.

        Args:
            url: `redis://`, `rediss://` or `unix://`.
            prefix: of all keys.
            identity: fingerprint of the identity configuration; the first one to open a store decides it.
            topics: prefix of the topics that it is filled from, likewise; facts are fenced by partition and offset, so
                there can be no others. None for who only reads.
            timeout_seconds: bounds every call from now on.

        Raises:
            StoreRefusedError: it must not be used; the message says why and what to do.
            StoreLostError: it does not answer.
        """
        if not PREFIX.fullmatch(prefix):
            raise StoreRefusedError("The Redis prefix may hold letters, digits and . _ : - only, at most 64 of them.")
        link = await RedisLink.open(url, timeout_seconds)
        try:
            server = _checked(_facts(*await call(link, [["INFO"]])))
            generation, fences = await _agree(link, Keys(prefix), identity, topics)
        except BaseException:
            await link.close()
            raise
        return cls(link, Keys(prefix, generation), server, fences)

    @property
    def run_id(self) -> str:
        """The server's, as it was when this connection was made."""
        return self.server.run_id

    async def execute_many(self, steps: Sequence[Step]) -> list[Reply]:
        """Carry out leaf steps of the store, in any order -> a reply for each, as `resolvers.steps` says.

        All commands go out at once: one round trip.
        """
        if not steps:
            return []
        places: dict[type, list[int]] = {}
        for at, step in enumerate(steps):
            places.setdefault(type(step), []).append(at)
        assert places.keys() <= BATCHES.keys(), "a step that is not a store's"
        wanted = [one for kind in places.values() for one in batches(self._keys, [steps[at] for at in kind])]
        answers = await call(self._link, [command for command, _, _ in wanted])
        found = (
            reply
            for (_, batch, some), answer in zip(wanted, answers, strict=True)
            for reply in batch.replies(some, answer)
        )
        replies: list[Reply] = [None] * len(steps)
        for kind in places.values():
            for at in kind:
                replies[at] = next(found)
        return replies

    async def profile_key(self, profile_id: str) -> str | None:
        """The key of the identifier that leads to a profile, as `NameProfile` wrote it; None: there is no such id."""
        [key] = await call(self._link, [["GET", self._keys.profile(profile_id)]])
        return None if key is None else key.decode()

    async def scan_homes(self, cursor: int = 0) -> Page:
        """Some of the identifiers that are in a component."""
        found, cursor = await self._scan(self._keys.homes, cursor)
        return Page([self._keys.key_of_home(key) for key in found], cursor)

    async def scan_components(self, cursor: int = 0) -> Page:
        """Some of the components, also of those that have moved."""
        found, cursor = await self._scan(self._keys.components, cursor)
        return Page([self._keys.name_of_component(key) for key in found], cursor)

    async def _scan(self, pattern: str, cursor: int) -> tuple[list[str], int]:
        [(after, found)] = await call(self._link, [["SCAN", cursor, "MATCH", pattern, "COUNT", SCAN_COUNT]])
        return [key.decode() for key in found], int(after)

    async def start_offsets(self, partitions: Iterable[AnyTP]) -> dict[AnyTP, int | None]:
        """The position of each partition: the next offset to read; None: there is none."""
        tps = list(partitions)
        if not tps:
            return {}
        [positions] = await call(self._link, [["MGET", *[self._keys.position(*tp) for tp in tps]]])
        return {tp: None if at is None else int(at) for tp, at in zip(tps, positions, strict=True)}

    async def advance(
        self, tp: tuple[str, int], start: int | None, end: int, run_id: str, *, allow_gap: bool = False
    ) -> Advanced:
        """Move a position from the start of a batch, all of whose effects are in this store, to its end.

        Args:
            tp: topic and partition.
            start: the position that the batch continues; None: there was none.
            end: the next offset after the batch.
            run_id: the server's, as it was when the batch began.
            allow_gap: the broker has confirmed that nothing is left between the position and `start`.
        """
        arguments = [run_id, "" if start is None else start, end, int(allow_gap)]
        [(outcome, position)] = await call(
            self._link, [invoke(ADVANCE, self._keys, [self._keys.position(*tp)], arguments)]
        )
        return Advanced(Advance(outcome.decode()), None if position is None else int(position))

    async def clock_us(self) -> int:
        """The server's clock: microseconds since 1970."""
        [(seconds, microseconds)] = await call(self._link, [["TIME"]])
        return int(seconds) * 1_000_000 + int(microseconds)

    async def ping(self) -> None:
        """Return if the server answers on this connection, with what was in it; an idle worker asks every second."""
        [generation] = await call(self._link, [["HGET", self._keys.meta, "generation"]])
        if generation is None or generation.decode() != self._keys.generation:
            raise StoreLostError(OTHER_GENERATION)

    async def close(self) -> None:
        """Close the connection."""
        await self._link.close()


def _facts(info: bytes) -> dict[str, str]:
    return dict(line.split(":", 1) for line in info.decode(errors="replace").splitlines() if ":" in line)


def _checked(facts: dict[str, str]) -> Server:
    """The server, if it can be used."""
    version = facts.get("valkey_version", facts.get("redis_version", "0"))
    if tuple(int(part) for part in facts.get("redis_version", "0.0").split(".")[:2]) < OLDEST:
        raise StoreRefusedError(f"Redis {version} is too old: 6.2 or newer is needed.")
    if facts.get("cluster_enabled") == "1":
        raise StoreRefusedError("This is a node of a Redis Cluster, which is not supported yet: name a single Redis.")
    if facts.get("role") != "master":
        raise StoreRefusedError("This Redis is a replica: name the primary.")
    policy = facts.get("maxmemory_policy", "noeviction")
    if policy != "noeviction":
        raise StoreRefusedError(
            f"Redis has maxmemory-policy {policy}: it would drop people without a word. Set it to noeviction."
        )
    return Server(facts["run_id"], version, facts.get("aof_enabled") == "1")


async def _agree(link: RedisLink, keys: Keys, identity: str, topics: str | None) -> tuple[str, list[bytes]]:
    """Write down, or compare, the layout and the identity configuration of what is in the store.

    Returns:
        Its generation, and what is remembered with fences: both of one moment.
    """
    fields = [("schema", SCHEMA), ("identity", identity), ("generation", secrets.token_hex(8))]
    if topics is not None:
        fields.append(("topics", topics))
    *_, flat = await call(
        link,
        [*[["HSETNX", keys.meta, name, value] for name, value in fields], ["HGETALL", keys.meta]],
    )
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
    return str(generation), fences
