"""Lives: which records speak of somebody who was erased, and which of a number that has changed hands since.

An `erase` ends the lives of a person's identifiers at its log position: a record before it, however late it comes,
brings nothing back; a later one starts from nothing. An `unbind` begins the next life of one identifier: a record
before it speaks of the life before, a later one of the new life. What is kept of identifiers is a keyed digest.
Rule: what a record comes to here follows from its position and the identifier alone.
Must not know: components, facts, what else is done with an event.
"""

from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Final, NamedTuple

import msgspec
from msgspec.structs import replace

from resolvers.admission import Seen
from resolvers.arrivals import NO_EVIDENCE, Arrival
from resolvers.evidence import Pair
from resolvers.life_keys import in_life, shown

CACHED: Final = 100_000
"""Identifiers of which it is remembered what has ended."""

Position = tuple[int, str, int, int]
"""Append time in ms, topic, partition, offset."""


class Ended(msgspec.Struct, array_like=True, frozen=True, gc=False, tag="ended"):
    """Lives that ended with one command: its place in the log, and the keyed digests of their keys.

    `anew`: the next life of each begins there, under a key of its own (an unbind); else all is gone (an erase).
    """

    append_ms: int
    topic: str
    partition: int
    offset: int
    seals: tuple[str, ...]
    anew: bool = False

    @property
    def position(self) -> Position:
        """The command's log position."""
        return (self.append_ms, self.topic, self.partition, self.offset)


class Alive(NamedTuple):
    """What is left of some events. `orphans`: those whose facts are gone, and whose inviter is to be told of them."""

    arrivals: list[Arrival]
    orphans: list[Arrival]


class Lives:
    """All lives that have ended, as a session of a worker finds them in the store."""

    __slots__ = ("_erased", "_none", "_unbound", "seal")

    def __init__(self, ended: Iterable[Ended], seal: Callable[[str], str]) -> None:
        """`seal`: an identifier's key -> its keyed digest."""
        erased: dict[str, list[Position]] = {}
        unbound: dict[str, list[Position]] = {}
        for one in ended:
            for sealed in one.seals:
                (unbound if one.anew else erased).setdefault(sealed, []).append(one.position)
        self.seal = seal
        self._none = not erased and not unbound
        self._erased = lru_cache(CACHED)(lambda key: tuple(sorted(erased.get(seal(key), ()))))
        self._unbound = lru_cache(CACHED)(lambda key: tuple(sorted(unbound.get(seal(key), ()))))

    def __bool__(self) -> bool:
        """Whether any life has ever ended."""
        return not self._none

    def number(self, key: str) -> int:
        """How often whoever had this key was erased."""
        return 0 if self._none else len(self._erased(key))

    def current(self, key: str) -> str:
        """The key of the life that an identifier has now."""
        return key if self._none else in_life(key, len(self._unbound(shown(key))))

    def at(self, key: str, position: Position) -> str | None:
        """The key of the life that a record at this position speaks of; None: of somebody who was erased."""
        key = in_life(key, sum(begun < position for begun in self._unbound(key)))
        erased = self._erased(key)
        return None if erased and position < erased[-1] else key

    def alive(self, arrivals: Iterable[Arrival]) -> Alive:
        """What is left of events: nothing is said by, or of, identifiers whose life is over."""
        left: list[Arrival] = []
        orphans: list[Arrival] = []
        for arrival in arrivals:
            position, inviter = arrival.mark.position, arrival.inviter
            lives = {key: self.at(key, position) for key in arrival.keys}
            lives[arrival.strongest] = self.at(arrival.strongest, position)
            event = arrival
            if inviter is not None:
                invited_by = self.at(inviter.key, position)
                if invited_by is None:
                    event = replace(event, uncounted=True)
                elif invited_by != inviter.key:
                    event = replace(event, inviter=inviter._replace(key=invited_by))
            if all(life == key for key, life in lives.items()):
                left.append(event)
                continue
            left += _left(event, lives)
            # That somebody was invited is a number at the inviter's, which an erase does not change either.
            if lives[event.strongest] is None and event.inviter is not None and not event.uncounted:
                orphans.append(event)
        return Alive(left, orphans)


def _left(arrival: Arrival, lives: dict[str, str | None]) -> list[Arrival]:
    """An event with its identifiers as they live, and without those whose life is over."""
    seen = tuple(one._replace(key=life) for one in arrival.seen if (life := lives[one.key]) is not None)
    living = {pair: _lived(pair, lives) for pair in arrival.pairs}
    pairs = tuple(pair for pair in living.values() if pair is not None)
    asserted = None if arrival.asserted is None else living[arrival.asserted]
    strongest = lives[arrival.strongest]
    left = replace(
        arrival,
        seen=seen,
        keys=tuple(one.key for one in seen),
        pairs=pairs,
        asserted=next((pair for pair in pairs if pair is asserted), None),
        strongest=arrival.strongest if strongest is None else strongest,
        named=arrival.keys,
    )
    if strongest is not None or arrival.touchpoint.type in NO_EVIDENCE:
        return [left] if seen else []
    # Its facts are gone with its strongest identifier; the others were seen, and not together with each other.
    joined = () if asserted is None else asserted
    groups: list[tuple[Seen, ...]] = [(one,) for one in seen if one.key not in joined]
    groups += [tuple(one for one in seen if one.key in joined)] if joined else []
    return [
        replace(
            left,
            seen=group,
            keys=tuple(one.key for one in group),
            pairs=pairs if len(group) > 1 else (),
            asserted=asserted if len(group) > 1 else None,
        )
        for group in groups
    ]


def _lived(pair: Pair, lives: dict[str, str | None]) -> Pair | None:
    strong, weak = lives[pair.strong], lives[pair.weak]
    return None if strong is None or weak is None else Pair(strong, weak)
