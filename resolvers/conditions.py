"""Conditions: checks put together, compiled once.

Rules: a part that only events change is asked before one that has a date, and a cheap one before a dear one; the order
in which they were written makes no difference. A timed condition answers as a timed check does: until when it stands,
above zero for yes, below for no.
Since when: every part of `all` must hold, so a yes stands since the last of them began, a no since the first of those
that fail did; of `any` the other way round.
Must not know: what is decided by a condition.
"""

from datetime import tzinfo
from typing import Final, NamedTuple

from resolvers.activity import NEVER_DUE_US
from resolvers.operators import ALWAYS_US, Began, Compiled, Plain, Timed, compile_check
from resolvers.profile_values import MONTH_NOW, NOW, Places, Values, month_at
from resolvers.rules import All, AnyOf, Check, Condition, Not

MANY_PARTS_COST: Final = 10


class Node(NamedTuple):
    """A compiled condition.

    `plain` or `timed` is there, never both. `until` is either of them: until when the answer stands, above zero for
    yes, below for no. `began` says since when an answer is what it is. `place`: of a check's value, else -1.
    """

    condition: Condition | None
    plain: Plain | None
    timed: Timed | None
    until: Timed
    began: Began
    parts: tuple["Node", ...]
    place: int = -1

    @property
    def cost(self) -> int:
        """How much there is to ask, for the order."""
        return 1 + sum(part.cost for part in self.parts) + (MANY_PARTS_COST if self.timed is not None else 0)


def _node(
    condition: Condition | None,
    plain: Plain | None,
    timed: Timed | None,
    began: Began,
    *,
    parts: tuple[Node, ...] = (),
    place: int = -1,
) -> Node:
    if timed is not None:
        return Node(condition, plain, timed, timed, began, parts, place)
    assert plain is not None
    stands = plain  # until an event comes
    return Node(condition, plain, None, lambda v: NEVER_DUE_US if stands(v) else -NEVER_DUE_US, began, parts, place)


EVERYBODY: Final = _node(None, lambda _v: True, None, lambda _v, _yes, _floor_us: ALWAYS_US)
"""The condition of a rule that has none."""


def compile_condition(condition: Condition | None, places: Places, *, begun: bool = False) -> Node:
    """A condition's closures; each value that they read gets a place. `begun`: `began` will be asked."""
    match condition:
        case None:
            return EVERYBODY
        case Check():
            compiled: Compiled = compile_check(condition, places, begun=begun)
            return _node(condition, compiled.plain, compiled.timed, compiled.began, place=compiled.place)
        case Not():
            return _negated(condition, compile_condition(condition.part, places, begun=begun))
        case All():
            return _joined(condition, places, begun=begun, wanted=True)
        case AnyOf():
            return _joined(condition, places, begun=begun, wanted=False)


def _negated(condition: Not, part: Node) -> Node:
    plain, timed = part.plain, part.timed
    return _node(
        condition,
        None if plain is None else lambda v: not plain(v),
        None if timed is None else lambda v: -timed(v),
        lambda v, yes, floor_us: part.began(v, not yes, floor_us),
        parts=(part,),
    )


def _joined(condition: All | AnyOf, places: Places, *, begun: bool, wanted: bool) -> Node:
    """All of the parts (`wanted`), or any."""
    parts = [compile_condition(part, places, begun=begun) for part in condition.parts]
    ordered = sorted(parts, key=lambda part: part.cost)
    plains = [part.plain for part in ordered if part.plain is not None]
    timeds = [part.timed for part in ordered if part.timed is not None]
    plain = _plain(plains, wanted=wanted) if plains else None
    timed = (_all_timed if wanted else _any_timed)(plain, timeds) if timeds else None
    return _node(
        condition,
        plain if timed is None else None,
        timed,
        _began(ordered, _zone(condition, places), wanted=wanted),
        parts=tuple(parts),
    )


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
            if found < until:  # noqa: PLR1730 - half the time of min(), here and below
                until = found
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
            if found > until:  # noqa: PLR1730 - see above
                until = found
        return until

    return run


def _began(parts: list[Node], zone: tzinfo | None, *, wanted: bool) -> Began:
    timed = [part for part in parts if part.timed is not None]
    # Where one of these fails, nothing is known of since when the whole does: most often that is all there is to ask.
    silent = [part.plain for part in parts if wanted and part.plain is not None and _fails_silently(part.condition)]

    def began(v: Values, yes: bool, floor_us: int) -> int:  # noqa: FBT001 - a `Began`
        if not yes:
            for plain in silent:
                if not plain(v):
                    return ALWAYS_US
        if yes is wanted:  # every part says so: the last of them settled it
            for part in parts:
                floor_us = max(floor_us, part.began(v, yes, floor_us))
            return floor_us
        first_us = NEVER_DUE_US
        for part in parts:
            if (part.until(v) > 0) is yes:  # this part alone settles it
                began_us = part.began(v, yes, floor_us)
                if began_us <= floor_us:
                    return began_us
                first_us = min(first_us, began_us)
        return _relieved(timed, v, zone, first_us, floor_us, yes=yes) if timed and len(parts) > 1 else first_us

    return began


def _fails_silently(condition: Condition | None) -> bool:
    """Whether no instant belongs to a no."""
    match condition:
        case Check():
            return True
        case All() | AnyOf():
            return all(map(_fails_silently, condition.parts))
        case _:
            return False


def _relieved(parts: list[Node], v: Values, zone: tzinfo | None, first_us: int, floor_us: int, *, yes: bool) -> int:
    """Further back, where a part that settles it relieved another that settled it before, by the facts of today."""
    now_us, month = v[NOW], v[MONTH_NOW]
    try:
        while True:
            before_us = v[NOW] = first_us - 1
            if zone is not None:
                v[MONTH_NOW] = month_at(before_us, zone)
            earlier = [part.began(v, yes, floor_us) for part in parts if (part.until(v) > 0) is yes]
            found_us = min([one for one in earlier if one <= before_us], default=first_us)
            if found_us == first_us or found_us <= floor_us:
                return found_us
            first_us = found_us
    finally:
        v[NOW], v[MONTH_NOW] = now_us, month


def _zone(condition: Condition, places: Places) -> tzinfo | None:
    """The time zone, where a part asks for the month."""
    match condition:
        case Check():
            return places.zone if condition.value == "this_month" else None
        case Not():
            return _zone(condition.part, places)
        case All() | AnyOf():
            return next((zone for part in condition.parts if (zone := _zone(part, places)) is not None), None)


def fields_of(condition: Condition) -> frozenset[str]:
    """The paths that a condition reads."""
    match condition:
        case Check():
            return frozenset({condition.field})
        case Not():
            return fields_of(condition.part)
        case All() | AnyOf():
            return frozenset().union(*map(fields_of, condition.parts))
