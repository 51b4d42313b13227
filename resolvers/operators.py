"""Operators: one check of one value, compiled to a closure.

Two shapes. A *plain* check says yes or no, and nothing but an event changes it. A *timed* one gives the instant until
which its answer stands, above zero for yes and below zero for no: so a whole condition knows exactly how long it holds.
Of a part of a list's entries it is asked whether any entry passes.
Dates: an instant `n` days ago is n x 24 hours before now. `within_last_days` holds from the instant on, until n days
after it; of an event that is dated ahead (up to a day) it holds at once. `more_than_days_ago` holds from n days after
it. `within_next_days` holds from n days before it until it.
Must not know: how checks are put together.
"""

from collections.abc import Callable
from decimal import Decimal
from operator import ge, gt, le, lt
from typing import Any, Final, NamedTuple, assert_never

from resolvers.activity import NEVER_DUE_US
from resolvers.profile_fields import Field, field_of
from resolvers.profile_values import CONTENTS, MONTH_NOW, NOW, Places, Reading, Values, instant_us, walk
from resolvers.rules import Check, DateOperator, Scalar
from topics.instants import DAY_US

ALWAYS_US: Final = -NEVER_DUE_US
"""Since before every instant: of an answer that no instant in the profile belongs to."""

_reached: Final = walk("orders.reached_at")
RUN: Final = "activity.since"
"""Beginnings that the profile keeps: of each of the first orders, and of the present run of activity."""

Plain = Callable[[Values], bool]
Timed = Callable[[Values], int]
Began = Callable[[Values, bool, int], int]
"""Of values, an answer (true for yes) and a floor: since when; what is not after the floor need not be exact."""

COMPARED: Final = {"at_least": ge, "at_most": le, "more_than": gt, "less_than": lt}


class Compiled(NamedTuple):
    """`plain` or `timed` answers. `began`: since when the answer has been what it is, as far as the profile tells."""

    plain: Plain | None
    timed: Timed | None
    began: Began
    place: int


def compile_check(check: Check, places: Places, *, begun: bool) -> Compiled:
    """The closures of a check, whose field and operator fit each other. `begun`: `began` will be asked."""
    field = field_of(check.field)
    assert field is not None, "a rule reads a field that there is not"
    match check.operator:
        case "within_last_days" | "more_than_days_ago" | "within_next_days":
            assert isinstance(check.value, int)
            return _dated(check.operator, check.value * DAY_US, field, places, begun=begun)
        case "is" if check.value == "this_month":
            return _this_month(places.place(field, "birth_month"))
        case _:
            place = places.place(field, _reading(field, check))
            since = _since(check, field, places) if begun else _unknown
            return Compiled(_plain(check, field, place), None, since, place)


def _unknown(_values: Values, _yes: bool, _floor_us: int) -> int:  # noqa: FBT001 - a `Began`
    return ALWAYS_US


def _reading(field: Field, check: Check) -> Reading:
    if check.operator == "is":
        return "raw"
    match field.kind:
        case "money":
            return "amount"
        case "number" | "text" | "flag" | "list":
            return field.kind
        case _:
            return "number" if check.operator in COMPARED else "raw"


# --- what only events change ---------------------------------------------------------------------------------------


def _plain(check: Check, field: Field, at: int) -> Plain:
    value: Any = _bound(field, check.value)
    match check.operator:
        case "equals":
            plain = _equals(field, at, value)
        case "not_equals":
            equals = _equals(field, at, value)
            plain = lambda v: not equals(v)  # noqa: E731 - a name for it would say no more
        case "in":
            plain = _in(field, at, value)
        case "contains":
            plain = _contains(field, at, value)
        case "is":
            plain = _is(at, wanted=check.value == "set")
        case "at_least" | "at_most" | "more_than" | "less_than":
            plain = _compared(check.operator, field, at, value)
        case "within_last_days" | "more_than_days_ago" | "within_next_days":
            raise AssertionError("a date is timed")
        case _:
            assert_never(check.operator)
    return plain


