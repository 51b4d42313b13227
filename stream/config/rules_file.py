"""`rules.yaml`: from text to rules and examples, with every mistake named at its place.

Rules: every mistake is collected, none is guessed away; a mistake names file, line, column, rule, reason and what to
do. A rule with a mistake is left out, so that one run names all mistakes.
Must not know: what a condition means (`conditions_file`), how it is judged.
"""

import re
from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Final

from msgspec import Struct
from ruamel.yaml.comments import CommentedSeq

from resolvers.profile_fields import field_of
from resolvers.rules import MONTH, Condition, Labels, Reminder, Rule, Rules, Scoring
from stream.config.conditions_file import read_condition, readable_field
from stream.config.mistakes import Mistake
from stream.config.rule_examples import Example, read_examples
from stream.config.sections import Reading, Section, read_top
from stream.config.slips import word_slip

FILE_NAME: Final = "rules.yaml"
PACKAGED_FILE: Final = Path(__file__).with_name(FILE_NAME)
"""The default that comes with the package: the file in the project's root, by a link."""

RULES_MAX: Final = 500
LISTED_MAX: Final = 100
BOUNDS: Final = 4
MAX_AGE: Final = "max_age"

_NAME = re.compile(r"[a-z][a-z0-9_-]{0,63}")
_AGE = re.compile(r"(\d{1,4}) ?(h|d)")
_HOUR_US: Final = 3_600_000_000
_DEFAULT_MAX_AGE_US: Final = 24 * _HOUR_US
_EVERYBODY: Final = (Rule(name="prospect", labels=Labels("Prospect", "潜在客户")),)


class RulesFile(Struct, frozen=True, kw_only=True):
    """All that `rules.yaml` says."""

    rules: Rules
    examples: tuple[Example, ...] = ()


def read_rules(file: Path) -> tuple[RulesFile, tuple[Mistake, ...]]:
    """What a file says, and all that is wrong with it; what has a mistake is left out."""
    reading = Reading(str(file))
    top = read_top(file, reading)
    if top is None:
        if not reading.mistakes:
            reading.mistakes.append(Mistake(reading.file, "", "the file is empty", "copy the default and change it"))
        return RulesFile(rules=Rules(lifecycle=_EVERYBODY)), tuple(reading.mistakes)
    rules = Rules(
        completeness=_completeness(top),
        scores=_scoring(top),
        tiers=_rules(top, "tiers"),
        lifecycle=_stages(top),
        tags=_rules(top, "tags"),
        segments=_rules(top, "segments"),
        reminders=_reminders(top),
    )
    examples = read_examples(top, rules)
    top.refuse_others()
    return RulesFile(rules=rules, examples=examples), tuple(reading.mistakes)


def _completeness(top: Section) -> tuple[str, ...]:
    names = _texts(top, "completeness", "traits")
    for name in names:
        if field_of(f"traits.{name}") is None:
            top.mistake("completeness", f"'{name}' cannot be a trait's name", "write traits as name or address.city")
    if len(set(names)) < len(names):
        top.mistake("completeness", "names a trait twice")
    return tuple(names)


def _texts(section: Section, name: str, what: str) -> list[str]:
    """A list of texts."""
    values = section.value(name)
    if values is None:
        return []
    if not isinstance(values, CommentedSeq) or len(values) > LISTED_MAX:
        section.mistake(name, f"must be a list of at most {LISTED_MAX} {what}", f"write it as {name}: [..., ...]")
        return []
    for index, value in enumerate(values):
        if not isinstance(value, str):
            place = section.reading.place(values.lc.item(index))
            section.reading.mistakes.append(Mistake(place, section.path(f"{name}[{index}]"), "must be text"))
    return [str(value) for value in values if isinstance(value, str)]


# --- scores --------------------------------------------------------------------------------------------------------


def _scoring(top: Section) -> Scoring:
    default = Scoring()
    section = top.section("scores")
    if section is None:
        return default
    recency = _bounds(section, "recency_days")
    frequency = _bounds(section, "frequency")
    amounts = section.section("monetary")
    monetary = {str(currency): _bounds(amounts, str(currency)) for currency in amounts.content} if amounts else {}
    section.refuse_others()
    return Scoring(
        recency_days=tuple(map(int, recency)) or default.recency_days,
        frequency=tuple(map(int, frequency)) or default.frequency,
        monetary={currency: bounds for currency, bounds in monetary.items() if bounds} or default.monetary,
    )


def _bounds(section: Section, name: str) -> tuple[str, ...]:
    """Four ascending numbers, as texts; none if there is a mistake."""
    values = section.value(name)
    if values is None:
        return ()
    whole = name in ("recency_days", "frequency")
    numbers = [_number(value) for value in values] if isinstance(values, CommentedSeq) else []
    found = [number for number in numbers if number is not None and not (whole and number % 1)]
    if len(numbers) != BOUNDS or len(found) != BOUNDS or found != sorted(set(found)) or found[0] <= 0:
        kind = "whole numbers" if whole else "amounts"
        section.mistake(name, f"must be four {kind} above 0, each above the one before", "for example [2, 3, 5, 8]")
        return ()
    return tuple(str(number) for number in found)


def _number(value: object) -> Decimal | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


# --- rules ---------------------------------------------------------------------------------------------------------


