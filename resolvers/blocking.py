"""Blocking: which values operators have blocked, from which place in the log on, and until where.

A `block` names one identifier, or all values of a namespace that a pattern matches; an `unblock`, or an `undo` of the
block, ends it. A record in between has the value dropped, as junk is dropped; one before or after has not, whenever it
is processed. That the links of a blocked identifier do not count is for `resolvers.constraints` to say.
Must not know: events, components.
"""

from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import NamedTuple

import msgspec

from resolvers.junk import Blocklist
from resolvers.lives import CACHED, Position


class Blocked(msgspec.Struct, array_like=True, frozen=True, gc=False, tag="blocked"):
    """A block: its command's id and place in the log, and what it names.

    Either `seals`, keyed digests of identifiers, or a `pattern`: what `blocked` of the configuration may hold.
    """

    name: str
    append_ms: int
    topic: str
    partition: int
    offset: int
    namespace: str
    seals: tuple[str, ...] = ()
    pattern: str = ""


class Lifted(msgspec.Struct, array_like=True, frozen=True, gc=False, tag="lifted"):
    """Blocks, by id, that ended with one command."""

    append_ms: int
    topic: str
    partition: int
    offset: int
    names: tuple[str, ...]


class _Span(NamedTuple):
    block: Blocked
    begin: Position
    end: Position | None

    def holds(self, position: Position) -> bool:
        """Whether a record at this position is in it."""
        return self.begin < position and (self.end is None or position < self.end)


class Blocks:
    """All blocks that ever stood, as a session of a worker finds them in the store."""

    __slots__ = ("_any", "_named", "_patterns", "_standing")

    def __init__(
        self,
        said: Iterable[Blocked | Lifted],
        seal: Callable[[str], str],
        blocklist: Callable[[str, str], Blocklist | None],
    ) -> None:
        """`seal`: an identifier's key -> its keyed digest. `blocklist`: a namespace and a pattern -> what it blocks."""
        all_said = list(said)
        self._any = bool(all_said)
        ends: dict[str, Position] = {}
        for one in all_said:
            if isinstance(one, Lifted):
                for name in one.names:
                    ends[name] = min(ends.get(name, _place(one)), _place(one))
        of_seal: dict[str, list[_Span]] = {}
        self._patterns: dict[str, list[tuple[_Span, Blocklist | None]]] = {}
        for one in all_said:
            if isinstance(one, Blocked):
                span = _Span(one, _place(one), ends.get(one.name))
                for sealed in one.seals:
                    of_seal.setdefault(sealed, []).append(span)
                if one.pattern:
                    found = self._patterns.setdefault(one.namespace, [])
                    found.append((span, blocklist(one.namespace, one.pattern)))
        self._standing = frozenset(one.name for one in all_said if isinstance(one, Blocked)) - ends.keys()
        self._named = lru_cache(CACHED if of_seal else 1)(
            lambda key: tuple(of_seal.get(seal(key), ())) if of_seal else ()
        )

    def __bool__(self) -> bool:
        """Whether anything was ever blocked."""
        return self._any

    def drops(self, key: str, writings: tuple[str, ...], position: Position) -> bool:
        """Whether a value is dropped from a record at this position.

        Args:
            key: its identifier's, as outputs show it.
            writings: the value as it came, and as it is written normally, with and without its scope.
            position: the record's place in the log.
        """
        return any(span.holds(position) for span in self._named(key)) or any(
            span.holds(position) and blocklist is not None and blocklist.holds(*writings)
            for span, blocklist in self._patterns.get(key.partition(":")[0], ())
        )

    def standing(self, key: str) -> tuple[str, ...]:
        """The blocks that name this identifier and stand, by id."""
        return tuple(span.block.name for span in self._named(key) if span.end is None)

    def standing_pattern(self, namespace: str, pattern: str) -> tuple[str, ...]:
        """The blocks of this very pattern that stand, by id."""
        spans = [span for span, _ in self._patterns.get(namespace, ())]
        return tuple(span.block.name for span in spans if span.end is None and span.block.pattern == pattern)

    def stands(self, name: str) -> bool:
        """Whether the block with this id stands."""
        return name in self._standing


def _place(said: Blocked | Lifted) -> Position:
    return (said.append_ms, said.topic, said.partition, said.offset)
