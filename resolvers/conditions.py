"""Conditions: checks put together, compiled once.

Rules: a part that only events change is asked before one that has a date, and a cheap one before a dear one; the order
in which they were written makes no difference. A timed condition answers as a timed check does: until when it stands,
above zero for yes, below for no.
Since when: every part of `all` must hold, so a yes stands since the last of them began, a no since the first of those
that fail did; of `any` the other way round.
Must not know: what is decided by a condition.
"""

from typing import Final, NamedTuple

from resolvers.activity import NEVER_DUE_US
from resolvers.operators import ALWAYS_US, Began, Compiled, Plain, Timed, compile_check
from resolvers.profile_values import Places, Values
from resolvers.rules import All, AnyOf, Check, Condition, Not

MANY_PARTS_COST: Final = 10


class Node(NamedTuple):
    """A compiled condition: `plain` or `timed` is there, never both. `place`: of a check's value, else -1."""

    condition: Condition | None
    plain: Plain | None
    timed: Timed | None
    began: Began
    parts: tuple["Node", ...]
    place: int = -1

    def until(self, values: Values) -> int:
        """Until when the answer stands: above zero for yes, below for no."""
        if self.timed is not None:
            return self.timed(values)
        assert self.plain is not None
        return NEVER_DUE_US if self.plain(values) else -NEVER_DUE_US

    @property
    def cost(self) -> int:
        """How much there is to ask, for the order."""
        return 1 + sum(part.cost for part in self.parts) + (MANY_PARTS_COST if self.timed is not None else 0)


EVERYBODY: Final = Node(None, lambda _v: True, None, lambda _v: ALWAYS_US, ())
"""The condition of a rule that has none."""


def compile_condition(condition: Condition | None, places: Places) -> Node:
    """A condition's closures; each value that they read gets a place."""
    match condition:
        case None:
            return EVERYBODY
        case Check():
            compiled: Compiled = compile_check(condition, places)
            return Node(condition, compiled.plain, compiled.timed, compiled.began, (), compiled.place)
        case Not():
            return _negated(condition, compile_condition(condition.part, places))
        case All():
            return _joined(condition, [compile_condition(part, places) for part in condition.parts], wanted=True)
        case AnyOf():
            return _joined(condition, [compile_condition(part, places) for part in condition.parts], wanted=False)


def _negated(condition: Not, part: Node) -> Node:
    plain, timed = part.plain, part.timed
    return Node(
        condition,
        None if plain is None else lambda v: not plain(v),
        None if timed is None else lambda v: -timed(v),
        part.began,
        (part,),
    )


def _joined(condition: All | AnyOf, parts: list[Node], *, wanted: bool) -> Node:
    """All of the parts (`wanted`), or any."""
    ordered = sorted(parts, key=lambda part: part.cost)
    plains = [part.plain for part in ordered if part.plain is not None]
    timeds = [part.timed for part in ordered if part.timed is not None]
    plain = _plain(plains, wanted=wanted) if plains else None
    timed = (_all_timed if wanted else _any_timed)(plain, timeds) if timeds else None
    return Node(condition, plain if timed is None else None, timed, _began(ordered, wanted=wanted), tuple(parts))


def _plain(parts: list[Plain], *, wanted: bool) -> Plain:
    """Most have two or three parts: these are asked without a loop."""
    match parts:
        case [only]:
            return only
        case [a, b]:
            return (lambda v: a(v) and b(v)) if wanted else (lambda v: a(v) or b(v))
        case [a, b, c]:
            return (lambda v: a(v) and b(v) and c(v)) if wanted else (lambda v: a(v) or b(v) or c(v))
        case _:
            some = any if not wanted else all
            return lambda v: some(part(v) for part in parts)


def _all_timed(plain: Plain | None, timeds: list[Timed]) -> Timed:
    def run(v: Values) -> int:
        if plain is not None and not plain(v):
            return -NEVER_DUE_US
        until = NEVER_DUE_US
        for timed in timeds:
            found = timed(v)
            if found < 0:
                return found
            until = min(until, found)
        return until

    return run


def _any_timed(plain: Plain | None, timeds: list[Timed]) -> Timed:
    def run(v: Values) -> int:
        if plain is not None and plain(v):
            return NEVER_DUE_US
        until = -NEVER_DUE_US
        for timed in timeds:
            found = timed(v)
            if found > 0:
                return found
            until = max(until, found)
        return until

    return run


def _began(parts: list[Node], *, wanted: bool) -> Began:
    def began(v: Values) -> int:
        deciding = [part.began(v) for part in parts if (part.until(v) > 0) is not wanted]
        if deciding:  # parts that fail an `all`, or pass an `any`: the first of them settled it
            return min(deciding)
        return max([part.began(v) for part in parts])

    return began