def _rules(top: Section, name: str) -> tuple[Rule, ...]:
    found = []
    for rule, line in _named(top, name):
        labels, when = _labels(line), _when(line, name)
        line.refuse_others()
        if labels is not None and when is not None:
            found.append(Rule(name=rule, labels=labels, when=when))
    return tuple(found)


def _stages(top: Section) -> tuple[Rule, ...]:
    found: list[Rule] = []
    for index, (rule, line) in enumerate(_named(top, "lifecycle")):
        labels = _labels(line)
        if index == 0:
            if line.value("when") is not None:
                line.mistake(
                    "when", "the first stage is everybody's", "leave its condition out, or put a stage before it"
                )
            when = None
        elif (when := _when(line, "lifecycle")) is None:
            continue
        line.refuse_others()
        if labels is not None:
            found.append(Rule(name=rule, labels=labels, when=when))
    if not top.content.get("lifecycle"):
        top.reading.mistakes.append(
            Mistake(top.reading.place((0, 0)), "lifecycle", "is missing", "everybody is in a stage: name one at least")
        )
    if not found or found[0].when is not None:
        found.insert(0, _EVERYBODY[0])
    return tuple(found)


def _named(top: Section, name: str, *settings: str) -> Iterator[tuple[str, Section]]:
    """The rules of a section, each with its lines; `settings` are names in it that are no rules."""
    section = top.section(name)
    if section is None:
        return
    if len(section.content) > RULES_MAX:
        top.mistake(name, f"may hold {RULES_MAX} rules")
        return
    for rule in section.content:
        if rule in settings:
            continue
        if rule in ("labels", "when"):
            section.mistake(rule, "this is no rule, but a part of one", "indent it under its rule", at_name=True)
            continue
        if not isinstance(rule, str) or _NAME.fullmatch(rule) is None:
            hint = word_slip(rule) or "use lower-case letters, digits, _ and -, a letter first, at most 64"
            section.mistake(rule, "this cannot be a rule's name", hint, at_name=True)
            continue
        line = section.section(rule)
        if line is not None:
            yield str(rule), line
        elif section.content[rule] is None:
            section.mistake(rule, "says nothing", "a rule needs labels and a condition (when)", at_name=True)


def _labels(line: Section) -> Labels | None:
    if line.value("labels") is None:
        line.missing("labels", "write it as labels: {en: ..., zh: ...}")
        return None
    section = line.section("labels")
    if section is None:
        return None
    texts = [section.text(language) for language in ("en", "zh")]
    section.refuse_others()
    for language, text in zip(("en", "zh"), texts, strict=True):
        if not text and not section.content.get(language):
            section.missing(language, "people read labels in English and Chinese")
    return Labels(*[text or "" for text in texts])


def _when(line: Section, decides: str) -> Condition | None:
    if line.value("when") is None:
        line.missing("when", "write it as when: {field: orders.count, at_least: 2}")
        return None
    return read_condition(line, "when", decides)


# --- reminders -----------------------------------------------------------------------------------------------------


def _reminders(top: Section) -> tuple[Reminder, ...]:
    section = top.section("reminders")
    if section is None:
        return ()
    default_us = _max_age(section, _DEFAULT_MAX_AGE_US)
    found = []
    for rule, line in _named(top, "reminders", MAX_AGE):
        labels, when = _labels(line), _when(line, "reminders")
        occasion, payload = _occasion(line), _payload(line)
        reminder_age_us = _max_age(line, default_us)
        once, upwards = line.boolean("once"), line.boolean("upwards")
        if upwards and occasion is not None and occasion != "tier" and not _is_number(occasion):
            line.mistake("upwards", "has a meaning for tier and for numbers only", at_name=True)
        line.refuse_others()
        if labels is None or when is None or occasion is None or payload is None:
            continue
        found.append(
            Reminder(
                name=rule,
                labels=labels,
                when=when,
                occasion=occasion,
                once=once,
                upwards=upwards,
                payload=payload,
                max_age_us=reminder_age_us,
            )
        )
    return tuple(found)


def _is_number(path: str) -> bool:
    field = field_of(path)
    return field is not None and field.kind == "number"


def _max_age(section: Section, default_us: int) -> int:
    text = section.text(MAX_AGE)
    if text is None:
        return default_us
    match = _AGE.fullmatch(text)
    if match is None or not int(match[1]):
        section.mistake(MAX_AGE, "must be a number of hours or days", "write it as 24h or 7d")
        return default_us
    return int(match[1]) * (_HOUR_US if match[2] == "h" else 24 * _HOUR_US)


def _occasion(line: Section) -> str | None:
    path = line.text("occasion")
    if path == MONTH:
        return path
    if path is None:
        if line.content.get("occasion") is None:
            line.missing("occasion", "a field, each of whose values is an occasion of its own, or month")
        return None
    field = readable_field(line, "occasion", path, "reminders")
    if field is None:
        return None
    if field.kind in ("list", "flag", "money", "anything"):
        line.mistake(
            "occasion", f"{path} has no values that tell occasions apart", "take an instant, a text or a number"
        )
        return None
    return path


def _payload(line: Section) -> dict[str, str] | None:
    section = line.section("payload")
    if section is None:
        return {} if line.content.get("payload") is None else None
    payload: dict[str, str] = {}
    for name in section.content:
        path = section.text(name)
        if path is not None and readable_field(section, name, path, "reminders") is not None:
            payload[str(name)] = path
    return payload
