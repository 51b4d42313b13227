"""`idweave.yaml`: from text to values, with every mistake named at its place.

Job: read the file into the identity rules, the limits of records and the retention of topics.
Rules: every mistake is collected, none is guessed away; a mistake names file, line, column, setting, reason and what to
do. A file that is read has no unknown setting, so that a typing mistake never means a silent default.
Must not know: the environment, keys, servers.
"""

import re
import zoneinfo
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final, get_args

from msgspec import Struct
from ruamel.yaml.comments import CommentedMap, CommentedSeq

from resolvers.junk import PATTERN_PREFIX, BadPatternError, compile_pattern
from resolvers.namespaces import (
    ALWAYS_HASHED,
    DEFAULT_RULES,
    Caps,
    Dedupe,
    IdentityRules,
    Limit,
    Namespace,
    NormaliserName,
    Pii,
    Policy,
    Randomised,
    ranked,
)
from resolvers.normalise import MAX_CHARACTERS, REGIONS, normalise_text
from stream.config.mistakes import Mistake, closest
from stream.config.sections import Reading, Section, read_top
from stream.config.sources_section import read_sources
from topics.envelope import Limits

FILE_NAME: Final = "idweave.yaml"
PACKAGED_FILE: Final = Path(__file__).with_name(FILE_NAME)
"""The default that comes with the package: the file in the project's root, by a link."""

NAMESPACES_MAX: Final = 64
BLOCKED_MAX: Final = 10_000
PATTERNS_MAX: Final = 100
"""Patterns of one namespace: each is tried on each new value."""
COUNT_MAX: Final = 1_000_000
DAYS_MAX: Final = 36_500

DEFAULT_RETENTION_DAYS: Final[Mapping[str, int]] = MappingProxyType(
    {
        "touchpoints": 30,
        "touchpoints.dlq": 30,
        "commands": 7,
        "changes": 1,
        "merges": 7,
        "tags": 7,
        "lifecycle": 7,
        "values": 7,
        "segments": 7,
        "reminders": 7,
        "conflicts": 7,
    }
)

_NAME = re.compile(r"[a-z][a-z0-9_]{0,31}")


class DeadLetterLimit(Struct, frozen=True):
    """When a worker stops to read touchpoints, because most of them are refused.

    Of `window` records or more that it read one after the other, more than `most_percent` were refused; 100 is never.
    """

    window: int = 1_000
    most_percent: int = 100


class Configuration(Struct, frozen=True, kw_only=True):
    """All that `idweave.yaml` says. `retention_days` is by topic name without its prefix."""

    rules: IdentityRules = DEFAULT_RULES
    limits: Limits = Limits()
    dead_letters: DeadLetterLimit = DeadLetterLimit()
    retention_days: Mapping[str, int] = DEFAULT_RETENTION_DAYS
    warnings: tuple[Mistake, ...] = ()


def read_configuration(file: Path) -> tuple[Configuration, tuple[Mistake, ...]]:
    """What a file says, and all that is wrong with it; settings with a mistake have their default."""
    return _read(file, Reading(str(file)))


def known_settings() -> Mapping[str, str]:
    """Every setting that the packaged file names, by its path, and what may stand there."""
    reading = Reading(FILE_NAME)
    _read(PACKAGED_FILE, reading)
    return reading.known


def _read(file: Path, reading: Reading) -> tuple[Configuration, tuple[Mistake, ...]]:
    top = read_top(file, reading)
    if top is None:
        return Configuration(), tuple(reading.mistakes)
    rules = _rules(top)
    limits = top.section("limits")
    dead_letters = top.section("dead_letters")
    retention = top.section("retention_days")
    top.refuse_others()
    return (
        Configuration(
            rules=rules,
            limits=_limits(limits) if limits is not None else Limits(),
            dead_letters=_dead_letters(dead_letters) if dead_letters is not None else DeadLetterLimit(),
            retention_days=_retention_days(retention) if retention is not None else DEFAULT_RETENTION_DAYS,
            warnings=tuple(reading.warnings),
        ),
        tuple(reading.mistakes),
    )


