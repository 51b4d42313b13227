"""Examples in `rules.yaml`: people made up for the purpose, and what the rules must say of them.

Rules: an example says of a profile only what matters; a field may be written with dots, and a time as `3 days ago` or
`in 2 days`. What it expects of tags, segments and reminders must be among those that hold, or with `no_` must not be.
Must not know: how examples are printed.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, tzinfo
from typing import Any, Final, NamedTuple

from msgspec import Struct
from ruamel.yaml.comments import CommentedMap, CommentedSeq

from resolvers.judging import Rulebook
from resolvers.profile_fields import DECIDED, ENTRIES, OPEN, field_of, known_paths
from resolvers.rules import Rule, Rules
from stream.config.mistakes import closest
from stream.config.sections import Section
from topics.instants import DAY_US, to_text, to_us

EXAMPLES_MAX: Final = 500
NO_TIER: Final = "none"

_AGO = re.compile(r"(\d{1,5}) (hour|day)s? ago")
_AHEAD = re.compile(r"in (\d{1,5}) (hour|day)s?")
_UNITS_US: Final = {"hour": 3_600_000_000, "day": DAY_US}
_GROUPS: Final = ("tags", "segments", "reminders")


class Example(Struct, frozen=True):
    """A person and what is expected. `now` is what the file says, "" for the present."""

    name: str
    profile: dict[str, Any]
    now: str = ""
    stage: str | None = None
    tier: str | None = None
    completeness: float | None = None
    scores: dict[str, int] = {}
    there: dict[str, tuple[str, ...]] = {}
    absent: dict[str, tuple[str, ...]] = {}


class Failure(NamedTuple):
    """One thing that is not as an example expects."""

    what: str
    expected: str
    found: str


# --- reading -------------------------------------------------------------------------------------------------------


def read_examples(top: Section, rules: Rules) -> tuple[Example, ...]:
    """The file's examples; those with a mistake are left out."""
    section = top.section("examples")
    if section is None:
        return ()
    if len(section.content) > EXAMPLES_MAX:
        top.mistake("examples", f"may hold {EXAMPLES_MAX} examples")
        return ()
    declared = {name: _declared(top, name, getattr(rules, name)) for name in ("lifecycle", "tiers", *_GROUPS)}
    found = []
    for name in section.content:
        line = section.section(str(name)) if isinstance(name, str) else None
        if line is None:
            section.mistake(name, "an example has a profile and what to expect", at_name=True)
            continue
        before = len(line.reading.mistakes)
        example = _example(str(name), line, declared)
        if len(line.reading.mistakes) == before:
            found.append(example)
    return tuple(found)


def _declared(top: Section, name: str, rules: Sequence[Rule]) -> list[str]:
    """Names of a section's rules, also of those that were left out: what is wrong with one is said where it is."""
    content = top.content.get(name)
    written = [str(one) for one in content if content[one] is not None] if isinstance(content, CommentedMap) else []
    return list(dict.fromkeys([*(rule.name for rule in rules), *written]))


def _example(name: str, line: Section, declared: Mapping[str, Sequence[str]]) -> Example:
    profile = line.section("profile")
    contents = _profile(profile) if profile is not None else {}
    if profile is None and line.content.get("profile") is None:
        line.missing("profile", "write {} for somebody of whom nothing is known")
    now = line.value("now")
    if now is not None and _as_us(now) is None:
        line.mistake("now", "must be a day or an instant with a zone", "for example 2026-11-21")
    expect = line.section("expect")
    if expect is None:
        if line.content.get("expect") is None:
            line.missing("expect", "what the rules must say: stage, tier, tags, segments, ...")
        line.refuse_others()
        return Example(name, contents)
    found = _expected(expect, declared)
    line.refuse_others()
    return Example(name, contents, _text(now) if now is not None else "", **found)


