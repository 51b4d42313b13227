"""Why a rule holds of a profile, or why not: each part of its condition with the value that it saw.

Must not know: how it is shown.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from resolvers.activity import NEVER_DUE_US
from resolvers.conditions import Node
from resolvers.judging import Judged, Rulebook
from resolvers.profile_fields import Field, field_of
from resolvers.profile_values import Values, value_at
from resolvers.rules import All, AnyOf, Check, Condition, Labels, Not, Scalar

SAID = {
    "equals": "is",
    "not_equals": "is not",
    "in": "is one of",
    "contains": "contains",
    "at_least": "is at least",
    "at_most": "is at most",
    "more_than": "is more than",
    "less_than": "is less than",
}


class Part(NamedTuple):
    """A condition: what it asks, whether it holds, what it saw (of a check), and until when that stands by itself."""

    asks: str
    holds: bool
    saw: Any
    until_us: int | None
    parts: tuple["Part", ...]


class Why(NamedTuple):
    """One rule. `counts`: whether it is what was decided; a tier that holds does not count where a higher one does.

    `condition` is None where there is none: the first stage.
    """

    section: str
    name: str
    labels: Labels
    holds: bool
    counts: bool
    condition: Part | None


def why(book: Rulebook, contents: Mapping[str, Any], now_us: int, name: str) -> list[Why]:
    """All rules of that name, which may be `section.name`. None: there is none."""
    section, _, own = name.rpartition(".")
    judged = book.judge(contents, now_us)
    shown = {**contents, **judged.additions}
    return [
        Why(
            where,
            one.rule.name,
            one.rule.labels,
            one.node.until(judged.values) > 0,
            _counts(judged, where, one.rule.name),
            _part(one.node, shown, judged.values) if one.rule.when is not None else None,
        )
        for where, rules in book.sections.items()
        for one in rules
        if one.rule.name == own and section in ("", where)
    ]


def _counts(judged: Judged, section: str, name: str) -> bool:
    found = judged.additions
    match section:
        case "tiers":
            return bool(found["tier"] == name)
        case "lifecycle":
            return bool(found["lifecycle"]["stage"] == name)
        case "reminders":
            return any(key.reminder == name for key in judged.occasions)
        case _:
            return name in found[section]


def _part(node: Node, shown: Mapping[str, Any], values: Values) -> Part:
    assert node.condition is not None
    until = node.until(values)
    until_us = None if abs(until) >= NEVER_DUE_US else abs(until)
    saw = _seen(node.condition.field, shown) if isinstance(node.condition, Check) else None
    parts = tuple(_part(part, shown, values) for part in node.parts)
    return Part(asked(node.condition), until > 0, saw, until_us, parts)


def asked(condition: Condition) -> str:
    """A condition in words, without its parts."""
    match condition:
        case All():
            return "all of"
        case AnyOf():
            return "any of"
        case Not():
            return "not"
        case Check():
            return f"{condition.field} {_said(condition)}"


def _said(check: Check) -> str:
    value = check.value
    match check.operator:
        case "within_last_days":
            return f"is within the last {_days(value)}"
        case "more_than_days_ago":
            return f"is more than {_days(value)} ago"
        case "within_next_days":
            return f"is within the next {_days(value)}"
        case "is":
            return "is in this month" if value == "this_month" else f"is {value}"
        case operator:
            listed = ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)
            return f"{SAID[operator]} {listed}"


def _days(value: Scalar | tuple[Scalar, ...]) -> str:
    return f"{value} day{'' if value == 1 else 's'}"


def _seen(path: str, shown: Mapping[str, Any]) -> Any:  # noqa: ANN401 - JSON
    """What a profile has at a field."""
    field: Field | None = field_of(path)
    assert field is not None
    before, _, last = path.rpartition(".")
    if field.counted:
        return len(value_at(shown, before) or ())
    if field.entries:
        return [entry[last] for entry in value_at(shown, field.entries) or () if entry.get(last) is not None]
    return value_at(shown, path)