def _bound(field: Field, value: Scalar | tuple[Scalar, ...]) -> Any:  # noqa: ANN401 - what the field is compared with
    if isinstance(value, tuple):
        return tuple(_bound(field, one) for one in value)
    return Decimal(str(value)) if field.kind == "money" else value


def _equals(field: Field, at: int, value: Any) -> Plain:  # noqa: ANN401 - a scalar
    if field.entries:
        return lambda v: value in v[at]
    if field.kind == "anything":
        return lambda v: same(v[at], value)
    return lambda v: bool(v[at] == value)


def _in(field: Field, at: int, values: tuple[Any, ...]) -> Plain:
    if field.entries:
        return lambda v: any(one in values for one in v[at])
    if field.kind == "anything":
        return lambda v: any(same(v[at], value) for value in values)
    wanted = frozenset(values)
    return lambda v: v[at] in wanted


def same(a: Any, b: Any) -> bool:  # noqa: ANN401 - JSON
    """Equal as JSON: true is not 1."""
    return isinstance(a, bool) == isinstance(b, bool) and bool(a == b)


def _contains(field: Field, at: int, value: Any) -> Plain:  # noqa: ANN401 - a scalar
    if field.kind == "list" or field.entries:
        return lambda v: v[at] is not None and value in v[at]
    text = str(value)

    def contains(v: Values) -> bool:
        found = v[at]
        if isinstance(found, list):
            return any(same(one, value) for one in found)
        return isinstance(found, str) and text in found

    return contains


def is_set(value: Any) -> bool:  # noqa: ANN401 - JSON
    """Whether there is something: not null, and not an empty text, list or object. Zero and false are something."""
    return bool(value or value == 0)  # of all that is empty, only a number equals 0


def _is(at: int, *, wanted: bool) -> Plain:
    if wanted:
        return lambda v: bool(v[at] or v[at] == 0)  # `is_set`, without the call
    return lambda v: not (v[at] or v[at] == 0)


def _compared(operator: str, field: Field, at: int, bound: Any) -> Plain:  # noqa: ANN401 - a number or an amount
    if field.kind == "anything":
        compare = COMPARED[operator]
        return lambda v: v[at] is not None and compare(v[at], bound)
    # Without a call in between: these are most of all checks.
    match operator:
        case "at_least":
            return lambda v: v[at] is not None and v[at] >= bound
        case "at_most":
            return lambda v: v[at] is not None and v[at] <= bound
        case "more_than":
            return lambda v: v[at] is not None and v[at] > bound
        case _:
            return lambda v: v[at] is not None and v[at] < bound


def _since(check: Check, field: Field, places: Places) -> Began:
    """A yes stands since the instant that moves with the field; of a count of orders the very one is kept.

    Of a no nothing is known.
    """
    if field.since is None or check.operator == "not_equals" or check.value == "missing":
        return _unknown
    instant = field_of(field.since)
    assert instant is not None
    at = places.place(instant, "instant")
    number = _number_reached(check) if field.path == "orders.count" else 0

    def began(v: Values, yes: bool, _floor_us: int) -> int:  # noqa: FBT001 - a `Began`
        if not yes:
            return ALWAYS_US
        reached = _reached(v[CONTENTS]) if number else None
        found = instant_us(reached[number - 1]) if reached and len(reached) >= number else v[at]
        return ALWAYS_US if found is None else int(found)

    return began


def _number_reached(check: Check) -> int:
    """The least count that passes; 0 where the check is no such bound."""
    value = check.value
    if not isinstance(value, int):
        return 0
    match check.operator:
        case "at_least" | "equals":
            return value
        case "more_than":
            return value + 1
        case _:
            return 0


# --- what time changes ---------------------------------------------------------------------------------------------


