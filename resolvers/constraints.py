"""Constraints: what operators have ruled about who is who, as it lies in a component's record.

A `merge` joins its identifiers before any evidence does; a `split` keeps its identifiers together, and apart from
those that it left behind. Each is a field of its own, named by its command's id; it is written once, and all that ever
changes is that it is undone: so it is a join, and moves along in unions like evidence.
Rule: which constraints hold follows from the constraints alone. A merge lifts the splits that its decision names, for
as long as it is not undone itself.
Must not know: how a command is decided, evidence, profiles.
"""

from collections.abc import Iterable, Mapping
from typing import Literal, NamedTuple

import msgspec

from resolvers.evidence import Mark


class Constraint(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """One command in force.

    Attributes:
        kind: what the command was.
        mark: where it stands in the log.
        keys: the identifiers that it joined.
        values: identifiers that count as one value wherever values are counted.
        apart: of a split, the identifiers that were left behind.
        lifts: of a merge, ids of the splits that do not hold any more.
        undone: it was taken back.
    """

    kind: Literal["merge", "split"]
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
    """What holds: joins, the latest in the log first; sets that count as one value; and splits as their two sides."""

    joins: tuple[tuple[Mark, tuple[str, ...]], ...]
    values: tuple[tuple[str, ...], ...]
    splits: tuple[tuple[frozenset[str], frozenset[str]], ...]


NOTHING_HOLDS = InForce((), (), ())


def in_force(constraints: Constraints) -> InForce:
    """What of the constraints holds."""
    if not constraints:
        return NOTHING_HOLDS
    standing = {name: one for name, one in constraints.items() if not one.undone}
    lifted = {name for one in standing.values() for name in one.lifts}
    latest_first = sorted(standing.values(), key=lambda one: one.mark, reverse=True)
    return InForce(
        tuple((one.mark, one.keys) for one in latest_first),
        tuple(one.values for one in latest_first),
        tuple(
            (frozenset(one.keys), frozenset(one.apart))
            for name, one in sorted(standing.items())
            if one.apart and name not in lifted
        ),
    )


def parted_by(constraints: Constraints, members: Iterable[str]) -> tuple[str, ...]:
    """The splits in force that keep some of these identifiers apart from others of them, by command id."""
    inside = frozenset(members)
    standing = {name: one for name, one in constraints.items() if not one.undone}
    lifted = {name for one in standing.values() for name in one.lifts}
    return tuple(
        name
        for name, one in sorted(standing.items())
        if name not in lifted and not inside.isdisjoint(one.keys) and not inside.isdisjoint(one.apart)
    )


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Constraint)


def encode(constraint: Constraint) -> bytes:
    """A constraint at rest."""
    return _encoder.encode(constraint)


def decode(data: bytes) -> Constraint:
    """The constraint that `encode` wrote."""
    return _decoder.decode(data)
