"""Lives: which records speak of somebody who was erased, and how often an identifier has begun anew.

An `erase` ends the lives of a person's identifiers at its log position. A record before that position, however late it
comes, speaks of a life that is over: it brings nothing back. A later one speaks of the next life, which starts from
nothing. What is kept of an erased identifier is a keyed digest.
Rule: what a record comes to here follows from its position and the identifier alone.
Must not know: components, facts, what else is done with an event.
"""

from collections.abc import Callable, Iterable
from typing import NamedTuple

import msgspec
from msgspec.structs import replace

from resolvers.admission import Seen
from resolvers.arrivals import NO_EVIDENCE, Arrival

Position = tuple[int, str, int, int]
"""Append time in ms, topic, partition, offset."""


class Ended(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """Lives that ended with one command: its place in the log, and the identifiers' keyed digests."""

    append_ms: int
    topic: str
    partition: int
    offset: int
    seals: tuple[str, ...]

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

    __slots__ = ("_ends", "_seal")

    def __init__(self, ended: Iterable[Ended], seal: Callable[[str], str]) -> None:
        """`seal`: an identifier's key -> its keyed digest."""
        self._ends: dict[str, list[Position]] = {}
        self._seal = seal
        for one in ended:
            for sealed in one.seals:
                self._ends.setdefault(sealed, []).append(one.position)

    def __bool__(self) -> bool:
        """Whether anybody was ever erased."""
        return bool(self._ends)

    def number(self, key: str) -> int:
        """How many lives of the identifier are over."""
        return len(self._ends.get(self._seal(key), ())) if self._ends else 0

    def is_over(self, key: str, position: Position) -> bool:
        """Whether a record at this position speaks of a life of the identifier that is over."""
        ends = self._ends.get(self._seal(key))
        return ends is not None and position < max(ends)

    def alive(self, arrivals: Iterable[Arrival]) -> Alive:
        """What is left of events: nothing is said by, or of, identifiers whose life is over."""
        left: list[Arrival] = []
        orphans: list[Arrival] = []
        for arrival in arrivals:
            position = arrival.mark.position
            event = arrival
            if event.inviter is not None and self.is_over(event.inviter.key, position):
                event = replace(event, uncounted=True)
            over = {key for key in {*event.keys, event.strongest} if self.is_over(key, position)}
            left += _left(event, over) if over else [event]
            # That somebody was invited is a number at the inviter's, which an erase does not change either.
            if event.strongest in over and event.inviter is not None and not event.uncounted:
                orphans.append(event)
        return Alive(left, orphans)


def _left(arrival: Arrival, over: set[str]) -> list[Arrival]:
    """An event without the identifiers whose life is over."""
    seen = tuple(one for one in arrival.seen if one.key not in over)
    pairs = tuple(pair for pair in arrival.pairs if over.isdisjoint(pair))
    asserted = arrival.asserted if arrival.asserted in pairs else None
    left = replace(arrival, seen=seen, keys=tuple(one.key for one in seen), pairs=pairs, asserted=asserted)
    if arrival.strongest not in over or arrival.touchpoint.type in NO_EVIDENCE:
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


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Ended)


def encode(ended: Ended) -> bytes:
    """Ended lives at rest."""
    return _encoder.encode(ended)


def decode(data: bytes) -> Ended:
    """The ended lives that `encode` wrote."""
    return _decoder.decode(data)