def _dated(operator: DateOperator, days_us: int, field: Field, places: Places, *, begun: bool) -> Compiled:
    reading: Reading = "instant" if field.kind == "instant" else "deadline"
    at = places.place(field, reading)
    span = _span(operator, days_us, happened=field.kind == "instant")
    timed = span.timed
    if field.entries:
        return Compiled(None, _any_timed(at, timed), _any_began(at, span), at)

    def of_one(v: Values) -> int:
        t_us = v[at]
        return -NEVER_DUE_US if t_us is None else timed(t_us, v[NOW])

    run_at = places.place(_run_field(), "instant") if begun and field.path == "activity.last_at" else None

    def since(v: Values, yes: bool, _floor_us: int) -> int:  # noqa: FBT001 - a `Began`
        t_us = v[at]
        if t_us is None:
            return ALWAYS_US
        if run_at is not None and yes is (operator == "within_last_days"):
            # Who was active again and again has been so since the run began, not since yesterday.
            return int(v[run_at] or t_us)
        return span.yes(t_us) if yes else span.no(t_us, v[NOW])

    return Compiled(None, of_one, since, at)


def _run_field() -> Field:
    field = field_of(RUN)
    assert field is not None
    return field


class _Span(NamedTuple):
    """A date operator for one instant: until when its answer stands; since when a yes does, and since when a no."""

    timed: Callable[[int, int], int]
    yes: Callable[[int], int]
    no: Callable[[int, int], int]


def _span(operator: DateOperator, days_us: int, *, happened: bool) -> _Span:
    """Each takes the instant, and all but `yes` what time it is."""
    match operator:
        case "within_last_days" if happened:
            return _Span(
                lambda t, now: t + days_us if now < t + days_us else -NEVER_DUE_US,
                lambda t: t,
                lambda t, _now: t + days_us,
            )
        case "within_last_days":
            return _between(0, days_us)
        case "more_than_days_ago":
            return _Span(
                lambda t, now: NEVER_DUE_US if now >= t + days_us else -(t + days_us),
                lambda t: t + days_us,
                lambda t, _now: t if happened else ALWAYS_US,
            )
        case "within_next_days":
            return _between(-days_us, 0)


def _between(from_us: int, to_us: int) -> _Span:
    """Holds from one distance after the instant until another."""

    def timed(t: int, now: int) -> int:
        if now < t + from_us:
            return -(t + from_us)
        return t + to_us if now < t + to_us else -NEVER_DUE_US

    return _Span(timed, lambda t: t + from_us, lambda t, now: t + to_us if now >= t + to_us else ALWAYS_US)


def _any_timed(at: int, timed: Callable[[int, int], int]) -> Timed:
    def run(v: Values) -> int:
        now_us = v[NOW]
        # The yes that lasts longest, or the no that ends first.
        return max([timed(t_us, now_us) for t_us in v[at]], default=-NEVER_DUE_US)

    return run


def _any_began(at: int, span: _Span) -> Began:
    def since(v: Values, yes: bool, _floor_us: int) -> int:  # noqa: FBT001 - a `Began`
        now_us = v[NOW]
        if not yes:
            return max([span.no(t_us, now_us) for t_us in v[at]], default=ALWAYS_US)
        since_us = min([span.yes(t_us) for t_us in v[at] if span.timed(t_us, now_us) > 0])
        while True:  # further back, where one entry relieved another
            before_us = since_us - 1
            earlier = [span.yes(t_us) for t_us in v[at] if span.timed(t_us, before_us) > 0]
            found_us = min([one for one in earlier if one <= before_us], default=since_us)
            if found_us == since_us:
                return since_us
            since_us = found_us

    return since


def _this_month(at: int) -> Compiled:
    def timed(v: Values) -> int:
        number = v[at]
        if number is None:
            return -NEVER_DUE_US
        month = v[MONTH_NOW]
        return int(month.end_us if number == month.number else -month.next_start_us[number])

    def began(v: Values, yes: bool, _floor_us: int) -> int:  # noqa: FBT001 - a `Began`
        number, month = v[at], v[MONTH_NOW]
        if number is None:
            return ALWAYS_US
        return int(month.start_us if yes else month.last_end_us[number])

    return Compiled(None, timed, began, at)