def _expected(expect: Section, declared: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    stage = expect.word("stage", declared["lifecycle"])
    tier = expect.word("tier", [NO_TIER, *declared["tiers"]])
    completeness = expect.value("completeness")
    if completeness is not None and (isinstance(completeness, bool) or not isinstance(completeness, int | float)):
        expect.mistake("completeness", "must be a number from 0 to 1")
        completeness = None
    scores = expect.section("scores")
    numbers = {}
    if scores is not None:
        names = ("recency", "frequency", "monetary")
        numbers = {name: scores.integer(name, 0, 5, least=0) for name in names if name in scores.content}
        scores.refuse_others()
    there = {group: _names(expect, group, declared[group]) for group in _GROUPS}
    absent = {group: _names(expect, f"no_{group}", declared[group]) for group in _GROUPS}
    expect.refuse_others()
    return {
        "stage": stage,
        "tier": tier,
        "completeness": completeness,
        "scores": numbers,
        "there": there,
        "absent": absent,
    }


def _names(expect: Section, name: str, known: Sequence[str]) -> tuple[str, ...]:
    values = expect.value(name)
    if values is None:
        return ()
    if not isinstance(values, CommentedSeq):
        expect.mistake(name, "must be a list of names", f"write it as {name}: [...]")
        return ()
    for value in values:
        if value not in known:
            expect.mistake(name, f"there is no '{value}'", closest(str(value), known))
    return tuple(map(str, values))


def _profile(section: Section) -> dict[str, Any]:
    """What an example says of a profile, dots made into objects."""
    contents: dict[str, Any] = {}
    for path, value in _leaves(section.content, ""):
        _check_path(section, path, value)
        *above, last = path.split(".")
        at = contents
        for part in above:
            at = at.setdefault(part, {})
            if not isinstance(at, dict):
                section.wrong(f"{path} is said twice")
                return {}
        at[last] = _plain(value)
    return contents


def _leaves(content: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    """Paths and values; what is below an open path stays whole."""
    for name, value in content.items():
        path = f"{prefix}{name}"
        if isinstance(value, CommentedMap) and value:
            yield from _leaves(value, f"{path}.")
        else:
            yield path, value


def _check_path(section: Section, path: str, value: Any) -> None:  # noqa: ANN401 - YAML
    top = path.partition(".")[0]
    if path in DECIDED or top in ("scores", "lifecycle", "tags", "segments"):
        section.wrong(f"{path} is decided by the rules", "say it under expect:")
    elif field_of(path) is None and not (isinstance(value, CommentedMap) and path in OPEN):
        section.wrong(f"a profile has no {path}", closest(path, known_paths()))
    elif path in ENTRIES:
        for part in [part for one in value or () for part in one]:
            if part not in ENTRIES[path]:
                section.wrong(f"an entry of {path} has no {part}", closest(str(part), list(ENTRIES[path])))


def _plain(value: Any) -> Any:  # noqa: ANN401 - YAML
    """YAML as JSON: days and instants as texts."""
    if isinstance(value, Mapping):
        return {str(name): _plain(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_plain(one) for one in value]
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, int):
        return int(value)
    return float(value) if isinstance(value, float) else _text(value)


def _text(value: Any) -> str:  # noqa: ANN401 - YAML
    return value.isoformat() if isinstance(value, date) else str(value)


def _as_us(value: Any, zone: tzinfo | None = None) -> int | None:  # noqa: ANN401 - YAML
    """An instant; a day begins at midnight of the zone."""
    try:
        instant = datetime.fromisoformat(_text(value))
    except ValueError:
        return None
    if instant.tzinfo is None:
        if len(_text(value)) != len("2026-11-21"):
            return None
        instant = instant.replace(tzinfo=zone) if zone is not None else instant.astimezone()
    return to_us(instant)


# --- trying --------------------------------------------------------------------------------------------------------


def failures(example: Example, book: Rulebook, now_us: int, zone: tzinfo) -> list[Failure]:
    """What is not as an example expects. `now_us` is for one that does not say when it is."""
    when_us = (_as_us(example.now, zone) if example.now else None) or now_us
    judged = book.judge(_dated(example.profile, when_us), when_us)
    found = judged.additions
    names = {**found, "reminders": sorted({one.reminder for one in judged.occasions})}
    tier = found["tier"] or NO_TIER
    compared = [
        ("stage", example.stage, found["lifecycle"]["stage"]),
        ("tier", example.tier, tier),
        ("completeness", example.completeness, found["completeness"]),
        *((f"{name} score", score, found["scores"][name]) for name, score in example.scores.items()),
    ]
    return [
        *(Failure(what, str(want), str(got)) for what, want, got in compared if want is not None and want != got),
        *(
            Failure(group, name, ", ".join(names[group]) or "none")
            for group, wanted in example.there.items()
            for name in wanted
            if name not in names[group]
        ),
        *(
            Failure(group, f"not {name}", ", ".join(names[group]))
            for group, unwanted in example.absent.items()
            for name in unwanted
            if name in names[group]
        ),
    ]


def _dated(value: Any, now_us: int) -> Any:  # noqa: ANN401 - JSON
    """Times that are written from now on as instants."""
    if isinstance(value, dict):
        return {name: _dated(one, now_us) for name, one in value.items()}
    if isinstance(value, list):
        return [_dated(one, now_us) for one in value]
    if isinstance(value, str):
        if match := _AGO.fullmatch(value):
            return to_text(now_us - int(match[1]) * _UNITS_US[match[2]])
        if match := _AHEAD.fullmatch(value):
            return to_text(now_us + int(match[1]) * _UNITS_US[match[2]])
    return value
