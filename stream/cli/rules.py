"""`idweave rules`: try the member rules on their examples, and explain what they say of one person.

Must not know: how rules are judged, where profiles are kept.
"""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import orjson
import typer

from resolvers.judging import Rulebook
from resolvers.rule_why import Part, Why, why
from stream.cli.console import (
    FAILED,
    UNUSED_KEYS,
    USAGE,
    AsJson,
    Brokers,
    CommandFailedError,
    Person,
    Redis,
    plural,
    say,
    servers,
    settings_for,
)
from stream.cli.help import Commands
from stream.cli.preview import preview
from stream.cli.profile import last_published
from stream.cli.store import given
from stream.config.mistakes import closest
from stream.config.rule_examples import Failure, failures
from stream.config.rules_file import RulesFile
from topics.codec import decode
from topics.instants import to_text

commands = Commands(no_args_is_help=True, help="Try the member rules, and explain them.")


@commands.command("test", epilog="Example:  idweave rules test rules.yaml")
def examples(
    context: typer.Context,
    file: Annotated[
        Path | None, typer.Argument(metavar="FILE", help="Instead of the file that the worker would read.")
    ] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Try the rules on the examples in their file.

    Each example is a person and what the rules must say of them. Ends with 1 where they say something else.
    """
    named = {} if file is None else {"IDWEAVE_RULES": str(file)}
    settings = settings_for({**servers(context, None), **named}, UNUSED_KEYS)
    zone = ZoneInfo(settings.configuration.rules.timezone)
    book = Rulebook(settings.member_rules.rules, zone)
    now_us = _now_us()
    tried = [(one.name, failures(one, book, now_us, zone)) for one in settings.member_rules.examples]
    failed = sum(bool(found) for _, found in tried)
    if as_json:
        rows = [
            {"example": name, "ok": not found, "failures": [one._asdict() for one in found]} for name, found in tried
        ]
        say(orjson.dumps(rows).decode())
    else:
        say(f"{settings.rules_file}: {counted(settings.member_rules)}.")
        for line, good in _table(tried):
            say(line, None if good else "red")
        say(_verdict(len(tried), failed))
    if failed:
        raise typer.Exit(FAILED)


@commands.command("why", epilog="Example:  idweave rules why phone:13800138000 high_value_at_risk")
def why_command(
    context: typer.Context,
    who: Person,
    name: Annotated[str, typer.Argument(metavar="NAME", help="A rule's name; section.name where two are called so.")],
    *,
    as_json: AsJson = False,
    brokers: Brokers = None,
    redis: Redis = None,
) -> None:
    """Tell why a rule holds of a person, or why not.

    Each condition with the value that it saw in the profile as last published, by the rules that are read here.
    """
    settings = settings_for(servers(context, brokers, redis))
    book = Rulebook(settings.member_rules.rules, ZoneInfo(settings.configuration.rules.timezone))
    known = [f"{section}.{one.rule.name}" for section, rules in book.sections.items() for one in rules]
    if name not in known and name not in {one.partition(".")[2] for one in known}:
        names = [*known, *dict.fromkeys(one.partition(".")[2] for one in known)]
        near = closest(name, names) or closest(name.rpartition(".")[2], names)
        raise CommandFailedError(
            f"There is no rule '{name}'; {near or f'{settings.rules_file} has their names.'}", USAGE
        )
    found = last_published(given(who), settings)
    told = why(book, decode(found.json), _now_us(), name)
    if as_json:
        say(orjson.dumps({"profile_id": found.profile_id, "version": found.version, "rules": _as_json(told)}).decode())
        return
    say(f"profile {found.profile_id}, version {found.version}")
    for one in told:
        for line in lines(one):
            say(line)


commands.command(epilog="Example:  idweave rules preview candidate.yaml --sample 10000")(preview)


def counted(file: RulesFile) -> str:
    """What a rules file has, in a few words."""
    rules = file.rules
    parts = [
        plural(len(rules.tags), "tag"),
        plural(len(rules.lifecycle), "stage"),
        plural(len(rules.tiers), "tier"),
        plural(len(rules.segments), "segment"),
        plural(len(rules.reminders), "reminder"),
    ]
    return f"{', '.join(parts)}; {plural(len(file.examples), 'example')}"


def _now_us() -> int:
    return time.time_ns() // 1_000


def _table(tried: list[tuple[str, list[Failure]]]) -> Iterator[tuple[str, bool]]:
    """A line for each example, and one for each thing that is not as expected."""
    if not tried:
        return
    width = max(len(name) for name, _ in tried)
    yield f"{'example':<{width}}  result", True
    for name, found in tried:
        yield f"{name:<{width}}  {'FAILED' if found else 'good'}", not found
        for one in found:
            yield f"    {one.what}: expected {one.expected}, found {one.found}", False


def _verdict(tried: int, failed: int) -> str:
    if not tried:
        return "The file has no examples. Add some under examples:, so that a change of a rule can be tried."
    if failed:
        return f"{failed} of {plural(tried, 'example')} are not as expected."
    return f"{plural(tried, 'example')}, all as expected."


_NOUNS = {"tiers": "tier", "lifecycle": "stage", "tags": "tag", "segments": "segment", "reminders": "reminder"}


def lines(one: Why) -> Iterator[str]:
    """Why a rule holds or not, a line at a time."""
    yield f"{_NOUNS[one.section]} {one.name} ({one.labels.en}, {one.labels.zh}): {_said(one)}"
    if one.condition is None:
        yield "  it has no condition: it is everybody's"
    else:
        yield from _part(one.condition, 1)


def _said(one: Why) -> str:
    if one.holds and not one.counts:
        return (
            "holds, and a later one holds too"
            if one.section in ("tiers", "lifecycle")
            else "holds, without an occasion"
        )
    return "holds" if one.holds else "does not hold"


def _part(part: Part, depth: int) -> Iterator[str]:
    saw = "" if part.parts else f": {_value(part.saw)}"
    until = f" (until {to_text(part.until_us)[:16].replace('T', ' ')} UTC)" if part.until_us is not None else ""
    yield f"{'  ' * depth}{'yes' if part.holds else 'no ':<3}  {part.asks}{saw}{until}"
    for one in part.parts:
        yield from _part(one, depth + 1)


def _value(value: Any) -> str:  # noqa: ANN401 - JSON
    return "nothing there" if value is None else orjson.dumps(value).decode()


def _as_json(told: list[Why]) -> list[dict[str, Any]]:
    return [
        {
            "section": one.section,
            "name": one.name,
            "labels": {"en": one.labels.en, "zh": one.labels.zh},
            "holds": one.holds,
            "counts": one.counts,
            "condition": None if one.condition is None else _part_as_json(one.condition),
        }
        for one in told
    ]


def _part_as_json(part: Part) -> dict[str, Any]:
    found = {
        "asks": part.asks,
        "holds": part.holds,
        "until": None if part.until_us is None else to_text(part.until_us),
    }
    if part.parts:
        return {**found, "parts": [_part_as_json(one) for one in part.parts]}
    return {**found, "saw": part.saw}
