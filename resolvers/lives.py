"""Lives: which records speak of somebody who was erased, and which of a number that has changed hands since.

An `erase` ends the lives of a person's identifiers at its log position: a record before it, however late it comes,
brings nothing back; a later one speaks of the next life, which starts from nothing. An `unbind` begins the next life of
one identifier too, and the life before stays with its person. What is kept of identifiers is a keyed digest.
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
from resolvers.life_keys import in_life, life_of, shown

CACHED: Final = 100_000
"""Identifiers of which it is remembered what has ended."""

Position = tuple[int, str, int, int]
"""Append time in ms, topic, partition, offset."""


class Ended(msgspec.Struct, array_like=True, frozen=True, gc=False, tag="ended"):
    """Lives that ended with one command: its place in the log, and the keyed digests of their keys.

    `anew`: what was before is somebody's still (an unbind); else it is gone (an erase).
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


class _History(NamedTuple):
    """One identifier's lives: where each but the first begins, in order, and which are those of who was erased."""

    begins: tuple[Position, ...]
    erased: frozenset[int]


_ONE_LIFE: Final = _History((), frozenset())


class Lives:
    """All lives that have ended, as a session of a worker finds them in the store."""

    __slots__ = ("_erased", "_history", "_unbound", "seal")

    def __init__(self, ended: Iterable[Ended], seal: Callable[[str], str]) -> None:
        """`seal`: an identifier's key -> its keyed digest."""
        self.seal = seal
        self._erased: dict[str, Position] = {}
        self._unbound: dict[str, set[Position]] = {}
        for one in ended:
            for sealed in one.seals:
                if one.anew:
                    self._unbound.setdefault(sealed, set()).add(one.position)
                else:
                    self._erased[sealed] = min(one.position, self._erased.get(sealed, one.position))
        self._history = lru_cache(CACHED)(self._read)

    def __bool__(self) -> bool:
        """Whether any life has ever ended."""
        return bool(self._erased or self._unbound)

    def was_erased(self, key: str) -> bool:
        """Whether who had an identifier in this life was erased."""
        return bool(self._erased) and life_of(key) in self._history(shown(key)).erased

    def current(self, key: str) -> str:
        """The key of the life that an identifier, as outputs show it, has now."""
        return in_life(key, len(self._history(shown(key)).begins)) if self else key

    def before(self, key: str, position: Position) -> str:
        """The key of the life that an identifier had when a command at this position was given."""
        return in_life(key, sum(begin < position for begin in self._history(key).begins)) if self else key

    def at(self, key: str, position: Position) -> str | None:
        """The key of the life that a record at this position speaks of; None: of somebody who was erased."""
        history = self._history(key)
        life = sum(begin < position for begin in history.begins)
        return None if life in history.erased else in_life(key, life)

    def _read(self, key: str) -> _History:
        """A life ends where it is erased, or where the identifier was unbound; a life before may be erased later."""
        unbound = sorted(self._unbound.get(self.seal(key), ()))
        erased = self._erased.get(self.seal(key))
        if not unbound and erased is None:
            return _ONE_LIFE
        begins: list[Position] = []
        over: set[int] = set()
        while True:
            erased = self._erased.get(self.seal(in_life(key, len(begins))))
            since = begins[-1] if begins else None
            ends = [one for one in unbound if since is None or one > since]
            if erased is not None:
                over.add(len(begins))
                ends.append(erased)
            if not ends:
                return _History(tuple(begins), frozenset(over))
            begins.append(min(ends))

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
                    event = replace(event, inviter=replace(inviter, key=invited_by))
            if all(life == key for key, life in lives.items()):
                left.append(event)
                continue
            left += _left(event, lives)
            # That somebody was invited is a number at the inviter's, which an erase does not change either.
            if lives[event.strongest] is None and event.inviter is not None and not event.uncounted:
                # Named as it was before the erase too, so that nobody is counted twice.
                orphans.append(replace(event, strongest=self.before(event.strongest, position)))
        return Alive(left, orphans)


def _left(arrival: Arrival, lives: dict[str, str | None]) -> list[Arrival]:
    """An event with its identifiers as they live, and without those whose life is over."""
    seen = tuple(replace(one, key=life) for one in arrival.seen if (life := lives[one.key]) is not None)
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
