"""The rules of a member centre, as values: what is complete, tagged, staged, ranked, grouped and told.

Job: hold what `rules.yaml` says. Conditions are data, so that they can be compiled, shown and explained alike.
Must not know: the file these values were read from, how a condition is judged.
"""

from typing import Final, Literal

import msgspec

from topics.instants import DAY_US

Comparison = Literal["at_least", "at_most", "more_than", "less_than"]
DateOperator = Literal["within_last_days", "more_than_days_ago", "within_next_days"]
Operator = Literal["equals", "not_equals", "in", "contains", "is"] | Comparison | DateOperator
State = Literal["set", "missing", "this_month"]
"""What `is` asks: whether there is a value, or whether a birthday is in the month that it is now."""

Scalar = str | int | float | bool

MONTH: Final = "month"
"""An occasion that comes once a calendar month."""


class Check(msgspec.Struct, frozen=True, tag=True):
    """A field, an operator, a value: `orders.count at_least 2`."""

    field: str
    operator: Operator
    value: Scalar | tuple[Scalar, ...]


class All(msgspec.Struct, frozen=True, tag=True):
    """Every one of the parts."""

    parts: tuple["Condition", ...]


class AnyOf(msgspec.Struct, frozen=True, tag=True):
    """At least one of the parts."""

    parts: tuple["Condition", ...]


class Not(msgspec.Struct, frozen=True, tag=True):
    """What the part is not."""

    part: "Condition"


Condition = Check | All | AnyOf | Not


class Labels(msgspec.Struct, frozen=True):
    """A rule's name for people."""

    en: str
    zh: str


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """A name for those of whom a condition holds. Without a condition (the first stage) it holds of everybody."""

    name: str
    labels: Labels
    when: Condition | None = None


class Reminder(Rule, frozen=True, kw_only=True):
    """Something to tell a person while `when` holds, once for each occasion.

    Attributes:
        occasion: a field, each of whose values is an occasion of its own, or `month`.
        once: where no occasion of it held before.
        upwards: only where the value is higher than at the last time (tiers by their order).
        payload: name in the record -> field.
        max_age_us: an occasion that is older is not told.
    """

    occasion: str
    once: bool = False
    upwards: bool = False
    payload: dict[str, str] = {}
    max_age_us: int = DAY_US


DEFAULT_AMOUNTS: Final = ("200", "500", "1000", "3000")


class Scoring(msgspec.Struct, frozen=True, kw_only=True):
    """Where scores go up by one: at each bound, of which there are four.

    `recency_days`: days since the last order, ascending, score going down. `frequency`: orders in 365 days.
    `monetary`: currency -> amounts paid in 365 days, as decimal texts; the best currency counts.
    """

    recency_days: tuple[int, ...] = (30, 90, 180, 365)
    frequency: tuple[int, ...] = (2, 3, 5, 8)
    monetary: dict[str, tuple[str, ...]] = msgspec.field(default_factory=lambda: {"CNY": DEFAULT_AMOUNTS})


class Rules(msgspec.Struct, frozen=True, kw_only=True):
    """All that `rules.yaml` decides. Stages and tiers are ordered: the last one that holds is the person's."""

    completeness: tuple[str, ...] = ()
    scores: Scoring = Scoring()
    tiers: tuple[Rule, ...] = ()
    lifecycle: tuple[Rule, ...]
    tags: tuple[Rule, ...] = ()
    segments: tuple[Rule, ...] = ()
    reminders: tuple[Reminder, ...] = ()
