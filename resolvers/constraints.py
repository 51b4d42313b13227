"""Constraints: what operators have ruled about who is who, as it lies in a component's record.

A `merge` joins its identifiers before any evidence does; a `split` keeps its identifiers together, and apart from those
that it left behind. An `unbind` joins the life that is over to who it stays with, and keeps the next one apart; taken
back, the two lives are one identifier. A `block` lets none of an identifier's links count. Each is a field of its own,
named by its command's id; it is written once, and all that ever changes is that it is undone: so it is a join, and
moves along in unions like evidence.
Rule: which constraints hold follows from the constraints alone. A merge lifts the splits that its decision names, for
as long as it is not undone itself.
Must not know: how a command is decided, evidence, profiles.
"""

from collections.abc import Iterable, Mapping
from typing import Literal, NamedTuple

import msgspec

from resolvers.evidence import Mark
from resolvers.life_keys import life_of, shown


class Constraint(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """One command in force.

    Attributes:
        kind: what the command was.
        mark: where it stands in the log.
        keys: the identifiers that it joined; of an unbind, the life that is over first; of a block, the one.
        values: identifiers that count as one value wherever values are counted.
        apart: of a split, the identifiers that were left behind; of an unbind, the next life.
        lifts: of a merge, ids of the splits and unbinds that keep nobody apart any more.
        undone: it was taken back.
    """

    kind: Literal["merge", "split", "unbind", "block"]
    mark: Mark
    keys: tuple[str, ...]
    values: tuple[str, ...]
    apart: tuple[str, ...] = ()
    lifts: tuple[str, ...] = ()
    undone: bool = False

    @property
    def named(self) -> tuple[str, ...]:
        """All identifiers that must be in one component for the constraint to be judged."""
        return self.keys + self.apart


Constraints = Mapping[str, Constraint]
"""By command id."""

NONE: Constraints = {}


class InForce(NamedTuple):
    """What holds: joins, the latest in the log first; sets that count as one value; and splits as their two sides.

    `past`: lives that are over: facts and evidence stay with them, and nobody holds them. `same`: lives that an unbind
    parted that was taken back -> the one that stands for all of them. `blocked`: whose links do not count.
    """

    joins: tuple[tuple[Mark, tuple[str, ...]], ...]
    values: tuple[tuple[str, ...], ...]
    splits: tuple[tuple[frozenset[str], frozenset[str]], ...]
    past: frozenset[str] = frozenset()
    same: Mapping[str, str] = {}
    blocked: frozenset[str] = frozenset()

    def one(self, keys: Iterable[str]) -> tuple[str, ...]:
        """Keys, each of those that are one identifier once."""
        return tuple(dict.fromkeys(self.same.get(key, key) for key in keys)) if self.same else tuple(keys)

    def held(self, keys: Iterable[str]) -> tuple[str, ...]:
        """Those of some keys that are somebody's now, as outputs show them."""
        if not self.past and not self.same:
            keys = tuple(keys)
            held = tuple(map(shown, keys))
            return keys if held == keys else held  # most often the same, and not worth a second one
        return tuple(dict.fromkeys(shown(key) for key in self.one(keys) if key not in self.past))


NOTHING_HOLDS = InForce((), (), ())


def in_force(constraints: Constraints) -> InForce:
    """What of the constraints holds."""
    if not constraints:
        return NOTHING_HOLDS
    standing = {name: one for name, one in constraints.items() if not one.undone}
    lifted = {name for one in standing.values() for name in one.lifts}
    ruling = [one for one in standing.values() if one.kind != "block"]
    ruling.sort(key=lambda one: one.mark, reverse=True)
    parts = InForce((), (), (), same=_same(constraints.values()))
    over = set(parts.one(one.keys[0] for one in constraints.values() if one.kind == "unbind" and _ends(one)))
    return InForce(
        tuple((one.mark, parts.one(one.keys)) for one in ruling),
        tuple(parts.one(one.values) for one in ruling),
        tuple(
            (frozenset(parts.one(one.keys)), frozenset(parts.one(one.apart)))
            for name, one in sorted(standing.items())
            if one.apart and name not in lifted
        ),
        frozenset(over.union(key for key, stands in parts.same.items() if stands in over)),
        parts.same,
        frozenset(parts.one(one.keys[0] for one in standing.values() if one.kind == "block")),
    )


def _ends(unbind: Constraint) -> bool:
    """Whether a life stays over: the unbind stands, or whoever had the next life was erased with it."""
    return not unbind.undone or not unbind.apart


def _same(constraints: Iterable[Constraint]) -> dict[str, str]:
    """Lives that are one identifier, because the unbind between them was taken back -> the first of them."""
    found: dict[str, str] = {}
    undone = [one for one in constraints if one.kind == "unbind" and one.undone and one.apart]
    for one in sorted(undone, key=lambda one: life_of(one.apart[0])):
        found[one.apart[0]] = found.get(one.keys[0], one.keys[0])
    return found


def parted_by(constraints: Constraints, members: Iterable[str]) -> tuple[str, ...]:
    """The splits that stand and part some of these identifiers from others of them, by command id.

    Those that a merge has lifted are among them: where that merge is taken back, the next one lifts them still.
    """
    inside = frozenset(members)
    return tuple(
        name
        for name, one in sorted(constraints.items())
        if not one.undone and not inside.isdisjoint(one.keys) and not inside.isdisjoint(one.apart)
    )


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Constraint)


def encode(constraint: Constraint) -> bytes:
    """A constraint at rest."""
    return _encoder.encode(constraint)


def decode(data: bytes) -> Constraint:
    """The constraint that `encode` wrote."""
    return _decoder.decode(data)