def _rules(top: Section) -> IdentityRules:
    policies: tuple[Policy, ...] = get_args(Policy)
    default = DEFAULT_RULES
    namespaces = _namespaces(top)
    return IdentityRules(
        policy=top.word("policy", policies) or default.policy,
        namespaces=namespaces,
        blocked=_blocked(top, namespaces),
        caps=_caps(top),
        dedupe=_dedupe(top),
        sources=read_sources(top, namespaces),
        timezone=_timezone(top),
    )


def _namespaces(top: Section) -> dict[str, Namespace]:
    section = top.section("namespaces")
    if section is None:
        if "namespaces" in top.content and top.content["namespaces"] is None:
            top.mistake("namespaces", "names no namespace", "leave it out to have the defaults")
        return DEFAULT_RULES.namespaces
    if not 1 <= len(section.content) <= NAMESPACES_MAX:
        top.mistake("namespaces", f"must name 1 to {NAMESPACES_MAX} namespaces")
        return DEFAULT_RULES.namespaces
    namespaces: list[Namespace] = []
    for name in section.content:
        if not isinstance(name, str) or _NAME.fullmatch(name) is None:
            hint = "use lower-case letters, digits and _, a letter first, at most 32"
            section.mistake(name, "this cannot be a namespace's name", hint, at_name=True)
            continue
        line = section.section(name)
        if line is None:
            line = Section(section.reading, section.path(name), CommentedMap(), (0, 0))
        namespaces.append(_namespace(name, line))
    return ranked(namespaces) or DEFAULT_RULES.namespaces  # none could be read: the mistakes say why


def _namespace(name: str, line: Section) -> Namespace:
    normalisers: tuple[NormaliserName, ...] = get_args(NormaliserName)
    piis: tuple[Pii, ...] = get_args(Pii)
    randomised: tuple[Randomised, ...] = get_args(Randomised)
    normalise = line.word("normalise", normalisers)
    namespace = Namespace(
        name=name,
        rank=0,
        person=line.boolean("person"),
        unique=line.boolean("unique"),
        weak=line.boolean("weak"),
        scoped=line.boolean("scoped"),
        default_scope=line.text("default_scope"),
        limit=_limit(line),
        pii=line.word("pii", piis) or ("hash" if name in ALWAYS_HASHED else None),
        normalise=normalise,
        region=line.word("region", REGIONS, "write two letters, such as CN") or "CN",
        randomised=line.word("randomised", randomised) or "link",
    )
    line.refuse_others()
    if namespace.default_scope is not None:
        if not namespace.scoped:
            line.mistake("default_scope", "has no effect without scoped: true", at_name=True)
        elif ":" in namespace.default_scope or normalise_text(namespace.default_scope) != namespace.default_scope:
            line.mistake("default_scope", "must be printable text without a colon or outer blanks")
    if "region" in line.content and normalise != "phone":
        line.mistake("region", "has no effect without normalise: phone", at_name=True)
    if "randomised" in line.content and normalise != "mac":
        line.mistake("randomised", "has no effect without normalise: mac", at_name=True)
    if namespace.person and namespace.weak:
        line.mistake("weak", "what may be shared cannot make a person known", "take weak or person", at_name=True)
    if normalise is not None and namespace.pii is None:
        line.warning("normalise", "these values are stored and published as they are", "say pii: hash to hash them")
    return namespace


def _limit(line: Section) -> Limit | None:
    if not isinstance(line.content.get("limit"), CommentedMap):
        n = line.integer("limit", 0, COUNT_MAX)
        return Limit(n) if n else None
    section = line.section("limit")
    assert section is not None
    if "n" not in section.content:
        line.mistake("limit", "needs n, the number of values", "write it as {n: 5, days: 90}")
    n, days = section.integer("n", 1, COUNT_MAX), section.integer("days", 0, DAYS_MAX)
    section.refuse_others()
    return Limit(n, days or None)


