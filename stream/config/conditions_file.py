"""Conditions in `rules.yaml`: from YAML to values, with every mistake named at its place.

Rules: a field is one of the profile's, an operator one that its kind has, a value one that the operator can use; what
is decided later in the file can't be looked at.
Must not know: how a condition is judged.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final, get_args

from ruamel.yaml.comments import CommentedMap, CommentedSeq

from resolvers.profile_fields import DECIDED, ENTRIES, FRAME, OPEN, Field, Kind, field_of, known_paths
from resolvers.rules import All, AnyOf, Check, Comparison, Condition, DateOperator, Not, Operator, Scalar
from stream.config.mistakes import Mistake, closest
from stream.config.sections import Section
from stream.config.slips import keyboard_slip, text_slip, word_slip

DEPTH_MAX: Final = 8
PARTS_MAX: Final = 100
DAYS_MAX: Final = 36_500

COMPARISONS: Final[tuple[Comparison, ...]] = get_args(Comparison)
DATES: Final[tuple[DateOperator, ...]] = get_args(DateOperator)
OPERATORS: Final[tuple[Operator, ...]] = ("equals", "not_equals", "in", "contains", "is", *COMPARISONS, *DATES)

SIGNS: Final[Mapping[str, Operator]] = {
    ">=": "at_least",
    "<=": "at_most",
    ">": "more_than",
    "<": "less_than",
    "=": "equals",
    "==": "equals",
    "!=": "not_equals",
}
"""What people write who have seen formulas."""

_OF_KIND: Final[Mapping[Kind, tuple[Operator, ...]]] = {
    "number": ("equals", "not_equals", "in", *COMPARISONS),
    "money": ("equals", "not_equals", "in", *COMPARISONS),
    "text": ("equals", "not_equals", "in", "contains", "is"),
    "flag": ("equals", "not_equals", "is"),
    "list": ("contains", "is"),
    "instant": ("within_last_days", "more_than_days_ago", "is"),
    "deadline": (*DATES, "is"),
    "anything": OPERATORS,
}
_CALLED: Final[Mapping[Kind, str]] = {
    "number": "a number (0 where there is none)",
    "money": "an amount (0 where there is none)",
    "text": "a text",
    "flag": "true or false",
    "list": "a list",
    "instant": "the time of something that happened",
    "deadline": "a time",
    "anything": "a trait",
}
# What is decided when: completeness and scores first.
_ORDER: Final = ("completeness", "scores", "tiers", "lifecycle", "tags", "segments", "reminders")
_DECIDES: Final = {"tier": "tiers"}


def read_condition(line: Section, name: str, decides: str, depth: int = 1) -> Condition | None:
    """The condition that a setting says; None where there is a mistake. `decides`: the section that it is in."""
    content = line.value(name)
    if not isinstance(content, CommentedMap):
        line.mistake(name, "must be a condition", "write it as {field: orders.count, at_least: 2}")
        return None
    section = line.section(name)
    assert section is not None
    return _condition(section, decides, depth)


def _condition(section: Section, decides: str, depth: int) -> Condition | None:
    if depth > DEPTH_MAX:
        section.wrong(f"conditions lie in each other more than {DEPTH_MAX} deep")
        return None
    words = [word for word in ("all", "any", "not") if word in section.content]
    if not words:
        return _check(section, decides)
    if len(section.content) > 1:
        hint = "put each into a line of its own under all: or any:"
        section.wrong("says more than one thing", hint)
        return None
    if words == ["not"]:
        part = read_condition(section, "not", decides, depth + 1)
        return Not(part) if part is not None else None
    parts = _parts(section, words[0], decides, depth)
    if parts is None:
        return None
    return All(parts) if words == ["all"] else AnyOf(parts)


def _parts(section: Section, word: str, decides: str, depth: int) -> tuple[Condition, ...] | None:
    listed = section.value(word)
    if not isinstance(listed, CommentedSeq) or not 1 <= len(listed) <= PARTS_MAX:
        section.mistake(word, f"must be a list of 1 to {PARTS_MAX} conditions", "begin each line with a dash")
        return None
    found: list[Condition | None] = []
    for index, one in enumerate(listed):
        path, at = section.path(f"{word}[{index}]"), listed.lc.item(index)
        if isinstance(one, CommentedMap):
            found.append(_condition(Section(section.reading, path, one, at), decides, depth + 1))
        else:
            place = section.reading.place(at)
            hint = "write it as {field: orders.count, at_least: 2}"
            section.reading.mistakes.append(Mistake(place, path, "must be a condition", hint))
            found.append(None)
    parts = tuple(part for part in found if part is not None)
    return parts if len(parts) == len(found) else None


def _check(section: Section, decides: str) -> Check | None:
    slips = {name: slip for name in section.content if (slip := word_slip(name))}
    for name, slip in slips.items():
        section.mistake(name, "this is no name", slip, at_name=True)
    if slips:
        return None
    path = section.text("field")
    if path is None:
        if section.content.get("field") is None:
            section.missing("field", "a condition is {field: ..., operator: value}, or all, any or not")
        return None
    field = readable_field(section, "field", path, decides)
    named = [name for name in section.content if name != "field"]
    for name in named:
        if name not in OPERATORS:
            hint = f"write {SIGNS[name]}" if name in SIGNS else _like(str(name), OPERATORS)
            section.mistake(name, "unknown operator", hint, at_name=True)
    operators = [operator for operator in OPERATORS if operator in named]
    if len(named) != 1:
        hint = "use all: for several" if named else f"known are: {', '.join(OPERATORS)}"
        section.wrong("a check has one operator", hint)
        return None
    if field is None or not operators:
        return None
    operator = operators[0]
    if operator not in _operators(field):
        hint = f"{path} is {_CALLED[field.kind]}: use {', '.join(_operators(field))}"
        section.mistake(operator, "cannot be asked of this field", hint, at_name=True)
        return None
    value = _value(section, operator, field)
    return Check(path, operator, value) if value is not None else None


def _operators(field: Field) -> tuple[Operator, ...]:
    found = _OF_KIND[field.kind]
    return tuple(one for one in found if one != "contains") if field.entries else found


def readable_field(section: Section, name: str, path: str, decides: str) -> Field | None:
    """The field at a path, if there is one and it is decided before what is being decided."""
    field = field_of(path)
    if field is None:
        section.mistake(name, "a profile has no such field", _field_hint(path))
        return None
    for decided in DECIDED:
        if path == decided or path.startswith(f"{decided}."):
            owner = _DECIDES.get(decided, decided.partition(".")[0])
            if _ORDER.index(owner) >= _ORDER.index(decides):
                section.mistake(name, f"{decided} is decided after {decides}, or with them", "look at facts instead")
                return None
    return field


def _field_hint(path: str) -> str:
    top = path.partition(".")[0]
    if top in FRAME:
        return "rules look at what a profile says, not at its frame"
    if path in OPEN:
        return f"name which one: {path}.{'CNY' if OPEN[path] == 'money' else 'name'}"
    if path.removesuffix(".count") in ENTRIES:
        return ""
    below = [one for one in known_paths() if one.startswith(f"{path}.")]
    if below:
        return f"name which one: {', '.join(below[:8])}"
    return _like(path, known_paths()) or "see docs/rules.md for all fields"


def _like(word: str, known: Iterable[str]) -> str:
    return closest(word, list(known))


# --- values --------------------------------------------------------------------------------------------------------


def _value(section: Section, operator: Operator, field: Field) -> Scalar | tuple[Scalar, ...] | None:
    value = section.value(operator)
    match operator:
        case "within_last_days" | "more_than_days_ago" | "within_next_days":
            if isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= DAYS_MAX:
                return int(value)
            section.mistake(operator, f"must be a whole number of days from 1 to {DAYS_MAX}")
            return None
        case "is":
            states = ("set", "missing", "this_month") if field.kind == "anything" else ("set", "missing")
            return section.word(operator, states)
        case "in":
            return _listed(section, field)
        case _:
            return _scalar(section, operator, value, field, section.at(operator))


def _listed(section: Section, field: Field) -> tuple[Scalar, ...] | None:
    values = section.value("in")
    if not isinstance(values, CommentedSeq) or not 1 <= len(values) <= PARTS_MAX:
        section.mistake("in", f"must be a list of 1 to {PARTS_MAX} values", "write it as in: [a, b]")
        return None
    found = [_scalar(section, "in", value, field, values.lc.item(index)) for index, value in enumerate(values)]
    accepted = tuple(one for one in found if one is not None)
    return accepted if len(accepted) == len(found) else None


def _scalar(
    section: Section,
    operator: Operator,
    value: Any,  # noqa: ANN401 - whatever YAML can say
    field: Field,
    at: tuple[int, int],
) -> Scalar | None:
    """A value that can be compared with the field; it begins at a line and column."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if field.kind == "money":
        return _amount(section, operator, value)
    if field.kind == "number" or operator in COMPARISONS:
        fits, wanted = number, "a number"
    elif field.kind == "flag":
        fits, wanted = isinstance(value, bool), "true or false"
    elif field.kind == "anything":
        fits, wanted = isinstance(value, str | int | float), "text, a number, true or false"
    else:
        fits, wanted = isinstance(value, str), "text"
    if not fits:
        hint = "write it in quotes" if wanted == "text" else "write it without quotes" if isinstance(value, str) else ""
        hint = keyboard_slip(str(value)) or hint
        section.mistake(operator, f"must be {wanted}", hint)
        return None
    if isinstance(value, str) and (slip := text_slip(value, is_quoted=section.reading.is_quoted(at))):
        place, path = section.reading.place(at), section.path(operator)
        section.reading.mistakes.append(Mistake(place, path, "is one text", slip))
        return None
    return _simple(value)


def _simple(value: Scalar) -> Scalar:
    """Without what YAML keeps of how it was written."""
    if isinstance(value, bool):
        return value
    return str(value) if isinstance(value, str) else int(value) if isinstance(value, int) else float(value)


def _amount(section: Section, operator: Operator, value: Any) -> Scalar | None:  # noqa: ANN401 - YAML
    """An amount as text, so that it stays exact."""
    text = str(value)
    whole, _, cents = text.removeprefix("-").partition(".")
    if not isinstance(value, bool) and isinstance(value, int | float | str) and (whole + cents).isdigit() and whole:
        return text
    section.mistake(operator, "must be an amount", keyboard_slip(text) or "for example 1000 or 99.50")
    return None