def _blocked(top: Section, namespaces: Mapping[str, Namespace]) -> dict[str, tuple[str, ...]]:
    section = top.section("blocked")
    if section is None:
        return {}
    for name in namespaces:
        section.value(name)
    section.refuse_others()
    return {name: _blocked_values(section, name) for name in namespaces if section.content.get(name)}


def _blocked_values(section: Section, name: str) -> tuple[str, ...]:
    values = section.content[name]
    if not isinstance(values, CommentedSeq):
        section.mistake(name, "must be a list", 'write it as ["...", "..."]')
        return ()
    accepted: list[str] = []
    for index, value in enumerate(values):
        place, subject = section.reading.place(values.lc.item(index)), section.path(f"{name}[{index}]")
        if not isinstance(value, str):
            section.reading.mistakes.append(Mistake(place, subject, "must be text", "write it in quotes"))
            continue
        if value.startswith(PATTERN_PREFIX):
            try:
                compile_pattern(value.removeprefix(PATTERN_PREFIX))
            except BadPatternError as error:
                section.reading.mistakes.append(Mistake(place, subject, str(error)))
                continue
        accepted.append(str(value))
    patterns = sum(value.startswith(PATTERN_PREFIX) for value in accepted)
    if len(accepted) > BLOCKED_MAX or patterns > PATTERNS_MAX:
        section.mistake(name, f"may hold {BLOCKED_MAX} values, of these {PATTERNS_MAX} patterns")
        return ()
    return tuple(accepted)


def _caps(top: Section) -> Caps:
    section = top.section("caps")
    if section is None:
        return Caps()
    default = Caps()
    neighbours = section.section("neighbours")
    component = section.integer("component", default.component, 100_000, least=2)
    section.refuse_others()
    if neighbours is None:
        return Caps(component=component)
    weak = neighbours.integer("weak", default.weak, 100_000)
    other = neighbours.integer("other", default.other, 100_000)
    neighbours.refuse_others()
    return Caps(weak, other, component)


def _dedupe(top: Section) -> Dedupe:
    section = top.section("dedupe")
    if section is None:
        return Dedupe()
    default = Dedupe()
    days = section.integer("days", default.days, DAYS_MAX)
    ids = section.integer("ids_per_identifier", default.ids_per_identifier, 65_536)
    section.refuse_others()
    return Dedupe(days, ids)


def _timezone(top: Section) -> str:
    name = top.text("timezone")
    if name is None:
        return DEFAULT_RULES.timezone
    try:
        zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        hint = closest(name, zoneinfo.available_timezones()) if "/" in name else "write it as Area/City"
        top.mistake("timezone", "unknown time zone", hint)
        return DEFAULT_RULES.timezone
    return name


def _limits(section: Section) -> Limits:
    default = Limits()
    limits = Limits(
        # A broker takes 1 MiB a record unless told otherwise.
        record_bytes=section.integer("record_bytes", default.record_bytes, 1_048_576),
        identifiers=section.integer("identifiers", default.identifiers, 1_000),
        value_characters=section.integer("value_characters", default.value_characters, MAX_CHARACTERS),
        depth=section.integer("depth", default.depth, 100, least=3),
        future_ms=section.integer("future_ms", default.future_ms, DAYS_MAX * 86_400_000, least=0),
    )
    section.refuse_others()
    return limits


def _dead_letters(section: Section) -> DeadLetterLimit:
    default = DeadLetterLimit()
    limit = DeadLetterLimit(
        window=section.integer("window", default.window, COUNT_MAX),
        most_percent=section.integer("most_percent", default.most_percent, 100),
    )
    section.refuse_others()
    return limit


def _retention_days(section: Section) -> Mapping[str, int]:
    days = {name: section.integer(name, default, DAYS_MAX) for name, default in DEFAULT_RETENTION_DAYS.items()}
    section.refuse_others()
    return days
